"""The conditions of filters, as SQL.

A term may be NULL instead of false: for AND, OR and WHERE there is no difference, and `IS NOT TRUE`
turns both into true. So indexes can be used, and `!x` is exactly the rest.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    SmallInteger,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    false,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.types import TypeEngine

from duly.database.statements import USER_ID
from duly.filter_language.expressions import DateField, Operator
from duly.models import Task
from duly.utils.tables import table_of

Shape: TypeAlias = tuple[Any, ...]
"""A condition without its values, as a key: a kind, and what belongs to the kind.

`("all", shapes)`, `("some", shapes)`, `("not", shape)`, or a term, such as `("date", "due", "<")`.
The shape of a whole filter is a conjunction.
"""

Condition = ColumnElement[bool]

_tasks = table_of(Task)
_sought = _tasks.alias("sought")
_INSTANT = DateTime(timezone=True)
_IDS = ARRAY(Uuid)
_FEW_TERMS = 10
"""Of a filter that may rather be evaluated twice, for a page and its total, than keep what it finds."""
_OPERATORS = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}

_FIXED: dict[Shape, Condition] = {
    ("no", "priority"): _tasks.c.priority.is_(None),
    ("no", "due"): _tasks.c.due_date.is_(None),
    ("no", "start"): _tasks.c.start_date.is_(None),
    ("no", "list"): _tasks.c.list_id.is_(None),
    ("no", "label"): func.cardinality(_tasks.c.label_ids) == 0,
    ("any", "list"): _tasks.c.list_id.is_not(None),
    ("any", "section"): _tasks.c.section_id.is_not(None),
    ("any", "label"): func.cardinality(_tasks.c.label_ids) > 0,
    # As partial indexes have it; see `records.pages.listed`.
    ("is", "open"): func.coalesce(_tasks.c.completed_at.is_(None), false()),
    ("is", "completed"): _tasks.c.completed_at.is_not(None),
    ("is", "recurring"): _tasks.c.recurrence_rule.is_not(None),
    ("is", "subtask"): _tasks.c.parent_id.is_not(None),
}
_INSTANTS: dict[DateField, ColumnElement[Any]] = {
    "created": _tasks.c.created_at,
    "updated": _tasks.c.updated_at,
    "completed": _tasks.c.completed_at,
    "start": _tasks.c.start_at,
    "due": _tasks.c.due_at,
}
_DAYS: dict[DateField, ColumnElement[Any]] = {
    "start": _tasks.c.start_date,
    "due": _tasks.c.due_date,
}


@dataclass(frozen=True, slots=True)
class Conditions:
    """The condition of a filter, in two parts that must both hold.

    PostgreSQL evaluates `filters` in the order of the list, until a page is full. What it finds by
    `search`, if there is one, is sorted then; `records.pages.page_statement` takes it as such.
    """

    filters: tuple[Condition, ...]
    search: Condition | None


def parameter(number: int) -> str:
    """Return the name of a filter's parameter."""
    return f"filter_{number}"


def rank(shape: Shape) -> int:
    """Return a number that is higher for what takes longer to evaluate."""
    match shape:
        case ("all" | "some", shapes):
            return max(map(rank, shapes))
        case ("not", item):
            return rank(item)
        case ("search",):
            return 2
        case ("label" | "one label", *_):
            return 1
        case _:
            return 0


def conditions(shape: Shape, *, is_counted: bool = False) -> Conditions:
    """Return the condition of a filter's shape, without its owner. Values are parameters.

    `is_counted`: whether the statement also counts the tasks that the filter finds.
    """
    writer = _Writer()
    _, parts = shape
    filters: list[Condition] = []
    first: list[Condition] = []
    is_one_reading = _is_selective(parts) or (is_counted and _terms(shape) > _FEW_TERMS)
    for part in parts:
        if part == ("search",):
            first.append(_words_match(_tasks, writer.value(Text())))
        else:
            (first if is_one_reading else filters).append(writer.condition(part))
    return Conditions(tuple(filters), and_(*first) if first else None)


def _is_selective(parts: Sequence[Shape]) -> bool:
    """Whether an index other than that of the order of a list finds few tasks."""
    kinds = {part[0] for part in parts}
    return bool(kinds & {"list", "section"}) or kinds >= {"due from", "due until"}


def _terms(shape: Shape) -> int:
    match shape:
        case ("all" | "some", shapes):
            return sum(map(_terms, shapes))
        case ("not", item):
            return _terms(item)
        case _:
            return 1


def _words_match(table: FromClause, words: ColumnElement[Any]) -> Condition:
    """The words of a task match a search. As a sub-select, which PostgreSQL does not estimate.

    If it knew that most tasks have a word, it would read the words of each task, which takes
    several times as long as the index.
    """
    query = select(cast(words, TSQUERY)).scalar_subquery()
    return table.c.title_words.op("||")(table.c.description_words).bool_op("@@")(query)


def _is_found(words: ColumnElement[Any]) -> Condition:
    # OFFSET keeps PostgreSQL from looking for the words in one task after the other.
    is_match = _words_match(_sought, words)
    found = select(_sought.c.id).where(_sought.c.user_id == USER_ID, is_match).offset(0)
    return _tasks.c.id.in_(found)


_VALUED: dict[Shape, tuple[TypeEngine[Any], Callable[[ColumnElement[Any]], Condition]]] = {
    ("priority",): (SmallInteger(), lambda value: _tasks.c.priority == value),
    ("list",): (_IDS, lambda ids: _tasks.c.list_id == any_(ids)),
    ("section",): (_IDS, lambda ids: _tasks.c.section_id == any_(ids)),
    ("label",): (_IDS, _tasks.c.label_ids.bool_op("&&")),
    ("one label",): (Uuid(), lambda id_: id_ == any_(_tasks.c.label_ids)),
    ("due from",): (Date(), lambda day: _tasks.c.due_date >= day),
    ("due until",): (Date(), lambda day: _tasks.c.due_date <= day),
    ("search",): (Text(), _is_found),
}


class _Writer:
    """Writes conditions in the order of their parameters."""

    def __init__(self) -> None:
        self._numbers = count()

    def condition(self, shape: Shape) -> Condition:
        if shape in _FIXED:
            return _FIXED[shape]
        if shape in _VALUED:
            type_, write = _VALUED[shape]
            return write(self.value(type_))
        kind, *parts = shape
        match kind:
            case "date":
                return self._date(*parts)
            case "not":
                return self.condition(parts[0]).is_not(true())
        conditions = map(self.condition, parts[0])
        return and_(*conditions) if kind == "all" else or_(*conditions)

    def _date(self, field: DateField, sign: Operator) -> Condition:
        instant = _INSTANTS[field]
        begin = self.value(_INSTANT)
        match sign:
            case "=":
                is_so = and_(instant >= begin, instant < self.value(_INSTANT))
            case "<" | "<=":
                is_so = instant < begin
            case ">" | ">=":
                is_so = instant >= begin
        if field not in _DAYS:
            return is_so
        # A date without a time zone has no instant.
        return func.coalesce(is_so, _OPERATORS[sign](_DAYS[field], self.value(Date())))

    def value(self, type_: TypeEngine[Any]) -> ColumnElement[Any]:
        """Return the next parameter."""
        return bindparam(parameter(next(self._numbers)), type_=type_)
