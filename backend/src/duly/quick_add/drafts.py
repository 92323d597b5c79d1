"""The input and the result of quick add."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from typing import Literal
from uuid import UUID

LanguageCode = Literal["en", "de"]
Anchor = Literal["due", "completion"]


class NothingLeft(ValueError):
    """The text consists only of tokens."""


@dataclass(frozen=True, slots=True)
class ListName:
    """A list of the user."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class SectionName:
    """A section of one of the user's lists."""

    id: UUID
    list_id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class LabelName:
    """A label. `id` is null if it does not exist yet."""

    id: UUID | None
    name: str


@dataclass(frozen=True, slots=True)
class Context:
    """The settings and names that decide what a text means.

    `now` is the user's local time, without a zone. If several lists or sections have the same name,
    the first one is used.
    """

    language: LanguageCode
    now: datetime
    lists: Sequence[ListName] = ()
    sections: Sequence[SectionName] = ()
    labels: Sequence[LabelName] = ()


class SpanKind(StrEnum):
    """The field that a span sets. An escape is a backslash that the title does not keep."""

    LIST = "list"
    SECTION = "section"
    LABEL = "label"
    PRIORITY = "priority"
    DATE = "date"
    TIME = "time"
    DURATION = "duration"
    RECURRENCE = "recurrence"
    ESCAPE = "escape"


@dataclass(frozen=True, slots=True)
class Span:
    r"""A token: `text[start:end]`, in code points.

    `value` is an id (list, section), a name (label), a number (priority, minutes of a duration),
    `YYYY-MM-DD`, `HH:MM`, the rule of a recurrence, or `\`.
    """

    start: int
    end: int
    kind: SpanKind
    value: str | int


@dataclass(frozen=True, slots=True)
class Due:
    """When a task is due: all day, or at a time wherever the user is."""

    date: date
    time: time | None


@dataclass(frozen=True, slots=True)
class DraftRecurrence:
    """An RFC 5545 rule, counted from the due date or from the completion."""

    rule: str
    anchor: Anchor


@dataclass(frozen=True, slots=True)
class Draft:
    """The task that a text describes. Spans are in order and do not overlap."""

    title: str
    list_id: UUID | None = None
    section_id: UUID | None = None
    labels: tuple[LabelName, ...] = ()
    priority: int | None = None
    due: Due | None = None
    duration_minutes: int | None = None
    recurrence: DraftRecurrence | None = None
    spans: tuple[Span, ...] = field(default=())
