"""Records failed sign-ins beside the requests: in one, it would reveal that there is an account."""

import asyncio
import contextlib
import time
from functools import partial
from uuid import UUID

from duly.database.scope import AcrossUsers
from duly.runtime.background import forever
from duly.services import security_events
from duly.services.security_events import Failure

_GATHER = 1.0
"""Seconds for which failures are gathered, so that one statement records many."""

_RETRY_PAUSE = 5.0
_MAX_WAITING = 1_000
"""Failures that wait while the database does not respond; then the oldest are dropped."""

_LAST_TIMEOUT = 2.0


class FailedSignIns:
    """One worker's failed sign-ins that are not recorded yet."""

    def __init__(self, across_users: AcrossUsers) -> None:
        self._across_users = across_users
        self._waiting: list[Failure] = []
        self._has_some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Record from now on."""
        work = partial(forever, "failed_sign_ins", self._record_next, _RETRY_PAUSE)
        self._task = asyncio.create_task(work())

    async def close(self) -> None:
        """Record the last ones, if the database responds at once."""
        if self._task is not None:
            self._task.cancel()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_LAST_TIMEOUT):
                await self._record()

    def note(self, user_id: UUID, event: str, address: str | None, user_agent: str | None) -> None:
        """Note a failed sign-in to an account."""
        self._waiting.append(Failure(user_id, event, time.monotonic(), address, user_agent))
        del self._waiting[:-_MAX_WAITING]
        self._has_some.set()

    async def _record_next(self) -> None:
        await self._has_some.wait()
        await asyncio.sleep(_GATHER)
        await self._record()

    async def _record(self) -> None:
        self._has_some.clear()
        failures, self._waiting = self._waiting, []
        try:
            if failures:
                await security_events.record_failures(
                    self._across_users, failures, time.monotonic()
                )
        except Exception:
            self._waiting = [*failures, *self._waiting][-_MAX_WAITING:]
            self._has_some.set()
            raise
