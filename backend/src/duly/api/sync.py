"""Sync and live events over HTTP."""

from typing import Annotated

from fastapi import Header, Query, Response
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Send
from starlette.types import Scope as ASGIScope

from duly.api.deps import Caller, Context, Scope
from duly.api.responses import Encoded
from duly.core.logging import log
from duly.runtime import events
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


async def stream_events(
    context: Context,
    caller: Caller,
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
    return _EventStream(context, caller, position)


def _encode_event(event: events.Event) -> bytes:
    return ServerSentEvent(
        encode(event.data).decode(), event=event.name, id=event.token or None, sep=_LINE_END
    ).encode()


class _EventStream(Response):
    """A stream that holds one of the user's subscriptions for as long as it lasts.

    A reader that takes nothing is disconnected, which is not an error here.
    """

    def __init__(self, context: Context, caller: Caller, position: sync.Position) -> None:
        super().__init__()
        self._context, self._caller, self._position = context, caller, position

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Send, for as long as the reader reads. Raise `TooManyStreams` before the first byte."""
        with self._context.hub.subscribed(self._caller.scope) as subscription:
            stream = EventSourceResponse(
                events.follow(
                    self._context, self._caller, subscription, self._position, _encode_event
                ),
                ping=_HEARTBEAT,
                sep=_LINE_END,
                send_timeout=_SEND_TIMEOUT,
            )
            try:
                await stream(scope, receive, send)
            except SendTimeoutError:
                log.warning("events.reader_dropped")
