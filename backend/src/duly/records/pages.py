"""Lists of resources: filtered, sorted, and read page by page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Select,
    Subquery,
    Uuid,
    and_,
    bindparam,
    func,
    select,
    true,
    tuple_,
    union_all,
)

from duly.core.errors import Unauthenticated, ValidationFailed
from duly.core.tokens import InvalidToken, Keyring
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.database.values import Row
from duly.models import User
from duly.records.types import ResourceType, listed
from duly.schemas.page import ListQuery
from duly.utils.encoding import encode
from duly.utils.tables import table_of

_users = table_of(User)

# It grows with each change of what a list can show, and when the trash is purged.
_STATE = _users.c.revision.label("state")
_READ_STATE = owned(select(_STATE, _users.c.timezone).where(_users.c.id == USER_ID))

Basis = Sequence[str] | None
"""What a list depends on besides its query and the user's resources: a time zone and a day."""

_OF_ONE_PAGE = {"limit", "cursor", "offset", "include_total"}
"""Parameters that may differ from page to page of one list."""


@dataclass(frozen=True, eq=False, slots=True)
class Sort:
    """An order of a list: by `ascending` or by `descending`, and then by id in the same direction.

    If the first key `has_nulls`, resources without it come last in both directions. `values`
    returns the keys of a row, given whether the order is descending.
    """

    ascending: tuple[ColumnElement[Any], ...]
    descending: tuple[ColumnElement[Any], ...]
    values: Callable[[Row, bool], Sequence[Any]]
    has_nulls: bool = False

    def keys(self, *, is_descending: bool) -> tuple[ColumnElement[Any], ...]:
        """The keys of one direction."""
        return self.descending if is_descending else self.ascending


def by_column(column: Column[Any], *, has_nulls: bool = False) -> Sort:
    """The order of one column that responses show."""
    name = column.name
    return Sort((column,), (column,), lambda row, _: [row[name]], has_nulls)


class Resumption(StrEnum):
    """Where a page begins: at the start, after a resource with a key, or after one without."""

    START = "start"
    AFTER_KEY = "after_key"
    AFTER_NULL = "after_null"


@dataclass(frozen=True, slots=True)
class Mark:
    """The resource after which a page begins, as parameters of the statement."""

    resumption: Resumption
    params: Mapping[str, Any]
    basis: Basis = None


def page_statement(
    kind: ResourceType,
    sort: Sort,
    filters: Sequence[ColumnElement[bool]],
    *,
    is_descending: bool,
    search: ColumnElement[bool] | None = None,
    resumption: Resumption,
    is_counted: bool,
) -> OwnedStatement:
    """The statement of one kind of page."""
    keys = sort.keys(is_descending=is_descending)
    is_own = kind.table.c.user_id == USER_ID
    labelled = [key.label(f"key_{number}") for number, key in enumerate(keys)]
    source = _Source(
        select(*kind.shown, *labelled).where(is_own, *filters),
        (*keys, kind.table.c.id),
    )
    counted: Any = select(func.count()).select_from(kind.table)
    counted = counted.where(is_own, *filters)
    if search is not None:
        # OFFSET keeps PostgreSQL from sorting first: if it expects many matches, it would read the
        # user's whole list in order, with the words of each task. Finding the matches takes most of
        # the time, so they are read once for the page, the total, and resources without a key.
        matches = select(kind.table.c.id, *labelled).where(is_own, *filters, search).offset(0)
        is_read_twice = is_counted or sort.has_nulls
        found: Any = matches.cte("found") if is_read_twice else matches.subquery("found")
        counted = select(func.count()).select_from(found)
        of_keys = (found.c[label.name] for label in labelled)
        source = _Source(select(found), (*of_keys, found.c.id))
    rows = _rows(source, resumption, is_descending=is_descending, has_nulls=sort.has_nulls)
    facts: list[ColumnElement[Any]] = [_STATE.label("_state")]
    if is_counted:
        facts.append(counted.scalar_subquery().label("_total"))
    # The facts come with every row, and with a row of their own if the page is empty.
    owner = select(*facts).where(_users.c.id == USER_ID).subquery("owner")
    in_order = (rows.c[f"key_{number}"] for number in range(len(keys)))
    page = owner.outerjoin(rows, true())
    columns: Iterable[ColumnElement[Any]] = (rows.c[column.name] for column in kind.shown)
    if search is not None:
        # The columns of what may be the user's whole list are read for one page only.
        page = page.outerjoin(kind.table, and_(is_own, kind.table.c.id == rows.c.id))
        columns = kind.shown
    return owned(
        select(owner, *columns)
        .select_from(page)
        .order_by(*_directed((*in_order, rows.c.id), is_descending, nulls_last=sort.has_nulls))
    )


class _Source(NamedTuple):
    """The rows of a list, unordered, and the keys that they are sorted by; the last is the id."""

    select: Select[Any]
    keys: tuple[ColumnElement[Any], ...]


def _rows(
    source: _Source, resumption: Resumption, *, is_descending: bool, has_nulls: bool
) -> Subquery:
    """The rows of one page."""
    limit = bindparam("limit", type_=Integer())
    offset = bindparam("offset", type_=Integer())
    after = _after(source.keys, is_descending) if resumption is Resumption.AFTER_KEY else true()
    in_order = _directed(source.keys, is_descending)
    if not has_nulls:
        whole = source.select.where(after).order_by(*in_order)
        return whole.limit(limit).offset(offset).subquery("page")
    # In two parts, because no index has nulls last in both directions.
    first, *_, last = source.keys
    without_key = source.select.where(first.is_(None)).order_by(*_directed((last,), is_descending))
    if resumption is Resumption.AFTER_NULL:
        rest = without_key.where(_after((last,), is_descending))
        return rest.limit(limit).offset(offset).subquery("page")
    with_key = source.select.where(first.is_not(None), after).order_by(*in_order)
    keyed = with_key.limit(limit + offset).cte("keyed")
    # On most pages, nothing is left to read.
    count = select(func.count()).select_from(keyed).scalar_subquery()
    unkeyed = without_key.limit(limit + offset - count).subquery("unkeyed")
    both = union_all(select(keyed), select(unkeyed)).subquery("both")
    keys = (*(column for column in both.c if column.name.startswith("key_")), both.c.id)
    return (
        select(both)
        .order_by(*_directed(keys, is_descending, nulls_last=True))
        .limit(limit)
        .offset(offset)
        .subquery("page")
    )


def _directed(
    keys: Sequence[ColumnElement[Any]], is_descending: bool, *, nulls_last: bool = False
) -> list[ColumnElement[Any]]:
    directed: list[ColumnElement[Any]] = [
        key.desc() if is_descending else key.asc() for key in keys
    ]
    return [directed[0].nulls_last(), *directed[1:]] if nulls_last else directed


def _after(keys: Sequence[ColumnElement[Any]], is_descending: bool) -> ColumnElement[bool]:
    """The row is after the one that the cursor names."""
    marks = [bindparam(f"after_{number}", type_=key.type) for number, key in enumerate(keys[:-1])]
    here, mark = tuple_(*keys), tuple_(*marks, bindparam("after_id", type_=Uuid()))
    return here < mark if is_descending else here > mark


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
    given: dict[str, Any] = {"limit": query.limit + 1, "offset": 0, **params}
    found = await scope.find_page(statement, **given)
    if found is None:
        raise Unauthenticated
    items, facts = found
    next_cursor = None
    if len(items) > query.limit:
        items.pop()
        values = sort.values(items[-1], query.sort.startswith("-"))
        mark = [*_shape(kind, query), basis, list(values), items[-1]["id"]]
        next_cursor = keyring.sign_cursor(scope.user_id, mark)
    page = {"items": items, "next_cursor": next_cursor, "total": facts.get("total")}
    return page, _tag(scope, kind, query, facts["state"], basis)


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
        raise invalid_cursor(query)
    params: dict[str, Any] = {"after_id": UUID(resource_id)}
    if values[0] is None:
        return Mark(Resumption.AFTER_NULL, params, basis)
    keys = sort.keys(is_descending=query.sort.startswith("-"))
    for number, (key, value) in enumerate(zip(keys, values, strict=True)):
        params[f"after_{number}"] = _typed(key, value)
    return Mark(Resumption.AFTER_KEY, params, basis)


def invalid_cursor(query: ListQuery) -> ValidationFailed:
    """The error for a cursor of another list."""
    *names, last = (name for name in type(query).model_fields if name not in _OF_ONE_PAGE)
    same = f"{', '.join(names)} and {last}" if names else last
    return ValidationFailed.of(
        "query.cursor",
        f"Invalid cursor for this list. Pass next_cursor unchanged, with the same {same}",
        "invalid_cursor",
    )


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
