"""Lists of tasks: filtered, searched and sorted."""

from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Text,
    Uuid,
    bindparam,
    cast,
    exists,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from duly.core.tokens import Keyring
from duly.database.pool import Row
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement
from duly.models import List, TaskLabel
from duly.records import pages
from duly.records.pages import Sort, by_column
from duly.records.types import listed, mostly
from duly.schemas.tasks import TaskQuery, TaskSort
from duly.services.task_type import TYPE
from duly.utils.search import search_query
from duly.utils.tables import table_of

_tasks = TYPE.table
_lists, _task_labels = table_of(List), table_of(TaskLabel)

# As in the index `ix_tasks_words`.
_WORDS = _tasks.c.title_words.op("||")(_tasks.c.description_words)

_END_OF_DAY = "24:00"


def _due_of(task: Row, is_descending: bool) -> list[Any]:
    if task["due"] is None:
        return [None]
    all_day = "" if is_descending else _END_OF_DAY
    return [task["due"]["date"], task["due"]["time"] or all_day]


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

    `list_id` and the other references are `id` for a given one, or name what stands for none.
    """

    sort: TaskSort = TaskSort.CREATED_AT_DESCENDING
    is_completed: bool | None = None
    is_trashed: bool = False
    is_searched: bool = False
    is_counted: bool = False
    resumption: pages.Resumption = pages.Resumption.START
    leaves_out_archived: bool = True
    list_id: str = ""
    section_id: str = ""
    parent_id: str = ""
    label_id: str = ""


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
    names_list = query.list_id is not None or isinstance(query.section_id, UUID)
    shape = Shape(
        sort=query.sort,
        is_completed=query.is_completed,
        is_trashed=query.is_trashed,
        is_searched=query.q is not None,
        is_counted=query.include_total,
        resumption=mark.resumption,
        leaves_out_archived=not (names_list or query.include_archived or query.is_trashed),
        list_id=_form(query.list_id),
        section_id=_form(query.section_id),
        parent_id=_form(query.parent_id),
        label_id=_form(query.label_id),
    )
    statement = list_statement(shape)
    return await pages.read_page(
        scope, keyring, TYPE, query, sort, statement=statement, params={**params, **mark.params}
    )


def _form(value: UUID | str | None) -> str:
    return "id" if isinstance(value, UUID) else value or ""


@cache
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
    query = cast(bindparam("words", type_=Text()), TSQUERY)
    return pages.page_statement(
        TYPE,
        SORTS[shape.sort.removeprefix("-")],
        filters,
        is_descending=shape.sort.startswith("-"),
        search=_WORDS.bool_op("@@")(query) if shape.is_searched else None,
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
