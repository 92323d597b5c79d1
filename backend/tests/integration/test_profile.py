"""An account as its owner reads and changes it."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.support.accounts import API, Account, error_code
from tests.support.direct_sql import execute, holding_account, somebody_waits_for
from tests.support.factories import RegistrationFactory

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


def new_email() -> str:
    return str(RegistrationFactory()["email"])


async def change_email(account: Account, email: str, **fields: Any) -> httpx.Response:
    body = {"email": email, "current_password": account.password, **fields}
    return await account.patch("/users/me", body)


async def signs_in(account: Account, email: str) -> bool:
    body = {"email": email, "password": account.password}
    return (await account.client.post(f"{API}/auth/login", json=body)).status_code == 200


def fault(response: httpx.Response) -> str:
    """The path of the one field at fault."""
    assert response.status_code == 400, response.text
    assert error_code(response) == "VALIDATION_ERROR"
    [field] = response.json()["error"]["details"]["fields"]
    return str(field["path"])


async def test_the_profile_is_what_the_session_said(alice: Account) -> None:
    response = await alice.get("/users/me")

    assert response.status_code == 200
    assert response.json() == alice.session["user"]
    assert set(response.json()) == USER_FIELDS


async def test_a_profile_needs_a_token(client: httpx.AsyncClient) -> None:
    response = await client.get(f"{API}/users/me")

    assert response.status_code == 401
    assert error_code(response) == "UNAUTHENTICATED"
    assert response.headers["www-authenticate"] == "Bearer"


async def test_patch_changes_the_sent_fields_only(alice: Account) -> None:
    before = alice.session["user"]

    response = await alice.patch("/users/me", {"name": " Ada ", "timezone": "Europe/Rome"})

    assert response.status_code == 200
    after = response.json()
    assert after.pop("updated_at") > before["updated_at"]
    expected = {**before, "name": "Ada", "timezone": "Europe/Rome"}
    del expected["updated_at"]
    assert after == expected
    assert (await alice.get("/users/me")).json() == response.json()


async def test_changes_are_the_callers_alone(alice: Account, bob: Account) -> None:
    await alice.patch("/users/me", {"name": "Ada", "timezone": "Europe/Rome"})

    assert (await bob.get("/users/me")).json() == bob.session["user"]


async def test_empty_patch_changes_nothing(alice: Account) -> None:
    for body in ({}, {"current_password": "whatever it is"}):
        response = await alice.patch("/users/me", body)

        assert response.status_code == 200
        assert response.json() == alice.session["user"]


async def test_null_clears_the_name(alice: Account) -> None:
    assert (await alice.patch("/users/me", {"name": None})).json()["name"] is None


@pytest.mark.parametrize("field", ["email", "timezone", "week_start", "language"])
async def test_null_clears_nothing_that_must_be(alice: Account, field: str) -> None:
    assert fault(await alice.patch("/users/me", {field: None})) == f"body.{field}"


@pytest.mark.parametrize("timezone", ["UTC", "Asia/Kolkata", "America/Argentina/Buenos_Aires"])
async def test_time_zones_are_those_of_iana(alice: Account, timezone: str) -> None:
    response = await alice.patch("/users/me", {"timezone": timezone})

    assert response.json()["timezone"] == timezone


@pytest.mark.parametrize(
    "timezone",
    [
        "",
        "localtime",
        "Factory",
        "Mars/Olympus",
        "europe/rome",
        "../../etc/passwd",
        "UTC\x00",
        "x" * 65,
        1,
    ],
)
async def test_invalid_time_zone_is_rejected(alice: Account, timezone: Any) -> None:
    assert fault(await alice.patch("/users/me", {"timezone": timezone})) == "body.timezone"


async def test_week_start_and_language_are_monday_and_english_until_changed(
    alice: Account,
) -> None:
    before = (await alice.get("/users/me")).json()
    after = (await alice.patch("/users/me", {"week_start": 7, "language": "de"})).json()

    assert [before["week_start"], before["language"]] == [1, "en"]
    assert [after["week_start"], after["language"]] == [7, "de"]
    assert (await alice.get("/users/me")).json() == after


@pytest.mark.parametrize(
    ("field", "value"),
    [("week_start", 0), ("week_start", 8), ("week_start", "1"), ("language", "fr")],
)
async def test_unknown_week_start_or_language_is_rejected(
    alice: Account, field: str, value: Any
) -> None:
    assert fault(await alice.patch("/users/me", {field: value})) == f"body.{field}"


@pytest.mark.parametrize("name", ["", " ", "x" * 256, "a\x00", "a\x1bb", {"first": "Ada"}])
async def test_a_name_that_can_not_be_is_refused(alice: Account, name: Any) -> None:
    assert fault(await alice.patch("/users/me", {"name": name})) == "body.name"


@pytest.mark.parametrize("field", ["id", "created_at", "password", "password_hash", "revision"])
async def test_other_fields_cannot_be_changed(alice: Account, field: str) -> None:
    assert fault(await alice.patch("/users/me", {field: alice.id})) == f"body.{field}"


async def test_an_account_signs_in_with_its_new_address_only(alice: Account) -> None:
    email = new_email()

    response = await change_email(alice, email)

    assert response.status_code == 200
    assert response.json()["email"] == email
    assert await signs_in(alice, email)
    assert not await signs_in(alice, alice.email)


async def test_the_old_address_is_free_again(alice: Account, bob: Account) -> None:
    await change_email(alice, new_email())

    assert (await change_email(bob, alice.email)).status_code == 200


async def test_a_new_address_needs_the_password(alice: Account) -> None:
    response = await alice.patch("/users/me", {"email": new_email()})

    assert fault(response) == "body.current_password"
    assert await signs_in(alice, alice.email)


async def test_a_new_address_needs_the_right_password(alice: Account) -> None:
    email = new_email()

    response = await change_email(alice, email, current_password=alice.password + "x", name="Eve")

    assert fault(response) == "body.current_password"
    assert (await alice.get("/users/me")).json() == alice.session["user"]
    assert not await signs_in(alice, email)


async def test_the_same_address_needs_no_password(alice: Account) -> None:
    response = await alice.patch("/users/me", {"email": alice.email, "name": "Ada"})

    assert response.status_code == 200
    assert response.json()["name"] == "Ada"


async def test_another_spelling_of_ones_own_address_is_not_taken(alice: Account) -> None:
    response = await change_email(alice, alice.email.upper())

    assert response.status_code == 200
    assert response.json()["email"].startswith(alice.email.split("@")[0].upper())
    assert await signs_in(alice, alice.email)


@pytest.mark.parametrize("spell", [str.lower, str.upper])
async def test_anothers_address_is_taken_however_it_is_spelled(
    alice: Account, bob: Account, spell: Any
) -> None:
    response = await change_email(alice, spell(bob.email), name="Eve")

    assert response.status_code == 409
    assert error_code(response) == "EMAIL_TAKEN"
    assert (await alice.get("/users/me")).json() == alice.session["user"]
    assert await signs_in(bob, bob.email)


async def test_a_display_name_is_no_address(alice: Account) -> None:
    assert fault(await change_email(alice, f"Ada <{new_email()}>")) == "body.email"


async def test_one_of_two_users_who_race_for_an_address_gets_it(
    alice: Account, bob: Account
) -> None:
    email = new_email()

    answers = await asyncio.gather(change_email(alice, email), change_email(bob, email.upper()))

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    winner, loser = (alice, bob) if answers[0].status_code == 200 else (bob, alice)
    assert await signs_in(winner, email)
    assert await signs_in(loser, loser.email)


async def test_one_of_two_concurrent_address_changes_remains(alice: Account, dsn: str) -> None:
    emails = [new_email() for _ in range(6)]

    answers = await asyncio.gather(*(change_email(alice, email) for email in emails))

    assert [answer.status_code for answer in answers] == [200] * 6
    email = (await alice.get("/users/me")).json()["email"]
    assert await signs_in(alice, email)
    keys = await execute(dsn, "SELECT email_key FROM user_emails WHERE user_id = %s", alice.id)
    assert keys == [(email,)]


async def test_two_users_can_not_swap_addresses_by_a_race(alice: Account, bob: Account) -> None:
    answers = await asyncio.gather(change_email(alice, bob.email), change_email(bob, alice.email))

    assert {answer.status_code for answer in answers} == {409}
    assert await signs_in(alice, alice.email)
    assert await signs_in(bob, bob.email)


async def test_no_address_changes_by_a_password_that_changes_meanwhile(
    alice: Account, dsn: str
) -> None:
    async with holding_account(dsn, alice.id) as connection:
        changing = asyncio.create_task(change_email(alice, new_email()))
        await somebody_waits_for(connection)
        await connection.execute(
            "UPDATE users SET password_hash = 'another' WHERE id = %s", [alice.id]
        )

    assert fault(await changing) == "body.current_password"
    assert (await alice.get("/users/me")).json()["email"] == alice.email


async def test_no_address_changes_without_a_password_when_it_changes_meanwhile(
    alice: Account, dsn: str
) -> None:
    email = new_email()
    async with holding_account(dsn, alice.id) as connection:
        # What is sent is no change as yet.
        changing = asyncio.create_task(alice.patch("/users/me", {"email": alice.email}))
        await somebody_waits_for(connection)
        await connection.execute("UPDATE users SET email = %s WHERE id = %s", [email, alice.id])
        await connection.execute(
            "UPDATE user_emails SET email_key = %s WHERE user_id = %s", [email, alice.id]
        )

    assert fault(await changing) == "body.current_password"
    assert (await alice.get("/users/me")).json()["email"] == email
