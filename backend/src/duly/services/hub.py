"""Who is to be woken when a user's things change, in this worker and in all others.

Changes are announced through PostgreSQL's NOTIFY, many users at once, after they are committed:
a NOTIFY within each write would make all writers queue for one lock. Nothing rests on an
announcement: it only wakes streams, which then read what changed, and which look by themselves
now and then.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import AsyncConnection
from sqlalchemy import ARRAY, Text, Uuid, any_, bindparam, func, select

from duly.core.errors import ServiceUnavailable
from duly.core.logging import log
from duly.database.pool import Pool
from duly.database.scope import AcrossUsers
from duly.database.statements import across_users
from duly.models import User
from duly.utils.tables import table_of

_CHANNEL = "duly_changes"
_GATHER = 0.02
_POLL_INTERVAL = 1.0
_PROBE_INTERVAL = 30.0
_RETRY_INTERVAL = 2.0
_PROBE = "probe:"
_MAX_USERS = 150  # of 37 bytes each: a payload has 8,000 bytes at most

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
    """One worker's streams, by user, and its line to the other workers."""

    def __init__(self, pool: Pool, listen_dsn: str) -> None:
        self._door = AcrossUsers(pool)
        self._listen_dsn = listen_dsn
        self._waiting: dict[UUID, set[asyncio.Event]] = defaultdict(set)
        self._changed: set[UUID] = set()
        self._has_changes = asyncio.Event()
        self._has_streams = asyncio.Event()
        # Until an announcement of our own has come back, as behind a transaction pooler none does.
        self._is_listening = False
        self.is_closed = False
        self._tasks: list[asyncio.Task[None]] = []
        pool.on_change = self.note_change

    def start(self) -> None:
        """Begin to announce and to listen."""
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(work()) for work in (self._announce, self._listen, self._poll)
        ]

    async def close(self) -> None:
        """Stop announcing and listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def end_streams(self) -> None:
        """Wake every stream for the last time."""
        self.is_closed = True
        for user_id in list(self._waiting):
            self._wake(user_id)

    @contextmanager
    def subscribed(self, user_id: UUID) -> Iterator[asyncio.Event]:
        """An event that is set whenever something of the user's may have changed."""
        event = asyncio.Event()
        self._waiting[user_id].add(event)
        self._has_streams.set()
        try:
            yield event
        finally:
            self._waiting[user_id].discard(event)
            if not self._waiting[user_id]:
                del self._waiting[user_id]
            if not self._waiting:
                self._has_streams.clear()

    def note_change(self, user_id: UUID) -> None:
        """Wake the user's streams here, and soon those elsewhere."""
        self._wake(user_id)
        self._changed.add(user_id)
        self._has_changes.set()

    def _wake(self, user_id: UUID) -> None:
        for event in self._waiting.get(user_id, ()):
            event.set()

    async def _announce(self) -> None:
        while True:
            await self._has_changes.wait()
            await asyncio.sleep(_GATHER)
            self._has_changes.clear()
            users, self._changed = list(self._changed), set()
            for start in range(0, len(users), _MAX_USERS):
                payload = ",".join(user.hex for user in users[start : start + _MAX_USERS])
                # Lost announcements cost time, not changes: streams also look by themselves.
                with suppress(ServiceUnavailable):
                    await self._door.one(_NOTIFY, payload=payload)

    async def _listen(self) -> None:
        """Hear what other workers announce, as long as there are streams here."""
        while True:
            await self._has_streams.wait()
            try:
                connection = await AsyncConnection.connect(self._listen_dsn, autocommit=True)
                async with connection:
                    await connection.execute(f"LISTEN {_CHANNEL}".encode())
                    while self._has_streams.is_set():
                        self._is_listening = await self._hear(connection)
            except (psycopg.Error, OSError, ServiceUnavailable) as error:
                log.warning("events.not_listening", reason=str(error).strip().split("\n")[0])
                await asyncio.sleep(_RETRY_INTERVAL)
            finally:
                self._is_listening = False

    async def _hear(self, connection: AsyncConnection[Any]) -> bool:
        """Listen for a while; tells whether what we announced ourselves was heard."""
        probe = _PROBE + uuid4().hex
        await self._door.one(_NOTIFY, payload=probe)
        is_heard = False
        async for notification in connection.notifies(timeout=_PROBE_INTERVAL):
            if notification.payload == probe:
                is_heard = self._is_listening = True
            elif not notification.payload.startswith(_PROBE):
                for user in notification.payload.split(","):
                    self._wake(UUID(hex=user))
        return is_heard

    async def _poll(self) -> None:
        """Look for changes while announcements do not come through."""
        seen: dict[UUID, int] = {}
        while True:
            await self._has_streams.wait()
            await asyncio.sleep(_POLL_INTERVAL)
            if self._is_listening:
                seen.clear()
                continue
            with suppress(ServiceUnavailable):
                rows = await self._door.all(_REVISIONS, ids=list(self._waiting))
                now = {row["id"]: row["revision"] for row in rows}
                for user_id, revision in now.items():
                    if seen.get(user_id) != revision:
                        self._wake(user_id)
                seen = now
