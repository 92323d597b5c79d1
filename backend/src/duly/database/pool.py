"""The connection pool: one round trip a statement, through any pooler, and clear failures."""

import asyncio
import select
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg
from anyio import CancelScope
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from duly.core.errors import ServiceUnavailable
from duly.core.logging import log

Row = dict[str, Any]


class Pool:
    """Runs SQL on pooled connections in autocommit mode.

    Every method raises `ServiceUnavailable` when the database can't be reached, or does not
    answer in `timeout` seconds; what ran by then is rolled back by the server.
    """

    def __init__(self, dsn: str, *, size: int, timeout: float, prepared: bool = False) -> None:
        self._timeout = timeout
        self.used = 0
        """How often a connection was asked for."""
        self.on_change: Callable[[UUID], None] = lambda _: None
        """Called with the user of each change that has been committed."""
        self._pool = AsyncConnectionPool(
            dsn,
            connection_class=AsyncConnection[Row],
            min_size=1,
            max_size=size,
            timeout=timeout,
            # Not for minutes: it waits twice as long after each attempt, and after a long outage
            # requests would wait for the next one. Later ones begin with the next request.
            reconnect_timeout=timeout,
            open=False,
            configure=_ignore_notifications,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                # None: parse, bind and execute go out as one message, safe behind any pooler.
                "prepare_threshold": 5 if prepared else None,
                "connect_timeout": max(2, round(timeout)),
            },
            name="duly",
        )

    async def open(self) -> None:
        """Start connecting, in the background: a database that is down is no reason to fail."""
        await self._pool.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    async def fetch(self, sql: bytes, params: Mapping[str, Any]) -> list[Row]:
        """Run one statement and return its rows; none for a statement that returns none."""
        async with self._connection() as connection:
            return await _fetch(connection, sql, params)

    @asynccontextmanager
    async def transaction(self, timeout: float | None = None) -> AsyncIterator["Transaction"]:
        """Several statements that stand or fall together, committed when the block ends."""
        async with self._connection(timeout) as connection:
            transaction = Transaction(connection)
            async with connection.transaction():
                yield transaction
        for user_id in transaction.changed:
            self.note_change(user_id)

    def note_change(self, user_id: UUID) -> None:
        """Tell `on_change` of a committed change."""
        self.on_change(user_id)

    @asynccontextmanager
    async def _connection(
        self, timeout: float | None = None
    ) -> AsyncIterator[AsyncConnection[Row]]:
        self.used += 1
        try:
            # Who hangs up on a stream cancels again and again, even what tidies up after the first
            # time; the connection would be lost. The timeout cancels once.
            with CancelScope(shield=True):
                async with asyncio.timeout(timeout or self._timeout):
                    connection = await self._take()
                    try:
                        yield connection
                    finally:
                        await self._pool.putconn(connection)
        except (psycopg.OperationalError, PoolTimeout, PoolClosed, TimeoutError) as error:
            log.error("database.unavailable", reason=_summary(error))
            raise ServiceUnavailable from error

    async def _take(self) -> AsyncConnection[Row]:
        # Not the pool's own `check`: it waits a second and more between one that was dropped and
        # the next, and a restart of the server drops them all.
        while True:
            connection = await self._pool.getconn()
            if not _was_dropped(connection):
                return connection
            await connection.close()
            await self._pool.putconn(connection)


class Transaction:
    """The statements of one open transaction."""

    def __init__(self, connection: AsyncConnection[Row]) -> None:
        self._connection = connection
        self.changed: set[UUID] = set()

    async def fetch(self, sql: bytes, params: Mapping[str, Any]) -> list[Row]:
        """Run one statement in the transaction and return its rows."""
        return await _fetch(self._connection, sql, params)

    @asynccontextmanager
    async def transaction(self, *_: float | None) -> AsyncIterator["Transaction"]:
        """A part that can fail by itself; it has the time that the whole has."""
        part = Transaction(self._connection)
        async with self._connection.transaction():
            yield part
        self.changed |= part.changed

    def note_change(self, user_id: UUID) -> None:
        """Remember a change, to be told of once it is committed."""
        self.changed.add(user_id)


async def _fetch(
    connection: AsyncConnection[Row], sql: bytes, params: Mapping[str, Any]
) -> list[Row]:
    cursor = await connection.execute(sql, params)
    return await cursor.fetchall() if cursor.description else []


async def _ignore_notifications(connection: AsyncConnection[Any]) -> None:
    """Let none pile up that a pooler passes on: psycopg keeps them for who may ask later."""
    connection.add_notify_handler(lambda _: None)


def _was_dropped(connection: AsyncConnection[Any]) -> bool:
    """Whether the server closed a connection while it lay in the pool.

    An idle connection has nothing to read, unless the server has said good-bye (a restart, or a
    Neon compute gone to sleep). Seeing that before the statement is sent costs no round trip and
    leaves no doubt about whether the statement ran.
    """
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return bool(poll.poll(0))


def _summary(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
