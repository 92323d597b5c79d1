"""A request as the middleware, the routes and the endpoints share it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request as StarletteRequest

from duly.utils.addresses import is_trusted

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from starlette.types import Receive, Scope, Send

    from duly.api.routing import CompiledRoute
    from duly.api.session_cookies import SessionCookie
    from duly.runtime.context import Caller, Context
    from duly.runtime.throttle import Budget
    from duly.utils.addresses import Network

ABSENT: Final = object()
"""The content of a request without a body: JSON's null is a body."""


def _do_nothing() -> None:
    pass


class Request(StarletteRequest):
    """Starlette's request, with its headers read once, and what is known of it so far."""

    session_cookie: SessionCookie | None = None
    """Where the refresh token is, with `Duly-Session: cookie` on a route that supports it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope, receive, send)
        self.fields: dict[bytes, bytes] = dict(scope["headers"])
        """The headers, by name in lower case; the middleware joins those of several lines."""
        self.route: CompiledRoute | None = None
        self.path_values: dict[str, str] = {}
        self.query_values: dict[str, str] = {}
        self.content: Any = ABSENT
        """The parsed body."""
        self.token = ""
        """The token that was sent."""
        self.user_id: UUID | None = None
        """The user whose access token was sent."""
        self.caller: Caller | None = None
        """The user who sent it, once the request has been admitted."""
        self.budget: Budget | None = None
        """The remaining budget of the caller's rate limit."""
        self.end_turn: Callable[[], None] = _do_nothing
        """Ends the caller's turn. Calling it again does nothing."""

    @property
    def context(self) -> Context:
        """The parts of the running application."""
        context: Context = self.scope["app"].state.context
        return context

    @property
    def peer(self) -> str:
        """The address of the other end of the connection: a client, or a proxy."""
        return str(self.scope["client"][0]) if self.scope.get("client") else "unknown"

    @property
    def route_name(self) -> str:
        """The method and the path of the route, as the route table has it."""
        assert self.route is not None
        return f"{self.method} {self.route.path}"

    def uses_tls(self, trusted_proxies: tuple[Network, ...]) -> bool:
        """Whether the client uses TLS, to this server or to a trusted proxy."""
        if self.scope["scheme"] == "https":
            return True
        forwarded = self.fields.get(b"x-forwarded-proto")
        return forwarded == b"https" and is_trusted(self.peer, trusted_proxies)

    def field(self, name: bytes) -> str | None:
        """The value of a header, by its name in lower case."""
        value = self.fields.get(name)
        return None if value is None else value.decode("latin-1")

    async def keep_body(self) -> bytes:
        """Read the whole body, which Starlette's parser of forms then finds here."""
        self._body = await self.read()
        return self._body

    async def read(self) -> bytes:
        """Read the whole body."""
        message = await self._receive()
        pieces: list[bytes] = [message.get("body", b"")]
        while message.get("more_body"):
            message = await self._receive()
            pieces.append(message.get("body", b""))
        return b"".join(pieces)
