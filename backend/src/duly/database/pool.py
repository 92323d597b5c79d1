"""The connection pool: one round trip per statement, behind any pooler, with clear errors."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

from duly.core import time_budget
from duly.core.errors import ServiceUnavailable
from duly.core.logging import log
from duly.database.connection import Call, Connection
from duly.database.connection_use import ConnectionUse, settle
from duly.database.connections import Connections, Prepared
from duly.database.failures import NoConnection
from duly.database.line import Overloaded
from duly.database.values import Row

__all__ = ["Pool", "Transaction"]


class Pool:
    """Runs SQL on pooled connections in autocommit mode.

    Every method raises `ServiceUnavailable` if the database can't be reached, or does not return
    a result in `timeout` seconds, the wait for a connection included. A statement that is late is
    cancelled; what it did is rolled back by the server. If it does not end by that in half a
    second, its connection is closed, and whether it was committed remains open.
    """

    def __init__(
        self,
        dsn: str,
        *,
        size: int,
        timeout: float,
        prepared: Prepared = "auto",
        connection_type: type[Connection] = Connection,
        on_change: Callable[[UUID], None] = lambda _: None,
    ) -> None:
        """`on_change` is called with the user of each change that has been committed."""
        self._timeout = timeout
        self.used = 0
        """How often a connection was asked for."""
        self._on_change = on_change
        self.connections = Connections(
            dsn, size=size, timeout=timeout, prepared=prepared, connection_type=connection_type
        )
        self._stoppers: set[asyncio.Task[None]] = set()
        self._refused = 0
        self._refusal_logged_at = 0.0

    async def open(self) -> None:
        """Start connecting in the background, so that a database that is down is not an error."""
        self.connections.open()

    async def close(self) -> None:
        """Close every connection."""
        await self.connections.close()
        for stopper in self._stoppers:
            stopper.cancel()
        await asyncio.gather(*self._stoppers, return_exceptions=True)

    async def wait_for_room(self) -> None:
        """Wait, in order, until few callers wait for a connection.

        Raises `ServiceUnavailable`, at once if requests arrive faster than they can be served. A
        request that waits before it begins needs less CPU time than one that waits in the middle
        of its work: see docs/decisions/0026-requests-wait-before-they-begin.md.
        """
        if self.connections.line.is_open:
            return
        now = asyncio.get_running_loop().time()
        try:
            await self.connections.line.wait(now + self._time_left())
        except Overloaded:
            self.note_refused()
            raise overloaded() from None
        except NoConnection as error:
            settle(error)

    async def fetch(
        self, sql: bytes, params: Mapping[str, Any], *, is_for_response: bool = False
    ) -> list[Row]:
        """Run one statement and return its rows; none for a statement that returns none.

        `is_for_response` is as in `values.converter_of`.
        """
        use = self._use()
        await use.begin()
        try:
            rows = await use.connection.fetch(sql, params, is_for_response=is_for_response)
        except BaseException as error:
            use.end(error)
            raise
        use.end(None)
        return rows

    async def fetch_many(self, calls: Sequence[Call]) -> list[list[Row]]:
        """Run statements in order, sent together, in a transaction; return the rows of each."""
        async with self.transaction() as transaction:
            return await transaction.fetch_many(calls)

    @asynccontextmanager
    async def transaction(
        self, timeout: float | None = None, begin: bytes = b"BEGIN"
    ) -> AsyncIterator["Transaction"]:
        """Run the statements of the block in one transaction, committed at its end.

        `begin` are the commands that begin it.
        """
        async with self._use(timeout) as use:
            transaction = Transaction(use)
            async with use.block(begin, b"COMMIT", b"ROLLBACK"):
                yield transaction
        for user_id in transaction.changed:
            self.note_change(user_id)

    def note_change(self, user_id: UUID) -> None:
        """Report a committed change."""
        self._on_change(user_id)

    def note_refused(self) -> None:
        """Count a refused request, and log at most once a second that there are some."""
        self.connections.line.note_refused()
        self._refused += 1
        now = asyncio.get_running_loop().time()
        if now >= self._refusal_logged_at + 1:
            log.warning("requests.refused", reason="overload", number=self._refused)
            self._refused, self._refusal_logged_at = 0, now

    def _use(self, timeout: float | None = None) -> ConnectionUse:
        self.used += 1
        limit = self._time_left() if timeout is None else timeout
        return ConnectionUse(self.connections, limit, self._stoppers)

    def _time_left(self) -> float:
        """The seconds that the current request may use the database for."""
        return min(self._timeout, time_budget.remaining())


def overloaded() -> ServiceUnavailable:
    """The error of a request that arrives at an overloaded server."""
    return ServiceUnavailable("The service is overloaded. Retry shortly.")


class Transaction:
    """The statements of one open transaction."""

    def __init__(self, use: ConnectionUse, depth: int = 0) -> None:
        self._use = use
        self._depth = depth
        self.changed: set[UUID] = set()

    async def fetch(
        self, sql: bytes, params: Mapping[str, Any], *, is_for_response: bool = False
    ) -> list[Row]:
        """Run one statement in the transaction and return its rows, as the pool's method does."""
        self._use.check()
        return await self._use.connection.fetch(sql, params, is_for_response=is_for_response)

    async def fetch_many(self, calls: Sequence[Call]) -> list[list[Row]]:
        """Run statements in order, sent together; return the rows of each."""
        self._use.check()
        return await self._use.connection.fetch_many(calls)

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """Cancel what runs in the block after `seconds`, as if the time of the whole were over.

        The statement then raises `psycopg.errors.QueryCanceled`, unless the connection is lost.
        """
        return self._use.within(seconds)

    @asynccontextmanager
    async def transaction(self, *_: float | bytes | None) -> AsyncIterator["Transaction"]:
        """A part that can fail by itself; it has the time that the whole has."""
        part = Transaction(self._use, self._depth + 1)
        name = b"part_%d" % part._depth
        undo = b"ROLLBACK TO %b; RELEASE %b" % (name, name)
        async with self._use.block(b"SAVEPOINT " + name, b"RELEASE " + name, undo):
            yield part
        self.changed |= part.changed

    def note_change(self, user_id: UUID) -> None:
        """Record a change, to be reported once it is committed."""
        self.changed.add(user_id)
