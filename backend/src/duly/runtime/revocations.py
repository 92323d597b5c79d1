"""Ended sessions whose access tokens have not expired: known to each worker within a second."""

import asyncio
import time
from collections.abc import Iterable
from contextvars import Context
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Float,
    Integer,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    not_,
    select,
    true,
    tuple_,
)
from sqlalchemy.types import UserDefinedType

from duly.core import time_budget
from duly.core.errors import ServiceUnavailable
from duly.database.scope import AcrossUsers
from duly.database.statements import across_users
from duly.models import RevokedSession
from duly.models.sessions import XID8
from duly.utils.tables import table_of

MAX_AGE = 1.0
"""Seconds for which a worker trusts its copy of the list."""

PAGE = 2_000
"""Rows read at once: decoding them holds the event loop for some milliseconds."""

_PRUNE_INTERVAL = 60.0
_NOTHING_SEEN = "1:1:"
"""A snapshot in which no transaction has been committed."""
_LOWEST_ID = UUID(int=0)

_revoked = table_of(RevokedSession)


class _Snapshot(UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "PG_SNAPSHOT"


_seen = cast(bindparam("seen", type_=Text()), _Snapshot())
_after = tuple_(
    cast(bindparam("after_xid", type_=Text()), XID8()), bindparam("after_id", type_=Uuid())
)
_page = (
    select(
        _revoked.c.session_id,
        _revoked.c.xid,
        cast(func.extract("epoch", _revoked.c.expires_at - func.now()), Float).label("seconds"),
    )
    .where(
        tuple_(_revoked.c.xid, _revoked.c.session_id) > _after,
        not_(func.pg_visible_in_snapshot(_revoked.c.xid, _seen)),
        _revoked.c.expires_at > func.now(),
    )
    .order_by(_revoked.c.xid, _revoked.c.session_id)
    .limit(bindparam("page", PAGE, type_=Integer()))
    .subquery("page")
)
_present = select(
    cast(func.pg_current_snapshot(), Text).label("snapshot"),
    func.pg_postmaster_start_time().label("server"),
).subquery("present")
LIST_REVOKED = across_users(
    select(_present, _page)
    .select_from(_present.outerjoin(_page, true()))
    .order_by(_page.c.xid, _page.c.session_id)
)
"""The revocations that were not visible in the snapshot `seen`, in the order of transactions.

Each row (at least one, with nulls if nothing is new) has the snapshot that this statement sees. The
next reading passes it as `seen` and so returns only new rows. A transaction that commits late is not missed,
since no snapshot taken before its commit shows it, whatever its number.
"""


class Revocations:
    """One worker's copy of the list, brought up to date when a request finds it older than
    `MAX_AGE`.
    """

    def __init__(self, scope: AcrossUsers) -> None:
        self._scope = scope
        # Until when each session is listed, by `time.monotonic`.
        self._listed: dict[UUID, float] = {}
        self._seen = _NOTHING_SEEN
        self._server: object = None
        # Ended by this worker, so lately that the list may have been read before.
        self._noted: set[UUID] = set()
        self._noted_before: set[UUID] = set()
        self._read_at = self._pruned_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def includes(self, session_id: UUID) -> bool:
        """Whether the session has ended. Raise `ServiceUnavailable` if the list is too old."""
        if time.monotonic() - self._read_at >= MAX_AGE:
            await self._refresh()
        return (
            session_id in self._listed
            or session_id in self._noted
            or session_id in self._noted_before
        )

    def add(self, session_ids: Iterable[UUID]) -> None:
        """Note sessions that this worker has ended itself."""
        self._noted.update(session_ids)

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
        await self._read_new()
        self._noted_before, self._noted = self._noted, set()
        self._read_at = started
        self._prune(started)

    async def _read_new(self) -> None:
        """Read what is new since the last reading."""
        seen, snapshot = self._seen, None
        after_xid, after_id = _lowest(seen), _LOWEST_ID
        while True:
            rows = await self._scope.all(
                LIST_REVOKED, seen=seen, after_xid=str(after_xid), after_id=after_id
            )
            now = time.monotonic()
            if snapshot is None:
                snapshot, server = rows[0]["snapshot"], rows[0]["server"]
                if seen != _NOTHING_SEEN and not self._continues(seen, snapshot, server):
                    seen, snapshot = _NOTHING_SEEN, None
                    after_xid, after_id = _lowest(seen), _LOWEST_ID
                    continue
            for row in rows:
                if row["session_id"] is not None:
                    self._listed[row["session_id"]] = now + row["seconds"]
            if len(rows) < PAGE:
                break
            after_xid, after_id = int(rows[-1]["xid"]), rows[-1]["session_id"]
        # The first page's: what was committed while later ones were read is read again.
        self._seen, self._server = snapshot, server

    def _continues(self, seen: str, snapshot: str, server: object) -> bool:
        """Whether transactions are numbered as before. After a failover they may not be."""
        return server == self._server and _lowest(snapshot) >= _lowest(seen)

    def _prune(self, now: float) -> None:
        if now - self._pruned_at >= _PRUNE_INTERVAL:
            self._pruned_at = now
            self._listed = {key: until for key, until in self._listed.items() if until > now}


def _lowest(snapshot: str) -> int:
    """The oldest transaction that was still running."""
    return int(snapshot.partition(":")[0])


def _retrieve(task: asyncio.Task[None]) -> None:
    """Take note of an exception that nobody waits for any longer: the pool has logged it."""
    if not task.cancelled():
        task.exception()
