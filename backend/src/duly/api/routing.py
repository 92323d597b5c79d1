"""The routes: authenticate, read, admit, check, then validate and call, in that order."""

from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import unquote_to_bytes

from fastapi import Request, Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import Header, Path
from fastapi.routing import APIRoute

from duly.api.authentication import admit, authenticate
from duly.core.errors import UnsupportedMediaType
from duly.utils.encoding import RepeatedMember, TooManyMembers, TooManyValues, decode

MERGE_PATCH = "application/merge-patch+json"
_JSON_TYPES = ("application/json",)
_JSON_ERRORS = {
    RepeatedMember: "json_repeated_member",
    TooManyMembers: "json_too_many_members",
    TooManyValues: "json_too_many_values",
}
_PATCH_TYPES = (*_JSON_TYPES, MERGE_PATCH)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class JSONRequest(Request):
    """A request whose body has been read and parsed already."""

    parsed: Any = None

    async def json(self) -> Any:
        """The parsed body."""
        return self.parsed


class PublicRoute(APIRoute):
    """A route that anybody may use. It reads its query and its JSON strictly, and once."""

    needs_token = False

    def get_route_handler(self) -> Handler:
        """Return the function that handles a request.

        The last step is FastAPI's: it validates parameters and body, and calls the endpoint.
        """
        validate_and_call = super().get_route_handler()
        known = _query_names(self)
        has_json = self.body_field is not None and not _takes_form(self)

        async def handle(request: Request) -> Response:
            claims = await authenticate(request) if self.needs_token else None
            read = JSONRequest(request.scope, request.receive)
            body = await read.body() if has_json else b""
            if claims is not None:
                await admit(request, claims, length=len(body))
            _check_query(request, known)
            if body:
                _check_media_type(request)
                read.parsed = _parse(body)
            return await validate_and_call(read if has_json else request)

        return handle


class Route(PublicRoute):
    """A route for users: the access token is checked before anything else is looked at."""

    needs_token = True


def _parse(body: bytes) -> Any:
    try:
        return decode(body)
    except ValueError as error:
        kind = _JSON_ERRORS.get(type(error), "json_invalid")
        raise RequestValidationError([{"type": kind, "loc": ("body",), "msg": ""}]) from None


def _query_names(route: APIRoute) -> set[str]:
    # Not "those that are Query": the fields of a query's model are plain fields.
    return {
        field.alias
        for field in get_flat_params(route.dependant)
        if not isinstance(field.field_info, Path | Header)
    }


def _check_query(request: Request, known: set[str]) -> None:
    """Reject a non-UTF-8 query, and unknown or repeated parameters, which would be ignored."""
    query = request.scope["query_string"]
    if not query:
        return
    errors: list[dict[str, Any]] = []
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        errors = [{"type": "string_unicode", "loc": ("query",)}]
    for name, count in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in known:
            errors.append({"type": "extra_forbidden", "loc": ("query", name)})
        elif count > 1:
            errors.append({"type": "repeated_parameter", "loc": ("query", name)})
    if errors:
        raise RequestValidationError(errors)


def _takes_form(route: APIRoute) -> bool:
    return type(route.body_field.field_info).__name__ in ("Form", "File")  # type: ignore[union-attr]


def _check_media_type(request: Request) -> None:
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    taken = _PATCH_TYPES if request.method == "PATCH" else _JSON_TYPES
    if media_type.strip().lower() not in taken or charset not in ("", "utf-8", "utf8"):
        raise UnsupportedMediaType
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaType("Content-Encoding is not supported; send the body unencoded.")
