"""Sessions on two real workers that share nothing but the database.

`make chaos-auth` does the same for many more rounds.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest

from tests.support import launcher
from tests.support.accounts import API, Account, register
from tests.support.api_tokens import create_token, using
from tests.support.direct_sql import age
from tests.support.programs import DULY
from tests.support.servers import SECRET, Server, serving

SECOND = 1.0
REPLAY_WINDOW = 10


@pytest.fixture(scope="module")
def server(dsn: str) -> Iterator[Server]:
    with serving(dsn, workers=2, DULY_REFRESH_LIMIT="100000/minute") as server:
        yield server


@pytest.fixture
def rounds(pytestconfig: pytest.Config) -> int:
    return int(pytestconfig.getoption("rounds") or 1)


@asynccontextmanager
async def on_both(server: Server) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client on each worker, held by its connection."""
    async with AsyncExitStack() as stack:
        found: dict[int, httpx.AsyncClient] = {}
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        for _ in range(64):
            client = httpx.AsyncClient(base_url=server.url, limits=limits, timeout=30)
            await stack.enter_async_context(client)
            async with client.stream("GET", "/health/live") as answer:
                port = answer.extensions["network_stream"].get_extra_info("client_addr")[1]
                await answer.aread()
            [pid] = [
                worker.pid
                for worker in server.workers
                if port in {end.raddr.port for end in worker.net_connections("tcp") if end.raddr}
            ]
            found.setdefault(pid, client)
            if len(found) == 2:
                break
        assert len(found) == 2
        yield list(found.values())


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post(f"{API}/auth/refresh", json={"refresh_token": token})


@pytest.mark.slow
async def test_hundred_refreshes_of_one_token_leave_one_token_family(
    server: Server, dsn: str, rounds: int
) -> None:
    async with on_both(server) as workers, httpx.AsyncClient(base_url=server.url) as crowd:
        for _ in range(2 * rounds):
            erin = await register(crowd)
            token = erin.session["refresh_token"]

            answers = await asyncio.gather(*(refresh(crowd, token) for _ in range(100)))

            assert {answer.status_code for answer in answers} == {200}
            [successor] = {answer.json()["refresh_token"] for answer in answers}
            last = (await refresh(workers[0], successor)).json()

            await age(dsn, erin.id, seconds=REPLAY_WINDOW)
            replays = await asyncio.gather(*(refresh(crowd, token) for _ in range(10)))
            assert {answer.status_code for answer in replays} == {401}
            # At once: a refresh asks the database, whichever worker has it.
            for worker in workers:
                assert (await refresh(worker, last["refresh_token"])).status_code == 401
            await asyncio.sleep(SECOND)
            for answer in answers:
                erin.session = answer.json()
                for erin.client in workers:
                    assert (await erin.get("/users/me")).status_code == 401


WAYS = ["log out", "end one", "end all", "change the password", "delete", "disable"]


async def end(way: str, actor: Account, victim: Account, dsn: str) -> None:
    """End a session of the actor's, one of the ways there are; returns once it is acknowledged."""
    there = Account(actor.client, "", "", victim.session)
    match way:
        case "log out":
            answer = await there.post("/auth/logout")
        case "end one":
            listed = (await there.get("/auth/sessions")).json()["items"]
            [current] = [one["id"] for one in listed if one["is_current"]]
            answer = await actor.delete(f"/auth/sessions/{current}")
        case "end all":
            answer = await actor.delete("/auth/sessions")
        case "change the password":
            change = {"current_password": actor.password, "new_password": actor.password + "2"}
            answer = await actor.put("/users/me/password", change)
        case "delete":
            body = {"current_password": actor.password}
            answer = await actor.delete("/users/me", json=body)
        case _:
            await operate("disable", actor, dsn)
            return
    assert answer.status_code == 204, answer.text


async def operate(action: str, account: Account, dsn: str) -> None:
    """As the operator does."""
    own = {**os.environ, "DATABASE_URL": dsn, "DULY_SECRET_KEY": SECRET}
    command = ("user", action, account.email)
    ended = await asyncio.to_thread(launcher.run, [DULY, *command], env=own)
    assert ended.returncode == 0, ended.stderr


async def use(
    client: httpx.AsyncClient, victim: Account, over: asyncio.Event, taken: list[float]
) -> None:
    """Use a token all the time, and note when each request was sent that was let through."""
    there = Account(client, "", "", victim.session)
    while not over.is_set():
        sent = time.monotonic()
        answer = await there.get("/users/me")
        assert answer.status_code in (200, 401), answer.text
        if answer.status_code == 200:
            taken.append(sent)
        await asyncio.sleep(0.005)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
async def test_no_worker_takes_a_token_a_second_after_it_was_ended(
    server: Server, dsn: str, way: str, rounds: int
) -> None:
    async with on_both(server) as workers, httpx.AsyncClient(base_url=server.url) as elsewhere:
        for _ in range(rounds):
            actor = await register(elsewhere)
            victim = await actor.sign_in_again()
            over = asyncio.Event()
            taken: list[list[float]] = [[] for _ in workers]
            async with asyncio.TaskGroup() as group:
                for client, times in zip(workers, taken, strict=True):
                    group.create_task(use(client, victim, over, times))
                while not all(taken):  # noqa: ASYNC110  # both workers take the token
                    await asyncio.sleep(0.01)
                await end(way, actor, victim, dsn)
                ended = time.monotonic()
                for _ in range(4):
                    token = victim.session["refresh_token"]
                    assert (await refresh(elsewhere, token)).status_code == 401
                await asyncio.sleep(ended + SECOND + 0.3 - time.monotonic())
                over.set()

            assert max(map(max, taken)) <= ended + SECOND


TOKEN_WAYS = ["delete the token", "delete", "disable"]


@pytest.mark.slow
@pytest.mark.parametrize("way", TOKEN_WAYS)
async def test_no_worker_takes_an_api_token_a_second_after_its_end(
    server: Server, dsn: str, way: str, rounds: int
) -> None:
    async with on_both(server) as workers, httpx.AsyncClient(base_url=server.url) as elsewhere:
        for _ in range(rounds):
            actor = await register(elsewhere)
            token = await create_token(actor)
            robot = using(actor, token)
            over = asyncio.Event()
            taken: list[list[float]] = [[] for _ in workers]
            async with asyncio.TaskGroup() as group:
                for client, times in zip(workers, taken, strict=True):
                    group.create_task(use(client, robot, over, times))
                while not all(taken):  # noqa: ASYNC110  # both workers take the token
                    await asyncio.sleep(0.01)
                if way == "delete the token":
                    deleted = await actor.delete(f"/users/me/tokens/{token['id']}")
                    assert deleted.status_code == 204
                else:
                    await end(way, actor, actor, dsn)
                ended = time.monotonic()
                await asyncio.sleep(SECOND + 0.3)
                over.set()

            assert max(map(max, taken)) <= ended + SECOND
            if way == "disable":
                await operate("enable", actor, dsn)
                for robot.client in workers:
                    assert (await robot.get("/users/me")).status_code == 200
