"""Filters in the form of `vectors/filters.json`."""

from datetime import date
from typing import Any

from duly.filter_language import (
    And,
    Compared,
    Day,
    Expression,
    Is,
    Named,
    Not,
    Or,
    Priority,
    Search,
    Without,
)


def as_json(  # noqa: PLR0911  # one for each kind of node
    expression: Expression,
) -> dict[str, Any]:
    """The tree of a filter, as vectors/README.md describes it."""
    match expression:
        case And(items):
            return {"and": [as_json(item) for item in items]}
        case Or(items):
            return {"or": [as_json(item) for item in items]}
        case Not(item):
            return {"not": as_json(item)}
        case Named(reference, name, is_prefix):
            return {reference: {"begins": name} if is_prefix else name}
        case Priority(value):
            return {"priority": value}
        case Without(field):
            return {"no": field}
        case Is(state):
            return {"is": state}
        case Compared(field, operator, day):
            return {"date": field, "operator": operator, "day": _day(day)}
        case Search(text):
            return {"search": text}


def _day(day: Day) -> str | dict[str, Any]:
    return day.isoformat() if isinstance(day, date) else {"from": day.base, "days": day.days}
