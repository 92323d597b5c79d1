"""Filters evaluated task by task in Python, to check the SQL against.

Tasks are dictionaries as the API shows them. Nothing here is shared with the service except for the
expressions, the keys of names and the words of a text.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from duly.filter_language import (
    And,
    Compared,
    Expression,
    Is,
    Named,
    Not,
    Or,
    Priority,
    RelativeDay,
    Search,
    Without,
)
from duly.utils.name_keys import name_key
from duly.utils.words import words

Task = Mapping[str, Any]
Names = Mapping[Any, str]

_WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


@dataclass(frozen=True)
class Viewpoint:
    """Whose tasks are looked at, and when: the names by id, the user's time zone and local day."""

    timezone: str
    today: date
    lists: Names = field(default_factory=dict)
    sections: Names = field(default_factory=dict)
    labels: Names = field(default_factory=dict)


def finds(  # noqa: PLR0911  # one for each kind of node
    expression: Expression, task: Task, view: Viewpoint
) -> bool:
    """Whether a filter is true for a task."""
    match expression:
        case And(items):
            return all(finds(item, task, view) for item in items)
        case Or(items):
            return any(finds(item, task, view) for item in items)
        case Not(item):
            return not finds(item, task, view)
        case Named():
            return any(_is_named(expression, name) for name in _names(expression, task, view))
        case Priority(value):
            return bool(task["priority"] == value)
        case Without(empty):
            member = {"list": "list_id", "label": "label_ids"}.get(empty, empty)
            return not task[member]
        case Is(state):
            return _is_in(state, task, view)
        case Compared():
            day = _day_of(expression.field, task, view)
            return day is not None and _compares(expression, day, view)
        case Search(text):
            return _is_found(text, task)


def _names(term: Named, task: Task, view: Viewpoint) -> Iterator[str]:
    match term.reference:
        case "list":
            ids, names = [task["list_id"]], view.lists
        case "section":
            ids, names = [task["section_id"]], view.sections
        case "label":
            ids, names = task["label_ids"], view.labels
    yield from (names[one] for one in ids if one is not None)


def _is_named(term: Named, name: str) -> bool:
    key, sought = name_key(name), name_key(term.name)
    return key[: len(sought)] == sought if term.is_prefix else key == sought


def _is_in(state: str, task: Task, view: Viewpoint) -> bool:
    if state == "overdue":
        day = _day_of("due", task, view)
        return task["completed_at"] is None and day is not None and day < view.today
    member = {"recurring": "recurrence", "subtask": "parent_id"}.get(state, "completed_at")
    return (task[member] is not None) is (state != "open")


def _day_of(name: str, task: Task, view: Viewpoint) -> date | None:
    zone = ZoneInfo(view.timezone)
    if name in {"start", "due"}:
        value = task[name]
        if value is None:
            return None
        day = date.fromisoformat(value["date"])
        if value["timezone"] is None:
            return day
        # By way of UTC: a time in a gap then moves forward by the gap.
        there = datetime.combine(
            day, time.fromisoformat(value["time"]), ZoneInfo(value["timezone"])
        )
        return there.astimezone(UTC).astimezone(zone).date()
    instant = task[f"{name}_at"]
    return None if instant is None else datetime.fromisoformat(instant).astimezone(zone).date()


def _compares(term: Compared, day: date, view: Viewpoint) -> bool:
    number, other = day.toordinal(), _number_of(term.day, view.today)
    is_so = {"<": number < other, "=": number == other, ">": number > other}
    return any(is_so[sign] for sign in term.operator)


def _number_of(day: date | RelativeDay, today: date) -> int:
    if isinstance(day, date):
        return day.toordinal()
    number = today.toordinal()
    if day.base != "today":
        while date.fromordinal(number).weekday() != _WEEKDAYS.index(day.base):
            number += 1
    return number + day.days


_TERM = re.compile(r'((?<!\S)-(?!-))?(?:"([^"]*)("?)|([^\s"]+))')


def _is_found(text: str, task: Task) -> bool:
    """Whether a task matches a search like that of the parameter `q`."""
    terms = [match for match in _TERM.finditer(text) if words(match[0])]
    plain = [match for match in terms if match[4] and not match[1]]
    texts = [words(task["title"]), words(task["description"] or "")]
    for match in terms:
        is_begun = match in plain[-1:] or (match[3] == "" and match[2] is not None)
        phrase = words(match[0])
        is_there = any(_has_phrase(text, phrase, is_begun and not match[1]) for text in texts)
        if is_there is bool(match[1]):
            return False
    return bool(terms)


def _has_phrase(text: Sequence[str], phrase: Sequence[str], is_begun: bool) -> bool:
    *before, last = phrase
    for start in range(len(text) - len(before)):
        end = start + len(before)
        word = text[end]
        is_last = word.startswith(last) if is_begun else word == last
        if is_last and list(text[start:end]) == before:
            return True
    return False
