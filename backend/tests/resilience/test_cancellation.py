"""Clients that hang up mid-query, and queries that are given up: no answer goes astray by it.

`make cancellation` does the same with thousands.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from uuid import UUID

import httpx
import psycopg
import pytest

from duly.core.config import Settings
from duly.core.errors import ServiceUnavailable
from duly.database.pool import Pool
from tests.attack.environments import both_environments, database, join
from tests.attack.wire import Request, call
from tests.resilience.hangups import Crowd, crowd_of
from tests.support.accounts import API, Account
from tests.support.direct_sql import execute
from tests.support.pooler import pooled
from tests.support.servers import Server, serving

HANG_UPS = 60
WORKERS = 2
POOL_SIZE = 4
SLOTS = WORKERS * POOL_SIZE


@pytest.fixture
def hang_ups(pytestconfig: pytest.Config) -> int:
    return int(pytestconfig.getoption("clients") or HANG_UPS)


@pytest.fixture
async def own_dsn(dsn: str) -> AsyncIterator[str]:
    async with database(dsn) as own:
        yield own


@contextmanager
def served(dsn: str, route: str, **settings: str) -> Iterator[Server]:
    """The service on a database, through PgBouncer or not."""
    options = {"DULY_POOL_SIZE": str(POOL_SIZE), **settings}
    if route == "direct":
        with serving(dsn, WORKERS, **options) as server:
            yield server
    else:
        # One for each of ours, those that listen for events included, and one to look with.
        with (
            pooled(dsn, size=SLOTS + WORKERS + 1) as through,
            serving(through, WORKERS, **options, DATABASE_DIRECT_URL=dsn) as server,
        ):
            yield server


async def until(dsn: str, sql: str, expected: object) -> None:
    """Return once a query gives what is expected."""
    found: object = None
    for _ in range(600):
        [(found,)] = await execute(dsn, sql)
        if found == expected:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{found} is not {expected}: {sql}")


_WAITING = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
_BUSY = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND state <> 'idle' AND pid <> pg_backend_pid()"
)


async def assert_unharmed(dsn: str, crowd: Crowd) -> None:
    """No row under a wrong owner, nothing left running, and every connection is of use."""
    await until(dsn, _BUSY, 0)
    astray = "SELECT count(*) FROM tasks WHERE NOT starts_with(title, user_id::text)"
    assert await execute(dsn, astray) == [(0,)]
    assert (await execute(dsn, "SELECT count(*) > 0 FROM tasks"))[0] == (True,)

    # As many slow requests as there are connections in both pools run at once: none is lost.
    # They come until that is seen, since each is given up after a while.
    is_seen = asyncio.Event()
    async with await psycopg.AsyncConnection.connect(dsn) as holder:
        ids = [UUID(person.id) for person in crowd.people]
        await holder.execute("SELECT FROM users WHERE id = ANY(%s) FOR UPDATE", [ids])
        async with httpx.AsyncClient(base_url=crowd.url, timeout=60, limits=_MANY) as client:
            slow = [
                asyncio.create_task(_ask_slowly(client, crowd.people[n % len(ids)], is_seen))
                for n in range(SLOTS * 6)
            ]
            await until(dsn, _WAITING, SLOTS)
            is_seen.set()
            await holder.rollback()
            await asyncio.gather(*slow)
    await until(dsn, _BUSY, 0)


async def _ask_slowly(client: httpx.AsyncClient, person: Account, over: asyncio.Event) -> None:
    while not over.is_set():
        task = {"title": f"{person.id} slow"}
        answer = await client.post(f"{API}/tasks", headers=person.headers, json=task)
        assert answer.status_code in {201, 503}, answer.text


_MANY = httpx.Limits(max_connections=200, max_keepalive_connections=0)


@pytest.mark.slow
@pytest.mark.parametrize("route", ["direct", "pooled"])
async def test_client_that_disconnects_during_a_query_does_not_affect_others(
    own_dsn: str, route: str, hang_ups: int
) -> None:
    with served(own_dsn, route) as server:
        crowd = await crowd_of(server.url, 12, seed=1)
        over = asyncio.Event()
        honest = [asyncio.create_task(crowd.use_honestly(over)) for _ in range(2)]

        await crowd.hang_up(hang_ups, longest=0.02)
        over.set()
        await asyncio.gather(*honest)

        assert crowd.hung_up == hang_ups
        assert crowd.answered > 0
        await assert_unharmed(own_dsn, crowd)


@pytest.mark.slow
@pytest.mark.parametrize("route", ["direct", "pooled"])
async def test_cancelled_queries_do_not_affect_other_requests(
    own_dsn: str, route: str, hang_ups: int
) -> None:
    with served(own_dsn, route, DULY_REQUEST_TIMEOUT="1") as server:
        crowd = await crowd_of(server.url, 12, seed=2)
        over = asyncio.Event()
        others = [asyncio.create_task(crowd.use_honestly(over)) for _ in range(2)]
        others.append(asyncio.create_task(crowd.get_in_the_way(own_dsn, over)))

        await crowd.hang_up(hang_ups, longest=0.02)
        await asyncio.wait_for(crowd.has_waited.wait(), 60)
        over.set()
        await asyncio.gather(*others)

        assert crowd.answered > 0
        # The very processes whose queries were given up have all their connections still.
        await assert_unharmed(own_dsn, crowd)


@pytest.mark.slow
async def test_cancelled_statement_leaves_its_connection_clean(own_dsn: str) -> None:
    """The next request gets its own response, and every database session is idle."""
    pool = Pool(own_dsn, size=1, timeout=0.05)
    await pool.open()
    given_up = 0
    for number in range(40):
        try:
            await pool.fetch(b"SELECT pg_sleep(%(s)s)::text", {"s": 0.02 + number / 1000})
        except ServiceUnavailable:
            given_up += 1
        try:
            async with pool.transaction() as transaction:
                await transaction.fetch(b"SELECT set_config('duly.mark', 'left', true)", {})
                await transaction.fetch(b"SELECT pg_sleep(%(s)s)", {"s": number / 500})
        except ServiceUnavailable:
            given_up += 1
        try:
            rows = await pool.fetch(
                b"SELECT %(n)s::int AS n, current_setting('duly.mark', true) AS mark",
                {"n": number},
            )
        except ServiceUnavailable:
            given_up += 1  # the machine was busy
        else:
            assert rows[0]["n"] == number
            assert rows[0]["mark"] in {None, ""}
    assert given_up > 10
    await until(own_dsn, _BUSY, 0)
    await pool.close()


async def test_stream_cancelled_during_a_query_returns_its_connection(
    settings: Settings, dsn: str
) -> None:
    async with both_environments(settings, dsn) as (environment, _):
        person = await join(environment, random.Random(0))
        headers = {"Authorization": f"Bearer {person.own['access_token']}"}
        connections = environment.app.state.context.pool.connections
        before = {*connections._idle}

        for _ in range(40):
            answer = await call(
                environment.app, Request("GET", f"{API}/events", [], headers), "10.0.0.1"
            )
            assert answer.body.startswith(b"id: ")

        async with asyncio.timeout(20):
            while connections.idle_count < connections.open_count:  # noqa: ASYNC110  # they end
                await asyncio.sleep(0.01)
        assert before <= {*connections._idle}
