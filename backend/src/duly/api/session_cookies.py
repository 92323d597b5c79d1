"""Sessions of pages of this server, whose refresh token is in a cookie that no script can read.

A page asks for it with `Duly-Session: cookie`. Only refresh and logout read the cookie. All these
requests must come from a page of the same origin: browsers send cookies on their own, and a page of
another origin must not sign a browser in, either.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import Response

from duly.api.requests import Request
from duly.api.responses import Encoded
from duly.core.errors import NotSameOrigin
from duly.core.logging import log
from duly.utils.cookies import cookie_value

HEADER = b"duly-session"
COOKIE = b"cookie"

_NAME = "duly_refresh"
_JSON = "application/json"
_LOOPBACK = re.compile(r"http://(([a-z0-9.-]+\.)?localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?")
_PORT = re.compile(r":([0-9]{1,5})$")
_DEFAULT_PORTS = {80, 443}


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """The cookie of one request. `token` is what the browser has sent, or empty."""

    name: str
    is_secure: bool
    seconds: int
    token: str

    def keep(self, response: Response, token: str) -> None:
        """Let the browser keep a refresh token for as long as the session lasts without use."""
        self._set(response, token, self.seconds)

    def clear(self, response: Response) -> None:
        """Let the browser delete the cookie."""
        self._set(response, "", 0)

    def _set(self, response: Response, value: str, seconds: int) -> None:
        response.set_cookie(
            self.name,
            value,
            max_age=seconds,
            path="/",
            secure=self.is_secure,
            httponly=True,
            samesite="strict",
        )


def read_session_cookie(request: Request) -> SessionCookie:
    """Return the cookie of a request with the header. Raise `NotSameOrigin`."""
    context = request.context
    uses_tls = request.uses_tls(context.settings.trusted_proxies)
    _require_same_origin(request, uses_tls=uses_tls)
    page = _origin_of_page(request, uses_tls=uses_tls)
    is_secure = page.startswith("https:") or _keeps_secure_cookies(request, page)
    if not is_secure:
        _warn_of_plain_http()
    name = (f"__Host-{_NAME}" if is_secure else _NAME) + _suffix(page)
    seconds = int(context.session_lifetime.total_seconds())
    return SessionCookie(
        name, is_secure, seconds, cookie_value(request.field(b"cookie") or "", name)
    )


def session_answer(
    session: dict[str, Any], cookie: SessionCookie | None, status: int = 200
) -> Response:
    """Return the response with a session, whose refresh token is in the cookie if there is one."""
    if cookie is None:
        return Encoded(session, status)
    token = session.pop("refresh_token")
    response = Encoded(session, status)
    cookie.keep(response, token)
    return response


def _require_same_origin(request: Request, *, uses_tls: bool) -> None:
    """Raise `NotSameOrigin` unless a page of this server has sent the request, as JSON."""
    media_type = (request.field(b"content-type") or "").partition(";")[0].strip().lower()
    site = request.field(b"sec-fetch-site")
    if site is None:
        # Browsers do not send it to plain http, and old ones never.
        origin = (request.field(b"origin") or "").lower()
        schemes = ("https",) if uses_tls else ("https", "http")  # a proxy may use TLS, untold
        host = (request.field(b"host") or "").lower()
        is_same = bool(host) and origin in {f"{scheme}://{host}" for scheme in schemes}
    else:
        is_same = site == "same-origin"
    if not is_same or media_type != _JSON:
        raise NotSameOrigin


def _origin_of_page(request: Request, *, uses_tls: bool) -> str:
    """Return the origin of the page as the browser sees it, which a proxy may hide."""
    origin = (request.field(b"origin") or "").lower()
    if origin.startswith(("http://", "https://")):
        return origin
    host = (request.field(b"host") or "").lower()
    return f"{'https' if uses_tls else 'http'}://{host}"


def _keeps_secure_cookies(request: Request, page: str) -> bool:
    """Whether the browser keeps a `Secure` cookie of a page without TLS: on loopback, all do but
    those that are made of WebKit.
    """
    browser = request.field(b"user-agent") or ""
    is_webkit = "AppleWebKit/" in browser and "Chrome/" not in browser
    return not is_webkit and _LOOPBACK.fullmatch(page) is not None


def _suffix(page: str) -> str:
    """Return the end of the cookie's name. Servers on other ports of the host get the same cookies."""
    found = _PORT.search(page)
    port = int(found[1]) if found else 80
    return "" if port in _DEFAULT_PORTS else f"_{port}"


@cache
def _warn_of_plain_http() -> None:
    """Log, once, that a refresh token travels unencrypted."""
    log.warning(
        "session.cookie_without_tls",
        hint="a page keeps its refresh token in a cookie without Secure, since it was loaded over "
        "plain http; anybody on the way can read it, so serve Duly over TLS",
    )
