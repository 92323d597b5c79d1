"""The index at `/`: the web app or else a page for browsers, JSON for everything else."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable
from hashlib import sha256
from html import escape
from importlib.metadata import version

from fastapi import FastAPI, Request, Response

from duly.api.openapi import SCHEMA_PATH
from duly.api.responses import Encoded

_NAME = "Duly"
_LINKS = {
    "docs": "/docs",
    "openapi": SCHEMA_PATH,
    "health": "/health/ready",
    "live": "/health/live",
}
_TEXTS = {
    "docs": "Interactive documentation",
    "openapi": "OpenAPI schema",
    "health": "Readiness, with the database",
    "live": "Liveness",
}
STYLE = (
    "body{font:1.1rem/1.6 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem;"
    "color:#222;background:#fff}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}a{color:#8ab4f8}}"
)
_HOW_TO_BUILD = (
    "<p>This installation does not contain the web app. To build it, run <code>make web</code> in "
    "the repository of Duly, and start the server again.</p>"
)
_HTML = "text/html"
_JSON = "application/json"


def add_index(
    app: FastAPI, web_app: Callable[[Request], Awaitable[Response]] | None, *, is_off: bool
) -> None:
    """Serve `/`: with `web_app`, if there is one.

    The page loads nothing, and its policy forbids loading anything. It says how to get the app
    unless the operator has turned that off.
    """
    number = version("duly")
    page = _page(app.summary or "", number, "" if is_off else _HOW_TO_BUILD)
    policy = (
        f"default-src 'none'; style-src {source_of(STYLE)}; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    content = {"name": _NAME, "version": number, "links": _LINKS}

    async def index(request: Request) -> Response:
        is_browser = prefers_html(request.headers.getlist("accept"))
        if is_browser and web_app is not None:
            return await web_app(request)
        if is_browser:
            response = Response(page, media_type=_HTML)
            response.headers["Content-Security-Policy"] = policy
        else:
            response = Encoded(content)
        response.headers["Vary"] = "Accept"
        return response

    app.add_route("/", index, methods=["GET"], include_in_schema=False)


def source_of(text: str) -> str:
    """Return what allows an inline script or style in a Content-Security-Policy."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _page(summary: str, number: str, hint: str) -> str:
    items = "".join(
        f'<li><a href="{escape(path)}">{escape(_TEXTS[name])}</a></li>'
        for name, path in _LINKS.items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        # An empty one: browsers would ask for /favicon.ico.
        '<link rel="icon" href="data:,">'
        f"<title>{_NAME}</title><style>{STYLE}</style></head><body>"
        f"<h1>{_NAME}</h1><p>{escape(summary)}</p><p>This is a server for apps. The API is at "
        f"<code>/api/v1</code>.</p>{hint}<ul>{items}</ul><p>Version {escape(number)}</p></body></html>"
    )


def prefers_html(accept: Iterable[str]) -> bool:
    """Whether HTML suits a client better than JSON (RFC 9110, 12.5.1)."""
    ranges = [_parse(item) for value in accept for item in value.split(",")]
    html = _quality(_HTML, ranges)
    return html[0] > 0 and html > _quality(_JSON, ranges)


def _parse(item: str) -> tuple[str, float]:
    media_range, *parameters = (part.strip().lower() for part in item.split(";"))
    weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
    try:
        return media_range, float(weight)
    except ValueError:
        return media_range, 0.0


def _quality(media_type: str, ranges: list[tuple[str, float]]) -> tuple[float, int, int]:
    """The weight of a media type; of equal ones, the more specific and then the first wins."""
    wildcard = f"{media_type.partition('/')[0]}/*"
    for specificity, name in ((2, media_type), (1, wildcard), (0, "*/*")):
        for place, (media_range, weight) in enumerate(ranges):
            if media_range == name:
                return weight, specificity, -place
    return 0.0, 0, 0
