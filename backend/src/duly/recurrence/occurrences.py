"""The occurrences of a recurring task: what setting a rule, completing and skipping do.

All dates are local: "today" is the date in the zone of the task's due date, or of its user.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from duly.recurrence.dates import dates, first_date
from duly.recurrence.rules import InvalidRule, Rule

Anchor = Literal["due", "completion"]

MAX_COMPLETED = 100
"""How many completed occurrences in the future are looked at: the last ones."""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """The state of a recurring task that is open."""

    rule: Rule
    anchor: Anchor
    """Whether the next date follows the due date, or is counted from the day of completion."""

    counted_from: date
    """`from`: the date that INTERVAL and implied days count from, if the anchor is `due`."""

    occurrence: date
    """The rule's date that is due now. Rescheduling changes `due`, and keeps this."""

    remaining: int | None
    """How many completions and skips COUNT has left, this occurrence included."""

    due: date
    start: date | None = None
    """The date of the task's `start`. It moves by as many days as `due`."""


def set_rule(
    rule: Rule,
    anchor: Anchor,
    due: date,
    *,
    counted_from: date | None = None,
    start: date | None = None,
    former: Recurrence | None = None,
) -> Recurrence:
    """Return the state after a client sets a rule; `from` is the due date by default.

    The recurrence begins with the due date. It continues if `former`, the state before, has the
    same `from` and a rule that differs at most in its end: then only a different COUNT begins again.
    Raise `InvalidRule` if the rule has no date from `from` on.
    """
    occurrence, remaining = due, rule.count
    if former is not None and _continues(former, rule, counted_from):
        occurrence, counted_from = former.occurrence, former.counted_from
        if rule.count == former.rule.count:
            remaining = former.remaining
    counted_from = counted_from or due
    if first_date(rule, counted_from) is None:
        raise InvalidRule("Must have a date on or after recurrence.from, by default the due date")
    return Recurrence(rule, anchor, counted_from, occurrence, remaining, due, start)


def _continues(former: Recurrence, rule: Rule, counted_from: date | None) -> bool:
    """Whether a rule has the dates of the former one, up to their ends."""
    is_from_kept = counted_from in {None, former.counted_from}
    return is_from_kept and _without_end(rule) == _without_end(former.rule)


def _without_end(rule: Rule) -> Rule:
    return replace(rule, count=None, until=None)


def complete(
    recurrence: Recurrence,
    *,
    completed_on: date,
    completed: Collection[date] = (),
) -> Recurrence | None:
    """Return the state after the occurrence is completed, or `None` if the rule ends with it.

    At the rule's end, the task itself is completed and keeps its state, so that reopening it
    restores the last occurrence. `completed_on` is the local date of the completion. `completed` are
    the last occurrences that were completed before, at most `MAX_COMPLETED`.
    """
    if recurrence.anchor == "due":
        return _next_by_due(recurrence, completed_on)
    return _next_by_completion(recurrence, completed_on, completed)


def skip(
    recurrence: Recurrence, *, today: date, completed: Collection[date] = ()
) -> Recurrence | None:
    """Return the state after the occurrence is skipped, or `None` if the rule ends with it.

    With the anchor `completion`, an occurrence in the future is skipped as if it were completed on
    its date, or on its due date if that is later. Counted from today, the next one could be earlier
    than the one that is skipped. `completed` is that of `complete`.
    """
    if recurrence.anchor == "due":
        return _next_by_due(recurrence, today)
    skipped_on = max(today, recurrence.due, recurrence.occurrence)
    return _next_by_completion(recurrence, skipped_on, completed)


def reopen(recurrence: Recurrence, occurrence: date, due: date, start: date | None) -> Recurrence:
    """Return the state after the newest completion is undone.

    The arguments are those of the completed copy.
    """
    remaining = recurrence.remaining
    if remaining is not None:
        # The completion may be older than the rule, which then has all of its count.
        remaining = min(remaining + 1, recurrence.rule.count or remaining + 1)
    return replace(recurrence, occurrence=occurrence, remaining=remaining, due=due, start=start)


def _next_by_due(recurrence: Recurrence, day: date) -> Recurrence | None:
    after = max(
        recurrence.occurrence, recurrence.due, day - min(timedelta(days=1), day - date.min)
    )
    found = dates(recurrence.rule, recurrence.counted_from, after=after)
    return _moved(recurrence, next(found, None))


def _next_by_completion(
    recurrence: Recurrence, completed_on: date, completed: Collection[date]
) -> Recurrence | None:
    # Early completions may lead back to the date that they complete, or to one before it. No date
    # may come twice, or a retry of its completion would complete the task again.
    after = completed_on
    if len(completed) >= MAX_COMPLETED:  # there may be more of them before these
        after = max(after, *completed)
    found = dates(recurrence.rule, completed_on, after=after)
    new = (day for day in found if day != recurrence.occurrence and day not in completed)
    return _moved(recurrence, next(new, None))


def _moved(recurrence: Recurrence, to: date | None) -> Recurrence | None:
    remaining = recurrence.remaining
    if to is None or remaining == 1:
        return None
    return replace(
        recurrence,
        occurrence=to,
        remaining=None if remaining is None else remaining - 1,
        due=to,
        start=recurrence.start and _shifted(recurrence.start, to - recurrence.due),
    )


def _shifted(day: date, by: timedelta) -> date:
    """Return the day moved by whole days, within the dates that exist (years 1 to 9999)."""
    ordinal = day.toordinal() + by.days
    return date.fromordinal(min(max(ordinal, 1), date.max.toordinal()))
