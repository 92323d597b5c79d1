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
from duly.records.types import listed
from duly.utils.tables import table_of

Shape: TypeAlias = tuple[Any, ...]
"""A condition without its values, as a key: a kind, followed by its parts.

`("all", shapes)`, `("some", shapes)`, `("not", shape)`, or a term, such as `("date", "due", "<")`.
The shape of a whole filter is a conjunction.
"""

Condition = ColumnElement[bool]

_tasks = table_of(Task)
_sought = _tasks.alias("sought")
_INSTANT = DateTime(timezone=True)
_IDS = ARRAY(Uuid)
_FEW_TERMS = 6
"""A filter of so few terms may be evaluated twice, for both parts of a list, since a page may be
full early."""
_WEIGHTS: dict[Shape, int] = {("search",): 30, ("labels",): 5}
"""Terms that take as long as several."""
_RANGE, _PLACES = {"due from", "due until"}, {"list", "lists", "section", "sections"}
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
    ("is", "open"): listed(_tasks.c.completed_at.is_(None)),
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

    PostgreSQL evaluates `filters` in the order of the list, until a page is full. With a `search`,
    it finds all matches first, and then sorts them; see `records.page_statements`.
    """

    filters: tuple[Condition, ...]
    search: Condition | None


def parameter(number: int) -> str:
    """Return the name of a filter's parameter."""
    return f"filter_{number}"


def rank(shape: Shape) -> int:
    """Return a number that is higher for conditions that take longer to evaluate."""
    match shape:
        case ("all" | "some", shapes):
            return max(map(rank, shapes))
        case ("not", item):
            return rank(item)
        case ("search",):
            return 2
        case ("label" | "labels",):
            return 1
        case _:
            return 0


def conditions(shape: Shape, *, is_counted: bool, has_nulls: bool) -> Conditions:
    """Return the condition of a filter's shape, without its owner. Values are parameters.

    `is_counted` and `has_nulls` say whether the list is read for its total as well, and in two
    parts, for tasks with the key of its order and tasks without it.
    """
    writer = _Writer()
    _, parts = shape
    keys = _keys(parts)
    found: list[Condition] = []
    for part in parts:
        if part == ("search",):
            found.append(_words_match(_tasks, writer.value(Text())))
        elif keys and part[0] not in keys:
            found.append(listed(writer.condition(part)))  # no index can be chosen for it
        else:
            found.append(writer.condition(part))
    if keys or is_counted or (has_nulls and _terms(shape) > _FEW_TERMS):
        return Conditions((), and_(*found))
    return Conditions(tuple(found), None)


def _keys(parts: Sequence[Shape]) -> set[str]:
    """Return the parts of a conjunction for which an index finds few tasks in most cases."""
    kinds = {part[0] for part in parts}
    if "search" in kinds:
        return {"search"}
    if kinds >= _RANGE or kinds & _PLACES:
        return _RANGE | _PLACES
    return set()


def _terms(shape: Shape) -> int:
    match shape:
        case ("all" | "some", shapes):
            return sum(map(_terms, shapes))
        case ("not", item):
            return _terms(item)
        case _:
            return _WEIGHTS.get(shape, 1)


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


def _is_one_of_many(column: ColumnElement[Any]) -> Callable[[ColumnElement[Any]], Condition]:
    # PostgreSQL reads a sub-select into a hash table, but compares with all elements of an array.
    return lambda ids: listed(column.in_(select(func.unnest(ids, type_=Uuid()))))


_VALUED: dict[Shape, tuple[TypeEngine[Any], Callable[[ColumnElement[Any]], Condition]]] = {
    ("priority",): (SmallInteger(), lambda value: _tasks.c.priority == value),
    ("list",): (Uuid(), lambda id_: _tasks.c.list_id == id_),
    ("section",): (Uuid(), lambda id_: _tasks.c.section_id == id_),
    ("lists",): (_IDS, lambda ids: _tasks.c.list_id == any_(ids)),
    ("sections",): (_IDS, lambda ids: _tasks.c.section_id == any_(ids)),
    ("many lists",): (_IDS, _is_one_of_many(_tasks.c.list_id)),
    ("many sections",): (_IDS, _is_one_of_many(_tasks.c.section_id)),
    ("labels",): (_IDS, _tasks.c.label_ids.bool_op("&&")),
    ("label",): (Uuid(), lambda id_: id_ == any_(_tasks.c.label_ids)),
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
