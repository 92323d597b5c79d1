"""Which error a client gets for an exception."""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from duly.core.errors import DulyError, MethodNotAllowed, NoRoute, ValidationFailed
from duly.schemas.messages import message_of

_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

MAX_FIELDS = 20
"""Invalid inputs that one response lists: a request can have thousands."""

_OPERATION_TAGS = 2
"""The `type` and the `op` of an operation."""


def as_duly_error(error: Exception, request: Request) -> DulyError | None:
    """Return the error of the API for an exception, or None for a bug."""
    if isinstance(error, DulyError):
        return error
    if isinstance(error, RequestValidationError):
        fields = [_describe(item) for item in error.errors()[:MAX_FIELDS]]
        return ValidationFailed(details={"fields": fields})
    if isinstance(error, HTTPException):
        return _of_starlette(error, request)
    return None


def _of_starlette(error: HTTPException, request: Request) -> DulyError | None:
    """Convert the errors that Starlette raises: unknown paths and methods, malformed forms."""
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return NoRoute()
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return MethodNotAllowed(headers={"Allow": _methods_at(request)})
        case HTTPStatus.BAD_REQUEST:
            return ValidationFailed.of("body", "Must be a valid form", "body_invalid")
    return None


def _methods_at(request: Request) -> str:
    """Return the methods that the routes at this path support."""
    # Of the paths that match, those with the fewest parameters count, as in the route table.
    methods_by_count: dict[int, set[str]] = {}
    # A mount changes the scope's root to its own.
    root = request.scope.get("app_root_path", request.scope["root_path"])
    for route in request.app.routes:
        match, _ = route.matches({**request.scope, "method": "?", "root_path": root})
        if match is not Match.NONE:
            # A mount declares no methods; the only one serves files.
            count = getattr(route, "path", "").count("{")
            methods = getattr(route, "methods", None) or {"GET"}
            methods_by_count.setdefault(count, set()).update(methods)
    methods = methods_by_count[min(methods_by_count)] if methods_by_count else set()
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))


def _describe(item: Mapping[str, Any]) -> dict[str, Any]:
    """Describe one invalid field: its path, a message and the type of the error; no input."""
    context = item.get("ctx", {})
    return {
        **({"position": context["position"]} if "position" in context else {}),
        "path": ".".join(_path(_without_tags(item["loc"]))),
        "message": message_of(item),
        "type": item["type"],
    }


def _without_tags(location: Sequence[Any]) -> Sequence[Any]:
    """Drop the tags of a batch's operation, by which Pydantic chooses its schema."""
    match location:
        case ("body", "operations", index, *rest):
            return ("body", "operations", index, *rest[_OPERATION_TAGS:])
    return location


def _path(location: Sequence[Any]) -> Iterable[str]:
    # Unknown headers are allowed, so a header that is named is one that the schema declares.
    is_header = location[:1] == ("header",)
    for part in location:
        # The name of an unknown field is input, too: repeat it only if it looks like a name.
        if is_header or isinstance(part, int) or _FIELD_NAME.fullmatch(part):
            yield str(part)
        else:
            yield "?"
