"""A connection that is lost at any step is 503 for the client, and replaced."""

import asyncio
import fcntl
import socket
import sys
import tempfile
import termios
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import httpx
import psycopg
import pytest
import uvloop
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from duly.core.errors import ServiceUnavailable
from duly.database.failures import is_unavailable
from duly.database.pool import Pool
from tests.attack.environments import database
from tests.resilience.hangups import crowd_of
from tests.support.databases import fresh_database
from tests.support.direct_sql import execute
from tests.support.pooler import Pooler, pooler
from tests.support.servers import serving

_STATUS = b"application_name\0test\0"
_MESSAGE = b"S" + (len(_STATUS) + 4).to_bytes(4, "big") + _STATUS
"""A parameter's status, as PostgreSQL may send it at any time."""

PID = b"SELECT pg_backend_pid() AS pid"
INSERT = b"INSERT INTO slow VALUES (1) RETURNING pg_backend_pid() AS pid"
SLEEP = b"SELECT pg_sleep(30)::text"
# What is inserted here is committed slowly: the trigger runs in COMMIT.
_SCHEMA = """
    CREATE TABLE slow (n int);
    CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_sleep(30); RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER nap AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION nap();
"""
_SLEEPING = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND wait_event = 'PgSleep'"


@dataclass
class Loss:
    """A way for connections to get lost. `dsn` is where the pool connects."""

    name: str
    dsn: str
    strike: Callable[[], Awaitable[None]]


@pytest.fixture
def own_dsn(dsn: str) -> Iterator[str]:
    with fresh_database(dsn) as own:
        with psycopg.connect(own, autocommit=True) as connection:
            connection.execute(_SCHEMA)
        yield own


@pytest.fixture(params=["backends", "backends behind the pooler", "pooler"])
def loss(own_dsn: str, request: pytest.FixtureRequest) -> Iterator[Loss]:
    if request.param == "backends":
        yield Loss(request.param, own_dsn, lambda: kill_backends(own_dsn))
        return
    with pooler(own_dsn) as running:
        if request.param == "pooler":
            yield Loss(request.param, running.dsn, lambda: kill_pooler(running))
        else:
            yield Loss(request.param, running.dsn, lambda: kill_backends(own_dsn))


async def kill_backends(dsn: str) -> None:
    """Terminate every backend of the database but the one that does it."""
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    await execute(dsn, f"SELECT pg_terminate_backend(pid, 5000) {others}")


async def kill_pooler(running: Pooler) -> None:
    process = running.processes[-1]
    running.kill()
    async with asyncio.timeout(10):
        while process.poll() is None:  # noqa: ASYNC110  # the process has no event
            await asyncio.sleep(0.01)


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Pool]:
    pool = Pool(dsn, size=1, timeout=20)
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close()


async def until_one_sleeps(dsn: str) -> None:
    async with asyncio.timeout(20):
        while not await execute(dsn, _SLEEPING):  # noqa: ASYNC110  # the database says so
            await asyncio.sleep(0.01)


async def assert_it_recovers(pool: Pool) -> None:
    async with asyncio.timeout(20):
        while True:
            with suppress(ServiceUnavailable):
                assert await pool.fetch(PID, {})
                return


@pytest.mark.slow
@pytest.mark.parametrize("step", ["statement", "BEGIN", "first", "second", "COMMIT"])
async def test_connection_lost_before_a_step_is_unavailable(loss: Loss, step: str) -> None:
    async with opened(loss.dsn) as pool:
        await pool.fetch(PID, {})

        async def work() -> None:
            # The pool sees before the first statement that the server said goodbye. So that it
            # does not, the connection is taken before.
            async with pool._use() as use:
                await use.connection.execute(PID)
                if step in {"statement", "BEGIN"}:
                    await loss.strike()
                if step == "statement":
                    await use.connection.execute(PID)
                async with use.block(b"BEGIN", b"COMMIT", b"ROLLBACK"):
                    for name in ("first", "second"):
                        if step == name:
                            await loss.strike()
                        await use.connection.execute(PID)
                    if step == "COMMIT":
                        await loss.strike()

        if loss.name == "backends behind the pooler" and step in {"statement", "BEGIN"}:
            await work()  # the pooler replaces an idle backend by itself
        else:
            with pytest.raises(ServiceUnavailable):
                await work()
        await assert_it_recovers(pool)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["statement", "in a transaction", "COMMIT"])
async def test_connection_lost_during_a_step_is_unavailable(
    own_dsn: str, loss: Loss, step: str
) -> None:
    async with opened(loss.dsn) as pool:

        async def work() -> None:
            if step == "statement":
                await pool.fetch(SLEEP, {})
            async with pool.transaction() as transaction:
                await transaction.fetch(SLEEP if step == "in a transaction" else INSERT, {})

        running = asyncio.create_task(work())
        await until_one_sleeps(own_dsn)
        await loss.strike()

        with pytest.raises(ServiceUnavailable):
            await running
        await assert_it_recovers(pool)
    assert await execute(own_dsn, "SELECT count(*) FROM slow") == [(0,)]


class Relay:
    """A relay for one connection to a database, on a socket in `directory`."""

    def __init__(self, dsn: str, directory: Path) -> None:
        place = conninfo_to_dict(dsn)
        self._target = f"{place['host']}/.s.PGSQL.{place.get('port', 5432)}"
        self.dsn = make_conninfo(dsn, host=str(directory), port=5432)
        self._listener, self._server = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        self._listener.bind(str(directory / ".s.PGSQL.5432"))
        self._listener.listen()
        self._listener.setblocking(False)
        self._tasks: list[asyncio.Task[None]] = []

    async def accept(self) -> None:
        """Relay the next connection."""
        loop = asyncio.get_running_loop()
        self._client, _ = await loop.sock_accept(self._listener)
        self._server.setblocking(False)
        await loop.sock_connect(self._server, self._target)
        ways = [(self._client, self._server), (self._server, self._client)]
        self._tasks = [asyncio.create_task(_copy(*way)) for way in ways]

    async def hold(self) -> None:
        """Stop relaying."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def reset(self) -> None:
        """Send a message and close at once, with what the client has sent unread: a reset."""
        async with asyncio.timeout(10):
            while not _unread(self._client):  # noqa: ASYNC110  # the kernel knows
                await asyncio.sleep(0.01)
        self._client.send(_MESSAGE)
        self._client.close()

    def close(self) -> None:
        """Close what is left."""
        self._listener.close()
        self._server.close()


async def _copy(source: socket.socket, target: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(source, 65_536):
        await loop.sock_sendall(target, data)


def _unread(connection: socket.socket) -> int:
    """How many bytes have arrived that nobody has read."""
    found = fcntl.ioctl(connection.fileno(), termios.FIONREAD, bytes(4))
    return int.from_bytes(found, sys.byteorder)


async def lose(relay: Relay) -> None:
    accepting = asyncio.create_task(relay.accept())
    async with opened(relay.dsn) as pool:
        await pool.fetch(PID, {})
        await accepting
        await relay.hold()
        running = asyncio.create_task(pool.fetch(PID, {}))
        await relay.reset()
        async with asyncio.timeout(10):  # less than the pool waits for a statement
            with pytest.raises(ServiceUnavailable):
                await running


def test_connection_that_is_reset_after_a_message_is_unavailable(own_dsn: str) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="duly-", dir="/tmp") as name,  # a short path
        closing(Relay(own_dsn, Path(name))) as relay,
    ):
        uvloop.run(lose(relay))  # as the server does


@pytest.mark.slow
@pytest.mark.parametrize("route", ["direct", "pooled"])
async def test_clients_get_nothing_worse_than_503_while_connections_are_lost(
    dsn: str, route: str
) -> None:
    async with database(dsn) as own:
        with pooler(own) as between:
            place = own if route == "direct" else between.dsn
            with serving(place, 2, DULY_POOL_SIZE="4", DATABASE_DIRECT_URL=own) as server:
                crowd = await crowd_of(server.url, 8, seed=3)
                over = asyncio.Event()
                honest = [asyncio.create_task(crowd.use_honestly(over)) for _ in range(3)]
                for _, is_pooler in zip(range(6), cycle([False, True]), strict=False):
                    await asyncio.sleep(0.3)
                    if is_pooler:
                        await kill_pooler(between)
                    else:
                        await kill_backends(own)
                over.set()
                await asyncio.gather(*honest)

                assert crowd.answered > 0
                async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
                    async with asyncio.timeout(30):
                        while not (await client.get("/health/ready")).is_success:  # noqa: ASYNC110  # it is ready some day
                            await asyncio.sleep(0.1)
                log = server.log.read_text()
    failed = [line for line in log.splitlines() if "request.failed" in line]
    # An export that loses its connection half-way can only break off.
    assert [line for line in failed if "response already started" not in line] == []


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("server closed the connection unexpectedly"),
        psycopg.InterfaceError("the connection is closed"),
        psycopg.InternalError("got no result from the query"),
        psycopg.DatabaseError("unexpected message from the server"),
        errors.ConnectionFailure(),
        errors.ProtocolViolation(),  # every message of PgBouncer
        errors.AdminShutdown(),
        errors.CrashShutdown(),
        errors.CannotConnectNow(),
        errors.QueryCanceled(),
        errors.TooManyConnections(),
        errors.DiskFull(),
        errors.ReadOnlySqlTransaction(),
        errors.DeadlockDetected(),
        errors.SerializationFailure(),
        errors.IdleInTransactionSessionTimeout(),
        TimeoutError(),
    ],
    ids=repr,
)
def test_error_of_an_unusable_database_is_unavailable(error: BaseException) -> None:
    assert is_unavailable(error)


@pytest.mark.parametrize(
    "error",
    [
        errors.UniqueViolation(),
        errors.ForeignKeyViolation(),
        errors.UndefinedTable(),
        errors.InFailedSqlTransaction(),
        errors.InternalError_(),
        psycopg.ProgrammingError("can't adapt"),
        ValueError(),
    ],
    ids=repr,
)
def test_bug_is_not_unavailable(error: BaseException) -> None:
    assert not is_unavailable(error)
