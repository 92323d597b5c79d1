"""A user's changes as they happen, for as long as the session lasts."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from duly.core.errors import DulyError, ServiceUnavailable
from duly.runtime import feeds
from duly.runtime.context import Caller, Context
from duly.services import sync

_CHECK_INTERVAL = 1.0


@dataclass(frozen=True, slots=True)
class Event:
    """`name` is `ready`, `change`, or `reset` if the client must start a full sync."""

    name: str
    token: str
    data: dict[str, Any]


async def follow(
    context: Context,
    caller: Caller,
    subscription: feeds.Subscription,
    position: sync.Position,
    encode: Callable[[Event], bytes],
) -> AsyncGenerator[bytes]:
    """Yield the encoded changes after `position`, in order, until the session or the token ends.

    The encoded changes are shared with the user's other streams, so `encode` must be the same for all.
    """

    def encode_step(step: sync.Step) -> bytes:
        token = sync.sign_position(context.keyring, caller.scope, step.position)
        return encode(Event("change", token, step.change))

    yield encode(Event("ready", sync.sign_position(context.keyring, caller.scope, position), {}))
    limit = feeds.FIRST_LIMIT
    while await _goes_on(context, caller):
        needed = subscription.generation
        try:
            page = await subscription.feed.page(position, limit, needed, encode_step)
        except ServiceUnavailable:
            await asyncio.sleep(_CHECK_INTERVAL)
            continue
        except DulyError as error:
            yield encode(Event("reset", "", {"code": error.code, "message": error.message}))
            return
        for piece in page.pieces:
            yield piece
        position, limit = page.end, page.next_limit
        if not page.has_more:
            while subscription.generation <= page.generation and await _goes_on(context, caller):
                await subscription.wait(_CHECK_INTERVAL)


async def _goes_on(context: Context, caller: Caller) -> bool:
    """Return whether the session, its token and the application last."""
    if context.hub.is_closed or time.time() >= caller.expires_at:
        return False
    with suppress(ServiceUnavailable):
        return not await context.revocations.includes(caller.session_id)
    return True
