"""Lists of resources: filtered, sorted, and read page by page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from hashlib import sha256
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Date, DateTime, bindparam, select

from duly.core.errors import Unauthenticated, ValidationFailed
from duly.core.tokens import InvalidToken, Keyring
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.database.values import Row
from duly.models import User
from duly.records.page_statements import STATE, Resumption, Sort, by_column, page_statement
from duly.records.types import ResourceType, listed
from duly.schemas.page import ListQuery
from duly.utils.encoding import encode
from duly.utils.tables import table_of

_users = table_of(User)

_READ_STATE = owned(select(STATE, _users.c.timezone).where(_users.c.id == USER_ID))

Basis = Sequence[str] | None
"""What a list depends on besides its query and the user's resources: a time zone and a day."""

_OF_ONE_PAGE = {"limit", "cursor", "offset", "include_total"}
"""Parameters that may differ from page to page of one list."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The resource after which a page begins, as parameters of the statement."""

    resumption: Resumption
    params: Mapping[str, Any]
    basis: Basis = None


async def read_tag(
    scope: UserScope,
    kind: ResourceType,
    query: ListQuery,
    basis_of: Callable[[str], Basis] = lambda _: None,
) -> str:
    """The entity tag that a page has now. One primary-key look-up.

    `basis_of` returns what else the page depends on, given the user's time zone. Raises
    `Unauthenticated` if the account was deleted.
    """
    row = await scope.one(_READ_STATE)
    if row is None:
        raise Unauthenticated
    return _tag(scope, kind, query, row["state"], basis_of(row["timezone"]))


async def read_page(
    scope: UserScope,
    keyring: Keyring,
    kind: ResourceType,
    query: ListQuery,
    sort: Sort,
    *,
    statement: OwnedStatement,
    params: Mapping[str, Any],
    basis: Basis = None,
) -> tuple[dict[str, Any], str]:
    """Return a page (`items`, `next_cursor` and `total`) and its entity tag.

    `basis` is what else the page, its tag and its cursor depend on. Raises `Unauthenticated` if the
    account was deleted.
    """

    def mark_of(row: Row) -> list[Any]:
        values = sort.values(row, query.sort.startswith("-"))
        return [*_shape(kind, query), basis, list(values), row["id"]]

    params = {"offset": 0, **params}
    page, facts = await fetch_page(
        scope, keyring, statement, limit=query.limit, mark_of=mark_of, params=params
    )
    return page, _tag(scope, kind, query, facts["state"], basis)


async def fetch_page(
    scope: UserScope,
    keyring: Keyring,
    statement: OwnedStatement,
    *,
    limit: int,
    mark_of: Callable[[Row], Sequence[Any]],
    params: Mapping[str, Any],
) -> tuple[dict[str, Any], Row]:
    """Return a page (`items`, `next_cursor` and `total`) and what the statement returns besides.

    `mark_of` returns what a cursor holds about the last row. Raises `Unauthenticated` if the account
    was deleted.
    """
    found = await scope.find_page(statement, **params, limit=limit + 1)
    if found is None:
        raise Unauthenticated
    items, facts = found
    next_cursor = None
    if len(items) > limit:
        items.pop()
        next_cursor = keyring.sign_cursor(scope.user_id, mark_of(items[-1]))
    return {"items": items, "next_cursor": next_cursor, "total": facts.get("total")}, facts


def open_cursor(
    scope: UserScope, keyring: Keyring, kind: ResourceType, query: ListQuery, sort: Sort
) -> Mark:
    """Return where the page of the query's cursor begins.

    Raises `ValidationFailed` for a cursor of another user or another list.
    """
    if query.cursor is None:
        return _START
    shape = _shape(kind, query)
    try:
        *shape_then, basis, values, resource_id = keyring.read_cursor(scope.user_id, query.cursor)
    except (InvalidToken, ValueError):
        shape_then = []
    if shape_then != shape:
        raise invalid_cursor(_same_list(query))
    params: dict[str, Any] = {"after_id": UUID(resource_id)}
    if values[0] is None:
        return Mark(Resumption.AFTER_NULL, params, basis)
    keys = sort.keys(is_descending=query.sort.startswith("-"))
    for number, (key, value) in enumerate(zip(keys, values, strict=True)):
        params[f"after_{number}"] = _typed(key, value)
    return Mark(Resumption.AFTER_KEY, params, basis)


def invalid_cursor(advice: str) -> ValidationFailed:
    """The error for a cursor that does not fit the list."""
    message = f"Invalid cursor for this list. {advice}"
    return ValidationFailed.of("query.cursor", message, "invalid_cursor")


def _same_list(query: ListQuery) -> str:
    *names, last = (name for name in type(query).model_fields if name not in _OF_ONE_PAGE)
    same = f"{', '.join(names)} and {last}" if names else last
    return f"Pass next_cursor unchanged, with the same {same}"


_START = Mark(Resumption.START, MappingProxyType({}))


def _typed(key: ColumnElement[Any], value: Any) -> Any:
    """The value of a key, as JSON has it, for a statement."""
    if isinstance(key.type, DateTime):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return date.fromisoformat(value) if isinstance(key.type, Date) else value


async def read_plain_page(
    scope: UserScope,
    keyring: Keyring,
    kind: ResourceType,
    query: ListQuery,
    *,
    is_trashed: bool = False,
    within: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[dict[str, Any], str]:
    """Return a page and its tag, for a type with few filters. `within` maps columns to values."""
    sort = _plain_sort(kind, query.sort.removeprefix("-"))
    mark = open_cursor(scope, keyring, kind, query, sort)
    statement = _plain(
        kind, query.sort, mark.resumption, query.include_total, is_trashed, frozenset(within)
    )
    params = {**mark.params, **within}
    return await read_page(scope, keyring, kind, query, sort, statement=statement, params=params)


@cache
def _plain_sort(kind: ResourceType, name: str) -> Sort:
    return by_column(kind.table.c[name])


@cache
def _plain(  # noqa: PLR0917  # what distinguishes one list from another
    kind: ResourceType,
    sort: str,
    resumption: Resumption,
    is_counted: bool,
    is_trashed: bool,
    within: frozenset[str],
) -> OwnedStatement:
    columns = [kind.table.c[name] for name in sorted(within)]
    filters = [column == bindparam(column.name, type_=column.type) for column in columns]
    if kind.is_trashable:
        filters.append(listed(kind.is_trashed if is_trashed else kind.is_live))
    return page_statement(
        kind,
        _plain_sort(kind, sort.removeprefix("-")),
        filters,
        is_descending=sort.startswith("-"),
        resumption=resumption,
        is_counted=is_counted,
    )


def _tag(scope: UserScope, kind: ResourceType, query: ListQuery, state: int, basis: Basis) -> str:
    shown = [kind.name, scope.user_id, state, query.model_dump(mode="json"), basis]
    return sha256(encode(shown)).hexdigest()[:32]


def _shape(kind: ResourceType, query: ListQuery) -> list[Any]:
    """The parameters that must stay the same from page to page for a cursor to be valid."""
    return [kind.name, *query.model_dump(mode="json", exclude=_OF_ONE_PAGE).values()]
