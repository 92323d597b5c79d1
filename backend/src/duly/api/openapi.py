"""The OpenAPI schema: FastAPI's, corrected where it does not describe Duly."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from duly.api.routing import MERGE_PATCH
from duly.utils.encoding import encode

SCHEMA_PATH = "/openapi.json"
SCOPES = "x-scopes"
"""The member of an operation that names its scopes, until the schema is corrected."""

_UNUSED_SCHEMAS = ("HTTPValidationError", "ValidationError")

_DESCRIPTION = """\
Duly stores tasks for many users. Each user sees only their own.

Sign in at `/auth/register`, `/auth/login` or with *Authorize*, and send the access token with
every request. All errors share one envelope, `ErrorEnvelope`, and every response has an
`X-Request-ID`."""

_TAGS = [
    {"name": "auth", "description": "Create an account, sign in and out, and manage sessions."},
    {"name": "batch", "description": "Apply many operations in one request."},
    {"name": "factors", "description": "Add and remove second factors, and get recovery codes."},
    {"name": "filters", "description": "Create, list, change and delete saved filters."},
    {"name": "health", "description": "Checks for load balancers and containers."},
    {"name": "labels", "description": "Create, list, change and delete labels."},
    {"name": "lists", "description": "Create, list, change and delete lists of tasks."},
    {"name": "sections", "description": "Create, list, change and delete sections of lists."},
    {"name": "sync", "description": "Keep a copy of your data up to date."},
    {"name": "tasks", "description": "Create, list, change, complete, move and delete tasks."},
    {
        "name": "users",
        "description": "Read, change, export and delete your account, and manage its API tokens.",
    },
]


def add_schema(app: FastAPI) -> None:
    """Serve the schema of what Duly really serves, which `app.openapi` returns. It is built once."""

    def build() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = build_schema(app, app.routes)
        return app.openapi_schema

    @cache
    def encoded() -> bytes:
        return encode(app.openapi())

    async def openapi(_: Request) -> Response:
        # FastAPI's own route encodes the whole schema for each request, in 25 ms.
        return Response(encoded(), media_type="application/json")

    app.openapi = build  # type: ignore[method-assign]  # as FastAPI documents
    app.add_route(SCHEMA_PATH, openapi, methods=["GET"], include_in_schema=False)


def build_schema(app: FastAPI, routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """Return the schema of those routes that are to be included in one."""
    schema: dict[str, Any] = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=_DESCRIPTION,
        routes=routes,
        tags=_TAGS,
        servers=[{"url": "/", "description": "The server that this schema was read from."}],
        contact={"name": "The operator of this server"},
        license_info={"name": "MIT", "url": "https://opensource.org/license/mit"},
    )
    for path in schema["paths"].values():
        for method, operation in path.items():
            _correct(method, operation)
    for name in _UNUSED_SCHEMAS:
        schema["components"]["schemas"].pop(name, None)
    _keep_limits_whole(schema)
    return schema


def _correct(method: str, operation: dict[str, Any]) -> None:
    # Validation fails with 400 here, in the envelope that each route documents.
    if "HTTPValidationError" in str(operation["responses"].get("422")):
        del operation["responses"]["422"]
    # An empty list says that no token is needed; an absent one might be an oversight.
    scopes = operation.pop(SCOPES)
    operation["security"] = [
        dict.fromkeys(scheme, scopes) for scheme in operation.get("security", [])
    ]
    for parameter in operation.get("parameters", []):
        parameter["schema"] = _without_null(parameter["schema"])
    if method == "patch":
        content = operation["requestBody"]["content"]
        content[MERGE_PATCH] = content["application/json"]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Drop null from the types of a parameter: in a URL or a header it cannot be sent."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return {**kinds[0], **{name: value for name, value in schema.items() if name != "anyOf"}}


def _keep_limits_whole(schema: Any) -> None:
    """Write the limits of integers as integers: FastAPI makes floats of them."""
    places = schema.items() if isinstance(schema, dict) else enumerate(schema)
    for place, value in list(places):
        if isinstance(value, float) and value.is_integer():
            schema[place] = int(value)
        elif isinstance(value, dict | list):
            _keep_limits_whole(value)
