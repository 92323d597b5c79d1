"""Sign-in does not reveal which addresses have an account: equal responses after equal work.

`make bench-sign-in-timing` measures the time that it takes.
"""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.services import operators
from tests.support.accounts import API, Account, error_code, register
from tests.support.counting import counting, seen, work_of
from tests.support.direct_sql import execute
from tests.support.factories import RegistrationFactory
from tests.support.instances import client_at
from tests.support.second_factors import Clock, add_app


@pytest.fixture
async def counted(settings: Settings) -> AsyncIterator[FastAPI]:
    async with counting(settings) as app:
        yield app


@pytest.fixture
async def dora(counted: FastAPI, address: str) -> AsyncIterator[Account]:
    async with client_at(counted, address) as client:
        yield await register(client)


async def sign_in(client: httpx.AsyncClient, email: str, password: str) -> httpx.Response:
    body = {"email": email, "password": password}
    return await client.post(f"{API}/auth/login", json=body)


async def test_unknown_wrong_and_disabled_are_the_same_bytes_after_the_same_work(
    counted: FastAPI, dora: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    disabled = await register(dora.client)
    await operators.disable_user(counted.state.context, disabled.email)
    attempts = {
        "unknown": (RegistrationFactory()["email"], dora.password),
        "wrong": (dora.email, "not the password"),
        "disabled": (disabled.email, disabled.password),
        "disabled and wrong": (disabled.email, "not the password"),
    }
    answers, works = {}, {}
    for name, (email, password) in attempts.items():
        with work_of(counted, monkeypatch) as works[name]:
            answers[name] = seen(await sign_in(dora.client, email, password))

    assert answers["unknown"][0] == 401
    assert len(works["unknown"].statements) == 2
    assert works["unknown"].hashes == [b"$2b$04$"]
    for name in attempts:
        assert answers[name] == answers["unknown"], name
        assert works[name] == works["unknown"], name


async def test_second_factor_is_revealed_by_the_right_password_only(
    counted: FastAPI, dora: Account, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = await register(dora.client)
    await add_app(dora, clock)
    answers, works = {}, {}
    for name, email in {
        "unknown": RegistrationFactory()["email"],
        "without": plain.email,
        "with": dora.email,
    }.items():
        with work_of(counted, monkeypatch) as works[name]:
            answers[name] = seen(await sign_in(dora.client, email, "not the password"))

    assert answers["with"] == answers["without"] == answers["unknown"]
    assert works["with"] == works["without"] == works["unknown"]
    right = await sign_in(dora.client, dora.email, dora.password)
    assert error_code(right) == "SECOND_FACTOR_REQUIRED"


async def test_a_throttled_address_learns_nothing_either(
    counted: FastAPI, dora: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, works = [], []
    for email in (dora.email, RegistrationFactory()["email"]):
        for _ in range(10):
            assert (await sign_in(dora.client, email, "not the password")).status_code == 401
        with work_of(counted, monkeypatch) as work:
            status, body, headers = seen(await sign_in(dora.client, email, "not the password"))
        answers.append((status, body, [name for name, _ in headers]))
        works.append(work)

    assert answers[0][0] == 429
    assert answers[0] == answers[1]
    assert works[0] == works[1]
    assert works[0].hashes == []


async def test_registering_says_that_an_address_is_taken(alice: Account) -> None:
    # By contract: without mail there is no other way to tell the rightful owner. It is throttled.
    answer = await alice.client.post(
        f"{API}/auth/register", json=RegistrationFactory(email=alice.email)
    )

    assert answer.status_code == 409
    assert error_code(answer) == "EMAIL_TAKEN"


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "x",
        "$2b$",
        "$2b$04$",
        "$2b$04$short",
        "$2b$99$" + "a" * 53,
        "$2x$04$" + "a" * 53,
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA",
        "\u00e9" * 60,
        "$2b$04$" + "\u00e9" * 53,
    ],
)
async def test_a_malformed_stored_hash_is_a_wrong_password(
    alice: Account, dsn: str, stored: str
) -> None:
    await execute(dsn, "UPDATE users SET password_hash = %s WHERE id = %s", stored, alice.id)
    unknown = await sign_in(alice.client, RegistrationFactory()["email"], alice.password)

    answer = await sign_in(alice.client, alice.email, alice.password)

    assert answer.status_code == 401
    assert seen(answer) == seen(unknown)


@pytest.mark.parametrize("letter", ["\u00e9", "\u4e2d", "\U0001f511", "\u0301", "\ufb03"])
async def test_a_password_of_128_characters_beyond_ascii_signs_in(
    client: httpx.AsyncClient, letter: str
) -> None:
    password = letter * 127 + "!"
    account = await register(client, password=password)

    assert (await sign_in(client, account.email, password)).status_code == 200
    assert (await sign_in(client, account.email, letter * 127 + "?")).status_code == 401
    assert (await sign_in(client, account.email, letter * 128)).status_code == 401
