"""Lists of tasks: filtered, searched and sorted."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    exists,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from duly.core.errors import Unauthenticated, ValidationFailed
from duly.core.tokens import Keyring
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.database.values import Row
from duly.filter_language import Expression, FilterError, is_relative, parse
from duly.models import List, TaskLabel, User
from duly.records import pages
from duly.records.page_statements import Resumption, Sort, by_column, page_statement
from duly.records.types import listed, mostly
from duly.recurrence.zones import local_date
from duly.schemas.tasks import TaskQuery, TaskSort
from duly.services import filter_conditions
from duly.services.filter_conditions import conditions
from duly.services.task_filters import BoundFilter, bound_filter
from duly.services.task_type import TYPE
from duly.utils.encoding import decode, encode
from duly.utils.search import search_query
from duly.utils.tables import table_of

_tasks = TYPE.table
_lists, _task_labels, _users = table_of(List), table_of(TaskLabel), table_of(User)

# As in the index `ix_tasks_words`.
_WORDS = _tasks.c.title_words.op("||")(_tasks.c.description_words)

_READ_TIMEZONE = owned(select(_users.c.timezone).where(_users.c.id == USER_ID))
_NO_FILTER = BoundFilter(None, {})
_END_OF_DAY = "24:00"


def _due_of(task: Row, is_descending: bool) -> list[Any]:
    due = decode(encode(task["due"]))  # pages do not parse it
    if due is None:
        return [None]
    return [due["date"], due["time"] or ("" if is_descending else _END_OF_DAY)]


def _due_keys(all_day: str) -> tuple[ColumnElement[Any], ...]:
    time = _tasks.c.due_time
    return (_tasks.c.due_date, func.coalesce(time, literal(all_day, time.type), type_=time.type))


SORTS = {
    **{
        name: by_column(_tasks.c[name])
        for name in ("created_at", "updated_at", "position", "title")
    },
    **{name: by_column(_tasks.c[name], has_nulls=True) for name in ("completed_at", "priority")},
    # All day is last within its day, in both directions.
    "due": Sort(_due_keys(_END_OF_DAY), _due_keys(""), _due_of, has_nulls=True),
}


class Shape(NamedTuple):
    """What distinguishes the statement of one list of tasks from that of another.

    `list_id` and the other references are `id` for a given id, or else `inbox`, `none` or empty.
    """

    sort: TaskSort = TaskSort.CREATED_AT_DESCENDING
    is_completed: bool | None = None
    is_trashed: bool = False
    is_searched: bool = False
    is_counted: bool = False
    resumption: Resumption = Resumption.START
    leaves_out_archived: bool = True
    list_id: str = ""
    section_id: str = ""
    parent_id: str = ""
    label_id: str = ""
    filter: filter_conditions.Shape | None = None


async def read_page(
    scope: UserScope, keyring: Keyring, query: TaskQuery
) -> tuple[dict[str, Any], str]:
    """A page of the caller's tasks and its entity tag; see `records.pages`."""
    params: dict[str, Any] = {"offset": query.offset}
    if query.q is not None:
        params["words"] = search_query(scope.user_id, query.q)
    for name in ("list_id", "section_id", "parent_id", "label_id"):
        if isinstance(value := getattr(query, name), UUID):
            params[f"of_{name}"] = value
    sort = SORTS[query.sort.removeprefix("-")]
    mark = pages.open_cursor(scope, keyring, TYPE, query, sort)
    basis, bound = await _bind(scope, query, mark)
    params |= bound.params
    names_list = query.list_id is not None or isinstance(query.section_id, UUID)
    shape = Shape(
        sort=query.sort,
        is_completed=query.is_completed,
        is_trashed=query.is_trashed,
        is_searched=query.q is not None,
        is_counted=query.include_total,
        resumption=mark.resumption,
        leaves_out_archived=not (names_list or query.include_archived),
        list_id=_form(query.list_id),
        section_id=_form(query.section_id),
        parent_id=_form(query.parent_id),
        label_id=_form(query.label_id),
        filter=bound.shape,
    )
    return await pages.read_page(
        scope,
        keyring,
        TYPE,
        query,
        sort,
        statement=list_statement(shape),
        params={**params, **mark.params},
        basis=basis,
    )


async def read_tag(scope: UserScope, query: TaskQuery) -> str:
    """The entity tag that a page has now; it changes at midnight if a filter names today."""
    if query.filter is None:
        return await pages.read_tag(scope, TYPE, query)
    expression = parse(query.filter)
    return await pages.read_tag(scope, TYPE, query, lambda zone: _basis(expression, zone))


async def _bind(
    scope: UserScope, query: TaskQuery, mark: pages.Mark
) -> tuple[pages.Basis, BoundFilter]:
    """What a filter depends on, and the filter with its parameters.

    A cursor keeps the day that its first page began with.
    """
    if query.filter is None:
        return None, _NO_FILTER
    expression = parse(query.filter)
    user = await scope.one(_READ_TIMEZONE)
    if user is None:
        raise Unauthenticated
    basis = _basis(expression, user["timezone"])
    if mark.basis is not None:
        if mark.basis[0] != user["timezone"]:
            raise pages.invalid_cursor(
                "Your time zone has changed: start again from the first page"
            )
        basis = mark.basis
    today = date.fromisoformat(basis[1]) if basis[1] else _today(user["timezone"])
    try:
        bound = await bound_filter(scope, expression, timezone=user["timezone"], today=today)
    except FilterError as error:  # its names match too much
        raise ValidationFailed.of(
            "query.filter", str(error), "filter", position=error.position
        ) from None
    return basis, bound


def _basis(expression: Expression, timezone: str) -> Sequence[str]:
    return [timezone, _today(timezone).isoformat() if is_relative(expression) else ""]


def _today(timezone: str) -> date:
    return local_date(datetime.now(UTC), timezone)


def _form(value: UUID | str | None) -> str:
    return "id" if isinstance(value, UUID) else value or ""


@lru_cache(maxsize=1024)
def list_statement(shape: Shape) -> OwnedStatement:
    """The statement of one kind of list, compiled when first used."""
    filters = [listed(TYPE.is_trashed if shape.is_trashed else TYPE.is_live)]
    if shape.is_completed is not None:
        is_done = _tasks.c.completed_at.is_not(None)
        is_open = _tasks.c.completed_at.is_(None)
        filters.append(listed(is_done if shape.is_completed else is_open))
    filters += _filters_by_place(shape)
    if shape.label_id == "id":
        filters.append(_has_label())
    elif shape.label_id:
        filters.append(func.cardinality(_tasks.c.label_ids) == 0)
    if shape.leaves_out_archived:
        filters.append(_is_not_archived())
    sort = SORTS[shape.sort.removeprefix("-")]
    searches: list[ColumnElement[bool]] = []
    if shape.filter is not None:
        found = conditions(shape.filter, is_counted=shape.is_counted, has_nulls=sort.has_nulls)
        filters += found.filters
        searches += [] if found.search is None else [found.search]
    if shape.is_searched:
        query = cast(bindparam("words", type_=Text()), TSQUERY)
        searches.append(_WORDS.bool_op("@@")(query))
    return page_statement(
        TYPE,
        sort,
        filters,
        is_descending=shape.sort.startswith("-"),
        search=and_(*searches) if searches else None,
        resumption=shape.resumption,
        is_counted=shape.is_counted,
    )


def _filters_by_place(shape: Shape) -> list[ColumnElement[bool]]:
    filters: list[ColumnElement[bool]] = []
    for name in ("list_id", "section_id", "parent_id"):
        form, column = getattr(shape, name), _tasks.c[name]
        if form == "id":
            filters.append(column == bindparam(f"of_{name}", type_=Uuid()))
        elif form:  # the inbox, or none
            filters.append(listed(column.is_(None)))
    return filters


def _has_label() -> ColumnElement[bool]:
    return exists().where(
        _task_labels.c.user_id == USER_ID,
        _task_labels.c.label_id == bindparam("of_label_id", type_=Uuid()),
        _task_labels.c.task_id == _tasks.c.id,
    )


def _is_not_archived() -> ColumnElement[bool]:
    archived = select(_lists.c.id).where(_lists.c.user_id == USER_ID, _lists.c.is_archived)
    return mostly(func.coalesce(~_tasks.c.list_id.in_(archived), true()))
