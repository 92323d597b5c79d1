"""Refresh tokens and cursors: only those that were given out, and only to whom they were given."""

import secrets
from collections.abc import Callable
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from duly.core.config import Settings
from duly.core.tokens import Keyring
from tests.support.accounts import API, Account, error_code
from tests.support.forgery import decode, encode
from tests.support.instances import running


def flip(token: str, position: int) -> str:
    """The token with one bit of one byte turned."""
    raw = bytearray(decode(token))
    raw[position] ^= 1
    return encode(bytes(raw))


SPOILT: list[Callable[[str], str]] = [
    *(lambda token, n=n: flip(token, n) for n in (0, 15, 16, 31, 32, 63, -1)),
    lambda token: token[:-1],
    lambda token: token + "A",
    lambda token: token + "=",
    lambda token: token + "\n",
    lambda token: " " + token,
    lambda token: token.swapcase(),
    lambda token: token * 2,
    lambda token: encode(b"\x00" * len(decode(token))),
    lambda _: "x",
    lambda _: "\u00e9",
    lambda _: "\x00",
    lambda _: "A" * 4_000,
]


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post(f"{API}/auth/refresh", json={"refresh_token": token})


async def assert_no_refresh(account: Account, token: str) -> None:
    response = await refresh(account.client, token)
    assert response.status_code == 401, response.text
    assert error_code(response) == "UNAUTHENTICATED"
    # Nobody can end a session without having had its tokens.
    assert (await account.get("/users/me")).status_code == 200
    assert (await refresh(account.client, account.session["refresh_token"])).status_code == 200


async def assert_no_cursor(account: Account, cursor: str, **query: str) -> None:
    response = await account.get("/tasks", params={"cursor": cursor, "limit": "1", **query})
    assert response.status_code == 400, response.text
    assert error_code(response) == "VALIDATION_ERROR"
    [field] = response.json()["error"]["details"]["fields"]
    assert field["path"] == "query.cursor"


async def cursor_of(account: Account, **query: str) -> str:
    for _ in range(2):
        await account.create_task()
    page = await account.get("/tasks", params={"limit": "1", **query})
    return str(page.json()["next_cursor"])


@pytest.mark.parametrize("spoil", SPOILT)
async def test_a_spoiled_refresh_token_is_refused_and_ends_nothing(
    alice: Account, spoil: Callable[[str], str]
) -> None:
    await assert_no_refresh(alice, spoil(alice.session["refresh_token"]))


async def test_refresh_token_cannot_be_used_for_another_session(
    alice: Account, bob: Account
) -> None:
    hers, his = (decode(account.session["refresh_token"]) for account in (alice, bob))

    for body in (
        his[:16] + hers[16:],
        hers[:16] + his[16:],
        hers[:32] + his[32:],
        his[:32] + hers[32:],
    ):
        await assert_no_refresh(alice, encode(body))
        await assert_no_refresh(bob, encode(body))


async def test_a_refresh_token_of_another_instances_key_is_refused(
    app: FastAPI, alice: Account
) -> None:
    known = app.state.context.keyring.read_refresh(alice.session["refresh_token"])
    forged = Keyring(secrets.token_hex(32)).issue_refresh(known.user_id, known.session_id)

    await assert_no_refresh(alice, forged.token)


async def test_a_refresh_token_with_a_good_seal_but_an_unknown_secret_is_refused(
    app: FastAPI, alice: Account
) -> None:
    keyring = app.state.context.keyring
    known = keyring.read_refresh(alice.session["refresh_token"])
    another = keyring.issue_refresh(known.user_id, UUID(int=1))

    await assert_no_refresh(alice, another.token)


async def test_cursor_is_not_a_refresh_token(alice: Account) -> None:
    await assert_no_refresh(alice, await cursor_of(alice))


async def test_a_successor_is_the_same_before_and_after_the_key_changes(
    settings: Settings, alice: Account, address: str
) -> None:
    used = alice.session["refresh_token"]
    successor = (await refresh(alice.client, used)).json()["refresh_token"]
    new = SecretStr(secrets.token_hex(32))

    changes = {"secret_key": new, "previous_secret_keys": (settings.secret_key,)}
    async with running(settings, address, **changes) as elsewhere:
        replayed = await refresh(elsewhere, used)

    assert replayed.json()["refresh_token"] == successor


async def test_a_refresh_token_of_a_forgotten_key_is_refused(
    settings: Settings, alice: Account, address: str
) -> None:
    new = SecretStr(secrets.token_hex(32))
    async with running(settings, address, secret_key=new) as elsewhere:
        refused = await refresh(elsewhere, alice.session["refresh_token"])

    assert refused.status_code == 401
    assert (await refresh(alice.client, alice.session["refresh_token"])).status_code == 200


@pytest.mark.parametrize("spoil", SPOILT)
async def test_a_spoiled_cursor_is_refused(alice: Account, spoil: Callable[[str], str]) -> None:
    await assert_no_cursor(alice, spoil(await cursor_of(alice)))


async def test_a_cursor_is_good_for_its_user_alone(alice: Account, bob: Account) -> None:
    cursor = await cursor_of(alice)

    await assert_no_cursor(bob, cursor)
    assert (await alice.get("/tasks", params={"cursor": cursor})).status_code == 200


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_token_is_not_a_cursor(alice: Account, kind: str) -> None:
    await assert_no_cursor(alice, alice.session[kind])


async def test_a_cursor_of_another_instances_key_is_refused(alice: Account) -> None:
    content = ["tasks", "-created_at", None, None, "2026-01-01T00:00:00", str(UUID(int=1))]
    forged = Keyring(secrets.token_hex(32)).sign_cursor(UUID(alice.id), content)

    await assert_no_cursor(alice, forged)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"sort": "title"}),
        ({"sort": "title"}, {"sort": "-title"}),
        ({}, {"is_completed": "false"}),
        ({"is_completed": "false"}, {}),
    ],
)
async def test_a_cursor_is_good_for_its_list_alone(
    alice: Account, before: dict[str, str], after: dict[str, str]
) -> None:
    await assert_no_cursor(alice, await cursor_of(alice, **before), **after)


async def test_a_cursor_of_a_former_key_is_accepted_and_of_a_forgotten_one_is_not(
    settings: Settings, alice: Account, address: str
) -> None:
    cursor = await cursor_of(alice)
    new = SecretStr(secrets.token_hex(32))

    changes = {"secret_key": new, "previous_secret_keys": (settings.secret_key,)}
    async with running(settings, address, **changes) as elsewhere:
        alice.client = elsewhere
        page = await alice.get("/tasks", params={"cursor": cursor})
        assert len(page.json()["items"]) == 1

    async with running(settings, address, secret_key=new) as elsewhere:
        again = Account(elsewhere, alice.email, alice.password, {})
        await assert_no_cursor(await again.sign_in_again(), cursor)
