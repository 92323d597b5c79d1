"""Requesting a new password does not reveal who has an account: equal responses, equal work.

`make bench-reset-timing` measures the time that it takes.
"""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.services import operators
from tests.support.accounts import API, register
from tests.support.counting import counting, seen, work_of
from tests.support.databases import migrated_database
from tests.support.factories import RegistrationFactory
from tests.support.instances import client_at
from tests.support.postbox import postbox, settings_for


@pytest.fixture
def own_dsn(dsn: str) -> Iterator[str]:
    with migrated_database(dsn) as own:
        yield own


@pytest.fixture
async def counted(settings: Settings, own_dsn: str) -> AsyncIterator[FastAPI]:
    with postbox() as box:
        async with counting(settings_for(settings, own_dsn, box.port)) as app:
            yield app


@pytest.fixture
async def client(counted: FastAPI, address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with client_at(counted, address) as client:
        yield client


async def forget(client: httpx.AsyncClient, email: str) -> httpx.Response:
    return await client.post(f"{API}/auth/password/forgot", json={"email": email})


async def test_known_unknown_and_disabled_are_the_same_bytes_after_the_same_work(
    counted: FastAPI, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, disabled = await register(client), await register(client)
    await operators.disable_user(counted.state.context, disabled.email)
    emails = [RegistrationFactory()["email"], known.email, disabled.email]
    answers, works = [], []
    for email in emails:
        with work_of(counted, monkeypatch) as work:
            answers.append(seen(await forget(client, email)))
        works.append(work)

    assert answers[0][0] == 202
    assert len(works[0].statements) == 1
    assert answers == answers[:1] * 3
    assert works == works[:1] * 3


async def test_throttled_address_learns_nothing_either(
    counted: FastAPI, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = []
    for email in ((await register(client)).email, RegistrationFactory()["email"]):
        for _ in range(5):
            assert (await forget(client, email)).status_code == 202
        with work_of(counted, monkeypatch) as work:
            status, body, headers = seen(await forget(client, email))
        answers.append((status, body, [name for name, _ in headers]))
        assert work.statements == []

    assert answers[0][0] == 429
    assert answers[0] == answers[1]
