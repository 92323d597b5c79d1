"""Lists of sessions and of API tokens: the newest first, page by page."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    Select,
    Table,
    Uuid,
    bindparam,
    func,
    select,
    true,
    tuple_,
)

from duly.core.tokens import InvalidToken, Keyring
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.models import User
from duly.records import pages
from duly.utils.tables import table_of

_users = table_of(User)


class Query(Protocol):
    """The query of such a list."""

    limit: int
    cursor: str | None
    include_total: bool


def whole_list(
    table: Table, columns: Sequence[ColumnElement[Any]], listed: Sequence[ColumnElement[bool]]
) -> OwnedStatement:
    """The statement that reads the rows of `table` for which `listed` holds."""
    return owned(_in_order(select(*columns).where(*listed), table))


def page_statement(
    table: Table,
    columns: Sequence[ColumnElement[Any]],
    listed: Sequence[ColumnElement[bool]],
    *,
    resumed: bool,
    counted: bool,
) -> OwnedStatement:
    """The statement that reads a page of them, after the position of a cursor if `resumed`."""
    position = []
    if resumed:
        mark = tuple_(
            bindparam("after_value", type_=DateTime(timezone=True)),
            bindparam("after_id", type_=Uuid()),
        )
        position.append(tuple_(table.c.created_at, table.c.id) < mark)
    rows = (
        _in_order(select(*columns).where(*listed, *position), table)
        .limit(bindparam("limit", type_=Integer()))
        .subquery("page")
    )
    counters: list[Any] = [true().label("_is_there")]
    if counted:
        total = select(func.count()).select_from(table).where(*listed).scalar_subquery()
        counters.append(total.label("_total"))
    # The counters come with every row, and with a row of their own if the page is empty.
    owner = select(*counters).where(_users.c.id == USER_ID).subquery("owner")
    return owned(
        select(owner, rows)
        .select_from(owner.outerjoin(rows, true()))
        .order_by(rows.c.created_at.desc(), rows.c.id.desc())
    )


async def read_page(
    scope: UserScope,
    keyring: Keyring,
    query: Query,
    *,
    shape: str,
    statement: Callable[..., OwnedStatement],
    params: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return a page: `items`, `next_cursor`, `total`. `shape` names the list, for its cursors.

    Raise `ValidationFailed` for an invalid cursor and `Unauthenticated` if the account is gone.
    """
    params = {**params}
    if query.cursor is not None:
        params["after_value"], params["after_id"] = _open(scope, keyring, shape, query.cursor)
    page, _ = await pages.fetch_page(
        scope,
        keyring,
        statement(resumed=query.cursor is not None, counted=query.include_total),
        limit=query.limit,
        mark_of=lambda row: [shape, row["created_at"], row["id"]],
        params=params,
    )
    return page


def _in_order(rows: Select[Any], table: Table) -> Select[Any]:
    return rows.order_by(table.c.created_at.desc(), table.c.id.desc())


def _open(scope: UserScope, keyring: Keyring, shape: str, cursor: str) -> tuple[datetime, UUID]:
    try:
        *found, created_at, row_id = keyring.read_cursor(scope.user_id, cursor)
    except InvalidToken:
        found = []
    if found != [shape]:
        raise pages.invalid_cursor("Pass next_cursor unchanged")
    return datetime.fromisoformat(created_at).replace(tzinfo=UTC), UUID(row_id)
