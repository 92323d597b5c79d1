"""The OpenAPI schema: FastAPI's, less the answers that Duly does not give."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from duly.api.routing import MERGE_PATCH

_UNUSED_SCHEMAS = ("HTTPValidationError", "ValidationError")


def set_schema(app: FastAPI) -> None:
    """Make `app.openapi` give the schema of Duly's own answers, built once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _build(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI documents


def _build(app: FastAPI) -> dict[str, Any]:
    schema: dict[str, Any] = get_openapi(
        title=app.title, version=app.version, summary=app.summary, routes=app.routes
    )
    for path in schema["paths"].values():
        for method, operation in path.items():
            # Validation fails with 400 here, in the envelope that each route documents.
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
            for parameter in operation.get("parameters", []):
                parameter["schema"] = _without_null(parameter["schema"])
            if method == "patch":
                content = operation["requestBody"]["content"]
                content[MERGE_PATCH] = content["application/json"]
    for name in _UNUSED_SCHEMAS:
        schema["components"]["schemas"].pop(name, None)
    _keep_limits_whole(schema)
    return schema


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """In a URL or a header there is no null: what is absent is not sent."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return {**kinds[0], **{name: value for name, value in schema.items() if name != "anyOf"}}


def _keep_limits_whole(schema: Any) -> None:
    """Write the limits of integers as such: FastAPI makes floats of them."""
    places = schema.items() if isinstance(schema, dict) else enumerate(schema)
    for place, value in list(places):
        if isinstance(value, float) and value.is_integer():
            schema[place] = int(value)
        elif isinstance(value, dict | list):
            _keep_limits_whole(value)
