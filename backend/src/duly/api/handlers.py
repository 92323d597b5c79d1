"""From exceptions to the error envelope."""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from duly.api.responses import error_response
from duly.core.errors import (
    DulyError,
    MethodNotAllowed,
    NotFound,
    ValidationFailed,
)

_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

# pydantic's messages for these quote the input.
_MESSAGES = {
    "uuid_parsing": "Input should be a valid UUID",
    "json_invalid": "The body is not valid JSON",
    "json_repeated_member": "Each member of a JSON object must have a unique name",
    "union_tag_invalid": "Input should be one of the kinds that the schema names",
}


def add_handlers(app: FastAPI) -> None:
    """Answer every error in the envelope."""
    app.add_exception_handler(DulyError, _handle_ours)
    app.add_exception_handler(RequestValidationError, _handle_validation)
    app.add_exception_handler(HTTPException, _handle_framework)


async def _handle_ours(_: Request, error: Exception) -> Response:
    assert isinstance(error, DulyError)
    return error_response(error)


async def _handle_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return error_response(
        ValidationFailed(details={"fields": [_describe(item) for item in error.errors()]})
    )


async def _handle_framework(request: Request, error: Exception) -> Response:
    """What Starlette raises itself: unknown paths and methods, forms it can't read."""
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, DulyError):
        # FastAPI takes whatever goes wrong while it reads a form for a fault of the form.
        return error_response(error.__cause__)
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return error_response(NotFound("There is no such path."))
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return error_response(MethodNotAllowed(headers={"Allow": _methods_at(request)}))
        case HTTPStatus.BAD_REQUEST:
            failed = ValidationFailed.of("body", "The body can't be read.", "body_invalid")
            return error_response(failed)
    raise error


def _methods_at(request: Request) -> str:
    """The methods that some route takes at the request's path."""
    methods: set[str] = set()
    # A mount changes the scope's root to its own.
    root = request.scope.get("app_root_path", request.scope["root_path"])
    for route in request.app.routes:
        match, _ = route.matches({**request.scope, "method": "?", "root_path": root})
        if match is not Match.NONE:
            # A mount has no methods of its own: the only one holds files.
            methods |= getattr(route, "methods", None) or {"GET"}
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))


def _describe(item: Mapping[str, Any]) -> dict[str, str]:
    """One field at fault: where, why, and what kind of fault; never what was sent."""
    kind = item["type"]
    return {
        "path": ".".join(_path(item["loc"])),
        "message": _MESSAGES.get(kind, item["msg"].removeprefix("Value error, ")),
        "type": kind,
    }


def _path(location: Sequence[Any]) -> Iterable[str]:
    # Unknown headers are no fault: a name that is told is one of ours.
    is_header = location[:1] == ("header",)
    for part in location:
        # The name of an unknown field is input, too: it is repeated only if it looks like one.
        if isinstance(part, int) or is_header or _FIELD_NAME.fullmatch(part):
            yield str(part)
        else:
            yield "?"
