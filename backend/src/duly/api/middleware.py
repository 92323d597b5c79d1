"""The middleware: it wraps each request in an exchange, and finds its route."""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from duly.api.exchange import Exchange, discard_body
from duly.api.requests import Request
from duly.api.routing import RouteTable
from duly.core import time_budget
from duly.core.logging import bind_request, log
from duly.runtime.outcomes import Outcome
from duly.utils.addresses import Network, is_trusted, source_address
from duly.utils.once import FirstTimes

# Headers of which several lines are read as one list.
_JOINED = {
    b"authorization",
    b"content-type",
    b"idempotency-key",
    b"if-match",
    b"if-none-match",
    b"last-event-id",
    b"x-forwarded-for",
}


class RequestMiddleware:
    """The one layer around all routes. It converts every exception into a response."""

    def __init__(
        self,
        routes: RouteTable,
        others: ASGIApp,
        timeout: float,
        trusted_proxies: tuple[Network, ...] = (),
        *,
        log_addresses: bool = True,
        on_outcome: Callable[[Outcome], None] | None = None,
    ) -> None:
        """`others` responds to paths that are not in the table of routes. `timeout` is in seconds.
        `on_outcome` is called after each request.
        """
        self._routes = routes
        self._others = others
        self._timeout = timeout
        self._trusted_proxies = trusted_proxies
        self._log_addresses = log_addresses
        self._on_outcome = on_outcome
        self._untrusted = FirstTimes()
        self.is_ending = False
        """Whether the worker stops: each connection is then closed after its next response."""

    def begin_to_end(self) -> None:
        """Let each connection be closed after its next response. From any thread."""
        self.is_ending = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._others(scope, receive, send)
            return
        _join_repeated(scope)
        exchange = Exchange(scope, receive, send, self._trusted_proxies)
        exchange.is_last = self.is_ending
        time_budget.start(self._timeout)
        bind_request(exchange.request_id, self._address(exchange.request))
        try:
            self._warn_of_proxy(exchange.request)
            exchange.check_target()
            exchange.check_framing()
            await exchange.run(self._respond)
        except Exception as error:  # noqa: BLE001  # the last resort: a bug is logged, and the response is 500
            await exchange.fail(error)
        finally:
            exchange.request.end_turn()
            exchange.log()
            if self._on_outcome is not None:
                self._on_outcome(exchange.outcome)
            exchange.release()
        if exchange.has_more:
            await discard_body(receive)

    async def _respond(self, request: Request) -> ASGIApp:
        """Return what sends the response."""
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        found = self._routes.find(request.scope["method"], path)
        if found is None:
            return self._others
        request.route, request.path_values = found
        return await request.route.handle_request(request)

    def _address(self, request: Request) -> str | None:
        """Return the client's address for the log, if the settings allow it."""
        if not self._log_addresses:
            return None
        forwarded = request.field(b"x-forwarded-for") or ""
        return source_address(request.peer, forwarded, self._trusted_proxies)

    def _warn_of_proxy(self, request: Request) -> None:
        """Log a proxy that is not configured: all its clients share one rate limit."""
        if (
            b"x-forwarded-for" in request.fields
            and not is_trusted(request.peer, self._trusted_proxies)
            and self._untrusted.is_new(request.peer)
        ):
            log.warning(
                "proxy.untrusted",
                hint="X-Forwarded-For from this address was ignored; if it is your proxy's, "
                "add it to DULY_TRUSTED_PROXIES",
            )


def _join_repeated(scope: Scope) -> None:
    """Combine a header of several lines into one list (RFC 9110, 5.3).

    If the header accepts only one value, the list is invalid and is rejected: no line wins.
    """
    headers = scope["headers"]
    if len({name for name, _ in headers}) == len(headers):
        return
    names = [name for name, _ in headers if name in _JOINED]
    for name in {name for name in names if names.count(name) > 1}:
        values = [value for key, value in scope["headers"] if key == name]
        others = [header for header in scope["headers"] if header[0] != name]
        scope["headers"] = [*others, (name, b", ".join(values))]
