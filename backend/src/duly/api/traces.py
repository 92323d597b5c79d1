"""Traces: spans of requests and statements, and their export. Imported only if there is a collector."""

from collections.abc import Callable
from http import HTTPStatus

from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from duly.api.routing import RouteTable
from duly.core.spans import TRACER, note_error
from duly.database.traced_connection import TracedConnection
from duly.runtime.outcomes import Outcome
from duly.runtime.span_export import exporting_spans

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_STREAM = b"text/event-stream"


class Traces:
    """The parts of an application that only traces need."""

    connection_type = TracedConnection
    exporting = staticmethod(exporting_spans)

    def __init__(self, also: Callable[[Outcome], None] | None = None) -> None:
        """`also` is called with each outcome, too."""
        self._also = also

    def around(self, app: ASGIApp, routes: RouteTable) -> ASGIApp:
        """Return a layer around the middleware."""
        return _TracedRequests(app, routes)

    def record(self, outcome: Outcome) -> None:
        """End the span of a request. The middleware calls it."""
        span = trace.get_current_span()
        if span.is_recording():
            _end(span, outcome.method, outcome.route, outcome.status)
        if self._also is not None:
            self._also(outcome)


class _TracedRequests:
    """Begins the span of each request. It continues the trace of the client, if there is one.

    A stream lasts for as long as its client wants, so its span ends when the response begins, and
    the statements after that have none.
    """

    def __init__(self, app: ASGIApp, routes: RouteTable) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        span = TRACER.start_span(
            _name(method, None),
            context=propagate.extract(headers),
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": method if method in _METHODS else "_OTHER",
                "url.scheme": scope["scheme"],
            },
        )

        async def send_and_watch(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_stream(message):
                path = scope["path"].removeprefix(scope.get("root_path", ""))
                found = self._routes.find(scope["method"], path)
                _end(span, method, None if found is None else found[0].path, message["status"])
            await send(message)

        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            await self._app(scope, receive, send_and_watch)


def _name(method: str, route: str | None) -> str:
    verb = method if method in _METHODS else "HTTP"
    return verb if route is None else f"{verb} {route}"


def _is_stream(message: Message) -> bool:
    return any(
        name == b"content-type" and value.startswith(_STREAM) for name, value in message["headers"]
    )


def _end(span: Span, method: str, route: str | None, status: int) -> None:
    span.update_name(_name(method, route))
    if route is not None:
        span.set_attribute("http.route", route)
    if status:
        span.set_attribute("http.response.status_code", status)
    else:
        note_error(span, "client_disconnected")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        note_error(span, str(status))
    span.end()
