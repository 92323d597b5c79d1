"""Passwords: which are taken, how they are changed, and how they are stored."""

import asyncio
from typing import Any

import bcrypt
import httpx
import pytest

from duly.core.config import Settings
from duly.core.password_hashes import hash_password
from tests.support.accounts import API, Account, error_code, register
from tests.support.direct_sql import execute, holding_account, somebody_waits_for
from tests.support.factories import RegistrationFactory
from tests.support.instances import running

NEW = "a brand-new passphrase"


async def change(account: Account, new: str = NEW, **fields: Any) -> httpx.Response:
    body = {"current_password": account.password, "new_password": new, **fields}
    return await account.put("/users/me/password", body)


async def login(account: Account, password: str) -> httpx.Response:
    body = {"email": account.email, "password": password}
    return await account.client.post(f"{API}/auth/login", json=body)


def fault(response: httpx.Response) -> str:
    """The path of the one field at fault."""
    assert response.status_code == 400, response.text
    assert error_code(response) == "VALIDATION_ERROR"
    [field] = response.json()["error"]["details"]["fields"]
    return str(field["path"])


async def stored_hash(dsn: str, account: Account) -> str:
    [(hashed,)] = await execute(dsn, "SELECT password_hash FROM users WHERE id = %s", account.id)
    return str(hashed)


async def store_hash(dsn: str, account: Account, hashed: str) -> None:
    await execute(dsn, "UPDATE users SET password_hash = %s WHERE id = %s", hashed, account.id)


async def test_a_changed_password_signs_in_and_the_old_one_does_not(alice: Account) -> None:
    response = await change(alice)

    assert response.status_code == 204
    assert response.content == b""
    assert (await login(alice, NEW)).status_code == 200
    assert (await login(alice, alice.password)).status_code == 401


async def test_every_other_session_ends_when_the_password_changes(
    alice: Account, bob: Account
) -> None:
    phone, tablet = await alice.sign_in_again(), await alice.sign_in_again()

    await change(alice)

    for ended in (phone, tablet):
        assert (await ended.get("/users/me")).status_code == 401
        body = {"refresh_token": ended.session["refresh_token"]}
        assert (await ended.client.post(f"{API}/auth/refresh", json=body)).status_code == 401
    assert (await alice.get("/users/me")).status_code == 200
    body = {"refresh_token": alice.session["refresh_token"]}
    assert (await alice.client.post(f"{API}/auth/refresh", json=body)).status_code == 200
    assert (await bob.get("/users/me")).status_code == 200


async def test_a_change_needs_the_right_password_and_else_changes_nothing(alice: Account) -> None:
    phone = await alice.sign_in_again()

    response = await change(alice, current_password=alice.password + "x")

    assert fault(response) == "body.current_password"
    assert (await login(alice, alice.password)).status_code == 200
    assert (await phone.get("/users/me")).status_code == 200


@pytest.mark.parametrize("missing", ["current_password", "new_password"])
async def test_a_change_needs_both_passwords(alice: Account, missing: str) -> None:
    body = {"current_password": alice.password, "new_password": NEW}
    del body[missing]

    assert fault(await alice.put("/users/me/password", body)) == f"body.{missing}"


async def test_one_of_two_concurrent_changes_succeeds(alice: Account) -> None:
    answers = await asyncio.gather(change(alice, NEW + "1"), change(alice, NEW + "2"))

    assert sorted(answer.status_code for answer in answers) == [204, 400]
    winner = NEW + ("1" if answers[0].status_code == 204 else "2")
    assert (await login(alice, winner)).status_code == 200


async def test_a_sign_in_that_a_change_overtakes_does_not_open_a_session(
    alice: Account, dsn: str
) -> None:
    async with holding_account(dsn, alice.id) as connection:
        signing_in = asyncio.create_task(login(alice, alice.password))
        await somebody_waits_for(connection)
        await connection.execute(
            "UPDATE users SET password_hash = 'another' WHERE id = %s", [alice.id]
        )

    response = await signing_in
    assert response.status_code == 401
    assert error_code(response) == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "PassWord",
        "password1",
        "12345678",
        "iloveyou",
        "qwertyuiop",
        "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44",
    ],
)
async def test_common_passwords_are_refused(alice: Account, password: str) -> None:
    registering = await alice.client.post(
        f"{API}/auth/register", json=RegistrationFactory(password=password)
    )

    assert fault(registering) == "body.password"
    assert fault(await change(alice, password)) == "body.new_password"


@pytest.mark.parametrize(
    "password", [" " * 8, "\u3000" * 8, "\u200b" * 12, "\t\n \u00a0" * 3, "\ufeff\u2060" * 8]
)
async def test_blank_password_is_rejected(alice: Account, password: str) -> None:
    registering = await alice.client.post(
        f"{API}/auth/register", json=RegistrationFactory(password=password)
    )

    assert fault(registering) == "body.password"
    assert fault(await change(alice, password)) == "body.new_password"


@pytest.mark.parametrize("password", ["", "7 chars", "x y" * 42 + "xyz", "\U0001f511" * 129])
async def test_passwords_of_another_length_are_refused(alice: Account, password: str) -> None:
    registering = await alice.client.post(
        f"{API}/auth/register", json=RegistrationFactory(password=password)
    )

    assert fault(registering) == "body.password"
    assert fault(await change(alice, password)) == "body.new_password"


@pytest.mark.parametrize("password", [12345678901, None, ["a long passphrase"], True])
async def test_password_that_is_not_text_is_rejected(alice: Account, password: Any) -> None:
    assert fault(await change(alice, password)) == "body.new_password"


@pytest.mark.parametrize(
    "password",
    [
        "8 chars!",
        "x y" * 42 + "xy",
        " leading and trailing ",
        "<b>&amp;'\"--;",
        "\U0001f511" * 128,
    ],
)
async def test_passwords_between_the_limits_are_taken_as_they_are(
    client: httpx.AsyncClient, password: str
) -> None:
    account = await register(client, password=password)

    assert (await login(account, password)).status_code == 200
    assert (await login(account, password + "x")).status_code == 401


@pytest.mark.parametrize("position", [0, 17, 18, 35, 36, 72, 127])
async def test_each_of_128_characters_beyond_ascii_counts(
    client: httpx.AsyncClient, position: int
) -> None:
    # 512 bytes: bcrypt alone would look at the first 72, which are 18 characters.
    password = "\U0001f511" * 128
    account = await register(client, password=password)
    another = password[:position] + "\U0001f512" + password[position + 1 :]

    assert (await login(account, another)).status_code == 401
    assert (await login(account, password)).status_code == 200


async def test_a_nul_does_not_end_a_password(client: httpx.AsyncClient) -> None:
    account = await register(client, password="before\x00after it")

    assert (await login(account, "before\x00another")).status_code == 401


async def test_a_password_fits_however_its_characters_are_composed(
    client: httpx.AsyncClient,
) -> None:
    account = await register(client, password="zo\u00eb's passphrase")

    assert (await login(account, "zoe\u0308's passphrase")).status_code == 200


async def test_the_same_password_is_stored_differently_each_time(
    alice: Account, client: httpx.AsyncClient, dsn: str
) -> None:
    twin = await register(client, password=alice.password)

    assert await stored_hash(dsn, alice) != await stored_hash(dsn, twin)


async def test_signing_in_brings_an_older_hash_to_the_set_cost(
    alice: Account, settings: Settings, address: str, dsn: str
) -> None:
    before = (await alice.get("/users/me")).json()
    async with running(settings, address, bcrypt_cost=5) as elsewhere:
        alice.client = elsewhere

        phone = await alice.sign_in_again()

        assert (await stored_hash(dsn, alice)).startswith("$2b$05$")
        assert (await phone.get("/users/me")).json() == before
        assert (await login(alice, alice.password)).status_code == 200


async def test_signing_in_keeps_a_hash_of_the_set_cost(alice: Account, dsn: str) -> None:
    before = await stored_hash(dsn, alice)

    await alice.sign_in_again()

    assert await stored_hash(dsn, alice) == before


async def test_a_failed_sign_in_keeps_an_older_hash(alice: Account, dsn: str) -> None:
    older = hash_password(alice.password, 5)
    await store_hash(dsn, alice, older)

    await login(alice, alice.password + "x")

    assert await stored_hash(dsn, alice) == older


async def test_a_rehash_that_races_with_a_change_does_not_undo_it(
    alice: Account, dsn: str
) -> None:
    await store_hash(dsn, alice, hash_password(alice.password, 5))
    async with holding_account(dsn, alice.id) as connection:
        signing_in = asyncio.create_task(login(alice, alice.password))
        await somebody_waits_for(connection)
        await connection.execute(
            "UPDATE users SET password_hash = %s WHERE id = %s", [hash_password(NEW, 4), alice.id]
        )

    assert (await signing_in).status_code == 401
    assert (await login(alice, NEW)).status_code == 200


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        "x",
        "$2b$04$",
        "$2b$99$" + "a" * 53,
        "$2b$04$" + "!" * 53,
        "$argon2id$v=19$m=65536",
        "\u00e9" * 60,
    ],
)
async def test_a_malformed_stored_hash_is_an_ordinary_refusal(
    alice: Account, bob: Account, dsn: str, malformed: str
) -> None:
    await store_hash(dsn, alice, malformed)

    response = await login(alice, alice.password)

    assert response.status_code == 401
    assert response.content == (await login(bob, "not the password")).content
    assert fault(await change(alice)) == "body.current_password"


async def test_a_hash_of_the_bare_password_does_not_sign_in(alice: Account, dsn: str) -> None:
    bare = bcrypt.hashpw(alice.password.encode(), bcrypt.gensalt(4)).decode()
    await store_hash(dsn, alice, bare)

    assert (await login(alice, alice.password)).status_code == 401
