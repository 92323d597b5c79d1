"""Setting, changing and reading the recurrence of a task."""

from datetime import date
from typing import Any, NamedTuple

from duly.core.errors import ValidationFailed
from duly.database.values import Row
from duly.recurrence.occurrences import Anchor, set_rule
from duly.recurrence.occurrences import Recurrence as State
from duly.recurrence.rules import InvalidRule, parse_rule
from duly.schemas.recurrence import Recurrence, RecurrencePatch
from duly.schemas.times import Moment
from duly.services.task_type import Recurring


class _Setting(NamedTuple):
    """A recurrence as it is set."""

    rule: str
    anchor: Anchor
    counted_from: date | None


def begun(sent: Recurrence, due: Moment | None, start: Moment | None) -> Recurring:
    """Return a recurrence that is set. Raise `ValidationFailed`."""
    return _set(None, _Setting(sent.rule, sent.anchor, sent.from_), due, start)


def _set(
    current: Recurring | None, sent: _Setting, due: Moment | None, start: Moment | None
) -> Recurring:
    if due is None:
        raise ValidationFailed.of(
            "body.recurrence", "Must not be set without a due date", "contradiction"
        )
    try:
        state = set_rule(
            parse_rule(sent.rule),
            sent.anchor,
            due.date,
            counted_from=sent.counted_from,
            start=None if start is None else start.date,
            former=None if current is None else current.state,
        )
    except InvalidRule as error:
        raise ValidationFailed.of("body.recurrence.rule", str(error), "value_error") from None
    return Recurring(sent.rule, state)


def recurring(task: Row) -> Recurring | None:
    """Return the recurrence of a task, as a response shows it."""
    shown = task["recurrence"]
    if shown is None:
        return None
    remaining = shown["remaining"]
    state = State(
        parse_rule(shown["rule"]),
        shown["anchor"],
        date.fromisoformat(shown["from"]),
        date.fromisoformat(shown["occurrence"]),
        remaining,
        date.fromisoformat(task["due"]["date"]),
        task["start"] and date.fromisoformat(task["start"]["date"]),
    )
    return Recurring(shown["rule"], state)


def changed(
    task: Row, sent: Recurrence | RecurrencePatch | None, due: Moment | None, start: Moment | None
) -> Recurring | None:
    """Return the recurrence after a change. Raise `ValidationFailed`."""
    if sent is None:
        return None
    current = recurring(task)
    if isinstance(sent, RecurrencePatch):
        setting = _patched(current, sent)
    else:
        setting = _Setting(sent.rule, sent.anchor, sent.from_)
    return _set(current, setting, due, start)


def _patched(current: Recurring | None, sent: RecurrencePatch) -> _Setting:
    changes: dict[str, Any] = sent.changes()
    rule = changes.get("rule", current and current.text)
    if rule is None:
        raise ValidationFailed.of("body.recurrence.rule", "Must be present", "missing")
    anchor = changes.get("anchor", current.state.anchor if current else "due")
    return _Setting(rule, anchor, changes.get("from_"))
