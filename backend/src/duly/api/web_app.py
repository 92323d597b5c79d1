"""The web app: the files of its build, for browsers, and the one page of it at every path.

FastAPI's `frontend` has neither compressed files nor headers, and would respond to unknown paths of
the API. The files are listed once, when the application starts, so no path leads out of them.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from anyio import to_thread
from fastapi import FastAPI, Request, Response
from starlette.types import Receive, Scope, Send

import duly
from duly.api.index import prefers_html
from duly.core.errors import MethodNotAllowed, NoRoute
from duly.core.setting_values import WEB_APP_OFF, WEB_APP_ON

BUILT = Path(duly.__file__).parent / "web"
"""Where `make web` writes the app; wheels contain it."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types duly-worker"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}

_PAGE = "/index.html"
_ASSETS = "/assets/"
_ELSEWHERE = {"api", "assets", "docs", "openapi.json", "health", ".well-known"}
"""First segments of paths at which the app has no screens."""

_IMMUTABLE = "public, max-age=31536000, immutable"
_TO_CHECK = "no-cache"

_ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""The suffixes of compressed files, the smallest first."""

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class _Route:
    """What the log says in place of a path, which may contain a search."""

    path: str


_ROUTE = _Route("/{path}")


@dataclass(frozen=True, slots=True)
class _Content:
    """The bytes of a file as they are sent, and their entity tag."""

    data: bytes
    tag: str


class WebApp:
    """The files below a directory. Each worker keeps those that were requested in memory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._names = {f"/{name}" for name in _names(directory)}
        self._contents: dict[str, _Content] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a path that nothing else has. Raise `NoRoute` if the app does not, either."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        is_file = path in self._names and not path.endswith(tuple(_ENCODINGS.values()))
        if is_file and request.method != "GET":
            raise MethodNotAllowed(headers={"Allow": "GET, HEAD"})
        if not is_file and not _is_navigation(request, path):
            raise NoRoute
        scope["route"] = _ROUTE
        response = await (self._send(request, path, "") if is_file else self.page(request))
        await response(scope, receive, send)

    async def page(self, request: Request) -> Response:
        """Return the page of the app, which shows the screen of the request's path."""
        return await self._send(request, _PAGE, "Accept, ")

    async def _send(self, request: Request, name: str, vary: str) -> Response:
        """Return a file, or 304 if the browser has it. A `Range` is ignored (RFC 9110, 14.2)."""
        encoding = self._encoding(request, name)
        content = await self._read(name + _ENCODINGS.get(encoding, ""))
        headers = {
            **HEADERS,
            "Accept-Ranges": "none",
            "Cache-Control": _IMMUTABLE if name.startswith(_ASSETS) else _TO_CHECK,
            "ETag": content.tag,
            "Vary": f"{vary}Accept-Encoding",
        }
        if _has(request, content.tag):
            return Response(status_code=304, headers=headers)
        headers["Content-Type"] = _MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream")
        if encoding:
            headers["Content-Encoding"] = encoding
        return Response(content.data, headers=headers)

    def _encoding(self, request: Request, name: str) -> str:
        """Return the best encoding that there is of a file and that the browser accepts."""
        accepted = _accepted_encodings(request)
        there_is = (
            encoding
            for encoding, suffix in _ENCODINGS.items()
            if encoding in accepted and name + suffix in self._names
        )
        return next(there_is, "")

    async def _read(self, name: str) -> _Content:
        """Return the content of a file. Raise `NoRoute` if it was removed meanwhile."""
        content = self._contents.get(name)
        if content is None:
            try:
                data = await to_thread.run_sync((self._directory / name[1:]).read_bytes)
            except FileNotFoundError:
                raise NoRoute from None
            content = _Content(data, f'"{sha256(data).hexdigest()[:32]}"')
            self._contents[name] = content
        return content


def find_web_app(setting: str) -> WebApp | None:
    """Return the app that is to be served, by `DULY_WEB_APP`; None without one."""
    if setting == WEB_APP_OFF:
        return None
    directory = BUILT if setting == WEB_APP_ON else Path(setting)
    return WebApp(directory) if (directory / _PAGE[1:]).is_file() else None


def add_web_app(app: FastAPI, web_app: WebApp | None) -> None:
    """Serve the app at all paths that nothing else has."""
    if web_app is not None:
        app.router.default = web_app


def _names(directory: Path) -> Iterator[str]:
    """Yield the paths of all files in a directory, except hidden ones."""
    for folder, folders, files in os.walk(directory):
        folders[:] = [name for name in folders if not name.startswith(".")]
        place = Path(folder).relative_to(directory)
        yield from ((place / name).as_posix() for name in files if not name.startswith("."))


def _is_navigation(request: Request, path: str) -> bool:
    """Whether a browser opens a screen of the app."""
    return (
        request.method == "GET"
        and path.startswith("/")  # `GET *` has another one
        and path.split("/")[1] not in _ELSEWHERE
        and prefers_html(request.headers.getlist("accept"))
    )


def _accepted_encodings(request: Request) -> set[str]:
    """Return what `Accept-Encoding` names, without that of weight zero."""
    accepted = set()
    for value in request.headers.getlist("accept-encoding"):
        for item in value.lower().split(","):
            name, _, weight = item.replace(" ", "").partition(";q=")
            if weight.strip("0.") or not weight:
                accepted.add(name)
    return accepted


def _has(request: Request, tag: str) -> bool:
    """Whether the browser has the content with an entity tag (RFC 9110, 13.1.2)."""
    given = [
        item.strip().removeprefix("W/")
        for value in request.headers.getlist("if-none-match")
        for item in value.split(",")
    ]
    return tag in given or given == ["*"]
