"""Where providers send browsers back to. It is not an operation of the API: no app calls it.

Providers may add any parameters, so it is not one of the compiled routes, which reject unknown ones.
"""

from html import escape
from urllib.parse import parse_qsl

from fastapi import FastAPI, Response
from starlette.types import Receive, Scope, Send

from duly.api.clients import client_of
from duly.api.index import STYLE, source_of
from duly.api.plain_routes import PlainRoute
from duly.api.requests import Request
from duly.core.errors import ValidationFailed
from duly.core.sign_in_providers import CALLBACK_PATH
from duly.runtime.context import Context
from duly.services import provider_sign_in
from duly.utils.cookies import cookie_value

_COOKIE = "duly_sign_in"
_MAX_PARAMETERS = 50


def add_sign_in_callback(app: FastAPI) -> None:
    """Serve the path."""
    app.router.routes.append(
        PlainRoute(CALLBACK_PATH, _Callback(), methods=["GET"], include_in_schema=False)
    )


class _Callback:
    """The endpoint. As an ASGI application, it gets the request unchanged."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        context = request.context
        response: Response
        try:
            url = await provider_sign_in.finish(
                context,
                request.path_params["provider"],
                _parameters(request.scope["query_string"]),
                cookie_value(request.field(b"cookie") or "", _cookie_name(context)),
                client_of(request),
            )
        except ValidationFailed as error:
            if "text/html" not in (request.field(b"accept") or ""):
                raise
            response = _explain(error, context.settings.public_url or "")
        else:
            response = redirect(context, url, "", 0)
        await response(scope, receive, send)


def _explain(error: ValidationFailed, public_url: str) -> Response:
    """Return a page for a person whose sign-in cannot go on, since no app is known to return to."""
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"<title>Duly</title><style>{STYLE}</style></head><body><h1>Sign-in not finished</h1>"
        f'<p>{escape(error.message)}</p><p><a href="{escape(public_url)}/">Go on</a></p></body></html>'
    )
    policy = (
        f"default-src 'none'; style-src {source_of(STYLE)}; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
    return Response(page, error.status, headers, media_type="text/html")


def redirect(context: Context, url: str, cookie: str, seconds: int) -> Response:
    """Send a browser to a URL, with a cookie for so many seconds."""
    response = Response(status_code=302, headers={"Location": url})
    # A cookie of this name is never set by another host of the same domain. It must have the path /.
    response.set_cookie(
        _cookie_name(context),
        cookie,
        max_age=seconds,
        path="/",
        secure=_is_secure(context),
        httponly=True,
        samesite="lax",
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _cookie_name(context: Context) -> str:
    return f"__Host-{_COOKIE}" if _is_secure(context) else _COOKIE


def _is_secure(context: Context) -> bool:
    """Whether browsers use TLS. Without it, the settings allow only a loopback address."""
    return (context.settings.public_url or "").lower().startswith("https:")


def _parameters(query: bytes) -> dict[str, str]:
    """Parse a query. It is empty if a parameter is repeated (RFC 6749, 3.1), or if there are many."""
    try:
        pairs = parse_qsl(
            query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_PARAMETERS
        )
    except ValueError:
        return {}
    found = dict(pairs)
    return found if len(found) == len(pairs) else {}
