"""While every thread that hashes passwords is busy, all other requests are answered.

`make bench-sign-in-flood` measures how fast.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.main import create_app
from duly.runtime import passwords
from tests.support.accounts import API, Account, error_code, register
from tests.support.factories import RegistrationFactory
from tests.support.instances import client_at, running


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """An application of the test's own with one password thread, which the test takes away."""
    app = create_app(settings.model_copy(update={"password_threads": 1}))
    async with app.router.lifespan_context(app):
        yield app


@contextmanager
def busy(app: FastAPI) -> Iterator[None]:
    """Keep every thread that hashes passwords at work for the block."""
    executor = app.state.context.passwords._executor
    release = app.state.release = threading.Event()
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


def release_all(app: FastAPI) -> None:
    """Let the threads of `busy` go on before its block ends."""
    app.state.release.set()


async def wait_for(app: FastAPI, count: int) -> None:
    """Return once so many requests wait for a turn."""
    async with asyncio.timeout(20):
        while app.state.context.passwords.waiting < count:  # noqa: ASYNC110  # there is no event for it
            await asyncio.sleep(0.01)


async def done(
    tasks: list[asyncio.Task[httpx.Response]], count: int
) -> list[asyncio.Task[httpx.Response]]:
    """Those of some tasks that are done, once they are so many."""
    async with asyncio.timeout(20):
        while sum(task.done() for task in tasks) < count:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.01)
    return [task for task in tasks if task.done()]


def sign_in(client: httpx.AsyncClient, email: str, password: str) -> asyncio.Task[httpx.Response]:
    body = {"email": email, "password": password}
    return asyncio.ensure_future(client.post(f"{API}/auth/login", json=body))


@pytest.mark.slow
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
    """Five addresses with one registration each are the whole queue."""
    bounds = replace(passwords.BOUNDS, total=4)
    monkeypatch.setattr(app.state.context.passwords._turns, "_bounds", bounds)
    async with AsyncExitStack() as stack:
        *crowd, two = [
            await stack.enter_async_context(client_at(app, f"192.0.2.{n}")) for n in range(6)
        ]
        with busy(app):
            waiting = [
                asyncio.ensure_future(one.post(f"{API}/auth/register", json=RegistrationFactory()))
                for one in crowd
            ]
            await wait_for(app, 4)

            refused = await sign_in(two, alice.email, alice.password)

            assert refused.status_code == 503
            assert error_code(refused) == "SERVICE_UNAVAILABLE"
            assert int(refused.headers["retry-after"]) >= 1
            assert (await alice.get("/tasks")).status_code == 200
        assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {201}
        assert (await sign_in(two, alice.email, alice.password)).status_code == 200


@pytest.mark.slow
async def test_burst_of_one_account_beyond_its_share_gets_429_at_once(
    app: FastAPI, alice: Account
) -> None:
    share = passwords.BOUNDS.lane
    with busy(app):
        burst = [sign_in(alice.client, alice.email, alice.password) for _ in range(120)]
        await wait_for(app, share)
        refused = await asyncio.gather(
            *(asyncio.wait_for(one, 20) for one in await done(burst, 120 - share - 1))
        )
        assert {answer.status_code for answer in refused} == {429}
        assert {error_code(answer) for answer in refused} == {"RATE_LIMITED"}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
        used = app.state.context.pool.used
        assert (await sign_in(alice.client, alice.email, alice.password)).status_code == 429
        assert app.state.context.pool.used == used, "a flood reaches the database"
        for _ in range(10):
            assert (await alice.get("/users/me")).status_code == 200

    # One had begun, and all that waited get in.
    statuses = [answer.status_code for answer in await asyncio.gather(*burst)]
    assert statuses.count(200) == share + 1


@pytest.mark.slow
@pytest.mark.parametrize("is_neighbour", [True, False])
async def test_sign_in_beside_a_burst_of_another_account_is_next(
    app: FastAPI, alice: Account, bob: Account, is_neighbour: bool
) -> None:
    """From the same address or from another, it waits for the one hash under way."""
    order: list[str] = []
    async with client_at(app, "192.0.2.77") as elsewhere:
        with busy(app):
            burst = [sign_in(alice.client, alice.email, alice.password) for _ in range(120)]
            # One has begun, a lane of them waits, and all others were refused.
            await wait_for(app, passwords.BOUNDS.lane)
            await done(burst, 120 - passwords.BOUNDS.lane - 1)
            client = bob.client if is_neighbour else elsewhere
            one = sign_in(client, bob.email, bob.password)
            await wait_for(app, passwords.BOUNDS.lane + 1)
            verify = app.state.context.passwords.verify

            async def noting(password: str, hashed: str | None) -> bool:
                order.append(password)
                return bool(await verify(password, hashed))

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(app.state.context.passwords, "verify", noting)
                release_all(app)
                assert (await one).status_code == 200
                await asyncio.gather(*burst)

    assert order[0] == bob.password
    assert len(order) == passwords.BOUNDS.lane + 1


async def test_burst_of_one_account_leaves_a_thread_to_others_by_default(
    settings: Settings, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings, address) as client:
        ada, bob = await register(client), await register(client)
        workers = client._transport.app.state.context.passwords  # type: ignore[attr-defined]
        verify, release, held = workers.verify, asyncio.Event(), 0

        async def holding(password: str, hashed: str | None) -> bool:
            nonlocal held
            if password == ada.password:
                held += 1
                await release.wait()
            return bool(await verify(password, hashed))

        monkeypatch.setattr(workers, "verify", holding)
        burst = [sign_in(client, ada.email, ada.password) for _ in range(20)]
        async with asyncio.timeout(20):
            while workers.waiting < 19:  # noqa: ASYNC110  # there is no event for it
                await asyncio.sleep(0.01)

            assert (await sign_in(client, bob.email, bob.password)).status_code == 200
        assert held == 1
        release.set()
        assert {answer.status_code for answer in await asyncio.gather(*burst)} == {200}


async def test_full_share_of_an_address_still_takes_another_account(
    app: FastAPI, alice: Account, bob: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds = replace(passwords.BOUNDS, group=10)
    monkeypatch.setattr(app.state.context.passwords._turns, "_bounds", bounds)
    with busy(app):
        burst = [sign_in(alice.client, alice.email, alice.password) for _ in range(30)]
        await wait_for(app, 10)

        one = sign_in(bob.client, bob.email, bob.password)
        await asyncio.sleep(0.1)
        assert not one.done()

    assert (await one).status_code == 200
    statuses = [answer.status_code for answer in await asyncio.gather(*burst)]
    assert set(statuses) == {200, 429}


async def test_registrations_do_not_hold_up_sign_ins_of_their_address(
    app: FastAPI, alice: Account
) -> None:
    async with client_at(app, "192.0.2.78") as client:
        with busy(app):
            url = f"{API}/auth/register"
            crowd = [
                asyncio.ensure_future(client.post(url, json=RegistrationFactory()))
                for _ in range(20)
            ]
            await wait_for(app, 19)
            one = sign_in(client, alice.email, alice.password)
            await wait_for(app, 20)
        assert (await one).status_code == 200
        assert sum(task.done() for task in crowd) <= 3
        assert {answer.status_code for answer in await asyncio.gather(*crowd)} == {201}


async def test_someone_new_is_served_after_a_crowd(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    with busy(app):
        pass

    assert (await register(client)).id
