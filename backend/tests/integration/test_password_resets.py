"""Forgotten passwords: a link in a mail sets a new one, once."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from duly.core.config import Settings
from duly.runtime import mailer
from tests.support.accounts import API, Account, error_code, register
from tests.support.databases import migrated_database
from tests.support.direct_sql import execute
from tests.support.instances import captured_logs, client_at, running
from tests.support.postbox import Postbox, postbox, settings_for, text_of, token_in, until
from tests.support.second_factors import Clock, confirm, enroll

NEW = "a brand-new passphrase"
FORGOT = f"{API}/auth/password/forgot"


@pytest.fixture(scope="module")
def own_dsn(dsn: str) -> Iterator[str]:
    with migrated_database(dsn) as own:
        yield own


@pytest.fixture(scope="module")
def box() -> Iterator[Postbox]:
    with postbox() as box:
        yield box


@pytest.fixture
async def client(
    settings: Settings, own_dsn: str, box: Postbox, address: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.setattr(mailer, "_DELAY", (0.0, 0.0))
    own = settings_for(settings, own_dsn, box.port, bcrypt_cost=4)
    async with running(own, address) as client:
        yield client


@pytest.fixture
async def ada(client: httpx.AsyncClient, box: Postbox) -> Account:
    """Someone whose first mail, the one to verify the address, has come."""
    account = await register(client)
    await box.mail_to(account.email)
    return account


async def forget(client: httpx.AsyncClient, email: str) -> httpx.Response:
    return await client.post(FORGOT, json={"email": email})


async def reset(client: httpx.AsyncClient, token: str, password: str = NEW) -> httpx.Response:
    body = {"token": token, "new_password": password}
    return await client.post(f"{API}/auth/password/reset", json=body)


async def login(account: Account, password: str) -> int:
    body = {"email": account.email, "password": password}
    return (await account.client.post(f"{API}/auth/login", json=body)).status_code


async def reset_token(account: Account, box: Postbox) -> str:
    """The token of the link in the mail for which an account asks."""
    count = len(box.found(account.email))
    assert (await forget(account.client, account.email)).status_code == 202
    return token_in((await box.mail_to(account.email, count + 1))[-1])


def is_refused(response: httpx.Response) -> bool:
    if response.status_code != 400:
        return False
    [field] = response.json()["error"]["details"]["fields"]
    return (field["path"], field["type"]) == ("body.token", "invalid_token")


async def test_link_sets_a_new_password(ada: Account, box: Postbox) -> None:
    token = await reset_token(ada, box)

    response = await reset(ada.client, token)

    assert (response.status_code, response.content) == (204, b"")
    assert await login(ada, NEW) == 200
    assert await login(ada, ada.password) == 401
    assert "30 minutes" in text_of(box.found(ada.email)[-1])


async def test_link_works_once(ada: Account, box: Postbox) -> None:
    token = await reset_token(ada, box)
    await reset(ada.client, token)

    assert is_refused(await reset(ada.client, token, "another fine passphrase"))
    assert await login(ada, NEW) == 200


async def test_link_works_for_one_of_many_at_once(ada: Account, box: Postbox) -> None:
    token = await reset_token(ada, box)

    responses = await asyncio.gather(
        *(reset(ada.client, token, f"passphrase {n} of ten") for n in range(10))
    )

    statuses = [response.status_code for response in responses]
    assert sorted(statuses) == [204] + [400] * 9
    assert await login(ada, f"passphrase {statuses.index(204)} of ten") == 200


async def test_reset_ends_all_sessions(ada: Account, box: Postbox) -> None:
    phone = await ada.sign_in_again()
    token = await reset_token(ada, box)

    await reset(ada.client, token)

    for account in (ada, phone):
        assert (await account.get("/users/me")).status_code == 401
        body = {"refresh_token": account.session["refresh_token"]}
        response = await ada.client.post(f"{API}/auth/refresh", json=body)
        assert response.status_code == 401


async def test_reset_deletes_all_api_tokens(ada: Account, box: Postbox) -> None:
    body = {"name": "backup", "scopes": ["tasks:read"]}
    made = (await ada.post("/users/me/tokens", body)).json()
    program = {"Authorization": f"Bearer {made['token']}"}
    assert (await ada.client.get(f"{API}/tasks", headers=program)).status_code == 200

    await reset(ada.client, await reset_token(ada, box))

    assert (await ada.client.get(f"{API}/tasks", headers=program)).status_code == 401


async def test_reset_verifies_the_address_and_cancels_a_new_one(
    ada: Account, box: Postbox
) -> None:
    change = {"email": f"new-{ada.email}", "current_password": ada.password}
    assert (await ada.patch("/users/me", change)).json()["pending_email"] == f"new-{ada.email}"
    verify = await box.link_to(f"new-{ada.email}")
    await box.mail_to(ada.email)

    await reset(ada.client, await reset_token(ada, box))

    again = Account(ada.client, ada.email, NEW, {})
    user = (await (await again.sign_in_again()).get("/users/me")).json()
    assert (user["email"], user["pending_email"]) == (ada.email, None)
    assert user["email_verified_at"] is not None
    response = await ada.client.post(f"{API}/auth/email/verify", json={"token": verify})
    assert is_refused(response)


async def add_factor(account: Account) -> None:
    app = await enroll(account, Clock(time.time()))
    assert (await confirm(account, app)).status_code == 200


async def test_first_reset_of_an_unverified_account_removes_its_second_factors(
    ada: Account, box: Postbox
) -> None:
    await add_factor(ada)  # as somebody can who has registered another's address

    await reset(ada.client, await reset_token(ada, box))

    assert await login(ada, NEW) == 200


async def test_reset_of_a_verified_account_keeps_its_second_factors(
    ada: Account, box: Postbox
) -> None:
    token = token_in(box.found(ada.email)[0])
    verified = await ada.client.post(f"{API}/auth/email/verify", json={"token": token})
    assert verified.status_code == 204
    await add_factor(ada)

    await reset(ada.client, await reset_token(ada, box))

    assert await login(ada, NEW) == 401


async def test_changed_password_ends_a_link(ada: Account, box: Postbox) -> None:
    token = await reset_token(ada, box)
    body = {"current_password": ada.password, "new_password": "changed meanwhile"}
    assert (await ada.put("/users/me/password", body)).status_code == 204

    assert is_refused(await reset(ada.client, token))
    assert await login(ada, "changed meanwhile") == 200


async def test_link_that_was_asked_for_before_the_change_never_works(
    ada: Account, box: Postbox, own_dsn: str
) -> None:
    await execute(
        own_dsn,
        "INSERT INTO outgoing_mails (id, kind, email, next_attempt_at) "
        "VALUES (gen_random_uuid(), 'reset', %s, now() + interval '1 s')",
        ada.email,
    )
    body = {"current_password": ada.password, "new_password": "changed meanwhile"}
    await ada.put("/users/me/password", body)
    await forget(ada.client, ada.email)
    mails = await box.mail_to(ada.email, 3)

    outcomes = [(await reset(ada.client, token_in(mail))).status_code for mail in mails[1:]]

    assert sorted(outcomes) == [204, 400]


async def test_changed_address_ends_a_link(ada: Account, box: Postbox) -> None:
    token = await reset_token(ada, box)
    new = f"new-{ada.email}"
    await ada.patch("/users/me", {"email": new, "current_password": ada.password})
    verify = {"token": await box.link_to(new)}
    assert (await ada.client.post(f"{API}/auth/email/verify", json=verify)).status_code == 204

    assert is_refused(await reset(ada.client, token))


async def test_link_expires(ada: Account, box: Postbox, own_dsn: str) -> None:
    token = await reset_token(ada, box)
    [(seconds,)] = await execute(
        own_dsn,
        "UPDATE email_links SET expires_at = now() WHERE purpose = 'reset' AND user_id = %s "
        "RETURNING extract(epoch FROM (SELECT expires_at - now() FROM email_links old "
        "WHERE old.id = email_links.id))",
        ada.id,
    )

    assert 1_700 < seconds <= 1_800
    assert is_refused(await reset(ada.client, token))


async def test_weak_password_leaves_the_link(ada: Account, box: Postbox) -> None:
    token = await reset_token(ada, box)

    response = await reset(ada.client, token, "password")

    assert error_code(response) == "VALIDATION_ERROR"
    assert (await reset(ada.client, token)).status_code == 204


async def test_link_for_another_purpose_is_refused(ada: Account, box: Postbox) -> None:
    verify = token_in(box.found(ada.email)[0])
    forgotten = await reset_token(ada, box)

    assert is_refused(await reset(ada.client, verify))
    response = await ada.client.post(f"{API}/auth/email/verify", json={"token": forgotten})
    assert is_refused(response)


@pytest.mark.parametrize("place", [0, 20, 40, 63])
async def test_altered_token_is_refused_before_any_query(
    ada: Account, box: Postbox, place: int
) -> None:
    token = await reset_token(ada, box)
    other = "A" if token[place] != "A" else "B"
    pool = ada.client._transport.app.state.context.pool  # type: ignore[attr-defined]
    used = pool.used

    response = await reset(ada.client, token[:place] + other + token[place + 1 :])

    assert is_refused(response)
    assert pool.used == used


async def test_disabled_account_gets_no_link_and_its_links_do_not_work(
    ada: Account, box: Postbox, own_dsn: str
) -> None:
    token = await reset_token(ada, box)
    await execute(own_dsn, "UPDATE users SET disabled_at = now() WHERE id = %s", ada.id)
    await forget(ada.client, ada.email)
    await until_sent(own_dsn)

    assert is_refused(await reset(ada.client, token))
    assert len(box.found(ada.email)) == 2


async def until_sent(dsn: str) -> None:
    async def is_empty() -> bool:
        return await execute(dsn, "SELECT 1 FROM outgoing_mails") == []

    await until(is_empty)


async def test_mail_goes_to_the_address_of_the_account_not_to_the_one_typed(
    client: httpx.AsyncClient, box: Postbox
) -> None:
    # To NFKC, the ligature is two letters; to a mail server, it is another mailbox.
    account = await register(client, email="griffin@example.com")
    await box.mail_to(account.email)

    await forget(client, "gri\N{LATIN SMALL LIGATURE FFI}n@example.com")
    [_, message] = await box.mail_to(account.email, 2)

    assert message["Subject"] == "Set a new password"


async def test_unknown_address_gets_the_same_response_and_no_mail(
    ada: Account, box: Postbox, own_dsn: str
) -> None:
    known = await forget(ada.client, ada.email)
    unknown = await forget(ada.client, "nobody@example.com")
    await until_sent(own_dsn)

    for response in (known, unknown):
        assert (response.status_code, response.content) == (202, b"")
    assert known.headers.keys() == unknown.headers.keys()
    assert box.found("nobody@example.com") == []


async def test_mail_to_one_account_is_limited_whether_or_not_it_exists(
    ada: Account,
) -> None:
    for email in (ada.email, "nobody-here@example.com"):
        for _ in range(5):
            assert (await forget(ada.client, email)).status_code == 202
        response = await forget(ada.client, email.upper())

        assert error_code(response) == "RATE_LIMITED"
        assert 0 < int(response.headers["retry-after"]) <= 3600


async def test_mail_for_one_network_address_is_limited(
    settings: Settings, own_dsn: str, box: Postbox, address: str
) -> None:
    own = settings_for(settings, own_dsn, box.port, mail_address_limit="3/hour")
    async with running(own, address) as client:
        for number in range(3):
            assert (await forget(client, f"{number}@example.com")).status_code == 202
        assert error_code(await forget(client, "4@example.com")) == "RATE_LIMITED"
        app = client._transport.app  # type: ignore[attr-defined]
        async with client_at(app, "203.0.113.9") as elsewhere:
            assert (await forget(elsewhere, "4@example.com")).status_code == 202


async def test_without_mail_nobody_can_ask_for_a_link(settings: Settings, address: str) -> None:
    async with running(settings, address) as without:
        response = await forget(without, "ada@example.com")

        assert (response.status_code, error_code(response)) == (503, "MAIL_NOT_CONFIGURED")
        assert response.headers["retry-after"]


async def test_neither_token_nor_address_is_stored_or_logged(
    settings: Settings, own_dsn: str, box: Postbox, address: str
) -> None:
    with captured_logs(settings) as logs:
        async with running(settings_for(settings, own_dsn, box.port), address) as client:
            account = await register(client)
            await box.mail_to(account.email)
            token = await reset_token(account, box)
            rows = await execute(own_dsn, "SELECT email_links::text FROM email_links")
            await reset(client, token)

    stored = str(rows)
    assert token not in stored
    assert token not in logs.getvalue()
    assert account.email not in logs.getvalue()
