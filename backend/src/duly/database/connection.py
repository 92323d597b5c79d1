"""One connection to PostgreSQL: a statement is sent, its results are awaited, and that is all.

psycopg connects, converts values and makes errors. Its cursors are not used: an open connection has
a reader on the event loop for as long as it lives, and one future for each exchange with the server.
See docs/decisions/0017-thin-connections.md for what that saves.
"""

import asyncio
import os
import socket
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import inf
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.abc import Transformer
from psycopg.errors import (
    DuplicatePreparedStatement,
    FeatureNotSupported,
    InvalidSqlStatementName,
    error_from_result,
)
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from duly.database.inputs import Input
from duly.database.queries import Query, query_of
from duly.database.values import Row, converter_of, rows_of

Call = tuple[bytes, Mapping[str, Any]]
"""A statement, with parameters written `%(name)s`, and their values."""

_IDLE = TransactionStatus.IDLE
_ACTIVE = TransactionStatus.ACTIVE
_TUPLES = ExecStatus.TUPLES_OK
_SYNC = ExecStatus.PIPELINE_SYNC
_WITHOUT_ROWS = (ExecStatus.COMMAND_OK, ExecStatus.EMPTY_QUERY)
_COPY = (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH)

_USES_BEFORE_PREPARING = 5
_MAX_PREPARED = 100
_MAX_PREPARED_BYTES = 300_000
"""Statements prepared on one connection, and the length of their texts: each takes memory in the
server's process, 50 to 150 times its length.
"""
_MAX_COUNTED = 1_000
"""Statements whose uses are counted on one connection, before it starts again."""
_UNPREPARED = (DuplicatePreparedStatement, FeatureNotSupported, InvalidSqlStatementName)
"""A prepared statement cannot be used: behind an unknown pooler, or after a change of the schema."""


class Connection:
    """A connection of a pool.

    Its methods raise `psycopg.Error`. A task that is cancelled while it waits leaves the statement
    running: `ended` then says when the connection can be used again.
    """

    def __init__(self, driver: AsyncConnection[Any], *, is_preparing: bool) -> None:
        self.expires_at = inf
        self.idle_since = 0.0
        self._driver = driver
        self._pgconn = driver.pgconn
        self._socket = driver.pgconn.socket
        self._loop = asyncio.get_running_loop()
        self._converter = converter_of(driver)
        self._response_converter = converter_of(driver, is_for_response=True)
        self._results: list[PGresult] = []
        self._waiter: asyncio.Future[None] | None = None
        self._is_pipeline = False
        self._is_preparing = is_preparing
        self._uses: dict[bytes, float] = {}
        self._doubtful: set[bytes] = set()
        self._prepared: OrderedDict[bytes, int] = OrderedDict()
        self._is_watched = True
        self._has_unexpected_input = False
        self._input = Input(self._socket)
        self._loop.add_reader(self._input.fileno, self._read)

    @property
    def is_closed(self) -> bool:
        """Whether the connection is closed or broken."""
        return self._pgconn.status != ConnStatus.OK

    @property
    def is_ready(self) -> bool:
        """Whether all results of what was sent have arrived."""
        return self._waiter is None

    @property
    def is_idle(self) -> bool:
        """Whether the connection is open and outside of a statement and a transaction."""
        return self._waiter is None and self._pgconn.transaction_status == _IDLE

    @property
    def is_running(self) -> bool:
        """Whether a statement runs on the server."""
        return self._pgconn.transaction_status == _ACTIVE

    @property
    def has_failed(self) -> bool:
        """Whether an error has ended the transaction, except for its rollback."""
        return self._pgconn.transaction_status == TransactionStatus.INERROR

    @property
    def was_dropped(self) -> bool:
        """Whether the server closed the connection while it was idle.

        An idle connection has nothing to read, unless the server said goodbye (a restart, or a
        Neon compute that went to sleep). Seeing that before the statement is sent costs no round
        trip and leaves no doubt about whether the statement ran.
        """
        return self._has_unexpected_input or not self._is_watched or bool(self._input.poll(0))

    async def execute(self, sql: bytes) -> None:
        """Run a command without parameters, such as BEGIN, or several separated by semicolons."""
        self._pgconn.send_query(sql)
        await self._exchange(self._converter)

    async def fetch(
        self, sql: bytes, params: Mapping[str, Any], *, is_for_response: bool = False
    ) -> list[Row]:
        """Run one statement and return its rows. `is_for_response` is as in `converter_of`."""
        converter = self._response_converter if is_for_response else self._converter
        query = query_of(sql)
        values = self._dump(query, params)
        try:
            if query.name not in self._prepared:
                if self._is_preparing and self._is_frequent(query):
                    return (await self._fetch_together([(query, values)], converter))[0]
                self._pgconn.send_query_params(query.text, values)
            else:
                self._prepared.move_to_end(query.name)
                self._pgconn.send_query_prepared(query.name, values)
            return (await self._exchange(converter))[0]
        except _UNPREPARED as error:
            await self._stop_preparing(error)
        # An error of this kind comes before a statement runs.
        return await self.fetch(sql, params, is_for_response=is_for_response)

    async def fetch_many(self, calls: Sequence[Call]) -> list[list[Row]]:
        """Run statements in order, sent together; return the rows of each."""
        bound = [(query := query_of(sql), self._dump(query, params)) for sql, params in calls]
        try:
            return await self._fetch_together(bound, self._converter)
        except _UNPREPARED as error:
            await self._stop_preparing(error)
        return await self._fetch_together(bound, self._converter)

    def ended(self) -> asyncio.Future[None]:
        """Return a future that is done once what was sent has ended."""
        future: asyncio.Future[None] = self._loop.create_future()
        if self._waiter is None:
            future.set_result(None)
        else:
            self._waiter = future
        return future

    async def cancel(self, timeout: float) -> None:
        """Ask the server to cancel the running statement."""
        await self._driver.cancel_safe(timeout=timeout)

    def finish(self) -> None:
        """Close the connection at once; the server rolls back uncommitted changes."""
        self._unwatch()
        self._pgconn.finish()
        if self._waiter is not None:
            self._end(psycopg.OperationalError("the connection was closed"))

    def shut_down(self) -> None:
        """Shut down the socket, so that the task that waits for the server gets an error now.

        Closing the file descriptor would leave the event loop watching a number that the next
        connection may get.
        """
        with suppress(OSError), socket.socket(fileno=os.dup(self._socket)) as sock:
            sock.shutdown(socket.SHUT_RDWR)

    def _dump(self, query: Query, params: Mapping[str, Any]) -> Sequence[Any]:
        # As text, whose type PostgreSQL takes from the cast in the statement: a statement that is
        # prepared for one value fits all others.
        return self._converter.dump_sequence([params[name] for name in query.names], query.formats)

    def _is_frequent(self, query: Query) -> bool:
        """Count a use of a statement, and return whether it is to be prepared now."""
        if query.name in self._doubtful:
            return False
        if len(self._uses) >= _MAX_COUNTED:
            self._uses.clear()
        uses = self._uses[query.name] = self._uses.get(query.name, 0) + 1
        return uses > _USES_BEFORE_PREPARING

    async def _fetch_together(
        self, calls: Sequence[tuple[Query, Sequence[Any]]], converter: Transformer
    ) -> list[list[Row]]:
        try:
            changed, is_wanted = self._send_together(calls)
        except psycopg.Error:
            self.finish()  # half of it may have been sent
            raise
        try:
            rows = await self._exchange(converter)
        except psycopg.Error:
            # The server skipped everything after the error, so it may or may not know these names.
            for name in changed:
                self._prepared.pop(name, None)
            self._doubtful.update(changed)
            raise
        return [found for found, is_one in zip(rows, is_wanted, strict=True) if is_one]

    def _send_together(
        self, calls: Sequence[tuple[Query, Sequence[Any]]]
    ) -> tuple[list[bytes], list[bool]]:
        """Send statements, and what prepares some of them. Return the names that are prepared or
        dropped, and for each result to come whether it is one of a statement.
        """
        self._pgconn.enter_pipeline_mode()
        self._is_pipeline = True
        changed: list[bytes] = []
        is_wanted: list[bool] = []
        for query, values in calls:
            is_new = query.name not in self._prepared
            if is_new and self._is_preparing and self._is_frequent(query):
                names = self._send_preparation(query)
                is_wanted += [False] * len(names)
                changed += names
            if query.name in self._prepared:
                self._pgconn.send_query_prepared(query.name, values)
            else:
                self._pgconn.send_query_params(query.text, values)
            is_wanted.append(True)
        self._pgconn.pipeline_sync()
        return changed, is_wanted

    def _send_preparation(self, query: Query) -> list[bytes]:
        """Send what prepares a statement, in place of those not used for longest.

        Return the names of all these statements; each has one result.
        """
        del self._uses[query.name]
        self._prepared[query.name] = len(query.text)
        self._pgconn.send_prepare(query.name, query.text)
        names = [query.name]
        while self._is_full() and len(self._prepared) > 1:
            oldest, _ = self._prepared.popitem(last=False)
            self._pgconn.send_query_params(b"DEALLOCATE " + oldest, [])
            names.append(oldest)
        return names

    def _is_full(self) -> bool:
        lengths = self._prepared.values()
        return len(lengths) > _MAX_PREPARED or sum(lengths) > _MAX_PREPARED_BYTES

    async def _stop_preparing(self, error: psycopg.Error) -> None:
        """Go on without prepared statements. Raises an error if a transaction has failed by this."""
        if not self._is_preparing:
            raise error
        self._is_preparing = False
        self._prepared.clear()
        if not self.is_idle:
            raise psycopg.OperationalError("a prepared statement was lost") from error
        await self.execute(b"DEALLOCATE ALL")

    async def _exchange(self, converter: Transformer) -> list[list[Row]]:
        """Wait for all results of what was sent, and return the rows of each.

        An error may follow rows: a statement is committed after it has returned them.
        """
        self._results = []
        self._waiter = waiter = self._loop.create_future()
        try:
            if self._pgconn.flush():
                self._loop.add_writer(self._socket, self._write)
        except psycopg.Error as error:
            self._fail(error)
        await waiter
        results = [result for result in self._results if result.status != _SYNC]
        rows = [self._rows(result, converter) for result in results]
        if not rows:
            raise psycopg.OperationalError("the server has sent no result")
        return rows

    def _write(self) -> None:
        try:
            if not self._pgconn.flush():
                self._loop.remove_writer(self._socket)
        except psycopg.Error as error:
            self._fail(error)

    def _read(self) -> None:
        self._has_unexpected_input |= self._waiter is None
        try:
            self._pgconn.consume_input()
            while self._waiter is not None and not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                if result is not None:
                    self._results.append(result)
                    if result.status == _SYNC or result.status in _COPY:
                        break
                elif not self._is_pipeline or self.is_closed:
                    break
            else:
                return
        except psycopg.Error as error:
            self._fail(error)
        else:
            self._end()

    def _end(self, error: psycopg.Error | None = None) -> None:
        """End the exchange: its results have arrived, or an error."""
        waiter, self._waiter = self._waiter, None
        if self._is_pipeline:
            self._is_pipeline = False
            with suppress(psycopg.Error):
                self._pgconn.exit_pipeline_mode()
        while self._pgconn.notifies() is not None:
            pass  # a pooler may pass on those of others, and libpq keeps them
        if waiter is None or waiter.done():
            return
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)

    def _fail(self, error: psycopg.Error) -> None:
        """End the exchange, and stop watching the socket: libpq may have closed it already.

        If the server has said why it closes the connection, that is the error.
        """
        self._unwatch()
        is_explained = any(result.status == ExecStatus.FATAL_ERROR for result in self._results)
        self._end(None if is_explained else error)

    def _unwatch(self) -> None:
        if self._is_watched:
            self._is_watched = False
            self._loop.remove_reader(self._input.fileno)
            self._loop.remove_writer(self._socket)
            self._input.close()

    def _rows(self, result: PGresult, converter: Transformer) -> list[Row]:
        status = result.status
        if status == _TUPLES:
            return rows_of(result, converter)
        if status in _WITHOUT_ROWS:
            return []
        if status in _COPY:
            self.finish()
            raise psycopg.NotSupportedError("COPY is not supported on pooled connections")
        raise error_from_result(result)
