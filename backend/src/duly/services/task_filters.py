"""Filters of tasks: the shape and the parameters of an expression of the filter language.

Expressions of one shape differ in names, dates and texts only, so they have the same statement;
`services.filter_conditions` writes it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Text, any_, bindparam, literal, or_, select, union_all

from duly.database.scope import UserScope
from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.filter_language import (
    MAX_COST,
    OVERDUE,
    And,
    Compared,
    Expression,
    Is,
    Named,
    Not,
    Or,
    Priority,
    Search,
    Without,
    cost,
    is_search,
    on_date,
    too_costly,
)
from duly.filter_language.expressions import Reference
from duly.models import Label, List, Section
from duly.recurrence.zones import day_bounds
from duly.services.filter_conditions import Shape, parameter, rank
from duly.utils.name_keys import name_key
from duly.utils.search import joined_query, search_query
from duly.utils.tables import table_of

_TABLES = {"list": table_of(List), "section": table_of(Section), "label": table_of(Label)}
_TEXTS = ARRAY(Text)
# Local times of one instant are at most 26 hours apart, so dates differ by two days at most.
_APART = 2
_FEW = 20
"""Lists or sections that a task's own is compared with one by one."""

Ids = Mapping[Named, Sequence[UUID]]


@dataclass(frozen=True, slots=True)
class BoundFilter:
    """A filter that is ready for a statement: the key of its condition, and its parameters."""

    shape: Shape | None
    params: Mapping[str, Any]


async def bound_filter(
    scope: UserScope, expression: Expression, *, timezone: str, today: date
) -> BoundFilter:
    """Look up the names of a filter, and return its condition and parameters.

    `today` is the user's local day. Reads the database only if the filter has names. Raises
    `FilterError` if the names match so much that the filter costs too much.
    """
    ids = await _ids(scope, expression)
    _check_cost(expression, ids)
    part = _Binder(scope.user_id, ids, timezone, today).whole(expression)
    return BoundFilter(part.shape, {parameter(n): value for n, value in enumerate(part.values)})


class _Part(NamedTuple):
    """The shape of a part of a filter, and its values in the order of the shape."""

    shape: Shape
    values: tuple[Any, ...] = ()


class _Binder:
    def __init__(self, user_id: UUID, ids: Ids, timezone: str, today: date) -> None:
        self._user_id = user_id
        self._ids = ids
        self._timezone = timezone
        self._today = today

    def whole(self, expression: Expression) -> _Part:
        """Return a conjunction, to which an index can contribute the tasks of a range of days."""
        items = expression.items if isinstance(expression, And) else (expression,)
        parts = self._joined(items, And)
        first, last = _due_range(expression, self._today)
        if first is not None:
            parts.append(_Part(("due from",), (first,)))
        if last is not None:
            parts.append(_Part(("due until",), (last,)))
        return _together(parts, And)

    def _part(self, expression: Expression) -> _Part:
        match expression:
            case And() | Or():
                return self._combined(expression)
            case Not(item):
                part = self._part(item)
                return _Part(("not", part.shape), part.values)
            case Search():
                return _Part(("search",), (self._words(expression),))
            case Named():
                return self._named(expression)
            case Compared():
                return self._compared(expression)
            case _:
                return self._plain(expression)

    def _plain(self, term: Priority | Without | Is) -> _Part:
        match term:
            case Priority(value):
                return _Part(("priority",), (value,))
            case Without(field):
                return _Part(("no", field))
            case Is("overdue"):
                return self._combined(OVERDUE)
            case Is(state):
                return _Part(("is", state))

    def _combined(self, expression: And | Or) -> _Part:
        if is_search(expression):
            return _Part(("search",), (joined_query(self._user_id, self._words(expression)),))
        how = type(expression)
        return _together(self._joined(expression.items, how), how)

    def _joined(self, items: Sequence[Expression], how: type[And | Or]) -> list[_Part]:
        """Return the parts of items, with their searches as one, and the cheapest first."""
        searches = tuple(item for item in items if is_search(item))
        if len(searches) > 1:
            items = [*(item for item in items if not is_search(item)), how(searches)]
        return sorted(map(self._part, items), key=lambda part: rank(part.shape))

    def _words(self, search: Expression) -> str:
        """Return what searches look for, as a `tsquery` is written."""
        match search:
            case Search(text):
                return search_query(self._user_id, text)
            case Not(item):
                return f"!({self._words(item)})"
            case And(items):
                return " & ".join(f"({self._words(item)})" for item in items)
            case Or(items):
                return " | ".join(f"({self._words(item)})" for item in items)
            case _:
                raise TypeError("not a search")

    def _named(self, term: Named) -> _Part:
        if not term.name:
            return _Part(("any", term.reference))
        ids = list(self._ids[term])
        if len(ids) < 2 and not term.is_prefix:  # noqa: PLR2004  # one, or none
            return _Part((term.reference,), (ids[0] if ids else None,))
        are_many = term.reference != "label" and len(ids) > _FEW
        return _Part((f"{'many ' if are_many else ''}{term.reference}s",), (ids,))

    def _compared(self, term: Compared) -> _Part:
        day = on_date(term.day, self._today)
        begin, end = day_bounds(day, self._timezone)
        instants: tuple[datetime, ...] = (begin, end)
        if term.operator != "=":
            instants = (end,) if term.operator in {"<=", ">"} else (begin,)
        days = (day,) if term.field in {"due", "start"} else ()
        return _Part(("date", term.field, term.operator), (*instants, *days))


def _together(parts: Sequence[_Part], how: type[And | Or]) -> _Part:
    values = tuple(chain.from_iterable(part.values for part in parts))
    shapes = tuple(part.shape for part in parts)
    return _Part(("all" if how is And else "some", shapes), values)


def _due_range(expression: Expression, today: date) -> tuple[date | None, date | None]:
    """Return the first and the last date that a due date can have if the filter is true.

    Of a date with a time zone, this is the date in that zone.
    """
    match expression:
        case Compared("due", operator, day):
            middle = on_date(day, today)
            first = None if operator in {"<", "<="} else _moved(middle, -_APART)
            last = None if operator in {">", ">="} else _moved(middle, _APART)
            return first, last
        case Is("overdue"):
            return _due_range(OVERDUE, today)
        case And(items):
            ranges = [_due_range(item, today) for item in items]
            return (
                max((first for first, _ in ranges if first), default=None),
                min((last for _, last in ranges if last), default=None),
            )
        case Or(items):
            firsts, lasts = zip(*(_due_range(item, today) for item in items), strict=True)
            return (
                None if None in firsts else min(firsts),
                None if None in lasts else max(lasts),
            )
        case _:
            return None, None


def _moved(day: date, days: int) -> date:
    ordinal = day.toordinal() + days
    return date.fromordinal(min(max(ordinal, 1), date.max.toordinal()))


async def _ids(scope: UserScope, expression: Expression) -> Ids:
    """Return what the names of a filter match, in one statement."""
    terms = [term for term in _names(expression) if term.name]
    if not terms:
        return {}
    keys = {term: name_key(term.name) for term in terms}
    params: dict[str, list[str]] = {}
    for term in terms:
        for kind, is_prefix in (("names", False), ("beginnings", True)):
            sought = params.setdefault(f"{term.reference}_{kind}", [])
            if term.is_prefix == is_prefix:
                sought.append(keys[term])
    found: dict[Reference, dict[str, list[UUID]]] = {term.reference: {} for term in terms}
    for row in await scope.all(_matching(frozenset(found)), **params):
        found[row["reference"]].setdefault(row["name_key"], []).append(row["id"])
    return {term: list(_matches(term, key, found[term.reference])) for term, key in keys.items()}


def _matches(term: Named, key: str, found: Mapping[str, Sequence[UUID]]) -> Iterator[UUID]:
    if not term.is_prefix:
        yield from found.get(key, ())
        return
    for name, ids in found.items():
        if name.startswith(key):
            yield from ids


@cache
def _matching(references: frozenset[Reference]) -> OwnedStatement:
    """The statement that finds lists, sections or labels by their names, or how these begin."""
    selects = []
    for reference in sorted(references):
        columns = _TABLES[reference].c
        names = any_(bindparam(f"{reference}_names", type_=_TEXTS))
        beginnings = any_(bindparam(f"{reference}_beginnings", type_=_TEXTS))
        selects.append(
            select(
                literal(reference, Text()).label("reference"), columns.id, columns.name_key
            ).where(
                columns.user_id == USER_ID,
                or_(columns.name_key == names, columns.name_key.bool_op("^@")(beginnings)),
            )
        )
    return owned(union_all(*selects))


def _names(expression: Expression) -> Iterator[Named]:
    """Yield the names of a filter in the order of its text."""
    match expression:
        case And(items) | Or(items):
            yield from chain.from_iterable(map(_names, items))
        case Not(item):
            yield from _names(item)
        case Named():
            yield expression


def _check_cost(expression: Expression, ids: Ids) -> None:
    whole = cost(expression)
    places = 0
    for term in _names(expression):
        count = len(ids.get(term, ()))
        if term.reference == "label":
            whole += max(count - 1, 0)
        else:
            places += count
        if whole + places // 100 > MAX_COST:
            raise too_costly(term.position)
