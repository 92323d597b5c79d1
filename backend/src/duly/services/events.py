"""A user's changes as they happen, for as long as the session lasts."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from duly.core.errors import DulyError, ServiceUnavailable
from duly.services import sync
from duly.services.context import Caller, Context

_PAGE = 20
"""Changes read at once: all that a stream ever holds in memory."""

_CHECK_INTERVAL = 1.0
_LOOK_INTERVAL = 15.0


@dataclass(frozen=True, slots=True)
class Event:
    """`name` is `ready`, `change`, or `reset` where the client must sync anew."""

    name: str
    token: str
    data: dict[str, Any]


async def follow(
    context: Context, caller: Caller, position: sync.Position
) -> AsyncGenerator[Event]:
    """All changes after `position`, in their order, until the session or the token ends."""
    scope = caller.scope
    with context.hub.subscribed(scope.user_id) as woken:
        yield Event("ready", sync.seal(context.keyring, scope, position), {})
        while await _goes_on(context, caller):
            woken.clear()
            try:
                # A reader that goes away ends its stream, but cancels no query: that would take
                # a connection more, and PgBouncer 1.18 can die of it.
                progress = await asyncio.shield(sync.read_changes(scope, position, _PAGE))
            except ServiceUnavailable:
                await asyncio.sleep(_CHECK_INTERVAL)
                continue
            except DulyError as error:
                yield Event("reset", "", {"code": error.code, "message": error.message})
                return
            for step in progress.steps:
                token = sync.seal(context.keyring, scope, step.position)
                yield Event("change", token, step.change)
            position = progress.position
            if not progress.has_more:
                await _wait(context, caller, woken)


async def _goes_on(context: Context, caller: Caller) -> bool:
    """Whether the session, its token and the application last."""
    if context.hub.is_closed or time.time() >= caller.expires_at:
        return False
    with suppress(ServiceUnavailable):
        return not await context.revocations.includes(caller.session_id)
    return True


async def _wait(context: Context, caller: Caller, woken: asyncio.Event) -> None:
    """Wait until something may have changed, or the stream must end."""
    look_at = time.monotonic() + _LOOK_INTERVAL
    while time.monotonic() < look_at and await _goes_on(context, caller):
        with suppress(TimeoutError):
            await asyncio.wait_for(woken.wait(), _CHECK_INTERVAL)
            return
