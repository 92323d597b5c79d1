"""Sync and live events over HTTP."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Header, Query, Response
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Send
from starlette.types import Scope as ASGIScope

from duly.api.deps import Caller, Context, Scope
from duly.api.responses import Encoded
from duly.core.logging import log
from duly.runtime import events
from duly.runtime.feeds import Subscription
from duly.schemas.base import Token
from duly.schemas.sync import SyncQuery
from duly.services import sync
from duly.utils.encoding import encode

_LINE_END = "\n"
"""Line end of events: common readers built on `fetch` split at "\\n\\n" only."""

_HEARTBEAT = 15
_SEND_TIMEOUT = 10.0
"""Seconds after which a client that reads nothing is disconnected."""


async def sync_changes(
    context: Context, scope: Scope, query: Annotated[SyncQuery, Query()]
) -> Response:
    """List what changed since a sync token.

    Deletions are included. Without a token, the response is a full sync: everything, in pages.
    Follow `token` until `has_more` is false.
    """
    position = None
    if query.token is not None:
        position = sync.read_token(context.keyring, scope, query.token, "query.token")
    progress = await sync.read_changes(scope, position, query.limit)
    return Encoded(
        {
            "changes": [step.change for step in progress.steps],
            "token": sync.sign_position(context.keyring, scope, progress.position),
            "has_more": progress.has_more,
            "full": progress.is_full,
        }
    )


async def open_subscription(context: Context, caller: Caller) -> AsyncIterator[Subscription]:
    """Hold one of the user's streams until the response has ended, in whatever way.

    Raises `TooManyStreams`, before the response begins.
    """
    with context.hub.subscribed(caller.scope) as subscription:
        yield subscription


async def stream_events(
    context: Context,
    caller: Caller,
    subscription: Annotated[Subscription, Depends(open_subscription)],
    token: Annotated[
        Token | None, Query(description="The sync token to start after. Default: now.")
    ] = None,
    last_event_id: Annotated[
        Token | None,
        Header(description="The id of the last event received. Takes precedence over `token`."),
    ] = None,
) -> Response:
    """Stream your changes as they happen.

    The response is a stream of Server-Sent Events. The id of each event is a sync token.
    """
    since = last_event_id or token
    if since is None:
        position = await sync.read_position(caller.scope)
    else:
        place = "header.last-event-id" if last_event_id else "query.token"
        position = sync.read_token(context.keyring, caller.scope, since, place)
        # An error response instead of a stream if the token is too old.
        await sync.read_changes(caller.scope, position, limit=1)
    return _EventStream(
        events.follow(context, caller, subscription, position, _encode_event),
        ping=_HEARTBEAT,
        sep=_LINE_END,
        send_timeout=_SEND_TIMEOUT,
    )


def _encode_event(event: events.Event) -> bytes:
    return ServerSentEvent(
        encode(event.data).decode(), event=event.name, id=event.token or None, sep=_LINE_END
    ).encode()


class _EventStream(EventSourceResponse):
    """A stream whose reader is dropped when it takes nothing, which is not an error here."""

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Send, for as long as the reader reads."""
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.warning("events.reader_dropped")
