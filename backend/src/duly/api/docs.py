"""Interactive documentation at `/docs`. All its files come from this server."""

import re
from base64 import b64encode
from hashlib import sha256

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from duly.api.openapi import SCHEMA_PATH

_ASSETS = "/docs/assets"
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


class _WholeFiles(StaticFiles):
    """Files without `Range` support, whose errors would not use the envelope."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the whole file, which RFC 9110 (14.2) allows for a request with `Range`."""
        headers = [header for header in scope["headers"] if header[0] != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


def add_docs(app: FastAPI) -> None:
    """Serve Swagger UI, with a policy that allows it to load and call only this server."""
    assets = _WholeFiles(packages=[("fastapi_swagger", "resources")])
    app.mount(_ASSETS, assets, name="docs_assets")
    html = bytes(
        get_swagger_ui_html(
            openapi_url=SCHEMA_PATH,
            title="Duly API",
            swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{_ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{_ASSETS}/favicon-32x32.png",
            swagger_ui_parameters={"persistAuthorization": False},
        ).body
    )
    scripts = " ".join(
        f"'sha256-{b64encode(sha256(script).digest()).decode()}'"
        for script in _INLINE_SCRIPT.findall(html)
    )
    policy = (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )

    async def docs(_: Request) -> Response:
        return Response(html, media_type="text/html", headers={"Content-Security-Policy": policy})

    app.add_route("/docs", docs, methods=["GET"], include_in_schema=False)
