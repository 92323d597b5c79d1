"""Recurrence as vectors/recurrence.json describes it."""

from datetime import date, datetime, time
from itertools import islice
from typing import Any

import pytest

from duly.recurrence import occurrences
from duly.recurrence.dates import dates, first_date
from duly.recurrence.occurrences import Recurrence
from duly.recurrence.rules import InvalidRule, parse_rule
from duly.recurrence.zones import day_bounds, instant, is_timezone, local_date
from tests.support.vectors import name_of, vectors

Case = dict[str, Any]

CASES = vectors("recurrence")


def each(section: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", CASES[section], ids=name_of)


def day_of(text: str | None) -> date | None:
    return text and date.fromisoformat(text)  # type: ignore[return-value]


def state_of(case: Case) -> Recurrence:
    return Recurrence(
        parse_rule(case["rule"]),
        case["anchor"],
        date.fromisoformat(case["from"]),
        date.fromisoformat(case["occurrence"]),
        case["remaining"],
        date.fromisoformat(case["due"]),
        day_of(case["start"]),
    )


def shown(state: Recurrence | None) -> Case | None:
    """The part of a state that a step changes."""
    if state is None:
        return None
    return {
        "due": state.due.isoformat(),
        "occurrence": state.occurrence.isoformat(),
        "remaining": state.remaining,
        "start": state.start and state.start.isoformat(),
    }


def iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


@each("dates")
def test_dates_of_a_rule(case: Case) -> None:
    start, after = date.fromisoformat(case["from"]), day_of(case["after"])
    expected = case["dates"]

    found = dates(parse_rule(case["rule"]), start, after=after)

    assert [day.isoformat() for day in islice(found, len(expected))] == expected
    assert not case["ends"] or next(found, None) is None


@pytest.mark.parametrize(
    "case", [case for case in CASES["dates"] if case["after"] is None], ids=name_of
)
def test_first_date_of_a_rule(case: Case) -> None:
    first = first_date(parse_rule(case["rule"]), date.fromisoformat(case["from"]))

    assert (first and first.isoformat()) == next(iter(case["dates"]), None)


@each("invalid_rules")
def test_invalid_rule_is_rejected(case: Case) -> None:
    with pytest.raises(InvalidRule):
        parse_rule(case["rule"])


@each("begin")
def test_setting_a_rule_produces_the_expected_state(case: Case) -> None:
    rule, due, counted_from = parse_rule(case["rule"]), day_of(case["due"]), day_of(case["from"])
    assert due is not None

    try:
        state = occurrences.set_rule(rule, case["anchor"], due, counted_from=counted_from)
    except InvalidRule:
        assert case["then"] is None
    else:
        assert {"from": state.counted_from.isoformat(), **(shown(state) or {})} == case["then"]


@each("change")
def test_changing_a_rule_produces_the_expected_state(case: Case) -> None:
    state, to = state_of(case["state"]), case["to"]

    try:
        changed = occurrences.set_rule(
            parse_rule(to["rule"]),
            to["anchor"],
            state.due,
            counted_from=day_of(to["from"]),
            start=state.start,
            former=state,
        )
    except InvalidRule:
        assert case["then"] is None
    else:
        assert {"from": changed.counted_from.isoformat(), **(shown(changed) or {})} == case["then"]


@each("move")
def test_completing_and_skipping_produce_the_expected_state(case: Case) -> None:
    state, today = state_of(case["state"]), date.fromisoformat(case["today"])

    if case["action"] == "complete":
        moved = occurrences.complete(state, completed_on=day_of(case["completed_on"]) or today)
    else:
        moved = occurrences.skip(state, today=today)

    assert shown(moved) == case["then"]


@each("reopen")
def test_taking_a_completion_back_produces_the_expected_state(case: Case) -> None:
    copy = case["copy"]
    occurrence, due = date.fromisoformat(copy["occurrence"]), date.fromisoformat(copy["due"])

    state = occurrences.reopen(state_of(case["state"]), occurrence, due, day_of(copy["start"]))

    assert shown(state) == case["then"]


@pytest.mark.parametrize("name", CASES["timezones"]["valid"])
def test_timezone_is_accepted(name: str) -> None:
    assert is_timezone(name)


@pytest.mark.parametrize("name", CASES["timezones"]["invalid"], ids=ascii)
def test_timezone_is_rejected(name: str) -> None:
    assert not is_timezone(name)


@each("instants")
def test_instant_of_a_local_time(case: Case) -> None:
    day, at = date.fromisoformat(case["date"]), time.fromisoformat(case["time"])

    assert iso(instant(day, at, case["timezone"])) == case["instant"]


@each("local_dates")
def test_local_date_of_an_instant(case: Case) -> None:
    at = datetime.fromisoformat(case["instant"])

    assert local_date(at, case["timezone"]).isoformat() == case["date"]


@each("days")
def test_bounds_of_a_local_day(case: Case) -> None:
    begins, ends = day_bounds(date.fromisoformat(case["date"]), case["timezone"])

    assert (iso(begins), iso(ends)) == (case["begins"], case["ends"])
