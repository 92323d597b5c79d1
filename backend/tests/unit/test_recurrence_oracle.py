"""Random rules, compared with python-dateutil and with plain loops.

`make recurrence` tries many more than `make test`.
"""

import random
from calendar import monthrange
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from itertools import islice

import pytest
from dateutil.rrule import rrulestr

from duly.recurrence import dates as dates_module
from duly.recurrence.dates import dates, first_date
from duly.recurrence.rules import Frequency, Rule, parse_rule
from tests.support.recurrence_rules import hostile_rule, random_rule

SHORT = 1000
COMPARED = 60
STEPS = {
    Frequency.YEARLY: 401,
    Frequency.MONTHLY: 4_801,
    Frequency.WEEKLY: 20_872,
    Frequency.DAILY: 25_000,
}
"""The bounds of the docstring of `duly.recurrence.dates`. DAILY has taken up to 19,051 steps."""

END = date(9998, 12, 31)
"""dateutil fails on weeks that reach beyond the year 9999."""


@pytest.fixture
def rng(run_seed: int) -> random.Random:
    print(f"seed {run_seed}")  # noqa: T201
    return random.Random(run_seed)


@pytest.fixture
def count(pytestconfig: pytest.Config) -> int:
    return int(pytestconfig.getoption("rules") or SHORT)


@pytest.mark.slow
def test_random_rule_has_the_dates_of_dateutil(rng: random.Random, count: int) -> None:
    for _ in range(count):
        text = random_rule(rng)
        # dateutil searches up to the year 9999, so it ends soon if the start is near.
        start = date(rng.randint(9960, 9997), 1, 1) + timedelta(rng.randrange(365))
        rule = parse_rule(text)
        if has_numbers_in_part(rule):
            continue
        if rule.frequency is Frequency.WEEKLY and rule.by_set_position:
            start = first_day_of_week(rule, start)

        found = [day for day in islice(dates(rule, start), COMPARED) if day <= END]

        assert found == dates_of_dateutil(text, start), f"{text} from {start}"


def has_numbers_in_part(rule: Rule) -> bool:
    """Whether BYDAY has values with and without numbers, which dateutil takes for a limit."""
    return len({day.ordinal == 0 for day in rule.by_day}) > 1


def first_day_of_week(rule: Rule, start: date) -> date:
    """The only start from which dateutil applies BYSETPOS to a whole first week."""
    return start - timedelta((start.weekday() - rule.week_start) % 7)


def dates_of_dateutil(rule: str, start: date) -> list[date]:
    found = []
    with suppress(ValueError):  # in the year 10000
        for at in islice(rrulestr(rule, dtstart=datetime.combine(start, time())), COMPARED):
            found.append(at.date())  # noqa: PERF401  # those before the error are kept
    return [day for day in found if day <= END]


def test_dates_after_a_date_are_those_that_follow_it(rng: random.Random, count: int) -> None:
    compared = 0
    for _ in range(count // 4):
        text, start = random_rule(rng), random_start(rng)
        rule = parse_rule(text)
        found = list(islice(dates(rule, start), 40))
        if len(found) < 40:
            continue
        index = rng.randrange(20)
        # Any day from a date to the eve of the next leads to the same dates.
        after = found[index] + timedelta(rng.randrange((found[index + 1] - found[index]).days))

        rest = list(islice(dates(rule, start, after=after), 19))

        assert rest == found[index + 1 : index + 20], f"{text} from {start} after {after}"
        compared += 1
    assert compared >= count // 8  # most rules have 40 dates


def test_rules_repeat_after_400_years(rng: random.Random, count: int) -> None:
    for _ in range(count // 4):
        text, start = random_rule(rng), random_start(rng)
        rule = parse_rule(text)

        found, later = (
            list(islice(dates(rule, start.replace(year=start.year + years)), 20))
            for years in (0, 400)
        )

        cut = [day.replace(year=day.year + 400) for day in found if day.year < 9600]
        assert later[: len(cut)] == cut, f"{text} from {start}"


def random_start(rng: random.Random) -> date:
    return date(rng.randint(1600, 2400), 1, 1) + timedelta(rng.randrange(365))


@pytest.mark.slow
def test_hostile_rule_takes_no_more_steps_than_its_bound(
    rng: random.Random, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0
    periods = dates_module._periods

    def counted(rule: Rule, start: date, first: int, last: int) -> Iterator[list[int]]:
        nonlocal steps
        for period in periods(rule, start, first, last):
            steps += 1
            yield period

    monkeypatch.setattr(dates_module, "_periods", counted)
    most = 0
    for _ in range(5 * count):
        text, start = hostile_rule(rng), random_day(rng)
        rule = parse_rule(text)
        steps = 0

        first_date(rule, start)

        assert steps <= STEPS[rule.frequency], f"{text} from {start}"
        most = max(most, steps)
    assert most > 300  # so that a count of nothing does not pass


def test_hostile_daily_rule_has_the_first_date_of_a_plain_loop(
    rng: random.Random, count: int
) -> None:
    compared = 0
    for _ in range(count):
        text, start = hostile_rule(rng), random_day(rng)
        rule = parse_rule(text)
        if rule.frequency is Frequency.DAILY and rule.interval > 300:
            assert first_date(rule, start) == plain_first_date(rule, start), f"{text} from {start}"
            compared += 1
    assert compared >= count // 20  # about one in eight


def plain_first_date(rule: Rule, start: date) -> date | None:
    if rule.by_set_position and not {1, -1}.intersection(rule.by_set_position):
        return None
    for ordinal in range(start.toordinal(), date.max.toordinal() + 1, rule.interval):
        if is_date_of_daily(rule, date.fromordinal(ordinal)):
            return date.fromordinal(ordinal)
    return None


def is_date_of_daily(rule: Rule, day: date) -> bool:
    if rule.by_month and day.month not in rule.by_month:
        return False
    if rule.by_day and (day.weekday(), 0) not in rule.by_day:
        return False
    from_end = day.day - monthrange(day.year, day.month)[1] - 1
    return not rule.by_month_day or bool({day.day, from_end}.intersection(rule.by_month_day))


def random_day(rng: random.Random) -> date:
    return date.fromordinal(rng.randint(1, date(2100, 1, 1).toordinal()))
