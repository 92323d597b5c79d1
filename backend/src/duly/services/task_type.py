"""What a task is: its table, the columns of responses, and the fields that clients may set."""

from collections.abc import Mapping
from datetime import datetime, time
from functools import reduce
from operator import add
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    CTE,
    Boolean,
    ColumnElement,
    DateTime,
    Integer,
    Text,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
)

from duly.database.values import JSON_TEXT
from duly.models import Task, User
from duly.records.types import (
    Field,
    ResourceType,
    json_object,
    searchable_text,
    stored_as_sent,
)
from duly.recurrence.occurrences import Recurrence
from duly.recurrence.zones import instant
from duly.schemas.times import Moment, merge_moment
from duly.utils.search import description_vector, title_vector
from duly.utils.tables import table_of
from duly.utils.times import utc

_tasks = table_of(Task)


class Recurring(NamedTuple):
    """A recurrence: the rule as it was sent, and the state."""

    text: str
    state: Recurrence


_IS_COMPLETED = bindparam("is_completed", type_=Boolean())
_COMPLETED_AT = bindparam("completed_at", type_=DateTime(timezone=True))


def done_at(owner: CTE) -> ColumnElement[Any]:
    """When a task is completed: when the client says, or now."""
    return func.coalesce(_COMPLETED_AT, owner.c.changed_at)


def _completion(owner: CTE) -> Mapping[str, ColumnElement[Any]]:
    return {
        "completed_at": case((_IS_COMPLETED, done_at(owner)), else_=null()),
        "completed_with": case((_IS_COMPLETED, owner.c.revision), else_=null()),
    }


def _completion_params(_: UUID, sent: bool | datetime) -> Mapping[str, Any]:
    at = sent if isinstance(sent, datetime) else None
    return {"is_completed": bool(sent), "completed_at": at}


def _moment(name: str) -> Field:
    """A day or a time, stored in four columns."""
    columns = {part: _tasks.c[f"{name}_{part}"] for part in ("date", "time", "timezone", "at")}
    values = {
        column.name: bindparam(column.name, type_=column.type) for column in columns.values()
    }

    def params(_: UUID, moment: Moment | None) -> Mapping[str, Any]:
        if moment is None:
            return dict.fromkeys(values)
        return {
            f"{name}_date": moment.date,
            f"{name}_time": moment.time,
            f"{name}_timezone": moment.timezone,
            f"{name}_at": instant_of(moment),
        }

    return Field(lambda _: values, params, computed=(name,), merge=merge_moment)


def instant_of(moment: Moment) -> datetime | None:
    """The instant of a moment that has a time zone."""
    if moment.timezone is None or moment.time is None:
        return None
    return instant(moment.date, time.fromisoformat(moment.time), moment.timezone)


def _shown_object(name: str, columns: Mapping[str, str]) -> ColumnElement[Any]:
    """A JSON object of columns, null if the first is. None of them has what JSON must escape.

    `json_build_object` takes three times as long, which a list of tasks does sixty times.
    """
    parts: list[ColumnElement[Any]] = []
    for number, (key, column_name) in enumerate(columns.items()):
        column = _tasks.c[column_name]
        start = f'{"," if number else "{"}"{key}":'
        text = cast(column, Text())
        is_number = isinstance(column.type, Integer)
        value = literal(start) + text if is_number else literal(f'{start}"') + text + '"'
        parts.append(func.coalesce(value, f"{start}null") if number else value)
    return cast(reduce(add, parts) + "}", JSON_TEXT()).label(name)


def _shown_moment(name: str) -> ColumnElement[Any]:
    return _shown_object(name, {part: f"{name}_{part}" for part in ("date", "time", "timezone")})


def _recurrence() -> Field:
    """A recurrence, stored in five columns; what is sent is a state of `recurrence.occurrences`."""
    columns = [column for column in _tasks.c if column.name.startswith("recurrence_")]
    values = {column.name: bindparam(column.name, type_=column.type) for column in columns}

    def params(_: UUID, state: Recurring | None) -> Mapping[str, Any]:
        if state is None:
            return dict.fromkeys(values)
        return {
            "recurrence_rule": state.text,
            "recurrence_anchor": state.state.anchor,
            "recurrence_from": state.state.counted_from,
            "recurrence_occurrence": state.state.occurrence,
            "recurrence_remaining": state.state.remaining,
        }

    return Field(lambda _: values, params, computed=("recurrence",))


def _shown_recurrence() -> ColumnElement[Any]:
    names = ("rule", "anchor", "from", "occurrence", "remaining")
    return _shown_object("recurrence", {name: f"recurrence_{name}" for name in names})


TYPE = ResourceType(
    name="task",
    table=_tasks,
    shown=(
        _tasks.c.id,
        _tasks.c.user_id,
        _tasks.c.title,
        _tasks.c.description,
        _tasks.c.completed_at.is_not(None).label("is_completed"),
        utc(_tasks.c.completed_at),
        utc(_tasks.c.trashed_at),
        _tasks.c.list_id,
        _tasks.c.section_id,
        _tasks.c.parent_id,
        _tasks.c.position,
        _tasks.c.priority,
        _shown_moment("start"),
        _shown_moment("due"),
        _tasks.c.duration_minutes,
        _shown_recurrence(),
        _tasks.c.occurrence_of,
        _tasks.c.occurrence,
        _tasks.c.label_ids,
        _tasks.c.metadata,
        utc(_tasks.c.created_at),
        utc(_tasks.c.updated_at),
        _tasks.c.revision.label("version"),
    ),
    fields={
        "title": searchable_text(_tasks.c.title, _tasks.c.title_words, title_vector),
        "description": searchable_text(
            _tasks.c.description, _tasks.c.description_words, description_vector
        ),
        "is_completed": Field(
            _completion, _completion_params, computed=("is_completed", "completed_at")
        ),
        "list_id": stored_as_sent(_tasks.c.list_id),
        "section_id": stored_as_sent(_tasks.c.section_id),
        "parent_id": stored_as_sent(_tasks.c.parent_id),
        "priority": stored_as_sent(_tasks.c.priority),
        "start": _moment("start"),
        "due": _moment("due"),
        "duration_minutes": stored_as_sent(_tasks.c.duration_minutes),
        "recurrence": _recurrence(),
        "label_ids": stored_as_sent(_tasks.c.label_ids),
        "metadata": json_object(_tasks.c.metadata),
    },
    counter=table_of(User).c.task_count,
    siblings=(_tasks.c.list_id, _tasks.c.section_id, _tasks.c.parent_id),
    has_trash=True,
    rare={
        "section_id": None,
        "parent_id": None,
        "priority": None,
        "start": None,
        "due": None,
        "duration_minutes": None,
        "recurrence": None,
        "label_ids": [],
        "metadata": {},
    },
)
