"""Verified addresses: a link in a mail shows that its reader has the address."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from duly.core.config import Settings
from duly.runtime import mailer
from tests.support.accounts import API, Account, error_code, register
from tests.support.databases import migrated_database
from tests.support.direct_sql import execute
from tests.support.instances import running
from tests.support.postbox import Postbox, postbox, settings_for, text_of, token_in


@pytest.fixture(scope="module")
def own_dsn(dsn: str) -> Iterator[str]:
    with migrated_database(dsn) as own:
        yield own


@pytest.fixture(scope="module")
def box() -> Iterator[Postbox]:
    with postbox() as box:
        yield box


@pytest.fixture
def own_settings(
    settings: Settings, own_dsn: str, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    monkeypatch.setattr(mailer, "_DELAY", (0.0, 0.0))
    return settings_for(settings, own_dsn, box.port)


@pytest.fixture
async def client(own_settings: Settings, address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with running(own_settings, address) as client:
        yield client


@pytest.fixture
async def ada(client: httpx.AsyncClient) -> Account:
    return await register(client)


async def verify(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post(f"{API}/auth/email/verify", json={"token": token})


async def profile(account: Account) -> dict[str, Any]:
    return dict((await account.get("/users/me")).json())


async def move(account: Account, email: str) -> httpx.Response:
    body = {"email": email, "current_password": account.password}
    return await account.patch("/users/me", body)


def is_refused(response: httpx.Response) -> bool:
    if response.status_code != 400:
        return False
    [field] = response.json()["error"]["details"]["fields"]
    return (field["path"], field["type"]) == ("body.token", "invalid_token")


async def test_link_verifies_the_address_of_a_new_account(ada: Account, box: Postbox) -> None:
    assert ada.session["user"]["email_verified_at"] is None

    response = await verify(ada.client, await box.link_to(ada.email))

    assert (response.status_code, response.content) == (204, b"")
    assert (await profile(ada))["email_verified_at"] is not None


async def test_sync_reports_a_verified_address(ada: Account, box: Postbox) -> None:
    token = (await ada.get("/sync")).json()["token"]
    await verify(ada.client, await box.link_to(ada.email))

    [change] = (await ada.get("/sync", params={"token": token})).json()["changes"]

    assert (change["type"], change["data"]) == ("user", await profile(ada))
    assert change["data"]["email_verified_at"] is not None


async def test_link_works_once(ada: Account, box: Postbox) -> None:
    token = await box.link_to(ada.email)
    await verify(ada.client, token)

    assert is_refused(await verify(ada.client, token))


async def test_link_lives_three_days(ada: Account, box: Postbox, own_dsn: str) -> None:
    token = await box.link_to(ada.email)
    sql = "SELECT extract(epoch FROM expires_at - now()) FROM email_links WHERE user_id = %s"
    [(seconds,)] = await execute(own_dsn, sql, ada.id)
    await execute(own_dsn, "UPDATE email_links SET expires_at = now() WHERE user_id = %s", ada.id)

    assert 259_000 < seconds <= 259_200
    assert is_refused(await verify(ada.client, token))


async def test_another_link_can_be_asked_for(ada: Account, box: Postbox) -> None:
    await box.mail_to(ada.email)

    response = await ada.post("/auth/email/resend")
    [_, message] = await box.mail_to(ada.email, 2)

    assert response.status_code == 204
    assert (await verify(ada.client, token_in(message))).status_code == 204


async def test_verified_address_gets_no_further_link(
    ada: Account, box: Postbox, own_dsn: str
) -> None:
    await verify(ada.client, await box.link_to(ada.email))

    assert (await ada.post("/auth/email/resend")).status_code == 204
    assert await execute(own_dsn, "SELECT 1 FROM outgoing_mails WHERE email = %s", ada.email) == []


async def test_new_address_counts_once_it_is_verified(ada: Account, box: Postbox) -> None:
    await verify(ada.client, await box.link_to(ada.email))
    new = f"new-{ada.email}"

    moved = (await move(ada, new)).json()
    assert (moved["email"], moved["pending_email"]) == (ada.email, new)
    assert (await ada.sign_in_again()).email == ada.email

    assert (await verify(ada.client, await box.link_to(new))).status_code == 204
    user = await profile(ada)
    assert (user["email"], user["pending_email"]) == (new, None)
    assert user["email_verified_at"] is not None
    again = Account(ada.client, new, ada.password, {})
    assert (await again.sign_in_again()).id == ada.id


async def test_verified_old_address_is_told(ada: Account, box: Postbox) -> None:
    new = f"new-{ada.email}"
    await verify(ada.client, await box.link_to(ada.email))

    await move(ada, new)
    [_, note] = await box.mail_to(ada.email, 2)

    assert note["Subject"] == "Your email address is about to change"
    assert new in text_of(note)
    assert "token=" not in text_of(note)


async def test_old_address_that_was_not_verified_gets_no_note(ada: Account, box: Postbox) -> None:
    await box.mail_to(ada.email)

    await move(ada, f"new-{ada.email}")
    await box.link_to(f"new-{ada.email}")
    await ada.client.post(f"{API}/auth/password/forgot", json={"email": ada.email})

    [_, mail] = await box.mail_to(ada.email, 2)
    assert mail["Subject"] == "Set a new password"


async def test_account_can_announce_five_new_addresses_an_hour(ada: Account) -> None:
    statuses = [(await move(ada, f"{number}-{ada.email}")).status_code for number in range(6)]

    assert statuses == [200] * 5 + [429]


async def test_address_that_is_registered_again_and_again_gets_five_mails(
    client: httpx.AsyncClient, box: Postbox
) -> None:
    email = f"{uuid4()}@example.com"
    for _ in range(6):
        account = await register(client, email=email)
        deletion = {"current_password": account.password}
        assert (await account.delete("/users/me", json=deletion)).status_code == 204
    last = await register(client)
    await box.mail_to(last.email)

    assert len(box.found(email)) <= 5
    # Registering does not show in what is left for links that set a password.
    for _ in range(5):
        response = await client.post(f"{API}/auth/password/forgot", json={"email": email})
        assert response.status_code == 202


async def test_changed_password_cancels_a_new_address(ada: Account, box: Postbox) -> None:
    await move(ada, f"new-{ada.email}")
    token = await box.link_to(f"new-{ada.email}")

    body = {"current_password": ada.password, "new_password": "a brand-new passphrase"}
    assert (await ada.put("/users/me/password", body)).status_code == 204

    assert (await profile(ada))["pending_email"] is None
    assert is_refused(await verify(ada.client, token))


async def test_old_address_is_free_again(ada: Account, box: Postbox) -> None:
    new = f"new-{ada.email}"
    await move(ada, new)
    await verify(ada.client, await box.link_to(new))

    other = await register(ada.client, email=ada.email)

    assert other.id != ada.id


async def test_taken_address_is_refused_at_once(ada: Account) -> None:
    other = await register(ada.client)

    response = await move(ada, other.email)

    assert (response.status_code, error_code(response)) == (409, "EMAIL_TAKEN")
    assert (await profile(ada))["pending_email"] is None


async def test_address_that_was_taken_meanwhile_is_refused_and_the_old_one_stays(
    ada: Account, box: Postbox
) -> None:
    new = f"new-{ada.email}"
    await move(ada, new)
    token = await box.link_to(new)
    await register(ada.client, email=new)

    response = await verify(ada.client, token)

    assert (response.status_code, error_code(response)) == (409, "EMAIL_TAKEN")
    assert (await profile(ada))["email"] == ada.email


async def test_only_the_last_of_several_new_addresses_counts(ada: Account, box: Postbox) -> None:
    first, last = f"first-{ada.email}", f"last-{ada.email}"
    await move(ada, first)
    early = await box.link_to(first)
    await move(ada, last)

    assert is_refused(await verify(ada.client, early))
    assert (await verify(ada.client, await box.link_to(last))).status_code == 204
    assert (await profile(ada))["email"] == last


async def test_sending_the_current_address_cancels_a_new_one(ada: Account, box: Postbox) -> None:
    new = f"new-{ada.email}"
    await move(ada, new)
    token = await box.link_to(new)

    assert (await ada.patch("/users/me", {"email": ada.email})).json()["pending_email"] is None
    assert is_refused(await verify(ada.client, token))


async def test_another_spelling_of_the_same_address_counts_at_once(
    ada: Account, box: Postbox
) -> None:
    await verify(ada.client, await box.link_to(ada.email))

    user = (await move(ada, ada.email.upper().replace("EXAMPLE.COM", "example.com"))).json()

    assert user["email"] != ada.email
    assert user["pending_email"] is None
    assert user["email_verified_at"] is not None


async def test_other_mailbox_with_the_same_key_is_verified_anew(
    client: httpx.AsyncClient, box: Postbox
) -> None:
    # To sign in they are one address, but they are two domains with two owners.
    name = uuid4().hex
    account = await register(client, email=f"{name}@strasse.example")
    await verify(client, await box.link_to(account.email))
    other = f"{name}@xn--strae-oqa.example"

    user = (await move(account, other)).json()
    assert user["email"] == account.email
    assert user["pending_email"] == f"{name}@straße.example"

    assert (await verify(client, await box.link_to(other))).status_code == 204
    assert (await profile(account))["email"] == f"{name}@straße.example"


async def test_without_mail_a_new_address_counts_at_once_and_is_not_verified(
    ada: Account, box: Postbox, settings: Settings, own_dsn: str, address: str
) -> None:
    await verify(ada.client, await box.link_to(ada.email))
    new = f"new-{ada.email}"
    without = settings_for(settings, own_dsn, box.port, smtp_url=None)
    async with running(without, address) as client:
        there = Account(client, ada.email, ada.password, ada.session)
        there = await there.sign_in_again()
        user = (await move(there, new)).json()

        assert (user["email"], user["pending_email"]) == (new, None)
        assert user["email_verified_at"] is None


async def test_api_token_of_an_unverified_user_stops_working_where_the_operator_says_so(
    own_settings: Settings, ada: Account, box: Postbox, address: str
) -> None:
    body = {"name": "backup", "scopes": ["tasks:read", "account:read"]}
    made = (await ada.post("/users/me/tokens", body)).json()
    program = {"Authorization": f"Bearer {made['token']}"}
    async with running(own_settings, address, require_verified_email=True) as client:
        response = await client.get(f"{API}/tasks", headers=program)
        assert (response.status_code, error_code(response)) == (403, "EMAIL_NOT_VERIFIED")
        assert (await client.get(f"{API}/users/me", headers=program)).status_code == 200

    await verify(ada.client, await box.link_to(ada.email))
    async with running(own_settings, address, require_verified_email=True) as client:
        assert (await client.get(f"{API}/tasks", headers=program)).status_code == 200


async def test_unverified_user_cannot_use_tasks_where_the_operator_says_so(
    own_settings: Settings, box: Postbox, address: str
) -> None:
    async with running(own_settings, address, require_verified_email=True) as client:
        account = await register(client)
        for response in (
            await account.get("/tasks"),
            await account.post("/tasks", {"title": "Milk"}),
            await account.get("/sync"),
            await account.get("/users/me/export"),
            # A token for what the user may not do would be a way around.
            await account.post("/users/me/tokens", {"name": "n", "scopes": ["tasks:read"]}),
        ):
            assert (response.status_code, error_code(response)) == (403, "EMAIL_NOT_VERIFIED")
        # What it takes to be verified works.
        assert (await account.get("/users/me")).status_code == 200
        assert (await account.post("/auth/email/resend")).status_code == 204

        await verify(client, await box.link_to(account.email))
        body = {"refresh_token": account.session["refresh_token"]}
        account.session = (await client.post(f"{API}/auth/refresh", json=body)).json()

        assert (await account.get("/tasks")).status_code == 200
