"""Making an account."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from duly.core.config import Settings
from duly.services import account_creation
from tests.support.accounts import API, Account, error_code, register
from tests.support.direct_sql import execute
from tests.support.factories import RegistrationFactory
from tests.support.instances import running

USER_FIELDS = {
    "id",
    "email",
    "name",
    "timezone",
    "week_start",
    "language",
    "email_verified_at",
    "pending_email",
    "created_at",
    "updated_at",
}


async def post(client: httpx.AsyncClient, **fields: Any) -> httpx.Response:
    return await client.post(f"{API}/auth/register", json=RegistrationFactory(**fields))


def faults(response: httpx.Response) -> list[str]:
    """The paths of the fields at fault."""
    assert response.status_code == 400, response.text
    assert error_code(response) == "VALIDATION_ERROR"
    return [field["path"] for field in response.json()["error"]["details"]["fields"]]


async def test_registering_signs_the_new_user_in(client: httpx.AsyncClient) -> None:
    body = RegistrationFactory(name="Ada")

    response = await client.post(f"{API}/auth/register", json=body)

    assert response.status_code == 201
    session = response.json()
    assert set(session) == {"access_token", "refresh_token", "token_type", "expires_in", "user"}
    assert session["token_type"] == "bearer"
    assert session["expires_in"] == 15 * 60
    assert set(session["user"]) == USER_FIELDS
    assert session["user"]["email"] == body["email"]
    assert session["user"]["name"] == "Ada"
    assert session["user"]["timezone"] == "UTC"
    account = Account(client, body["email"], body["password"], session)
    assert (await account.get("/users/me")).json() == session["user"]


async def test_a_session_answer_may_not_be_cached(client: httpx.AsyncClient) -> None:
    assert (await post(client)).headers["cache-control"] == "no-store"


async def test_ids_are_version_7_and_times_are_in_utc(alice: Account) -> None:
    assert UUID(alice.id).version == 7
    assert alice.session["user"]["created_at"].endswith("Z")
    assert alice.session["user"]["updated_at"].endswith("Z")


async def test_a_name_is_optional(client: httpx.AsyncClient) -> None:
    body = RegistrationFactory()
    del body["name"]

    response = await client.post(f"{API}/auth/register", json=body)

    assert response.status_code == 201
    assert response.json()["user"]["name"] is None


async def test_the_time_zone_the_week_and_the_language_can_be_sent(
    client: httpx.AsyncClient,
) -> None:
    sent = {"timezone": "Europe/Berlin", "week_start": 7, "language": "de"}

    account = await register(client, **sent)

    profile = (await account.get("/users/me")).json()
    assert {name: profile[name] for name in sent} == sent
    assert account.session["user"] == profile


@pytest.mark.parametrize(
    ("field", "value"),
    [("timezone", "Mars/Olympus"), ("timezone", None), ("week_start", 8), ("language", "fr")],
)
async def test_what_no_profile_may_have_registers_nobody(
    client: httpx.AsyncClient, field: str, value: Any
) -> None:
    body = RegistrationFactory()

    response = await client.post(f"{API}/auth/register", json=body | {field: value})

    assert faults(response) == [f"body.{field}"]
    await register(client, email=body["email"])


async def test_a_name_is_trimmed_and_composed(client: httpx.AsyncClient) -> None:
    account = await register(client, name="  Zoe\u0308 <b>  ")

    assert account.session["user"]["name"] == "Zo\u00eb <b>"


@pytest.mark.parametrize("name", ["", "   ", "x" * 256, "a\x00b", "a\x07b", "a\nb", 5, ["Ada"]])
async def test_a_name_that_can_not_be_is_refused(client: httpx.AsyncClient, name: Any) -> None:
    assert faults(await post(client, name=name)) == ["body.name"]


async def test_an_address_is_trimmed_but_kept_as_it_is_written(client: httpx.AsyncClient) -> None:
    email = RegistrationFactory()["email"].replace("@", ".Lovelace@")

    account = await register(client, email=f"  {email} ")

    assert account.session["user"]["email"] == email


@pytest.mark.parametrize(
    "email",
    [
        "Ada <ada@example.com>",
        "<ada@example.com>",
        "ada",
        "@",
        "ada@",
        "@example.com",
        "=?utf-8?b?YQpTdWJqZWN0OiBi?=@example.com",
        "ada@example",
        "ada@@example.com",
        "ada@exam ple.com",
        "ada@example.com\x00",
        "ada\n@example.com",
        "ada@example.com,bob@example.com",
        "ada@[127.0.0.1]",
        "a" * 250 + "@example.com",
        "",
    ],
)
async def test_invalid_address_is_rejected(client: httpx.AsyncClient, email: str) -> None:
    response = await client.post(
        f"{API}/auth/register", json={**RegistrationFactory(), "email": email}
    )

    assert faults(response) == ["body.email"]


async def test_a_fault_does_not_repeat_what_was_sent(client: httpx.AsyncClient) -> None:
    response = await post(client, email="Ada@<script>", password="hunter2", name="Ada\x00Secret")

    assert sorted(faults(response)) == ["body.email", "body.name", "body.password"]
    for given in ("script", "hunter2", "Secret"):
        assert given not in response.text


async def test_an_address_in_use_is_taken(client: httpx.AsyncClient, alice: Account) -> None:
    response = await post(client, email=alice.email)

    assert response.status_code == 409
    assert error_code(response) == "EMAIL_TAKEN"
    assert alice.email not in response.text


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ada.{}@example.com", "ADA.{}@EXAMPLE.COM"),
        ("ada.{}@example.com", "\uff41da.{}@example.com"),
        ("stra\u00dfe.{}@example.com", "STRASSE.{}@example.com"),
        ("\ufb01.{}@example.com", "fi.{}@example.com"),
        ("\u210cugo.{}@example.com", "hugo.{}@example.com"),
        ("zo\u00eb.{}@example.com", "zoe\u0308.{}@example.com"),
        ("\u03c3.{}@example.com", "\u03a3.{}@example.com"),
        ("ada.{}@b\u00fccher.example", "ada.{}@xn--bcher-kva.example"),
    ],
)
async def test_two_spellings_of_an_address_are_one(
    client: httpx.AsyncClient, address: str, first: str, second: str
) -> None:
    await register(client, email=first.format(address))

    response = await post(client, email=second.format(address))

    assert response.status_code == 409
    assert error_code(response) == "EMAIL_TAKEN"


async def test_one_of_many_concurrent_registrations_of_an_address_succeeds(
    client: httpx.AsyncClient, dsn: str
) -> None:
    email = RegistrationFactory()["email"]
    spellings = [email, email.upper()] * 8

    answers = await asyncio.gather(*(post(client, email=spelling) for spelling in spellings))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 15
    [(count,)] = await execute(
        dsn, "SELECT count(*) FROM users WHERE lower(email) = lower(%s)", email
    )
    assert count == 1


async def test_a_refused_registration_leaves_nothing(
    client: httpx.AsyncClient, alice: Account, dsn: str
) -> None:
    await post(client, email=alice.email.upper())

    [(accounts, sessions)] = await execute(
        dsn,
        "SELECT count(DISTINCT users.id), count(*) FROM users JOIN sessions ON user_id = users.id "
        "WHERE lower(email) = lower(%s)",
        alice.email,
    )
    assert (accounts, sessions) == (1, 1)


@pytest.mark.parametrize("field", ["email", "password"])
async def test_missing_field_is_named(client: httpx.AsyncClient, field: str) -> None:
    body = RegistrationFactory()
    del body[field]

    assert faults(await client.post(f"{API}/auth/register", json=body)) == [f"body.{field}"]


async def test_unknown_fields_are_refused(client: httpx.AsyncClient) -> None:
    assert faults(await post(client, is_admin=True)) == ["body.is_admin"]


async def test_a_user_can_not_choose_their_id(client: httpx.AsyncClient, alice: Account) -> None:
    assert faults(await post(client, id=alice.id)) == ["body.id"]


async def test_a_body_that_is_not_json_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post(f"{API}/auth/register", data=RegistrationFactory())

    assert response.status_code == 415
    assert error_code(response) == "UNSUPPORTED_MEDIA_TYPE"


async def test_only_a_hash_of_the_password_is_stored(alice: Account, dsn: str) -> None:
    [(row, hashed)] = await execute(
        dsn, "SELECT users::text, password_hash FROM users WHERE id = %s", alice.id
    )

    assert alice.password not in row
    assert hashed.startswith("$2b$")


async def test_only_a_hash_of_the_refresh_token_is_stored(alice: Account, dsn: str) -> None:
    [(digest,)] = await execute(
        dsn, "SELECT refresh_hash FROM sessions WHERE user_id = %s", alice.id
    )

    assert len(digest) == 32
    assert digest not in alice.session["refresh_token"].encode()


async def test_closed_registration_is_refused_and_operators_still_create_accounts(
    settings: Settings, address: str
) -> None:
    async with running(settings, address, registration="closed") as client:
        body = RegistrationFactory()

        refused = await client.post(f"{API}/auth/register", json=body)

        assert refused.status_code == 403
        assert error_code(refused) == "REGISTRATION_CLOSED"
        credentials = {"email": body["email"], "password": body["password"]}
        assert (await client.post(f"{API}/auth/login", json=credentials)).status_code == 401
        context = client._transport.app.state.context  # type: ignore[attr-defined]
        await account_creation.create_user(context, body["email"], body["password"], None)
        assert (await client.post(f"{API}/auth/login", json=credentials)).status_code == 200
