"""Convert exceptions to the error envelope."""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from duly.api.responses import error_response
from duly.core.errors import DulyError, MethodNotAllowed, NotFound, ValidationFailed
from duly.schemas.messages import message_of

_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

MAX_FIELDS = 20
"""Invalid inputs that one response lists: a request can have thousands."""


def add_handlers(app: FastAPI) -> None:
    """Return every error in the envelope."""
    app.add_exception_handler(DulyError, _handle_ours)
    app.add_exception_handler(RequestValidationError, _handle_validation)
    app.add_exception_handler(HTTPException, _handle_framework)


async def _handle_ours(_: Request, error: Exception) -> Response:
    assert isinstance(error, DulyError)
    return error_response(error)


async def _handle_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = [_describe(item) for item in error.errors()[:MAX_FIELDS]]
    return error_response(ValidationFailed(details={"fields": fields}))


async def _handle_framework(request: Request, error: Exception) -> Response:
    """Convert the errors that Starlette raises: unknown paths and methods, malformed forms."""
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, DulyError):
        # FastAPI reports any error while it reads a form as an invalid form.
        return error_response(error.__cause__)
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return error_response(NotFound("No route matches this path."))
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return error_response(MethodNotAllowed(headers={"Allow": _methods_at(request)}))
        case HTTPStatus.BAD_REQUEST:
            failed = ValidationFailed.of("body", "Must be a valid form", "body_invalid")
            return error_response(failed)
    raise error


def _methods_at(request: Request) -> str:
    """Return the methods that the routes at this path support."""
    methods: set[str] = set()
    # A mount changes the scope's root to its own.
    root = request.scope.get("app_root_path", request.scope["root_path"])
    for route in request.app.routes:
        match, _ = route.matches({**request.scope, "method": "?", "root_path": root})
        if match is not Match.NONE:
            # A mount declares no methods; the only one serves files.
            methods |= getattr(route, "methods", None) or {"GET"}
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))


def _describe(item: Mapping[str, Any]) -> dict[str, str]:
    """Describe one invalid field: its path, a message and the type of the error; no input."""
    return {
        "path": ".".join(_path(item["loc"])),
        "message": message_of(item),
        "type": item["type"],
    }


def _path(location: Sequence[Any]) -> Iterable[str]:
    # Unknown headers are allowed, so a header that is named is one that the schema declares.
    is_header = location[:1] == ("header",)
    for part in location:
        # The name of an unknown field is input, too: repeat it only if it looks like a name.
        if is_header:
            yield part.lower()
        elif isinstance(part, int) or _FIELD_NAME.fullmatch(part):
            yield str(part)
        else:
            yield "?"
