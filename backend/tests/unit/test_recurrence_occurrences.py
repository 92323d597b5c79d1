"""What holds for every step of a recurring task, with random rules and days."""

import random
from datetime import date, timedelta

import pytest

from duly.recurrence import occurrences
from duly.recurrence.dates import dates
from duly.recurrence.occurrences import Anchor, Recurrence
from duly.recurrence.rules import InvalidRule, parse_rule
from tests.support.recurrence_rules import random_rule

TODAY = date(2026, 11, 26)
RULES = 300
MOVED = 200
"""How many tasks must at least have a next date, so that the tests compare something."""


@pytest.fixture
def rng(run_seed: int) -> random.Random:
    print(f"seed {run_seed}")  # noqa: T201
    return random.Random(run_seed)


def random_state(rng: random.Random, anchor: Anchor) -> Recurrence:
    """A task whose rule has dates, some of them postponed or pulled forward."""
    while True:
        rule = parse_rule(random_rule(rng))
        due, occurrence, counted_from = (TODAY + near(rng) for _ in range(3))
        try:
            occurrences.set_rule(rule, anchor, due, counted_from=counted_from)
        except InvalidRule:
            continue
        remaining = min(2, rule.count or 2)
        return Recurrence(rule, anchor, counted_from, occurrence, remaining, due, due - near(rng))


def near(rng: random.Random) -> timedelta:
    return timedelta(rng.choice([0, rng.randint(-5, 5), rng.randint(-90, 90)]))


def test_next_due_date_is_the_first_that_the_contract_allows(rng: random.Random) -> None:
    count = 0
    for _ in range(RULES):
        state = random_state(rng, "due")

        moved = occurrences.complete(state, completed_on=TODAY)

        allowed = (
            day
            for day in dates(state.rule, state.counted_from)
            if day > state.occurrence and day > state.due and day >= TODAY
        )
        assert (moved and moved.due) == next(allowed, None), state
        count += moved is not None
    assert count >= MOVED


def test_skipping_with_the_anchor_due_is_completing_without_a_copy(rng: random.Random) -> None:
    for _ in range(RULES):
        state = random_state(rng, "due")

        assert occurrences.skip(state, today=TODAY) == occurrences.complete(
            state, completed_on=TODAY
        )


def test_next_due_date_is_counted_from_the_completion(rng: random.Random) -> None:
    count = 0
    for _ in range(RULES):
        state, completed_on = random_state(rng, "completion"), TODAY - abs(near(rng))

        moved = occurrences.complete(state, completed_on=completed_on)

        allowed = (
            day
            for day in dates(state.rule, completed_on)
            if day > completed_on and day != state.occurrence
        )
        assert (moved and moved.due) == next(allowed, None), state
        count += moved is not None
    assert count >= MOVED


def test_skipping_with_the_anchor_completion_moves_the_task_later(rng: random.Random) -> None:
    count = 0
    for _ in range(RULES):
        state = random_state(rng, "completion")

        moved = occurrences.skip(state, today=TODAY)

        assert moved is None or moved.due > max(TODAY, state.due, state.occurrence), state
        count += moved is not None
    assert count >= MOVED


@pytest.mark.parametrize("anchor", ["due", "completion"])
def test_each_step_leaves_the_occurrence_and_uses_up_one(
    rng: random.Random, anchor: Anchor
) -> None:
    count = 0
    for _ in range(RULES):
        state = random_state(rng, anchor)

        for moved in (
            occurrences.complete(state, completed_on=TODAY),
            occurrences.skip(state, today=TODAY),
        ):
            if moved is None:
                continue
            assert moved.occurrence == moved.due != state.occurrence, state
            assert moved.remaining == 1, state
            assert moved.start is not None
            assert state.start is not None
            assert moved.due - moved.start == state.due - state.start, state
            assert occurrences.complete(moved, completed_on=TODAY) is None
            count += 1
    assert count >= 2 * MOVED


def test_reopening_takes_a_completion_back(rng: random.Random) -> None:
    count = 0
    for _ in range(RULES):
        state = random_state(rng, "due")
        moved = occurrences.complete(state, completed_on=TODAY)
        if moved is not None:
            assert state == occurrences.reopen(moved, state.occurrence, state.due, state.start)
            count += 1
    assert count >= MOVED
