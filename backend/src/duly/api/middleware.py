"""The middleware of every request: limits of the body, safe headers, errors, the log line."""

import asyncio
import contextlib
import re
import time
from collections.abc import Sequence
from http import HTTPStatus

from anyio import CancelScope
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from duly.api.request_ids import request_id_of
from duly.api.responses import error_response
from duly.core import time_budget
from duly.core.errors import (
    DulyError,
    InternalError,
    NotFound,
    PayloadTooLarge,
    RequestTimeout,
    ValidationFailed,
)
from duly.core.logging import bind_address, bind_request, log
from duly.utils.addresses import Network, client_address, is_trusted, source_address
from duly.utils.once import FirstTimes
from duly.utils.printable import printable
from duly.utils.turns import Crowded

MAX_BODY_BYTES = 1024 * 1024
BODY_TIMEOUT = 8.0
"""Seconds within which a body must arrive."""

_LINGER = 2.0
"""Seconds for which the rest of a rejected body is read and discarded."""

BUDGET = "duly.budget"
"""The key in the scope for the caller's remaining rate limit."""

TURN = "duly.turn"
"""The key in the scope for what ends the caller's turn, once the response begins."""

# Headers of which several lines are read as one list.
_JOINED = {
    b"authorization",
    b"content-type",
    b"idempotency-key",
    b"if-match",
    b"if-none-match",
    b"last-event-id",
}
_HSTS = "max-age=31536000"
# Python rejects numbers of thousands of digits, even if they are all zeros.
_LENGTH = re.compile(r"0*([0-9]{1,7})")
# RFC 3986: a registered name or an address, in brackets for IPv6, and a port.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]+)(:[0-9]{0,5})?")


class RequestMiddleware:
    """The outermost layer of the application. It converts every exception into a response."""

    def __init__(
        self,
        app: ASGIApp,
        database_timeout: float,
        trusted_proxies: Sequence[Network] = (),
        *,
        log_addresses: bool = True,
    ) -> None:
        self._app = app
        self._database_timeout = database_timeout
        self._trusted_proxies = trusted_proxies
        self._log_addresses = log_addresses
        self._untrusted = FirstTimes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        _join_repeated(scope)
        exchange = _Exchange(scope, receive, send, self._trusted_proxies)
        time_budget.start(self._database_timeout)
        bind_request(exchange.request_id)
        self._bind_address(scope)
        try:
            exchange.check_target()
            exchange.check_framing()
            await exchange.run(self._app)
        except DulyError as error:
            await exchange.fail(error)
        except Exception:  # noqa: BLE001  # the last resort: a bug is logged, and the response is 500
            log.exception("request.failed")
            await exchange.fail(InternalError())
        finally:
            exchange.end_turn()
            exchange.log()
        await exchange.linger()

    def _bind_address(self, scope: Scope) -> None:
        """Add the client's address to the log lines of this request, if the settings allow it.

        A proxy that is not configured is logged: all its clients share one rate limit.
        """
        peer, forwarded = _peer(scope), Headers(scope=scope).getlist("x-forwarded-for")
        if self._log_addresses:
            bind_address(source_address(peer, ",".join(forwarded), self._trusted_proxies))
        if (
            forwarded
            and not is_trusted(peer, self._trusted_proxies)
            and self._untrusted.is_new(peer)
        ):
            log.warning(
                "proxy.untrusted",
                hint="X-Forwarded-For from this address was ignored; if it is your proxy's, "
                "add it to DULY_TRUSTED_PROXIES",
            )


def _is_secure(scope: Scope, trusted_proxies: Sequence[Network]) -> bool:
    """Whether the client uses TLS, to this server or to a trusted proxy."""
    if scope["scheme"] == "https":
        return True
    forwarded = Headers(scope=scope).get("x-forwarded-proto", "")
    return forwarded == "https" and is_trusted(_peer(scope), trusted_proxies)


def _peer(scope: Scope) -> str:
    return str(scope["client"][0]) if scope.get("client") else "unknown"


def _join_repeated(scope: Scope) -> None:
    """Combine a header of several lines into one list (RFC 9110, 5.3).

    If the header accepts only one value, the list is invalid and is rejected: no line wins.
    """
    names = [name for name, _ in scope["headers"] if name in _JOINED]
    for name in {name for name in names if names.count(name) > 1}:
        values = [value for key, value in scope["headers"] if key == name]
        others = [header for header in scope["headers"] if header[0] != name]
        scope["headers"] = [*others, (name, b", ".join(values))]


class _Exchange:
    """One request and its response. HEAD runs as GET, up to the headers of the response."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, trusted_proxies: Sequence[Network]
    ) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._method = scope["method"]
        self._after_headers: CancelScope | None = None
        self._trusted_proxies = trusted_proxies
        self._is_secure = _is_secure(scope, trusted_proxies)
        self._headers = Headers(scope=scope)
        self.request_id = request_id_of(self._headers)
        self._started_at = time.perf_counter()
        self._deadline: float | None = None
        self._received = 0
        self._has_more = "transfer-encoding" in self._headers or (
            self._headers.get("content-length", "").strip("0") != ""
        )
        self._status = 0

    def check_target(self) -> None:
        """Reject a request that another server may interpret as a different host or path."""
        given = self._headers.getlist("host")
        hosts = [
            host for host in given if host
        ]  # Granian adds an empty one to a request without Host
        # HTTP/1.0 has no Host; health checks of load balancers still use it. Granian calls it "1".
        is_needed = self._scope["http_version"] not in {"1", "1.0"}
        if len(given) > 1 or (is_needed and not hosts) or not all(map(_HOST.fullmatch, hosts)):
            raise ValidationFailed("Send exactly one Host header that names a host.")
        # No path of ours has a slash inside a segment. Decoded, it would match another route than
        # the one that a proxy in front has allowed.
        if b"%2f" in self._scope.get("raw_path", b"").lower():
            raise NotFound("No route matches this path.")

    async def run(self, app: ASGIApp) -> None:
        """Let the application respond."""
        if self._method != "HEAD":
            await app(self._scope, self.receive, self.send)
            return
        self._scope["method"] = "GET"
        # A stream or an export would continue after its headers.
        with CancelScope() as self._after_headers:
            await app(self._scope, self.receive, self.send)
        self._after_headers = None

    def check_framing(self) -> None:
        """Reject a body that is too long, or whose end another server may see elsewhere."""
        codings = [coding.lower() for coding in self._headers.getlist("transfer-encoding")]
        # Granian has already dropped a Content-Length next to it, and closes the connection after
        # the response; other servers pass both on.
        if codings and (codings != ["chunked"] or "content-length" in self._headers):
            raise ValidationFailed(
                "Send either Content-Length or Transfer-Encoding: chunked, and no other coding."
            )
        length = _LENGTH.fullmatch(self._headers.get("content-length", "0"))
        if length is None or int(length[1]) > MAX_BODY_BYTES:
            raise PayloadTooLarge

    async def receive(self) -> Message:
        """Return the next piece of the body. Raise an error if it exceeds a limit."""
        if self._status or not self._has_more:
            # There is no body, or it has been read: the client's disconnection is awaited.
            return await self._receive()
        loop = asyncio.get_running_loop()
        self._deadline = self._deadline or loop.time() + BODY_TIMEOUT
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            self._has_more = False  # its time is over
            raise RequestTimeout from None
        if message["type"] == "http.disconnect":
            # The client disconnected or sent invalid chunks: the server does not distinguish them.
            raise ValidationFailed.of("body", "The request body is incomplete", "body_incomplete")
        self._has_more = message.get("more_body", False)
        self._received += len(message.get("body", b""))
        if self._received > MAX_BODY_BYTES:
            raise PayloadTooLarge
        return message

    async def send(self, message: Message) -> None:
        """Send a message, with the headers of every response."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            await self._pace()
            time_budget.lift()
            self.end_turn()
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self.request_id
            headers["X-Content-Type-Options"] = "nosniff"
            headers.setdefault("Cache-Control", "no-store")
            if self._is_secure:
                headers["Strict-Transport-Security"] = _HSTS
            if budget := self._scope.get(BUDGET):
                headers.update(budget.headers)
            await self._send(message)
            if self._method == "HEAD":
                await self._send({"type": "http.response.body"})
                if self._after_headers is not None:
                    self._after_headers.cancel()
        elif self._method != "HEAD":
            await self._send(message)

    async def fail(self, error: DulyError) -> None:
        """Send an error, unless a response has begun, which can only be cut off."""
        if not self._status:
            await error_response(error)(self._scope, self._receive, self.send)

    async def _pace(self) -> None:
        """Delay an error, or a response without a user, if its address has had many of them and
        others are active. Not a successful sign-in, which waits in a queue of its own.
        """
        context = getattr(getattr(self._scope.get("app"), "state", None), "context", None)
        is_error = self._status >= HTTPStatus.BAD_REQUEST
        is_exempt = not is_error and (TURN in self._scope or self._method == "POST")
        if is_exempt or context is None:
            return
        shares = context.stranger_shares
        forwarded = ",".join(self._headers.getlist("x-forwarded-for"))
        with contextlib.suppress(Crowded):
            end = await shares.acquire(
                client_address(_peer(self._scope), forwarded, self._trusted_proxies)
            )
            end()

    def end_turn(self) -> None:
        """Let the next request of the same user begin."""
        if end := self._scope.get(TURN):
            end()

    async def linger(self) -> None:
        """Discard the rest of the body. Closing the connection before would reset it, and a client
        that is still sending would not receive the response.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER):
                while self._has_more:
                    self._has_more = (await self._receive()).get("more_body", False)

    def log(self) -> None:
        """Log the request in one line. The path is part of it only if it was not found."""
        route = self._scope.get("route")
        is_missing = self._status == HTTPStatus.NOT_FOUND
        log.info(
            "request",
            method=self._method,
            route=getattr(route, "path", None),
            **({"path": printable(self._scope["path"])} if is_missing else {}),
            status=self._status,
            duration_ms=round((time.perf_counter() - self._started_at) * 1000, 2),
        )
