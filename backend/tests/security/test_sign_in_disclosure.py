"""Sign-in does not reveal which addresses have an account: equal responses after equal work.

`make bench-sign-in-timing` measures the time that it takes.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import bcrypt
import httpx
import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.database.pool import Pool
from duly.database.values import Row
from duly.main import create_app
from duly.services import operators
from tests.support.accounts import API, Account, error_code, register
from tests.support.direct_sql import execute
from tests.support.factories import RegistrationFactory
from tests.support.instances import client_at


@dataclass
class Work:
    """What a request made the service do."""

    statements: list[bytes] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    """The version and cost of each hash that was computed."""


class CountingPool(Pool):
    """The real pool, which remembers what it ran."""

    work = Work()

    async def fetch(
        self, sql: bytes, params: Mapping[str, Any], *, is_for_response: bool = False
    ) -> list[Row]:
        self.work.statements.append(sql)
        return await super().fetch(sql, params, is_for_response=is_for_response)


@pytest.fixture
async def counted(settings: Settings) -> AsyncIterator[FastAPI]:
    """An application of which the work can be seen."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        context = app.state.context
        pool = CountingPool(
            settings.database_url.get_secret_value() if settings.database_url else "",
            size=2,
            timeout=5,
        )
        await pool.open()
        app.state.context = replace(context, pool=pool)
        yield app
        await pool.close()


@pytest.fixture
async def dora(counted: FastAPI, address: str) -> AsyncIterator[Account]:
    async with client_at(counted, address) as client:
        yield await register(client)


@contextmanager
def work_of(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    """What the application does in the block."""
    work = app.state.context.pool.work = Work()
    check = bcrypt.checkpw

    def counting(password: bytes, hashed: bytes) -> bool:
        work.hashes.append(hashed[:7])
        return check(password, hashed)

    with monkeypatch.context() as patch:
        patch.setattr(bcrypt, "checkpw", counting)
        yield work
    app.state.context.pool.work = Work()


async def sign_in(client: httpx.AsyncClient, email: str, password: str) -> httpx.Response:
    body = {"email": email, "password": password}
    return await client.post(f"{API}/auth/login", json=body)


def seen(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All of an answer, the order of its headers included, less what names the request."""
    headers = [(k, v) for k, v in answer.headers.multi_items() if k != "x-request-id"]
    return answer.status_code, answer.content, headers


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
