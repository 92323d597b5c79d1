"""A route that reads JSON once and strictly, before anything else looks at the body."""

from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import unquote_to_bytes

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import Header, Path
from fastapi.routing import APIRoute

from duly.api.deps import QUERY_FAULTS, admit, check_token, get_caller
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


class JSONRoute(APIRoute):
    """Refuses bodies that are not RFC 8259 JSON in UTF-8: NaN, lone surrogates, a BOM."""

    def get_route_handler(self) -> Handler:
        """The handler, given a body that has been parsed."""
        handler = super().get_route_handler()
        known = _query_names(self)
        is_open = not _asks_who_calls(self.dependant)
        has_json = self.body_field is not None and not _takes_form(self)

        async def handle(request: Request) -> Response:
            if request.scope["query_string"]:
                _check_query(request, known, is_open=is_open)
            if not has_json:
                return await handler(request)
            claims = None if is_open else await check_token(request)
            parsed = JSONRequest(request.scope, request.receive)
            body = await parsed.body()
            if claims is not None:
                await admit(request, claims, length=len(body))
            if body:
                _check_media_type(request)
                parsed.parsed = _parse(body)
            return await handler(parsed)

        return handle


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


def _asks_who_calls(dependant: Dependant) -> bool:
    return dependant.call is get_caller or any(map(_asks_who_calls, dependant.dependencies))


def _check_query(request: Request, known: set[str], *, is_open: bool) -> None:
    """Reject a non-UTF-8 query, and unknown or repeated parameters, which would be ignored.

    On routes that need a token, `get_caller` raises the error once it has checked the token.
    """
    faults: list[dict[str, Any]] = []
    try:
        unquote_to_bytes(request.scope["query_string"]).decode()
    except UnicodeDecodeError:
        faults = [{"type": "string_unicode", "loc": ("query",)}]
    for name, count in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in known:
            faults.append({"type": "extra_forbidden", "loc": ("query", name)})
        elif count > 1:
            faults.append({"type": "repeated_parameter", "loc": ("query", name)})
    if faults and is_open:
        raise RequestValidationError(faults)
    request.scope[QUERY_FAULTS] = faults


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
