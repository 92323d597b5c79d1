"""No use of the database outlives its limit, whatever the server does; no statement outlives it.

`make deadlines` repeats the races thousands of times.
"""

import asyncio
import gc
import math
import random
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from duly.api.middleware import RequestMiddleware
from duly.api.routing import RouteTable
from duly.core import time_budget
from duly.core.config import Settings
from duly.core.errors import ServiceUnavailable
from duly.database import embedded
from duly.database.pool import Pool
from duly.database.scope import AcrossUsers
from duly.runtime.revocations import MAX_AGE, Revocations
from tests.attack.environments import database
from tests.support.accounts import Account, register
from tests.support.databases import fresh_database
from tests.support.direct_sql import execute, holding_account
from tests.support.instances import running
from tests.support.pooler import pooled

ROUNDS = 8
SIZE = 4
CALLERS = 40
LIMIT = 0.2
LATE = 5.0
"""Seconds by which a use is late beyond doubt, on a busy machine, too."""

UPDATE = b"UPDATE counters SET n = n + 1 WHERE id = %(id)s RETURNING n"
PID = b"SELECT pg_backend_pid() AS pid"
_ACTIVE = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


@pytest.fixture
def own_dsn(dsn: str) -> Iterator[str]:
    with fresh_database(dsn) as own:
        with psycopg.connect(own, autocommit=True) as connection:
            connection.execute("CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL)")
            connection.execute("INSERT INTO counters SELECT i, 0 FROM generate_series(1, 8) AS i")
        yield own


@pytest.fixture(params=["direct", "pooled"])
def route(own_dsn: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The DSN of `own_dsn`, with or without PgBouncer in front of it."""
    if request.param == "direct":
        yield own_dsn
    else:
        with pooled(own_dsn, size=SIZE) as through:
            yield through


@asynccontextmanager
async def opened(dsn: str, size: int = SIZE, limit: float = LIMIT) -> AsyncIterator[Pool]:
    pool = Pool(dsn, size=size, timeout=limit)
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close()


async def attempt(work: Callable[[], Any]) -> float | None:
    """Run `work`; return how many seconds it took if it was unavailable."""
    began = time.monotonic()
    with suppress(ServiceUnavailable):
        await work()
        return None
    return time.monotonic() - began


async def until_none_is_active(dsn: str) -> None:
    async with asyncio.timeout(20):
        while await execute(dsn, _ACTIVE) != [(0,)]:  # noqa: ASYNC110  # the database says so
            await asyncio.sleep(0.02)


async def until_it_serves(pool: Pool) -> None:
    """Return once as many statements as there are connections run at the same time."""
    async with asyncio.timeout(30):
        while True:
            with suppress(ServiceUnavailable):
                async with AsyncExitStack() as stack:
                    for _ in range(SIZE):
                        transaction = await stack.enter_async_context(pool.transaction(5))
                        await transaction.fetch(b"SELECT 1", {})
                return


@pytest.mark.slow
async def test_statement_at_the_edge_of_its_deadline_does_not_outlive_it(
    own_dsn: str, route: str, pytestconfig: pytest.Config
) -> None:
    rng = random.Random(8)
    late: list[float] = []
    done = {"yes": 0, "no": 0}

    async with opened(route) as pool:

        async def update(*, in_transaction: bool) -> None:
            row = {"id": rng.randrange(8) + 1}
            # Callers come at different moments, so that a connection is handed over, and a
            # statement sent, just as the time of its caller is over.
            await asyncio.sleep(rng.uniform(0, LIMIT))
            began = time.monotonic()
            try:
                if in_transaction:
                    async with pool.transaction() as transaction:
                        await transaction.fetch(UPDATE, row)
                        await transaction.fetch(UPDATE, row)
                else:
                    await pool.fetch(UPDATE, row)
                done["yes"] += 1
            except ServiceUnavailable:
                done["no"] += 1
            if time.monotonic() - began > LIMIT + LATE:
                late.append(time.monotonic() - began)

        for _ in range(pytestconfig.getoption("rounds") or ROUNDS):
            async with await psycopg.AsyncConnection.connect(own_dsn) as holder:
                await holder.execute("SELECT FROM counters FOR UPDATE")
                calls = [
                    asyncio.create_task(update(in_transaction=n % 4 == 0)) for n in range(CALLERS)
                ]
                # Without a deadline, they would wait for this.
                await asyncio.wait(calls, timeout=LIMIT + 2 * LATE)
                assert await execute(own_dsn, _ACTIVE) == [(0,)]
                await holder.rollback()
            await asyncio.gather(*calls, *(update(in_transaction=False) for _ in range(SIZE)))
        assert late == []
        assert done["no"] > CALLERS
        assert pool.connections.waiting_count == 0
        await until_it_serves(pool)
    await until_none_is_active(own_dsn)


@pytest.mark.slow
async def test_statement_that_arrives_after_its_cancellation_is_cancelled_again(
    own_dsn: str,
) -> None:
    with slow_line(own_dsn, delay=0.3) as slow:
        async with opened(slow, size=1, limit=10) as pool:
            [row] = await pool.fetch(PID, {})
            async with await psycopg.AsyncConnection.connect(own_dsn) as holder:
                await holder.execute("SELECT FROM counters FOR UPDATE")
                pool._timeout = 0.1
                with pytest.raises(ServiceUnavailable):
                    await pool.fetch(UPDATE, {"id": 1})
                is_active = "SELECT state = 'active' FROM pg_stat_activity WHERE pid = %s"
                assert await execute(own_dsn, is_active, row["pid"]) in ([], [(False,)])
    assert await execute(own_dsn, "SELECT max(n) FROM counters") == [(0,)]


@contextmanager
def slow_line(dsn: str, delay: float) -> Iterator[str]:
    """A way to the database on which all but what comes first, such as a cancellation, is slow."""
    place = conninfo_to_dict(dsn)

    def carry(source: socket.socket, sink: socket.socket, pause: float) -> None:
        wait = 0.0
        with suppress(OSError):
            while data := source.recv(65_536):
                time.sleep(wait)
                wait = pause
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                here, _ = server.accept()
                there = socket.socket(socket.AF_UNIX)
                there.connect(f"{place['host']}/.s.PGSQL.5432")
                pairs.extend([here, there])
                for arguments in ((here, there, delay), (there, here, 0.0)):
                    threads.append(Thread(target=carry, args=arguments))
                    threads[-1].start()

    pairs: list[socket.socket] = []
    threads: list[Thread] = []
    with (
        TemporaryDirectory(prefix="slow-", dir="/tmp") as directory,
        socket.socket(socket.AF_UNIX) as server,
    ):
        server.bind(f"{directory}/.s.PGSQL.5432")
        server.listen()
        threads.append(Thread(target=serve))
        threads[0].start()
        try:
            yield (
                f"postgresql:///{place['dbname']}?user={place['user']}"
                f"&host={quote(directory, safe='')}"
            )
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for one in pairs:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
            for one in pairs:
                one.close()


async def test_stopped_backend_is_replaced(own_dsn: str) -> None:
    async with opened(own_dsn, size=1, limit=0.5) as pool:
        [row] = await pool.fetch(PID, {})
        with stopped(psutil.Process(row["pid"])):
            took = await attempt(lambda: pool.fetch(UPDATE, {"id": 1}))
            assert took is not None
            assert took < LATE
            [other] = await pool.fetch(PID, {})
            assert other["pid"] != row["pid"]
        async with asyncio.timeout(20):
            gone = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
            while await execute(own_dsn, gone, row["pid"]):  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.02)
        assert await pool.fetch(UPDATE, {"id": 1})


@pytest.mark.slow
@pytest.mark.parametrize("step", ["BEGIN", "statement", "COMMIT", "ROLLBACK"])
async def test_transaction_on_a_stopped_backend_is_cancelled(own_dsn: str, step: str) -> None:
    async with opened(own_dsn, size=1, limit=0.5) as pool:
        [row] = await pool.fetch(PID, {})
        backend = psutil.Process(row["pid"])

        async def work() -> None:
            if step == "BEGIN":
                backend.suspend()
            async with pool.transaction() as transaction:
                if step == "statement":
                    backend.suspend()
                await transaction.fetch(UPDATE, {"id": 1})
                backend.suspend()
                if step == "ROLLBACK":
                    raise ZeroDivisionError

        began = time.monotonic()
        try:
            with pytest.raises((ServiceUnavailable, ZeroDivisionError)):
                await work()
            assert time.monotonic() - began < LATE
            # It serves again while the other backend is still stopped.
            assert await pool.fetch(PID, {}) != [row]
        finally:
            backend.resume()
    await until_none_is_active(own_dsn)


@contextmanager
def stopped(*processes: psutil.Process) -> Iterator[None]:
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


@pytest.mark.slow
async def test_server_that_is_stopped_is_unavailable_in_time_and_serves_when_it_goes_on() -> None:
    with TemporaryDirectory(prefix="duly-stopped-") as name:
        Path(name).chmod(0o711)  # noqa: ASYNC240  # the server has an account of its own
        with embedded.running(Path(name)) as own:
            async with opened(own, limit=0.5) as pool:
                [row] = await pool.fetch(PID, {})
                server = psutil.Process(row["pid"]).parent()
                assert server is not None
                with stopped(server, *server.children()):
                    took = await asyncio.gather(
                        *(attempt(lambda: pool.fetch(PID, {})) for _ in range(30))
                    )
                    assert None not in took
                    assert max(one or 0 for one in took) < LATE
                await until_it_serves(pool)


@pytest.mark.slow
async def test_requests_that_need_the_list_of_ended_sessions_wait_for_it_together(
    settings: Settings, dsn: str, address: str
) -> None:
    async with (
        database(dsn) as own,
        running(settings, address, database_url=SecretStr(own), request_timeout=1.0) as client,
        await psycopg.AsyncConnection.connect(own) as holder,
    ):
        alice = await register(client)
        await asyncio.sleep(MAX_AGE)
        await holder.execute("LOCK TABLE revoked_sessions")

        async def read() -> tuple[int, float]:
            began = time.monotonic()
            response = await alice.get("/users/me")
            return response.status_code, time.monotonic() - began

        results = await asyncio.gather(*(read() for _ in range(20)))

        assert {status for status, _ in results} == {503}
        # One after the other, the last would wait for twenty seconds.
        assert max(took for _, took in results) < 1 + LATE
        await holder.rollback()
        async with asyncio.timeout(20):
            while (await alice.get("/users/me")).status_code != 200:  # noqa: ASYNC110  # a read ends
                await asyncio.sleep(0.01)


@pytest.mark.slow
async def test_requests_with_locked_rows_and_a_full_pool_all_end_at_the_limit(
    settings: Settings, dsn: str, address: str, alice: Account
) -> None:
    async with running(settings, address, pool_size=2, request_timeout=1.0) as client:
        here = Account(client, alice.email, alice.password, alice.session)
        async with holding_account(dsn, alice.id):

            async def create(number: int) -> tuple[int, float]:
                # Meanwhile the list of ended sessions grows old, and must be read again.
                await asyncio.sleep(number / 10)
                began = time.monotonic()
                response = await here.post("/tasks", {"title": f"{number}"})
                return response.status_code, time.monotonic() - began

            results = await asyncio.gather(*(create(number) for number in range(30)))

        assert {status for status, _ in results} == {503}
        assert max(took for _, took in results) < 1 + LATE
        assert (await here.post("/tasks", {"title": "after"})).status_code == 201


async def test_read_of_the_ended_sessions_that_fails_when_nobody_waits_is_no_bug(
    dsn: str,
) -> None:
    reported: list[dict[str, Any]] = []
    async with (
        database(dsn) as own,
        opened(own, limit=0.5) as pool,
        await psycopg.AsyncConnection.connect(own) as holder,
    ):
        asyncio.get_running_loop().set_exception_handler(lambda _, seen: reported.append(seen))
        await holder.execute("LOCK TABLE revoked_sessions")
        revocations = Revocations(AcrossUsers(pool))

        async def request() -> None:
            time_budget.start(0.1)
            await revocations.includes(uuid4())

        with pytest.raises(ServiceUnavailable):
            await asyncio.create_task(request())
        assert revocations._reading is not None
        await asyncio.wait([revocations._reading])
        revocations._reading = None
        gc.collect()

    assert reported == []


@pytest.mark.slow
async def test_statements_of_a_request_share_its_time(dsn: str) -> None:
    nap = b"SELECT pg_sleep(%(s)s)::text"
    async with opened(dsn, limit=4) as pool:

        async def request(*naps: float) -> None:
            time_budget.start(1.0)
            for seconds in naps:
                await pool.fetch(nap, {"s": seconds})

        await asyncio.create_task(request(0.05, 0.05))
        for naps in ((0.6, 3.0), (2.0, 0.0)):
            took = await attempt(partial(asyncio.create_task, request(*naps)))
            assert took is not None

        async def stream() -> None:
            time_budget.start(1.0)
            time_budget.lift()
            for _ in range(3):
                await pool.fetch(nap, {"s": 0.6})

        assert await attempt(lambda: asyncio.create_task(stream())) is None


async def test_response_that_has_begun_lifts_the_limit_of_its_request() -> None:
    seen: list[float] = []

    async def stream(_: Any, __: Any, send: Any) -> None:
        seen.append(time_budget.remaining())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        seen.append(time_budget.remaining())
        await send({"type": "http.response.body", "body": b""})

    transport = httpx.ASGITransport(RequestMiddleware(RouteTable([]), stream, timeout=3.0))
    async with httpx.AsyncClient(transport=transport, base_url="http://duly.test") as client:
        await client.get("/")

    assert 2 < seen[0] <= 3
    assert seen[1] == math.inf
