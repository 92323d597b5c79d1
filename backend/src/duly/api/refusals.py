"""Refuses the requests of an overloaded server, at a fraction of the cost of any other response."""

import time
from collections.abc import Callable
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from duly.api.exchange import discard_body
from duly.api.request_ids import request_id_of
from duly.api.responses import NO_SNIFFING, NO_STORE, error_response
from duly.api.routing import RouteTable
from duly.database.pool import Pool, overloaded
from duly.runtime.outcomes import Outcome

_ERROR = overloaded()
_RESPONSE = error_response(_ERROR)
_STATUS = HTTPStatus.SERVICE_UNAVAILABLE
_HEADERS = [*_RESPONSE.raw_headers, NO_SNIFFING, NO_STORE]
_BODY = {"type": "http.response.body", "body": _RESPONSE.body}
_FRAMING = {b"content-length", b"transfer-encoding"}
_MAX_DIGITS = 6
"""With as many in its Content-Length, a body is below a megabyte; it is read and discarded."""


class Refusals:
    """A layer that responds to a request that the pool would refuse (`Pool.wait_for_room`).

    Not to HEAD, nor to one with a body in chunks or of an unusual length: their rules are those of
    `Exchange`. It writes no line to the log for each, since the pool logs their number once a second.
    """

    def __init__(
        self, app: ASGIApp, routes: RouteTable, on_outcome: Callable[[Outcome], None] | None
    ) -> None:
        """`on_outcome` is called after each refusal."""
        self._app, self._routes, self._on_outcome = app, routes, on_outcome
        self.pool: Pool | None = None
        """That of the application, once it has started."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        pool = self.pool
        if (
            pool is not None
            and pool.connections.line.is_too_long
            and scope["type"] == "http"
            and (path := self._refused_path(scope)) is not None
        ):
            pool.note_refused()
            await self._refuse(scope, path, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refused_path(self, scope: Scope) -> str | None:
        """Return the template of the path if the request is one that this layer refuses."""
        lengths = [value for name, value in scope["headers"] if name in _FRAMING]
        if lengths and (len(lengths) > 1 or not _is_usual(lengths[0])):
            return None
        if scope["method"] == "HEAD":
            return None
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        try:
            found = self._routes.find(scope["method"], path)
        except HTTPException:
            return None
        return found[0].path if found is not None and found[0].scopes else None

    async def _refuse(self, scope: Scope, path: str, receive: Receive, send: Send) -> None:
        started_at = time.perf_counter()
        fields = dict(scope["headers"])
        given = fields.get(b"x-request-id", b"").decode("latin-1")
        headers = [*_HEADERS, (b"x-request-id", request_id_of(given).encode())]
        await send({"type": "http.response.start", "status": _STATUS, "headers": headers})
        await send(_BODY)
        if self._on_outcome is not None:
            seconds = time.perf_counter() - started_at
            self._on_outcome(Outcome(scope["method"], path, _STATUS, seconds, _ERROR, {}))
        if fields.get(b"content-length", b"").strip(b"0"):
            await discard_body(receive)


def _is_usual(length: bytes) -> bool:
    """Whether this is a length, rather than a transfer coding or anything else."""
    return length.isdigit() and len(length) <= _MAX_DIGITS
