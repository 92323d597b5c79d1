"""When a task is due, how long it takes and how it recurs."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from duly.quick_add.drafts import Anchor, DraftRecurrence, Due
from duly.quick_add.line import Line, Token
from duly.quick_add.phrases import Phrases
from duly.quick_add.recurrences import with_end
from duly.recurrence.dates import first_date
from duly.recurrence.rules import parse_rule


@dataclass(frozen=True, slots=True)
class Schedule:
    """The schedule of a task, and the tokens that set it."""

    due: Due | None
    duration_minutes: int | None
    recurrence: DraftRecurrence | None
    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class _Repetition:
    """A recurrence, the first date of its rule, and the tokens that set it."""

    recurrence: DraftRecurrence
    first: date
    tokens: tuple[Token, ...]


def schedule_of(line: Line, phrases: Phrases, now: datetime) -> Schedule:
    """Read the schedule of a text at a local time."""
    found = phrases.recurrence()
    token = None if found is None else line.take_last(found[:1])
    end = None if token is None else line.take_last(phrases.ends(token.after))
    start = None if token is None else line.take_last(phrases.starts())
    day = start or line.take_last(phrases.dates())
    hours = line.take_all(phrases.times(*filter(None, (token, day))))
    duration = line.take_last(phrases.durations())

    at = time.fromisoformat(str(hours[0].value)) if hours else None
    first = _next_day(now, at) if day is None else date.fromisoformat(str(day.value))
    is_fixed = day is not None and day is not start
    repetition = None
    if found is not None:
        repetition = _repetition(*found, end, first, is_fixed=is_fixed)
    if repetition is not None and not is_fixed:
        first = repetition.first
    tokens = [each for each in (day, *hours, duration) if each is not None]
    return Schedule(
        due=Due(first, at) if day or hours or repetition else None,
        duration_minutes=None if duration is None else int(duration.value),
        recurrence=None if repetition is None else repetition.recurrence,
        tokens=(*tokens, *(repetition.tokens if repetition else ())),
    )


def _next_day(now: datetime, at: time | None) -> date:
    """Return today, or tomorrow if the time is past."""
    is_past = at is not None and at < now.time()
    return now.date() + timedelta(days=is_past)


def _repetition(
    token: Token, anchor: Anchor, end: Token | None, start: date, *, is_fixed: bool
) -> _Repetition | None:
    """Return the repetition from a date on, or None if the rule has no date.

    An end before the first date is dropped. Intervals are counted from the start if that is fixed,
    else from the first date: on a Thursday, "every other Monday" begins with the next Monday.
    """
    rule = str(token.value)
    parsed = parse_rule(rule)
    first = first_date(parsed if is_fixed else replace(parsed, interval=1), start)
    if first is None:
        return None
    tokens = [token]
    if end is not None:
        last = date.fromisoformat(str(end.value))
        if last >= first:
            rule = with_end(rule, last)
            tokens.append(end)
    # Both tokens have the whole rule as their value.
    spans = tuple(replace(each, value=rule) for each in tokens)
    return _Repetition(DraftRecurrence(rule, anchor), first, spans)
