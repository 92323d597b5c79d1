"""How answers leave, and how OpenAPI tells of them."""

from collections.abc import Mapping
from typing import Any

from fastapi import Response

from duly.core.errors import DulyError
from duly.schemas.base import ErrorEnvelope
from duly.utils.encoding import encode


class Encoded(Response):
    """Rows, encoded once. `response_model` declares the same shape; contract tests compare."""

    media_type = "application/json"

    def __init__(
        self, content: Any, status_code: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(encode(content), status_code, headers)


def error_response(error: DulyError) -> Encoded:
    """An error in its envelope."""
    return Encoded(envelope(error.code, error.message, error.details), error.status, error.headers)


def envelope(code: str, message: str, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The body of an error."""
    return {"error": {"code": code, "message": message, "details": details or {}}}


_DESCRIPTIONS = {
    400: "The request is not valid",
    401: "There is no valid token, or the email or the password is wrong",
    403: "The path names another user, a quota is reached, or registration is closed",
    404: "There is no such thing of the caller's",
    409: "It is taken already",
    408: "The body did not arrive in time",
    410: "What happened since the token is not remembered any more",
    412: "The task has changed since the version that If-Match names",
    413: "The body is over 1 MiB",
    415: "The body is not JSON",
    422: "The Idempotency-Key was used with another body",
    428: "If-Match must be sent",
    429: "Too many requests",
    500: "A defect of the service",
    503: "The database can't be reached in time",
}

_HEADERS = {
    401: {"WWW-Authenticate": "Bearer"},
    429: {"Retry-After": "seconds to wait"},
    503: {"Retry-After": "seconds to wait"},
}

_DETAILS: dict[str, dict[str, Any]] = {
    "VALIDATION_ERROR": {
        "fields": [{"path": "body.title", "message": "Field required", "type": "missing"}]
    },
    "QUOTA_EXCEEDED": {"limit": 100_000, "what": "tasks"},
}
"""Examples of the details of errors that have some."""


def document_errors(errors: Mapping[int, tuple[tuple[str, str], ...]]) -> dict[int | str, Any]:
    """The `responses` of a route: for each status its codes with their messages."""
    documented: dict[int | str, Any] = {}
    for status, codes in sorted(errors.items()):
        examples = {
            code: {"value": envelope(code, message, _DETAILS.get(code))} for code, message in codes
        }
        headers = {
            "X-Request-ID": {
                "description": "names the request in logs",
                "schema": _STRING,
                "required": True,
            },
            **{
                name: {"description": meaning, "schema": _STRING, "required": True}
                for name, meaning in _HEADERS.get(status, {}).items()
            },
        }
        documented[status] = {
            "model": ErrorEnvelope,
            "description": _DESCRIPTIONS[status],
            "headers": headers,
            "content": {"application/json": {"examples": examples}},
        }
    return documented


_STRING = {"type": "string"}


def codes_of(*errors: type[DulyError]) -> dict[int, tuple[tuple[str, str], ...]]:
    """Errors by their status, as `document_errors` takes them."""
    found: dict[int, tuple[tuple[str, str], ...]] = {}
    for error in errors:
        found[error.status] = (*found.get(error.status, ()), (error.code, error.message))
    return found
