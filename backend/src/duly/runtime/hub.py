"""Wakes a user's streams when the user's data changes, in this worker and in all others.

Changes are announced through PostgreSQL's NOTIFY, many users at once, after they are committed:
a NOTIFY within each write would make all writers queue for one lock. No change is lost with an
announcement: it only wakes streams, which then read what changed, and which also look every
15 seconds.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from psycopg import AsyncConnection
from sqlalchemy import ARRAY, Text, Uuid, any_, bindparam, func, select

from duly.core.errors import TooManyStreams
from duly.core.logging import log
from duly.database.scope import AcrossUsers, UserScope
from duly.database.statements import across_users
from duly.models import User
from duly.runtime.background import forever
from duly.runtime.feeds import Feed, Subscription
from duly.utils.tables import table_of

_CHANNEL = "duly_changes"
_GATHER = 0.02
_POLL_INTERVAL = 1.0
_RETRY_INTERVAL = 2.0
_CONNECT_TIMEOUT = 10
_PROBE = "probe:"
_PROBE_INTERVAL = 30.0
_PROBE_TIMEOUT = 5.0
# Seconds to poll before listening is tried again where it has never worked: behind a pooler.
_DEAF_PAUSE = 300.0
_MAX_USERS = 150  # of 33 bytes each: a payload has 8,000 bytes at most

_users = table_of(User)

_NOTIFY = across_users(
    select(func.pg_notify(_CHANNEL, bindparam("payload", type_=Text())).label("sent"))
)
_REVISIONS = across_users(
    select(_users.c.id, _users.c.revision).where(
        _users.c.id == any_(bindparam("ids", type_=ARRAY(Uuid())))
    )
)


class Hub:
    """One worker's streams, by user, and its announcements to the other workers.

    A user has at most `max_streams` streams at once in this worker.
    """

    def __init__(self, listen_dsn: str, max_streams: int) -> None:
        self._listen_dsn = listen_dsn
        self._max_streams = max_streams
        self._id = uuid4().hex
        self._feeds: dict[UUID, Feed] = {}
        self._changed: set[UUID] = set()
        self._has_changes = asyncio.Event()
        self._has_streams = asyncio.Event()
        # Until an announcement of our own has come back, as behind a transaction pooler none does.
        self._is_listening = False
        self.is_closed = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, database: AcrossUsers) -> None:
        """Start to announce changes, and to listen for those of other workers."""
        self._tasks = [
            asyncio.create_task(forever(name, partial(work, database), _RETRY_INTERVAL))
            for name, work in {
                "events.announce": self._announce,
                "events.listen": self._listen,
                "events.poll": self._poll,
            }.items()
        ]

    async def close(self) -> None:
        """Stop announcing and listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def end_streams(self) -> None:
        """Wake every stream for the last time."""
        self.is_closed = True
        self._wake_all()

    @contextmanager
    def subscribed(self, scope: UserScope) -> Iterator[Subscription]:
        """Hold one of the user's streams, woken whenever the user's data may have changed.

        Raises `TooManyStreams` if the user has as many as allowed.
        """
        feed = self._feeds.get(scope.user_id) or Feed(scope)
        if len(feed) >= self._max_streams:
            raise TooManyStreams
        subscription = feed.subscribe()
        self._feeds[scope.user_id] = feed
        self._has_streams.set()
        try:
            yield subscription
        finally:
            feed.unsubscribe(subscription)
            if not feed:
                del self._feeds[scope.user_id]
            if not self._feeds:
                self._has_streams.clear()

    @property
    def stream_count(self) -> int:
        """How many streams are open in this worker."""
        return sum(map(len, self._feeds.values()))

    def note_change(self, user_id: UUID) -> None:
        """Wake the user's streams here, and soon those elsewhere."""
        self._wake(user_id)
        self._changed.add(user_id)
        self._has_changes.set()

    def _wake(self, user_id: UUID) -> None:
        if feed := self._feeds.get(user_id):
            feed.wake()

    def _wake_all(self) -> None:
        for feed in self._feeds.values():
            feed.wake()

    async def _announce(self, database: AcrossUsers) -> None:
        """Tell the other workers whose data changed, all changes of a moment at once."""
        await self._has_changes.wait()
        await asyncio.sleep(_GATHER)
        self._has_changes.clear()
        users, self._changed = list(self._changed), set()
        try:
            for start in range(0, len(users), _MAX_USERS):
                some = (user.hex for user in users[start : start + _MAX_USERS])
                await database.one(_NOTIFY, payload=",".join([self._id, *some]))
        except Exception:
            self._changed.update(users)
            self._has_changes.set()
            raise

    async def _listen(self, database: AcrossUsers) -> None:
        """Receive the notifications of other workers while streams are open here."""
        await self._has_streams.wait()
        try:
            async with await AsyncConnection.connect(
                self._listen_dsn, autocommit=True, connect_timeout=_CONNECT_TIMEOUT
            ) as connection:
                async with asyncio.timeout(_CONNECT_TIMEOUT):
                    await connection.execute(f"LISTEN {_CHANNEL}".encode())
                while self._has_streams.is_set():
                    if not await self._hear(connection, database):
                        # A pooler keeps the server's connection, which would go on listening.
                        async with asyncio.timeout(_CONNECT_TIMEOUT):
                            await connection.execute(b"UNLISTEN *")
                        break
            if not self._has_streams.is_set() or self._is_listening:
                return
        finally:
            self._is_listening = False
        log.warning("events.polling", reason="no notifications received; set DATABASE_DIRECT_URL")
        await asyncio.sleep(_DEAF_PAUSE)

    async def _hear(self, connection: AsyncConnection[Any], database: AcrossUsers) -> bool:
        """Listen for a while, and return whether this worker's own notification arrived.

        It does not arrive behind a transaction pooler, or on a broken connection.
        """
        probe = _PROBE + uuid4().hex
        began = time.monotonic()
        await database.one(_NOTIFY, payload=probe)
        is_heard = False
        while self._has_streams.is_set() and time.monotonic() < began + _PROBE_INTERVAL:
            async for notification in connection.notifies(timeout=1):
                if notification.payload != probe:
                    self._take(notification.payload)
                    continue
                is_heard = True
                if not self._is_listening:
                    self._is_listening = True
                    self._wake_all()  # earlier notifications were not received
            if not is_heard and time.monotonic() >= began + _PROBE_TIMEOUT:
                return False
        return True

    def _take(self, payload: str) -> None:
        sender, *users = payload.split(",")
        if sender == self._id:
            return  # our own streams were woken at the commit
        with suppress(ValueError):  # a probe, or another program's notification
            for user in users:
                self._wake(UUID(hex=user))

    async def _poll(self, database: AcrossUsers) -> None:
        """Look for changes while announcements are not received."""
        await self._has_streams.wait()
        await asyncio.sleep(_POLL_INTERVAL)
        if self._is_listening:
            return
        for row in await database.all(_REVISIONS, ids=list(self._feeds)):
            feed = self._feeds.get(row["id"])
            if feed is not None:
                feed.note(row["revision"])
