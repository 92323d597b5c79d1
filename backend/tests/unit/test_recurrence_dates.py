"""The dates of rules up to the end of the calendar, and how many steps they take."""

from calendar import isleap
from collections.abc import Iterator
from datetime import date

import pytest

from duly.recurrence import dates as dates_module
from duly.recurrence import occurrences
from duly.recurrence.dates import dates, first_date
from duly.recurrence.rules import Rule, parse_rule

LAST = date.max.toordinal()


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many days each step found."""
    counted: list[int] = []
    periods = dates_module._periods

    def counting(rule: Rule, start: date, first: int, last: int) -> Iterator[list[int]]:
        for period in periods(rule, start, first, last):
            counted.append(len(period))
            yield period

    monkeypatch.setattr(dates_module, "_periods", counting)
    return counted


def leap_days_every(interval: int, start: date, weekdays: set[int]) -> list[date]:
    """Each 29 February at a multiple of some days, by a plain loop."""
    ordinals = range(start.toordinal(), LAST + 1, interval)
    return [
        day
        for day in map(date.fromordinal, ordinals)
        if (day.month, day.day) == (2, 29) and day.weekday() in weekdays
    ]


@pytest.mark.slow
@pytest.mark.parametrize("interval", [1, 2, 7, 27, 189, 365, 773, 994, 999])
@pytest.mark.parametrize("start", [date(1, 1, 1), date(2026, 11, 26)], ids=str)
def test_daily_rule_finds_each_leap_day_up_to_9999(interval: int, start: date) -> None:
    rule = parse_rule(f"FREQ=DAILY;INTERVAL={interval};BYMONTH=2;BYMONTHDAY=29")

    assert list(dates(rule, start)) == leap_days_every(interval, start, set(range(7)))


@pytest.mark.parametrize("interval", [3, 13, 999])
def test_daily_rule_finds_each_leap_day_on_a_monday_up_to_9999(interval: int) -> None:
    rule = parse_rule(f"FREQ=DAILY;INTERVAL={interval};BYMONTH=2;BYMONTHDAY=29;BYDAY=MO")
    start = date(2026, 11, 26)

    assert list(dates(rule, start)) == leap_days_every(interval, start, {0})


@pytest.mark.parametrize("interval", [1, 4, 8, 12, 28, 100, 400, 999])
@pytest.mark.parametrize("year", [1, 4, 1900, 2000, 2026])
def test_yearly_rule_finds_each_leap_day_up_to_9999(interval: int, year: int) -> None:
    rule = parse_rule(f"FREQ=YEARLY;INTERVAL={interval};BYMONTH=2;BYMONTHDAY=29")

    assert list(dates(rule, date(year, 1, 1))) == [
        date(each, 2, 29) for each in range(year, 10_000, interval) if isleap(each)
    ]


@pytest.mark.parametrize("interval", [1, 5, 11, 12, 48, 999])
def test_monthly_rule_finds_each_leap_day_on_a_sunday_up_to_9999(interval: int) -> None:
    rule = parse_rule(f"FREQ=MONTHLY;INTERVAL={interval};BYMONTHDAY=29;BYDAY=SU;BYMONTH=2")

    assert list(dates(rule, date(2024, 2, 1))) == [
        day
        for number in range(2024 * 12 + 1, 10_000 * 12, interval)
        if number % 12 == 1 and isleap(number // 12)
        for day in [date(number // 12, 2, 29)]
        if day.weekday() == 6
    ]


def test_yearly_rule_finds_each_53rd_monday_up_to_9999() -> None:
    rule = parse_rule("FREQ=YEARLY;BYDAY=53MO")

    assert list(dates(rule, date(2026, 1, 1))) == [
        day
        for year in range(2026, 10_000)
        for day in [date(year, 12, 31 - date(year, 12, 31).weekday())]
        if (day - date(year, 1, 1)).days // 7 == 52
    ]


def test_weekly_rule_finds_each_week_of_a_month_up_to_9999() -> None:
    rule = parse_rule("FREQ=WEEKLY;INTERVAL=313;BYMONTH=2;BYDAY=MO")
    monday = date(2026, 11, 23).toordinal()

    assert list(dates(rule, date(2026, 11, 26))) == [
        day for day in map(date.fromordinal, range(monday, LAST + 1, 7 * 313)) if day.month == 2
    ]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;INTERVAL=999;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;INTERVAL=994;BYMONTHDAY=31;BYMONTH=2,4,6,9,11",
        "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2",
        "FREQ=WEEKLY;INTERVAL=999;BYDAY=MO,TU;BYSETPOS=-3",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6",
        "FREQ=MONTHLY;INTERVAL=7;BYDAY=6MO",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=366",
        "FREQ=YEARLY;BYMONTHDAY=1;BYDAY=53MO",
        "FREQ=YEARLY;BYDAY=MO;BYSETPOS=54",
    ],
)
def test_rule_without_dates_ends_with_its_first_step(rule: str, steps: list[int]) -> None:
    assert first_date(parse_rule(rule), date(26, 11, 29)) is None

    assert len(steps) <= 1


@pytest.mark.parametrize(
    ("rule", "most"),
    [
        ("FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29", 101),
        ("FREQ=YEARLY;INTERVAL=400;BYMONTH=2;BYMONTHDAY=28;BYDAY=MO", 2),
        ("FREQ=MONTHLY;INTERVAL=48;BYMONTHDAY=29", 101),
        ("FREQ=DAILY;INTERVAL=773;BYMONTH=2;BYMONTHDAY=28;BYDAY=MO", 190),
    ],
)
def test_rule_whose_interval_misses_its_days_ends_with_the_cycle(
    rule: str, most: int, steps: list[int]
) -> None:
    assert first_date(parse_rule(rule), date(2025, 2, 1)) is None

    assert 1 < len(steps) <= most


@pytest.mark.parametrize("interval", [103, 120, 365, 400, 997])
def test_daily_rule_takes_few_steps_to_a_rare_date(interval: int, steps: list[int]) -> None:
    rule = f"FREQ=DAILY;INTERVAL={interval};BYMONTH=2;BYMONTHDAY=29;BYDAY=MO"

    first_date(parse_rule(rule), date(1, 1, 22))

    assert len(steps) <= 10_000


def test_daily_rule_of_whole_weeks_takes_no_steps_to_another_weekday(steps: list[int]) -> None:
    rule = parse_rule("FREQ=DAILY;INTERVAL=994;BYDAY=MO,TU,WE,TH,FR,SA")

    assert first_date(rule, date(2026, 11, 29)) is None  # a Sunday
    assert not steps


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=3;BYDAY=MO,TU,WE",
        "FREQ=WEEKLY;INTERVAL=2",
        "FREQ=MONTHLY;INTERVAL=5",
        "FREQ=YEARLY;INTERVAL=3",
    ],
)
def test_way_to_a_distant_date_takes_no_steps(rule: str, steps: list[int]) -> None:
    next(dates(parse_rule(rule), date(2026, 11, 26), after=date(9000, 1, 1)))

    assert len(steps) <= 3


def test_task_that_is_overdue_for_centuries_is_completed_in_few_steps(steps: list[int]) -> None:
    state = occurrences.set_rule(parse_rule("FREQ=DAILY"), "due", date(1, 1, 1))
    steps.clear()

    moved = occurrences.complete(state, completed_on=date(2026, 11, 26))

    assert moved is not None
    assert moved.due == date(2026, 11, 26)
    assert len(steps) == 1


def test_calendar_repeats_after_400_years_and_not_before() -> None:
    kinds = [(isleap(year), date(year, 1, 1).weekday()) for year in range(1, 801)]

    repeats = [years for years in range(1, 401) if kinds[:400] == kinds[years : years + 400]]

    assert repeats == [400]
    assert len(set(kinds)) == len(set(kinds[2000 % 400 : 2028 % 400])) == 14  # as 2001 to 2028
    assert (date(401, 1, 1) - date(1, 1, 1)).days == dates_module._DAYS == 7 * dates_module._WEEKS
