"""Lists of resources: filtered, sorted, and read page by page."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    Select,
    Uuid,
    and_,
    bindparam,
    false,
    func,
    select,
    true,
    tuple_,
)

from duly.core.errors import Unauthenticated, ValidationFailed
from duly.core.tokens import InvalidToken, Keyring
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.models import User
from duly.records.types import ResourceType
from duly.schemas.page import ListQuery
from duly.utils.encoding import encode
from duly.utils.tables import table_of

_users = table_of(User)

# It grows with each change of what a list can show, and when the trash is purged.
_STATE = _users.c.revision.label("state")
_READ_STATE = owned(select(_STATE).where(_users.c.id == USER_ID))

_OF_ONE_PAGE = {"limit", "cursor", "offset", "include_total"}
"""Parameters that may differ from page to page of one list."""


def page_statement(
    kind: ResourceType,
    sort: str,
    filters: Sequence[ColumnElement[bool]],
    *,
    search: ColumnElement[bool] | None = None,
    is_resumed: bool,
    is_counted: bool,
) -> OwnedStatement:
    """The statement of one kind of page. `sort` is a column's name, after a `-` if descending."""
    name, is_descending = sort.removeprefix("-"), sort.startswith("-")
    columns: Any = kind.table.c

    def in_order(columns: Any) -> list[ColumnElement[Any]]:
        pair = (columns[name], columns["id"])
        return [column.desc() if is_descending else column.asc() for column in pair]

    filters = [columns.user_id == USER_ID, *filters, *([] if search is None else [search])]
    position: list[ColumnElement[Any]] = []
    if is_resumed:
        here = tuple_(columns[name], columns.id)
        mark = tuple_(
            bindparam("after_value", type_=columns[name].type), bindparam("after_id", type_=Uuid())
        )
        position.append(here < mark if is_descending else here > mark)
    matches: Select[Any] = select(*kind.shown).where(*filters, *position)
    counted: Any = select(func.count()).select_from(kind.table).where(*filters)
    if search is not None and is_counted:
        # One reading of the words serves the page and the total: it takes most of the time.
        is_after = and_(true(), *position).label("is_after")
        once = select(*kind.shown, is_after).where(*filters).cte("found")
        columns = once.c
        matches = select(*(columns[column.key] for column in kind.shown)).where(columns.is_after)
        counted = select(func.count()).select_from(once)
    elif search is not None:
        # OFFSET keeps PostgreSQL from sorting first: it would then read the user's whole list in
        # order, with the words of each task, or not, depending on how many tasks others have.
        found = matches.offset(0).subquery("found")
        matches, columns = select(found), found.c
    rows = (
        matches.order_by(*in_order(columns))
        .limit(bindparam("limit", type_=Integer()))
        .offset(bindparam("offset", type_=Integer()))
        .subquery("page")
    )
    facts: list[ColumnElement[Any]] = [_STATE.label("_state")]
    if is_counted:
        facts.append(counted.scalar_subquery().label("_total"))
    # The facts come with every row, and with a row of their own if the page is empty.
    owner = select(*facts).where(_users.c.id == USER_ID).subquery("owner")
    return owned(
        select(owner, rows).select_from(owner.outerjoin(rows, true())).order_by(*in_order(rows.c))
    )


def listed(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The same condition, as lists ask for it, and as the partial indexes of lists have it.

    Of `IS NULL`, PostgreSQL expects one row in 200 as long as it knows no better, and so takes a
    list of thousands for a handful that it may as well sort. It estimates nothing of this form.
    Look-ups by key use the plain one, so that they do not read an index of lists.
    """
    return func.coalesce(condition, false())


async def read_tag(scope: UserScope, kind: ResourceType, query: ListQuery) -> str:
    """The entity tag that a page has now. One primary-key look-up.

    Raises `Unauthenticated` if the account was deleted.
    """
    row = await scope.one(_READ_STATE)
    if row is None:
        raise Unauthenticated
    return _tag(scope, kind, query, row["state"])


async def read_page(
    scope: UserScope,
    keyring: Keyring,
    kind: ResourceType,
    query: ListQuery,
    *,
    statement: OwnedStatement,
    params: Mapping[str, Any],
) -> tuple[dict[str, Any], str]:
    """A page, `items`, `next_cursor` and `total`, and its entity tag.

    Raises `ValidationFailed` for a cursor of another user or another list, and `Unauthenticated`
    if the account was deleted.
    """
    given: dict[str, Any] = {"limit": query.limit + 1, "offset": 0, **params}
    if query.cursor is not None:
        given["after_value"], given["after_id"] = _open(scope, keyring, kind, query)
    found = await scope.find_all(statement, **given)
    if not found:
        raise Unauthenticated
    facts = found[0].facts
    items = [one.resource for one in found if one.resource is not None]
    next_cursor = None
    if len(items) > query.limit:
        items.pop()
        last = items[-1]
        mark = [*_shape(kind, query), last[query.sort.removeprefix("-")], last["id"]]
        next_cursor = keyring.sign_cursor(scope.user_id, mark)
    page = {"items": items, "next_cursor": next_cursor, "total": facts.get("total")}
    return page, _tag(scope, kind, query, facts["state"])


async def read_plain_page(
    scope: UserScope, keyring: Keyring, kind: ResourceType, query: ListQuery
) -> tuple[dict[str, Any], str]:
    """The same, for a type whose lists have no filters."""
    statement = _plain(kind, query.sort, query.cursor is not None, query.include_total)
    return await read_page(scope, keyring, kind, query, statement=statement, params={})


@cache
def _plain(kind: ResourceType, sort: str, is_resumed: bool, is_counted: bool) -> OwnedStatement:
    filters = [listed(kind.is_live)] if kind.has_trash else []
    return page_statement(kind, sort, filters, is_resumed=is_resumed, is_counted=is_counted)


def _tag(scope: UserScope, kind: ResourceType, query: ListQuery, state: int) -> str:
    shown = [kind.name, scope.user_id, state, query.model_dump(mode="json")]
    return sha256(encode(shown)).hexdigest()[:32]


def _shape(kind: ResourceType, query: ListQuery) -> list[Any]:
    """The parameters that must stay the same from page to page for a cursor to be valid."""
    return [kind.name, *query.model_dump(mode="json", exclude=_OF_ONE_PAGE).values()]


def _open(
    scope: UserScope, keyring: Keyring, kind: ResourceType, query: ListQuery
) -> tuple[Any, UUID]:
    shape = _shape(kind, query)
    try:
        *shape_then, value, resource_id = keyring.read_cursor(scope.user_id, query.cursor or "")
    except (InvalidToken, ValueError):
        shape_then = []
    if shape_then != shape:
        *names, last = (name for name in type(query).model_fields if name not in _OF_ONE_PAGE)
        same = f"{', '.join(names)} and {last}" if names else last
        raise ValidationFailed.of(
            "query.cursor",
            f"Invalid cursor for this list. Pass next_cursor unchanged, with the same {same}",
            "invalid_cursor",
        )
    if isinstance(kind.table.c[query.sort.removeprefix("-")].type, DateTime):
        value = datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value, UUID(resource_id)
