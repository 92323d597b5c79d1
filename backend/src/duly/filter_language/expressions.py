"""Filters as trees. Each node is true or false for a task.

`position` is where a term begins in the text, for errors that only show when the filter is used.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal, TypeAlias

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Reference = Literal["list", "section", "label"]
Operator = Literal["<", "<=", "=", ">=", ">"]
DateField = Literal["due", "start", "created", "updated", "completed"]
EmptyField = Literal["priority", "due", "start", "label", "list"]
State = Literal["open", "completed", "overdue", "recurring", "subtask"]

WEEKDAYS: tuple[Weekday, ...] = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)


@dataclass(frozen=True, slots=True)
class RelativeDay:
    """The day `days` after today, or after the next such weekday, which may be today."""

    base: Literal["today"] | Weekday
    days: int = 0


Day: TypeAlias = date | RelativeDay


@dataclass(frozen=True, slots=True)
class Named:
    """The task is in a list or section of this name, or has a label of this name.

    Names are compared by `utils.name_keys`. With `is_prefix`, it is enough that the name begins
    like this.
    """

    reference: Reference
    name: str
    is_prefix: bool = False
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Priority:
    """The task has this priority, 1 to 4."""

    value: int


@dataclass(frozen=True, slots=True)
class Without:
    """The task does not have this. Without a list, it is in the inbox."""

    field: EmptyField


@dataclass(frozen=True, slots=True)
class Is:
    """The task is in this state. `overdue` means `OVERDUE`."""

    state: State


@dataclass(frozen=True, slots=True)
class Compared:
    """The task has this date, and comparing it with a day by the operator is true.

    An instant, and a date with a time zone, are compared by the user's local day.
    """

    field: DateField
    operator: Operator
    day: Day


@dataclass(frozen=True, slots=True)
class Search:
    """Title and description match this text as they match the parameter `q` of a list."""

    text: str
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """The item is false."""

    item: "Expression"


@dataclass(frozen=True, slots=True)
class And:
    """All items, at least two, are true."""

    items: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of the items, at least two, is true."""

    items: tuple["Expression", ...]


Expression: TypeAlias = Named | Priority | Without | Is | Compared | Search | Not | And | Or

OVERDUE = And((Is("open"), Compared("due", "<", RelativeDay("today"))))


def is_relative(expression: Expression) -> bool:
    """Return whether what the filter finds depends on the user's current local day."""
    match expression:
        case And(items) | Or(items):
            return any(map(is_relative, items))
        case Not(item):
            return is_relative(item)
        case Compared(day=RelativeDay()) | Is("overdue"):
            return True
        case _:
            return False


def on_date(day: Day, today: date) -> date:
    """Return the date of a day. Dates end with the years 1 and 9999."""
    if isinstance(day, date):
        return day
    ordinal = today.toordinal() + day.days
    if day.base != "today":
        ordinal += (WEEKDAYS.index(day.base) - today.weekday()) % 7
    return date.fromordinal(min(max(ordinal, 1), date.max.toordinal()))
