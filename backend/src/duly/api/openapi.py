"""The OpenAPI schema: FastAPI's, less the answers that Duly does not give."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

_UNUSED_SCHEMAS = ("HTTPValidationError", "ValidationError")


def set_schema(app: FastAPI) -> None:
    """Make `app.openapi` give the schema of Duly's own answers, built once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _build(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI documents


def _build(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(
        title=app.title, version=app.version, summary=app.summary, routes=app.routes
    )
    for path in schema["paths"].values():
        for operation in path.values():
            # Validation fails with 400 here, in the envelope that each route documents.
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
    for name in _UNUSED_SCHEMAS:
        schema["components"]["schemas"].pop(name, None)
    return schema
