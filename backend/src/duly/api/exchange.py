"""One request and its response: limits of the body, safe headers, pace, the log line."""

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus

from anyio import CancelScope
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from duly.api.failures import as_duly_error
from duly.api.request_ids import request_id_of
from duly.api.requests import Request
from duly.api.responses import NO_SNIFFING, NO_STORE, error_response
from duly.core import time_budget
from duly.core.errors import (
    DulyError,
    InternalError,
    NoRoute,
    PayloadTooLarge,
    RequestTimeout,
    ValidationFailed,
)
from duly.core.logging import log
from duly.runtime.outcomes import Outcome
from duly.utils.addresses import Network, client_address
from duly.utils.printable import printable
from duly.utils.tracebacks import clear_tracebacks
from duly.utils.turns import Crowded

MAX_BODY_BYTES = 1024 * 1024
BODY_TIMEOUT = 8.0
"""Seconds within which a body must arrive, if the request has as many left."""

_LINGER = 2.0
"""Seconds for which the rest of a rejected body is read and discarded."""

_LONGEST_PACE = 3.0
"""Seconds for which a response is delayed at most."""

_CLOSE = (b"connection", b"close")
_HSTS = (b"strict-transport-security", b"max-age=31536000")
# Python rejects numbers of thousands of digits, even if they are all zeros.
_LENGTH = re.compile(r"0*([0-9]{1,7})")
# RFC 3986: a registered name or an address, in brackets for IPv6, and a port.
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]+)(:[0-9]{0,5})?")


class Exchange:
    """One request and its response. HEAD runs as GET, up to the headers of the response."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, trusted_proxies: tuple[Network, ...]
    ) -> None:
        self.request = request = Request(scope, self.receive, self.send)
        self._scope, self._receive, self._send = scope, receive, send
        self._method: str = scope["method"]
        self._after_headers: CancelScope | None = None
        self._trusted_proxies = trusted_proxies
        self.request_id = request_id_of(request.field(b"x-request-id"))
        self._started_at = time.perf_counter()
        self._deadline: float | None = None
        self._received = 0
        self.has_more = b"transfer-encoding" in request.fields or (
            request.fields.get(b"content-length", b"").strip(b"0") != b""
        )
        self._status = 0
        self._error: DulyError | None = None
        self.is_last = False
        """Whether the connection is to be closed after the response."""

    @property
    def _is_head(self) -> bool:
        return self._method == "HEAD"

    def check_target(self) -> None:
        """Reject a request that another server may interpret as a different host or path."""
        given = [value for name, value in self._scope["headers"] if name == b"host"]
        hosts = [host for host in given if host]  # Granian adds an empty one to one without Host
        # HTTP/1.0 has no Host; health checks of load balancers still use it. Granian calls it "1".
        is_needed = self._scope["http_version"] not in {"1", "1.0"}
        if len(given) > 1 or (is_needed and not hosts) or not all(map(_HOST.fullmatch, hosts)):
            raise ValidationFailed("Send exactly one Host header that names a host.")
        # No path of ours has a slash inside a segment. Decoded, it would match another route than
        # the one that a proxy in front has allowed.
        if b"%2f" in self._scope.get("raw_path", b"").lower():
            raise NoRoute

    def check_framing(self) -> None:
        """Reject a body that is too long, or whose end another server may see elsewhere."""
        length = self.request.field(b"content-length")
        if not self.has_more and length is None:
            return
        codings = [
            value.lower() for name, value in self._scope["headers"] if name == b"transfer-encoding"
        ]
        # Granian has already dropped a Content-Length next to it, and closes the connection after
        # the response; other servers pass both on.
        if codings and (codings != [b"chunked"] or length is not None):
            raise ValidationFailed(
                "Send either Content-Length or Transfer-Encoding: chunked, and no other coding."
            )
        digits = _LENGTH.fullmatch("0" if length is None else length)
        if digits is None or int(digits[1]) > MAX_BODY_BYTES:
            raise PayloadTooLarge

    async def run(self, respond: Callable[[Request], Awaitable[ASGIApp]]) -> None:
        """Respond."""
        if not self._is_head:
            response = await respond(self.request)
            await response(self._scope, self.receive, self.send)
            return
        self._scope["method"] = "GET"
        # A stream or an export would continue after its headers.
        with CancelScope() as self._after_headers:
            response = await respond(self.request)
            await response(self._scope, self.receive, self.send)
        self._after_headers = None

    async def receive(self) -> Message:
        """Return the next piece of the body. Raise an error if it exceeds a limit."""
        if self._status or not self.has_more:
            # There is no body, or it has been read: the client's disconnection is awaited.
            return await self._receive()
        loop = asyncio.get_running_loop()
        self._deadline = self._deadline or loop.time() + min(BODY_TIMEOUT, time_budget.remaining())
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            self.has_more = False  # its time is over
            raise RequestTimeout from None
        if message["type"] == "http.disconnect":
            # The client disconnected or sent invalid chunks: the server does not distinguish them.
            raise ValidationFailed.of("body", "The request body is incomplete", "body_incomplete")
        self.has_more = message.get("more_body", False)
        self._received += len(message.get("body", b""))
        if self._received > MAX_BODY_BYTES:
            raise PayloadTooLarge
        return message

    async def send(self, message: Message) -> None:
        """Send a message, with the headers of every response."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self.request.end_turn()
            if self._is_paced():
                await self._pace()
            time_budget.lift()
            message["headers"] = self._with_ours(message.get("headers", ()))
            await self._send(message)
            if self._is_head:
                await self._send({"type": "http.response.body"})
                if self._after_headers is not None:
                    self._after_headers.cancel()
        elif not self._is_head:
            await self._send(message)

    def _with_ours(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        ours = [*headers, (b"x-request-id", self.request_id.encode()), NO_SNIFFING]
        if not any(name == b"cache-control" for name, _ in ours):
            ours.append(NO_STORE)
        if self.is_last:
            ours.append(_CLOSE)
        if self.request.uses_tls(self._trusted_proxies):
            ours.append(_HSTS)
        if budget := self.request.budget:
            ours += [
                (name.lower().encode(), value.encode()) for name, value in budget.headers.items()
            ]
        return ours

    async def fail(self, error: Exception) -> None:
        """Send an error, unless a response has begun, which can only be cut off."""
        known = as_duly_error(error, self.request)
        if known is None:
            log.exception("request.failed")
            known = InternalError()
        self._error = known
        if not self._status:
            await error_response(known)(self._scope, self._receive, self.send)
        # The server cuts off a response as soon as nothing refers to it.
        clear_tracebacks(error)

    def _is_paced(self) -> bool:
        """Whether the response may be delayed: an error, or one to a request without a user.

        Not a successful sign-in, which waits in a queue of its own, and not a 503: an overloaded
        server must not keep what it refuses.
        """
        if self._status == HTTPStatus.SERVICE_UNAVAILABLE:
            return False
        if self._status >= HTTPStatus.BAD_REQUEST:
            return True
        return self.request.caller is None and self._method != "POST"

    async def _pace(self) -> None:
        """Delay the response if its user, or else its address, has had many of them and others are
        active.
        """
        context = getattr(getattr(self._scope.get("app"), "state", None), "context", None)
        if context is None:
            return
        forwarded = self.request.field(b"x-forwarded-for") or ""
        owner = self.request.user_id or client_address(
            self.request.peer, forwarded, self._trusted_proxies
        )
        began = time.monotonic()
        try:
            end = await context.stranger_shares.acquire(owner)
        except Crowded:
            # Too many wait already, or this one has waited for long enough. Without a pause, a
            # sender of very many requests would wait for less than one of many.
            await asyncio.sleep(max(0.0, began + _LONGEST_PACE - time.monotonic()))
        else:
            end()

    def release(self) -> None:
        """Drop the request and the error, which refer to this object: the server closes the connection
        once nothing refers to its body, and a cycle would live until the next garbage collection.
        """
        del self.request
        self._error = None

    def log(self) -> None:
        """Log the request in one line. The path is part of it only if it was not found."""
        if not log.is_enabled_for(logging.INFO):
            return
        route = self.request.route or self._scope.get("route")
        is_missing = self._status == HTTPStatus.NOT_FOUND
        log.info(
            "request",
            method=self._method,
            route=getattr(route, "path", None),
            **({"path": printable(self._scope["path"])} if is_missing else {}),
            status=self._status,
            duration_ms=round((time.perf_counter() - self._started_at) * 1000, 2),
        )

    @property
    def outcome(self) -> Outcome:
        """How the request ended, for the metrics."""
        route = self.request.route or self._scope.get("route")
        return Outcome(
            self._method,
            getattr(route, "path", None),
            self._status,
            time.perf_counter() - self._started_at,
            self._error,
            self.request.query_values,
        )


async def discard_body(receive: Receive) -> None:
    """Read the rest of a request's body. Closing the connection before would reset it, and a client
    that is still sending would not receive the response.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER):
            while (await receive()).get("more_body", False):
                pass
