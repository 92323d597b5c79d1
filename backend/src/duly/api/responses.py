"""Responses, and their descriptions in OpenAPI."""

from collections.abc import Mapping
from typing import Any

from fastapi import Response

from duly.core.errors import DulyError
from duly.schemas.errors import ErrorEnvelope
from duly.utils.encoding import encode
from duly.utils.etags import etag

NO_SNIFFING = (b"x-content-type-options", b"nosniff")
NO_STORE = (b"cache-control", b"no-store")


class Encoded(Response):
    """Rows, encoded once. `response_model` declares the shape; contract tests compare them."""

    media_type = "application/json"

    def __init__(
        self, content: Any, status_code: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(encode(content), status_code, headers)


def not_modified(tag: object) -> Response:
    """Return a 304 (RFC 9110, 15.4.5)."""
    return Response(status_code=304, headers={"ETag": etag(tag)})


def error_response(error: DulyError) -> Encoded:
    """Return an error in its envelope."""
    return Encoded(envelope(error.code, error.message, error.details), error.status, error.headers)


def envelope(code: str, message: str, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the body of an error."""
    return {"error": {"code": code, "message": message, "details": details or {}}}


DESCRIPTIONS = {
    200: "Success.",
    201: "Created.",
    202: "Accepted, without a body.",
    204: "Success, without a body.",
    302: "Redirected.",
    304: "Not modified: If-None-Match names the current version.",
    400: "The request is invalid; `details.fields` lists each invalid input.",
    401: "The access token is missing or invalid, or sign-in failed or needs a second factor.",
    403: "The caller or the token may not do this, the sign-in is too long ago, a quota is reached, or no account may be created.",
    404: "The caller has no such resource.",
    408: "The request body did not arrive in time.",
    409: "The request conflicts with what is stored, or with a request in progress.",
    410: "The sync token has expired; start a full sync.",
    412: "If-Match does not name the current version.",
    413: "The request body exceeds 1 MiB.",
    415: "The request body is not JSON, or is compressed.",
    422: "The Idempotency-Key was used with a different request body.",
    428: "If-Match is required.",
    429: "Too many requests.",
    500: "Internal error.",
    503: "The service, or one that it needs, is temporarily unavailable, or mail or passkeys are not configured.",
}

_HEADERS = {
    401: {"WWW-Authenticate": "Always `Bearer`."},
    429: {"Retry-After": "Seconds to wait."},
    503: {"Retry-After": "Seconds to wait."},
}

_DETAILS: dict[str, dict[str, Any]] = {
    "VALIDATION_ERROR": {
        "fields": [{"path": "body.title", "message": "Must be present", "type": "missing"}]
    },
    "INSUFFICIENT_SCOPE": {"required": ["tasks:write"]},
    "SECOND_FACTOR_REQUIRED": {"challenge": "AaIh1u0Hc4", "factors": ["totp"]},
    "QUOTA_EXCEEDED": {"limit": 100_000, "what": "tasks"},
}
"""Examples of the details of errors that have some."""


def document_errors(errors: Mapping[int, tuple[tuple[str, str], ...]]) -> dict[int | str, Any]:
    """Return the `responses` of a route: for each status its codes with their messages."""
    documented: dict[int | str, Any] = {}
    for status, codes in sorted(errors.items()):
        examples = {
            code: {"value": envelope(code, message, _DETAILS.get(code))} for code, message in codes
        }
        headers = {
            "X-Request-ID": {"description": REQUEST_ID, "schema": _STRING, "required": True},
            **{
                name: {"description": meaning, "schema": _STRING, "required": True}
                for name, meaning in _HEADERS.get(status, {}).items()
            },
        }
        documented[status] = {
            "model": ErrorEnvelope,
            "description": DESCRIPTIONS[status],
            "headers": headers,
            "content": {"application/json": {"examples": examples}},
        }
    return documented


_STRING = {"type": "string"}

REQUEST_ID = "Identifies the request in the server's log."


def codes_of(*errors: type[DulyError]) -> dict[int, tuple[tuple[str, str], ...]]:
    """Return errors by status, as `document_errors` takes them."""
    found: dict[int, tuple[tuple[str, str], ...]] = {}
    for error in errors:
        found[error.status] = (*found.get(error.status, ()), (error.code, error.message))
    return found
