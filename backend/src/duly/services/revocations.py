"""Ended sessions whose access tokens have not expired: known to each worker within a second."""

import asyncio
import time
from collections.abc import Iterable
from contextvars import Context
from uuid import UUID

from sqlalchemy import func, select

from duly.core import time_budget
from duly.core.errors import ServiceUnavailable
from duly.database.scope import AcrossUsers
from duly.database.statements import across_users
from duly.models import RevokedSession
from duly.utils.tables import table_of

MAX_AGE = 1.0
"""Seconds for which a worker trusts its copy of the list."""

_revoked = table_of(RevokedSession)

LIST_REVOKED = across_users(
    select(_revoked.c.session_id).where(_revoked.c.expires_at > func.now())
)
"""Every session that ended while its last access token may still be good."""


class Revocations:
    """One worker's copy of the list, read anew when a request finds it older than `MAX_AGE`."""

    def __init__(self, door: AcrossUsers) -> None:
        self._door = door
        self._listed: frozenset[UUID] = frozenset()
        # Ended by this worker, so lately that the list may have been read before.
        self._noted: set[UUID] = set()
        self._noted_before: set[UUID] = set()
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def includes(self, session_id: UUID) -> bool:
        """Whether the session has ended. Raises `ServiceUnavailable` when the list is too old."""
        if time.monotonic() - self._read_at >= MAX_AGE:
            await self._refresh()
        return (
            session_id in self._listed
            or session_id in self._noted
            or session_id in self._noted_before
        )

    async def _refresh(self) -> None:
        """Wait for a copy that is recent enough for a request that begins now.

        All requests wait for the same query and fail with it: one after the other, each with a
        query of its own, the last would wait for the sum of all timeouts.
        """
        needed = time.monotonic() - MAX_AGE
        while self._read_at <= needed:
            if self._reading is None or self._reading.done():
                # In a context of its own: the query is not at the expense of one request.
                self._reading = asyncio.create_task(self._read(), context=Context())
                self._reading.add_done_callback(_retrieve)
            try:
                await time_budget.wait_for(self._reading)
            except TimeoutError:
                raise ServiceUnavailable from None

    async def _read(self) -> None:
        # Counted from before the query, so that MAX_AGE bounds what it can't have seen.
        started = time.monotonic()
        rows = await self._door.all(LIST_REVOKED)
        self._listed = frozenset(row["session_id"] for row in rows)
        self._noted_before, self._noted = self._noted, set()
        self._read_at = started

    def add(self, session_ids: Iterable[UUID]) -> None:
        """Note sessions that this worker has ended itself."""
        self._noted.update(session_ids)


def _retrieve(task: asyncio.Task[None]) -> None:
    """Take note of an exception that nobody waits for any longer: the pool has logged it."""
    if not task.cancelled():
        task.exception()
