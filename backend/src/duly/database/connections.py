"""The connections of a pool: opened on demand, up to a number, and waited for in order.

Not psycopg's own pool. Under Python 3.11 that one can lose the cancellation by which a deadline is
kept, and after an outage it waits as long again before it reconnects. Taking a connection from
here needs no lock, no task and no wait.
"""

import asyncio
import random
from collections import OrderedDict
from itertools import chain, repeat
from typing import Any, Literal

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus

from duly.database.connection import Connection
from duly.database.failures import NoConnection, summary
from duly.database.line import Line

Prepared = Literal["auto", "on", "off"]
"""Where statements are prepared on the server: on direct connections, everywhere, or nowhere."""

_LIFETIME = 3600.0
"""Seconds until a connection is replaced, so that a new address or a failover is noticed."""
_IDLE_TIME = 600.0
"""Seconds until a connection that is not needed is closed."""
_TIDY_INTERVAL = 60.0
_MAX_CONNECTING = 3
_MAX_WAITING = 8
"""If as many callers wait for a connection, further work waits before it begins."""
_RETRY_PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0)
# A server notices within this time that the client of a running statement has gone. Otherwise a
# statement that waits for a lock would outlive the connection that sent it.
_DETECT_GONE_CLIENTS = b"SET client_connection_check_interval = '1s'"
# One plan for users of all sizes, which reads what an index has in order. Otherwise plans follow
# statistics, and these are wrong for a user who has grown since the last ANALYZE: PostgreSQL then
# takes a list of 50,000 tasks for a handful, and sorts it.
# Citus needs the opposite: it finds the node of a statement by the value of its user.
_PLAN_FOR_ALL = (
    b"SELECT set_config('plan_cache_mode', CASE WHEN current_setting('citus.version', true) IS NULL "
    b"THEN 'force_generic_plan' ELSE 'force_custom_plan' END, false)"
)
_AVOID_SORTS = b"SET enable_sort = off"
# Before version 18, a sort that cannot be avoided makes all plans look equally expensive.
_MIN_VERSION_TO_AVOID_SORTS = 180_000
_BACKEND_PID = b"SELECT pg_backend_pid()"


def plan_settings(server_version: int) -> list[bytes]:
    """The settings of a session that keep lists in the order of their index."""
    return [
        _PLAN_FOR_ALL,
        *([_AVOID_SORTS] if server_version >= _MIN_VERSION_TO_AVOID_SORTS else []),
    ]


async def _detect_gone_clients(driver: AsyncConnection[Any]) -> None:
    try:
        await driver.execute(_DETECT_GONE_CLIENTS)
    except psycopg.Error:
        # Not every server has the parameter on every platform.
        if driver.pgconn.transaction_status != TransactionStatus.IDLE:
            raise


async def _is_direct(driver: AsyncConnection[Any]) -> bool:
    """Whether the server's process is the one that the connection was made to.

    A pooler in between names a process of its own making, and may run each transaction in another
    process, which does not know what the last one has prepared.
    """
    row = await (await driver.execute(_BACKEND_PID)).fetchone()
    return row is not None and row[0] == driver.info.backend_pid


class Connections:
    """Up to `size` connections to `dsn`."""

    def __init__(
        self,
        dsn: str,
        *,
        size: int,
        timeout: float,
        prepared: Prepared,
        connection_type: type[Connection] = Connection,
    ) -> None:
        self._dsn = dsn
        self._size = size
        self._prepared = prepared
        self._connection_type = connection_type
        self._options: dict[str, Any] = {
            "autocommit": True,
            # None: parse, bind and execute go out as one message, safe behind any pooler.
            "prepare_threshold": None,
            "connect_timeout": min(10, max(2, round(timeout))),
        }
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle: list[Connection] = []
        self._waiting: OrderedDict[asyncio.Future[Connection], None] = OrderedDict()
        self.line = Line(lambda: len(self._waiting) < _MAX_WAITING)
        """Work that waits before it begins."""
        self._connecting: set[asyncio.Task[None]] = set()
        self._in_use = 0
        self.failed_waits = 0
        """How often no connection was available in time."""
        self.late_uses = 0
        """How often statements were cancelled because they took too long."""
        self._failure: str | None = None
        self._tidying: asyncio.TimerHandle | None = None

    @property
    def open_count(self) -> int:
        """How many connections are open, idle or in use."""
        return len(self._idle) + self._in_use

    @property
    def idle_count(self) -> int:
        """How many connections are idle."""
        return len(self._idle)

    @property
    def in_use_count(self) -> int:
        """How many connections are in use."""
        return self._in_use

    @property
    def queue_length(self) -> int:
        """How many requests wait: for a connection, or for others that do before they begin."""
        return len(self._waiting) + self.line.length

    @property
    def waiting_count(self) -> int:
        """How many callers wait for a connection."""
        return len(self._waiting)

    def open(self) -> None:
        """Start connecting in the background."""
        self._loop = asyncio.get_running_loop()
        self._tidying = self._loop.call_later(_TIDY_INTERVAL, self._tidy_periodically)
        self._connect_one()

    async def close(self) -> None:
        """Close the idle connections now and the others when they are returned."""
        self._loop = None
        if self._tidying is not None:
            self._tidying.cancel()
        for task in self._connecting:
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        while self._idle:
            self._idle.pop().finish()
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(NoConnection("the pool is closed"))

    def take_idle(self) -> Connection | None:
        """Return a connection that is in use from now on, or None if none is idle."""
        while self._idle:
            connection = self._idle.pop()  # the one used last: the others may be closed some day
            if not connection.was_dropped:
                self._in_use += 1
                return connection
            connection.finish()
        return None

    def give_back(self, connection: Connection) -> None:
        """Give a connection to the longest-waiting caller, keep it, or close it if it is unusable."""
        self._in_use -= 1
        if (
            self._loop is None
            or not connection.is_idle
            or connection.expires_at <= self._loop.time()
            or (self._waiting and connection.was_dropped)
        ):
            connection.finish()
            self._connect_one()
        else:
            self._offer(connection)

    def discard(self, connection: Connection) -> None:
        """Close a connection instead of returning it to the pool."""
        self._in_use -= 1
        connection.finish()
        self._connect_one()

    async def wait(self, deadline: float) -> Connection:
        """Return a connection that is in use from now on. Raises `NoConnection` at `deadline`."""
        if self._loop is None:
            raise NoConnection("the pool is closed")
        waiter: asyncio.Future[Connection] = self._loop.create_future()
        self._waiting[waiter] = None
        self._connect_one()
        timer = self._loop.call_at(deadline, self._expire, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.give_back(waiter.result())  # it came at the moment of the cancellation
            raise
        finally:
            timer.cancel()
            self._waiting.pop(waiter, None)
            self.line.advance()

    def _expire(self, waiter: asyncio.Future[Any]) -> None:
        if not waiter.done():
            self.failed_waits += 1
            reason = self._failure or f"all {self._in_use} connections are in use"
            waiter.set_exception(NoConnection(reason))

    def _offer(self, connection: Connection) -> None:
        """Hand over a connection that is fit for use and counted nowhere."""
        while self._waiting:
            waiter, _ = self._waiting.popitem(last=False)
            if not waiter.done():
                self._in_use += 1
                waiter.set_result(connection)
                return
        assert self._loop is not None
        connection.idle_since = self._loop.time()
        self._idle.append(connection)

    def _connect_one(self) -> None:
        """Open a connection in the background, if one is missing and there is room for it."""
        is_first = self.open_count == 0 and not self._connecting
        if (
            self._loop is not None
            and len(self._connecting) < _MAX_CONNECTING
            and self.open_count + len(self._connecting) < self._size
            and (is_first or len(self._connecting) < self.waiting_count)
        ):
            task = self._loop.create_task(self._connect())
            self._connecting.add(task)
            task.add_done_callback(self._note_connected)

    def _note_connected(self, task: asyncio.Task[None]) -> None:
        self._connecting.discard(task)
        if self._waiting:
            self._connect_one()

    async def _connect(self) -> None:
        """Open one connection; retry while a caller is waiting."""
        for pause in chain(_RETRY_PAUSES, repeat(_RETRY_PAUSES[-1])):
            try:
                connection = await self._open_connection()
            except (psycopg.Error, OSError) as error:
                self._failure = summary(error)
            else:
                self._failure = None
                self._offer(connection)
                return
            await asyncio.sleep(pause)
            if not self._waiting:
                return

    async def _open_connection(self) -> Connection:
        driver = await AsyncConnection.connect(self._dsn, **self._options)
        try:
            async with asyncio.timeout(self._options["connect_timeout"]):
                await _detect_gone_clients(driver)
                is_direct = await _is_direct(driver)
                # Behind a pooler, the settings would reach other programs.
                for setting in plan_settings(driver.info.server_version) if is_direct else ():
                    await driver.execute(setting)
        except BaseException:
            driver.pgconn.finish()
            raise
        is_preparing = self._prepared == "on" or (self._prepared == "auto" and is_direct)
        connection = self._connection_type(driver, is_preparing=is_preparing)
        lifetime = _LIFETIME * random.uniform(0.9, 1)  # noqa: S311  # spreads reconnects
        connection.expires_at = asyncio.get_running_loop().time() + lifetime
        return connection

    def _tidy_periodically(self) -> None:
        assert self._loop is not None
        self._tidying = self._loop.call_later(_TIDY_INTERVAL, self._tidy_periodically)
        self._tidy()

    def _tidy(self) -> None:
        """Close connections that are too old or idle for too long; keep one."""
        assert self._loop is not None
        now = self._loop.time()
        kept = []
        for number, connection in enumerate(self._idle, start=1):
            is_last = number == len(self._idle)
            is_needed = is_last or connection.idle_since > now - _IDLE_TIME
            if connection.expires_at > now and is_needed and not connection.was_dropped:
                kept.append(connection)
            else:
                connection.finish()
        self._idle = kept
