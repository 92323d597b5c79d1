"""The connection pool: one round trip per statement, behind any pooler, with clear errors."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import psycopg
from anyio import CancelScope

from duly.core import time_budget
from duly.core.errors import ServiceUnavailable
from duly.core.logging import log
from duly.database.connection import Call, Connection
from duly.database.connections import Connections, Prepared
from duly.database.failures import NoConnection, is_unavailable, summary
from duly.database.values import Row

__all__ = ["Pool", "Transaction"]

_GRACE = 0.5
"""Seconds between the cancellation of a statement and the end of its connection."""
_CANCEL_INTERVAL = 0.05
_CANCEL_TIMEOUT = 5.0


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
        on_change: Callable[[UUID], None] = lambda _: None,
    ) -> None:
        """`on_change` is called with the user of each change that has been committed."""
        self._timeout = timeout
        self.used = 0
        """How often a connection was asked for."""
        self._on_change = on_change
        self.connections = Connections(dsn, size=size, timeout=timeout, prepared=prepared)
        self._stoppers: set[asyncio.Task[None]] = set()

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
        """Wait, in order, until few callers wait for a connection; charged like a statement.

        A request that waits before it begins needs less CPU time than one that waits in the middle
        of its work: see docs/decisions/0026-requests-wait-before-they-begin.md.
        """
        if self.connections.has_room:
            return
        loop = asyncio.get_running_loop()
        limit = min(self._timeout, time_budget.remaining())
        began = loop.time()
        try:
            await self.connections.wait_for_room(began + limit)
        except NoConnection as error:
            log.error("database.unavailable", reason=f"no result within {limit:g} s ({error})")
            raise ServiceUnavailable from error
        finally:
            time_budget.charge(loop.time() - began)

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

    def _use(self, timeout: float | None = None) -> "_Use":
        self.used += 1
        if timeout is None:
            timeout = min(self._timeout, time_budget.remaining())
        return _Use(self.connections, timeout, self._stoppers)


class Transaction:
    """The statements of one open transaction."""

    def __init__(self, use: "_Use", depth: int = 0) -> None:
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


class _Use:
    """One use of a connection, bounded in time from the request for it to its return.

    The deadline is kept from outside, by a timer. Cancelling the task that waits would not keep it:
    one cancellation has no effect if it reaches the server before the statement does, and a task
    can be cancelled once per deadline only. The timer cancels the statement again and again, then
    cuts the connection, which ends the wait.
    """

    __slots__ = (
        "_began",
        "_connections",
        "_deadline",
        "_is_late",
        "_limit",
        "_shield",
        "_stoppers",
        "_timer",
        "connection",
    )

    connection: Connection

    def __init__(
        self, connections: Connections, limit: float, stoppers: set[asyncio.Task[None]]
    ) -> None:
        self._connections = connections
        self._limit = limit
        self._stoppers = stoppers
        self._is_late = False

    async def begin(self) -> None:
        """Take a connection. Raises `ServiceUnavailable` if none is available in time."""
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        self._deadline = self._began + self._limit
        try:
            if self._limit <= 0:
                raise TimeoutError("the request has no database time left")  # noqa: TRY301  # as below
            self.connection = self._connections.take_idle() or await self._connections.wait(
                self._deadline
            )
        except BaseException as error:
            self._settle(error)
            raise  # a cancellation
        self._timer = loop.call_at(self._deadline, self._stop)

    def end(self, error: BaseException | None) -> None:
        """Return the connection. Raises `ServiceUnavailable` if `error` means that."""
        if isinstance(error, asyncio.CancelledError) and not self.connection.is_ready:
            # The request was given up: end its statement, and return the connection after that.
            self._stop()
            self.connection.ended().add_done_callback(self._end_later)
        else:
            self._return()
        self._settle(error)

    async def __aenter__(self) -> Self:
        # A client that disconnects from a stream causes repeated cancellation, even during
        # cleanup, which would lose the connection.
        self._shield = CancelScope(shield=True)
        self._shield.__enter__()
        try:
            await self.begin()
        except BaseException:
            self._shield.__exit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, asyncio.CancelledError):
            self._stop()  # the transaction is not to go on
        self._shield.__exit__(None, None, None)
        self.end(error)

    def _end_later(self, ended: asyncio.Future[None]) -> None:
        ended.exception()  # it is of no interest to anybody
        self._return()

    def _return(self) -> None:
        self._timer.cancel()
        # After a cancellation of the statement, another may still be on its way, and would hit the
        # next user's statement on this connection.
        if self._is_late:
            self._connections.discard(self.connection)
        else:
            self._connections.give_back(self.connection)

    def check(self) -> None:
        """Raise `TimeoutError` if the time is over."""
        if self._is_late:
            raise TimeoutError

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Bring the deadline forward for the block."""
        loop = asyncio.get_running_loop()
        self._timer.cancel()
        self._timer = loop.call_at(min(loop.time() + seconds, self._deadline), self._stop)
        try:
            yield
        finally:
            self._timer.cancel()
            if not self._is_late:
                self._timer = loop.call_at(self._deadline, self._stop)

    @asynccontextmanager
    async def block(self, begin: bytes, end: bytes, undo: bytes) -> AsyncIterator[None]:
        """Run `begin`, the block, and `end`; if the block fails, `undo`."""
        await self._command(begin)
        try:
            yield
        except BaseException:
            await self._undo(undo)
            raise
        if self.connection.has_failed:
            # COMMIT would roll back without an error.
            await self._undo(undo)
            raise RuntimeError("a statement failed in this transaction and the error was ignored")
        await self._command(end)

    async def _undo(self, sql: bytes) -> None:
        # A connection that is late or still running a statement is discarded, which rolls back.
        if not self._is_late and self.connection.is_ready:
            with suppress(psycopg.Error):
                await self._command(sql)

    async def _command(self, sql: bytes) -> None:
        self.check()
        await self.connection.execute(sql)

    def _settle(self, error: BaseException | None) -> None:
        """Charge the time; log and raise `ServiceUnavailable` for what means that."""
        time_budget.charge(asyncio.get_running_loop().time() - self._began)
        if error is None or not is_unavailable(error):
            return
        reason = summary(error)
        if self._is_late:
            reason = f"no result within {self._limit:g} s ({reason})"
        log.error("database.unavailable", reason=reason)
        raise ServiceUnavailable from error

    def _stop(self) -> None:
        """End the statement on the server, and the connection after its use."""
        self._timer.cancel()
        if self._is_late:
            return
        self._is_late = True
        stopper = asyncio.get_running_loop().create_task(_end_statement(self.connection))
        self._stoppers.add(stopper)
        stopper.add_done_callback(self._stoppers.discard)


async def _end_statement(connection: Connection) -> None:
    """End the statement of a connection, or else the connection.

    A cancellation that reaches the server before the statement, or between two, has no effect, so
    it is repeated until the connection is closed.
    """
    loop = asyncio.get_running_loop()
    cut = loop.call_later(_GRACE, _cut, connection)
    while not connection.is_closed:
        if connection.is_running:
            with suppress(psycopg.Error, OSError):
                await connection.cancel(timeout=_CANCEL_TIMEOUT)
        await asyncio.sleep(_CANCEL_INTERVAL)
    cut.cancel()


def _cut(connection: Connection) -> None:
    if not connection.is_closed:
        log.warning("database.connection_cut", reason="a statement did not end when cancelled")
        connection.shut_down()
