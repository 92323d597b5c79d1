"""While every thread that hashes passwords is busy, all other requests are answered.

`make hammer` measures how fast.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpx
import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.main import create_app
from duly.services import passwords
from tests.accounts import API, Account, error_code, register
from tests.factories import RegistrationFactory
from tests.instances import client_at


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """An application of the test's own, for its threads are taken away."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@contextmanager
def busy(app: FastAPI) -> Iterator[None]:
    """Keep every thread that hashes passwords at work for the block."""
    executor = app.state.context.passwords._executor
    release = threading.Event()
    begun = threading.Barrier(executor._max_workers + 1)

    def work() -> None:
        begun.wait(5)
        release.wait(30)

    for _ in range(executor._max_workers):
        executor.submit(work)
    begun.wait(5)
    try:
        yield
    finally:
        release.set()


def sign_in(client: httpx.AsyncClient, email: str, password: str) -> asyncio.Task[httpx.Response]:
    body = {"email": email, "password": password}
    return asyncio.ensure_future(client.post(f"{API}/auth/login", json=body))


async def test_requests_are_answered_while_sign_ins_wait(app: FastAPI, alice: Account) -> None:
    with busy(app):
        waiting = [sign_in(alice.client, alice.email, alice.password) for _ in range(20)]
        for _ in range(20):
            assert (await alice.get("/tasks")).status_code == 200
            await alice.create_task()
        body = {"refresh_token": alice.session["refresh_token"]}
        refreshed = await alice.client.post(f"{API}/auth/refresh", json=body)
        assert refreshed.status_code == 200
        assert (await alice.client.get("/health/ready")).status_code == 200
        assert not any(one.done() for one in waiting)

    assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}


async def test_the_line_of_sign_ins_has_an_end(
    app: FastAPI, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_MAX_WAITING", 5)
    async with (
        client_at(app, "192.0.2.200") as one,
        client_at(app, "192.0.2.201") as two,
    ):
        with busy(app):
            # Registrations are not lined up by address, as sign-ins are.
            waiting = [
                asyncio.ensure_future(one.post(f"{API}/auth/register", json=RegistrationFactory()))
                for _ in range(5)
            ]
            while app.state.context.passwords._waiting < 5:  # noqa: ASYNC110  # nothing tells of it
                await asyncio.sleep(0.01)

            refused = await sign_in(two, alice.email, alice.password)

            assert refused.status_code == 503
            assert error_code(refused) == "SERVICE_UNAVAILABLE"
            assert int(refused.headers["retry-after"]) >= 1
            assert (await alice.get("/tasks")).status_code == 200
        assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {201}
        assert (await sign_in(two, alice.email, alice.password)).status_code == 200


async def test_one_address_has_one_place_in_the_line(app: FastAPI, alice: Account) -> None:
    with busy(app):
        waiting = [sign_in(alice.client, alice.email, alice.password) for _ in range(50)]
        while not app.state.context.passwords._waiting:  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.01)
        for _ in range(10):
            assert (await alice.get("/users/me")).status_code == 200

        assert app.state.context.passwords._waiting == 1

    await asyncio.gather(*waiting)


async def test_someone_new_is_served_after_a_crowd(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    with busy(app):
        pass

    assert (await register(client)).id
