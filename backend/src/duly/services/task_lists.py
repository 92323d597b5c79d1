"""Lists of tasks: filtered, searched, sorted, and read page by page."""

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
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    func,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from duly.core.errors import Unauthenticated, ValidationFailed
from duly.core.security import InvalidToken, Keyring
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.models import Task, User
from duly.schemas.tasks import TaskQuery, TaskSort
from duly.services.columns import TASK
from duly.utils.encoding import encode
from duly.utils.search import search_query
from duly.utils.tables import table_of

_tasks = table_of(Task)
_users = table_of(User)

# As in the index `ix_tasks_words`.
_WORDS = _tasks.c.title_words.op("||")(_tasks.c.description_words)

_SORT_TYPES: dict[str, Any] = {
    "created_at": DateTime(timezone=True),
    "updated_at": DateTime(timezone=True),
    "title": Text(collation="C"),
}


# It grows with each change of what a list can show, and when the trash is purged.
_STATE = _users.c.revision.label("state")
_READ_STATE = owned(select(_STATE).where(_users.c.id == USER_ID))


@cache
def _page(
    sort: TaskSort,
    *,
    completed: bool | None,
    searched: bool,
    resumed: bool,
    counted: bool,
    trashed: bool,
) -> OwnedStatement:
    """The statement of one kind of list. There are some two hundred, compiled when first used."""
    name, is_descending = sort.removeprefix("-"), sort.startswith("-")
    gone = _tasks.c.trashed_at
    filters: list[ColumnElement[Any]] = [
        _tasks.c.user_id == USER_ID,
        gone.is_not(None) if trashed else gone.is_(None),
    ]
    if completed is not None:
        done = _tasks.c.completed_at
        filters.append(done.is_not(None) if completed else done.is_(None))
    if searched:
        searched_for = cast(bindparam("words", type_=Text()), TSQUERY)
        filters.append(_WORDS.bool_op("@@")(searched_for))
    position: list[ColumnElement[Any]] = []
    if resumed:
        here = tuple_(_tasks.c[name], _tasks.c.id)
        mark = tuple_(
            bindparam("after_value", type_=_SORT_TYPES[name]), bindparam("after_id", type_=Uuid())
        )
        position.append(here < mark if is_descending else here > mark)
    matches: Select[Any] = select(*TASK).where(*filters, *position)
    columns: Any = _tasks.c
    counted_in: Any = select(func.count()).select_from(_tasks).where(*filters)
    if searched and counted:
        # One reading of the words serves the page and the total: it takes most of the time.
        is_after = and_(true(), *position).label("is_after")
        once = select(*TASK, is_after).where(*filters).cte("found")
        columns = once.c
        matches = select(*(columns[column.key] for column in TASK)).where(columns.is_after)
        counted_in = select(func.count()).select_from(once)
    elif searched:
        # OFFSET keeps PostgreSQL from sorting first: it would then read the user's whole list in
        # order, with the words of each task, or not, depending on how many tasks others have.
        found = matches.offset(0).subquery("found")
        matches, columns = select(found), found.c
    order = [
        column.desc() if is_descending else column.asc() for column in (columns[name], columns.id)
    ]
    rows = (
        matches.order_by(*order)
        .limit(bindparam("limit", type_=Integer()))
        .offset(bindparam("offset", type_=Integer()))
        .subquery("page")
    )
    counters: list[ColumnElement[Any]] = [_STATE]
    if counted:
        counters.append(counted_in.scalar_subquery().label("total"))
    # The counters come with every row, and with a row of their own where the page is empty.
    owner = select(*counters).where(_users.c.id == USER_ID).subquery("owner")
    return owned(
        select(owner, rows)
        .select_from(owner.outerjoin(rows, true()))
        .order_by(
            *(
                column.desc() if is_descending else column.asc()
                for column in (rows.c[name], rows.c.id)
            )
        )
    )


async def read_tag(scope: UserScope, query: TaskQuery) -> str:
    """The entity tag that a page has now. One primary-key look-up.

    Raises `Unauthenticated` when the account is gone.
    """
    row = await scope.one(_READ_STATE)
    if row is None:
        raise Unauthenticated
    return _tag(scope, query, row["state"])


async def read_page(
    scope: UserScope, keyring: Keyring, query: TaskQuery
) -> tuple[dict[str, Any], str]:
    """A page of the caller's tasks, `items`, `next_cursor` and `total`, and its entity tag.

    Raises `ValidationFailed` for a cursor that is not the caller's or of another list, and
    `Unauthenticated` when the account is gone.
    """
    params: dict[str, Any] = {"limit": query.limit + 1, "offset": query.offset}
    shape = _shape(query)
    if query.q is not None:
        params["words"] = search_query(scope.user_id, query.q)
    if query.cursor is not None:
        params["after_value"], params["after_id"] = _open(scope, keyring, query, shape)
    statement = _page(
        query.sort,
        completed=query.is_completed,
        searched=query.q is not None,
        resumed=query.cursor is not None,
        counted=query.include_total,
        trashed=query.trashed,
    )
    rows = await scope.all(statement, **params)
    if not rows:
        raise Unauthenticated
    state, total = rows[0]["state"], rows[0].get("total")
    items = [_without_counters(row) for row in rows if row["id"] is not None]
    next_cursor = None
    if len(items) > query.limit:
        items.pop()
        last = items[-1]
        mark = [*shape, last[query.sort.removeprefix("-")], last["id"]]
        next_cursor = keyring.seal_cursor(scope.user_id, mark)
    page = {"items": items, "next_cursor": next_cursor, "total": total}
    return page, _tag(scope, query, state)


def _tag(scope: UserScope, query: TaskQuery, state: int) -> str:
    shown = [scope.user_id, state, query.model_dump(mode="json")]
    return sha256(encode(shown)).hexdigest()[:32]


def _shape(query: TaskQuery) -> list[Any]:
    """What must be the same from page to page for a cursor to make sense."""
    return ["tasks", query.sort, query.is_completed, query.q, query.trashed]


def _open(
    scope: UserScope, keyring: Keyring, query: TaskQuery, shape: list[Any]
) -> tuple[Any, UUID]:
    try:
        *shape_then, value, task_id = keyring.open_cursor(scope.user_id, query.cursor or "")
    except InvalidToken:
        shape_then = []
    if shape_then != shape:
        raise ValidationFailed.of(
            "query.cursor",
            "Invalid cursor for this list. Pass next_cursor unchanged, "
            "with the same sort, is_completed, trashed and q",
            "invalid_cursor",
        )
    if query.sort.removeprefix("-") != "title":
        value = datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value, UUID(task_id)


def _without_counters(row: dict[str, Any]) -> dict[str, Any]:
    del row["state"]
    row.pop("total", None)
    return row
