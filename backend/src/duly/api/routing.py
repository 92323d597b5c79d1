"""Routes, each one function (wait, authenticate, read, admit, check, validate, call), and their table."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from fastapi import Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import Form, Header, Path
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute

from duly.api.arguments import compile_arguments
from duly.api.authentication import admit, authenticate
from duly.api.requests import Request
from duly.api.session_cookies import COOKIE, HEADER, read_session_cookie
from duly.core.errors import (
    ConnectionLost,
    LocalAccountsDisabled,
    NoRoute,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from duly.core.scopes import Scopes
from duly.utils.encoding import RepeatedMember, TooManyMembers, TooManyValues, decode

MERGE_PATCH = "application/merge-patch+json"
_JSON_TYPES = ("application/json",)
_JSON_ERRORS = {
    RepeatedMember: "json_repeated_member",
    TooManyMembers: "json_too_many_members",
    TooManyValues: "json_too_many_values",
}
_KEY = "Idempotency-Key"
# The only form is that of a sign-in. Its parser reads byte by byte.
_MAX_FORM = 16 * 1024
_MAX_FIELDS = 20
_PATCH_TYPES = (*_JSON_TYPES, MERGE_PATCH)

Handler = Callable[[Request], Awaitable[Response]]


class CompiledRoute(APIRoute):
    """A route for requests with all of `scopes`; without any, for everybody. One for local accounts
    rejects all requests if the operator has disabled these.

    FastAPI describes it in the OpenAPI schema. `handle_request` is what runs. Where a token is
    needed, it is checked before anything else is looked at.
    """

    def __init__(
        self,
        *args: Any,
        scopes: Scopes = frozenset(),
        is_for_local_accounts: bool = False,
        has_cookie: bool = False,
        by_cookie: Handler | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.scopes = scopes
        self.is_for_local_accounts = is_for_local_accounts
        handle = self._compile()
        self.handle_request = _with_cookie(handle, by_cookie) if has_cookie else handle

    def get_route_handler(self) -> Any:
        """Return what FastAPI would run: never this route, which only `RouteTable` finds.

        Starlette also matches a path with a line break at its end.
        """

        async def refuse(_: Any) -> Response:
            raise NoRoute

        return refuse

    def _compile(self) -> Handler:
        """Return the function that handles a request."""
        read_arguments = compile_arguments(self.dependant)
        known = _query_names(self)
        has_form = self.body_field is not None and isinstance(self.body_field.field_info, Form)
        has_json = self.body_field is not None and not has_form
        scopes, endpoint = self.scopes, self.endpoint
        is_for_local_accounts = self.is_for_local_accounts
        repeat = _repeater(self)

        async def handle(request: Request) -> Response:
            if is_for_local_accounts and not request.context.settings.local_accounts:
                raise LocalAccountsDisabled
            claims = None
            if scopes:
                await request.context.pool.wait_for_room()
                claims = await authenticate(request)
            body = await request.read() if has_json else b""
            if claims is not None:
                await admit(request, claims, scopes, length=len(body))
            if request.scope["query_string"]:
                request.query_values = _read_query(request.scope["query_string"], known)
            if body:
                _check_media_type(request)
                request.content = _parse(body)
            elif has_form:
                request.content = await _read_form(request)
            errors: list[dict[str, Any]] = []
            arguments = read_arguments(request, errors)
            if errors:
                raise RequestValidationError(errors)
            try:
                response: Response = await endpoint(**arguments)
            except ConnectionLost as error:
                response = await repeat(request, arguments, error)
            return response

        return handle


def _repeater(
    route: CompiledRoute,
) -> Callable[[Request, Any, ConnectionLost], Awaitable[Response]]:
    """Return the function that calls the endpoint again, unless that may change something twice."""
    takes_key = any(param.alias == _KEY for param in get_flat_params(route.dependant))

    async def repeat(request: Request, arguments: Any, error: ConnectionLost) -> Response:
        has_id = isinstance(request.content, dict) and request.content.get("id") is not None
        has_key = _KEY.lower().encode() in request.fields
        if request.method != "GET" and not (takes_key and (has_id or has_key)):
            raise error
        response: Response = await route.endpoint(**arguments)
        return response

    return repeat


def _with_cookie(handle: Handler, by_cookie: Handler | None) -> Handler:
    """Return a function that first looks for `Duly-Session: cookie`.

    `by_cookie` handles requests with a cookie; by default, all are handled alike.
    """

    async def handle_with_cookie(request: Request) -> Response:
        if request.fields.get(HEADER) == COOKIE:
            request.session_cookie = cookie = read_session_cookie(request)
            if by_cookie is not None and cookie.token:
                return await by_cookie(request)
        return await handle(request)

    return handle_with_cookie


@dataclass(slots=True)
class _Node:
    """The routes below one path, by method, and the nodes below, by segment."""

    routes: dict[str, CompiledRoute] = field(default_factory=dict)
    literal: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    names: tuple[str, ...] = ()
    """The names of the path's parameters."""


class RouteTable:
    """Finds the route of a request by the segments of its path."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._root = _Node()
        for route in routes:
            if isinstance(route, CompiledRoute):
                self._add(route)

    def find(self, method: str, path: str) -> tuple[CompiledRoute, dict[str, str]] | None:
        """Return the route and the values of its path's parameters; None without a route.

        Raise a 405 if only other methods have a route. Starlette would go on to look for a
        path with a parameter in the place of a literal segment.
        """
        found = _walk(self._root, path.split("/"), 0, ())
        if found is None:
            return None
        node, values = found
        if method not in node.routes:
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED)
        return node.routes[method], dict(zip(node.names, values, strict=True))

    def _add(self, route: CompiledRoute) -> None:
        node, names = self._root, []
        for segment in route.path.split("/"):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.parameter = node = node.parameter or _Node()
            else:
                node = node.literal.setdefault(segment, _Node())
        node.names = tuple(names)
        for method in route.methods or ():
            node.routes[method] = route


def _walk(
    node: _Node, segments: list[str], depth: int, values: tuple[str, ...]
) -> tuple[_Node, tuple[str, ...]] | None:
    """Find the node of a path that has routes; literal segments come first."""
    if depth == len(segments):
        return (node, values) if node.routes else None
    segment = segments[depth]
    found = None
    if (literal := node.literal.get(segment)) is not None:
        found = _walk(literal, segments, depth + 1, values)
    if found is None and node.parameter is not None and segment:
        found = _walk(node.parameter, segments, depth + 1, (*values, segment))
    return found


def _parse(body: bytes) -> Any:
    try:
        return decode(body)
    except ValueError as error:
        kind = _JSON_ERRORS.get(type(error), "json_invalid")
        raise RequestValidationError([{"type": kind, "loc": ("body",), "msg": ""}]) from None


async def _read_form(request: Request) -> dict[str, Any]:
    """Return the fields of a form; those without a value count as absent."""
    if len(await request.keep_body()) > _MAX_FORM:
        raise PayloadTooLarge
    async with request.form(max_fields=_MAX_FIELDS) as form:
        return {name: value for name, value in form.multi_items() if value != ""}


def _query_names(route: APIRoute) -> set[str]:
    # Not "those that are Query": the fields of a query's model are plain fields.
    return {
        field.alias
        for field in get_flat_params(route.dependant)
        if not isinstance(field.field_info, Path | Header)
    }


def _read_query(query: bytes, known: set[str]) -> dict[str, str]:
    """Parse a query. Reject one that is not UTF-8, and unknown or repeated parameters."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    values = dict(pairs)
    if len(values) == len(pairs) and known.issuperset(values) and b"%" not in query:
        return values
    errors: list[dict[str, Any]] = []
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        errors = [{"type": "string_unicode", "loc": ("query",)}]
    for name, count in Counter(name for name, _ in pairs).items():
        if name not in known:
            errors.append({"type": "extra_forbidden", "loc": ("query", name)})
        elif count > 1:
            errors.append({"type": "repeated_parameter", "loc": ("query", name)})
    if errors:
        raise RequestValidationError(errors)
    return values


def _check_media_type(request: Request) -> None:
    media_type, _, parameters = (request.field(b"content-type") or "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    taken = _PATCH_TYPES if request.method == "PATCH" else _JSON_TYPES
    if media_type.strip().lower() not in taken or charset not in ("", "utf-8", "utf8"):
        raise UnsupportedMediaType
    if (request.field(b"content-encoding") or "identity") != "identity":
        raise UnsupportedMediaType("Content-Encoding is not supported; send the body unencoded.")
