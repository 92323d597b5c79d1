"""Cross-origin requests (CORS): which pages may call the API from a browser."""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from duly.api.request_ids import request_id_of
from duly.api.responses import error_response
from duly.core.errors import DulyError, Forbidden, ValidationFailed
from duly.core.logging import log
from duly.utils.once import FirstTimes
from duly.utils.printable import printable


class CORS(CORSMiddleware):
    """The outermost layer, so that pages of `origins` can read every error; it responds to
    preflights. Without origins, no page may call the API.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "If-Match",
                "If-None-Match",
                "Last-Event-ID",
                "X-Request-ID",
            ],
            expose_headers=[
                "Content-Disposition",
                "ETag",
                "Idempotency-Replayed",
                "Location",
                "RateLimit",
                "RateLimit-Policy",
                "Retry-After",
                "X-Request-ID",
            ],
            max_age=600,
        )
        self._rejected = FirstTimes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request. If no origin is allowed, only preflights need handling."""
        if self.allow_origins or scope.get("method") == "OPTIONS":
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Return the response to a preflight; a rejection uses the error envelope."""
        answer = super().preflight_response(request_headers)
        if answer.status_code != HTTPStatus.OK:
            refusal = error_response(self._rejection(request_headers["origin"]))
            refusal.headers["Vary"] = answer.headers["Vary"]
            answer = refusal
        answer.headers["X-Request-ID"] = request_id_of(request_headers.get("x-request-id"))
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    def _rejection(self, origin: str) -> DulyError:
        if self.is_allowed_origin(origin=origin):
            return ValidationFailed("CORS preflight rejected: the method or a header is unknown.")
        if self._rejected.is_new(origin):
            log.warning(
                "cors.origin_rejected",
                origin=printable(origin),
                hint="to let pages of this origin call the API, add it to DULY_CORS_ORIGINS",
            )
        return Forbidden("CORS preflight rejected: this origin may not call the API.")
