"""One use of a pooled connection, with its deadline."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from types import TracebackType
from typing import Self

import psycopg
from anyio import CancelScope

from duly.core.errors import ConnectionLost, ServiceUnavailable
from duly.core.logging import log
from duly.database.connection import Connection
from duly.database.connections import Connections
from duly.database.failures import is_lost_connection, is_unavailable, summary

_GRACE = 0.5
"""Seconds between the cancellation of a statement and the end of its connection."""
_CANCEL_INTERVAL = 0.05
_CANCEL_TIMEOUT = 5.0


class ConnectionUse:
    """One use of a connection, bounded in time from the request for it to its return.

    The deadline is kept from outside, by a timer. Cancelling the task that waits would not keep it:
    one cancellation has no effect if it reaches the server before the statement does, and a task
    can be cancelled once per deadline only. The timer cancels the statement again and again, then
    cuts the connection, which ends the wait.
    """

    __slots__ = (
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
        self._deadline = loop.time() + self._limit
        try:
            if self._limit <= 0:
                raise TimeoutError("the request has no time left")  # noqa: TRY301  # as below
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
        if error is not None:
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

    def _settle(self, error: BaseException) -> None:
        if self._is_late and is_unavailable(error):
            self._connections.late_uses += 1
        settle(error, limit=self._limit if self._is_late else None)

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


def settle(error: BaseException, *, limit: float | None = None) -> None:
    """Log and raise `ServiceUnavailable` if `error` means that. `limit` is in seconds, if it was
    exceeded.
    """
    if not is_unavailable(error):
        return
    reason = summary(error)
    if limit is not None:
        reason = f"no result within {limit:g} s ({reason})"
    log.error("database.unavailable", reason=reason)
    if limit is None and is_lost_connection(error):
        raise ConnectionLost from error
    raise ServiceUnavailable from error
