"""The dates of a rule, in a bounded number of steps.

One step looks at one period of the rule: a week, a month or a year. The Gregorian calendar repeats
every 400 years, which are 4,800 months, 20,871 weeks or 146,097 days, since 146,097 is divisible
by 7. Which days BYMONTH, BYMONTHDAY, BYDAY and BYSETPOS leave of a period depends only on its
position in this cycle. With an INTERVAL of i, the positions of the periods repeat after
`cycle / gcd(i, cycle)` steps, so if that many successive periods have no date, no later period has
one. This covers every 29 February (up to eight years apart, or 400 with INTERVAL=100), every fifth
Monday, and every year with 53 Mondays. The first period may be cut by `start` or `after`, so it
is not counted. A rule whose months have no day in any kind of year ends with its first step.

FREQ=DAILY looks at each day that INTERVAL leaves if these are fewer than the months that BYMONTH
leaves. Otherwise it looks at these months: at those of one cycle, and then only at those of later
cycles in which `gcd(i, 146,097)` divides the distance of a day from `start`. In others, INTERVAL
reaches no day in any cycle.

Dates end with the year 9999. So the number of steps without a date is at most 401 for YEARLY,
4,801 for MONTHLY and 20,872 for WEEKLY; for DAILY, random rules have taken up to 20,000. A step takes
up to a few microseconds.
"""

from calendar import isleap, monthrange
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property
from math import gcd

from duly.recurrence.rules import Day, Frequency, Rule

_LAST = date.max.toordinal()
_ALL_MONTHS = range(1, 13)
_LEAP_YEAR = 2000
_LONGEST_MONTH = 31
_YEAR = 365
"""Not 366: so the months of a cycle times INTERVAL stay below its days, which `dates` counts up to."""

_YEARS, _MONTHS, _WEEKS, _DAYS = 400, 4800, 20_871, 146_097


def first_date(rule: Rule, start: date) -> date | None:
    """Return the first date of the rule on or after `start`, or `None` if it has none."""
    return next(dates(rule, start), None)


def dates(rule: Rule, start: date, *, after: date | None = None) -> Iterator[date]:
    """Yield the dates of the rule in order, from `start` on or, if given, later than `after`.

    `start` is DTSTART of RFC 5545: INTERVAL counts from it, and it supplies the weekday, the day
    of the month or the month that the rule leaves open. Unlike in RFC 5545, it is only yielded if
    it is a date of the rule. UNTIL is applied and COUNT is not. The periods between `start` and
    `after` are skipped, not visited.
    """
    rule = _completed(rule, start)
    first = start.toordinal()
    if after is not None:
        first = max(first, after.toordinal() + 1)
    last = _LAST if rule.until is None else rule.until.toordinal()
    if first > last or not _has_positions(rule):
        return
    without, limit = 0, _cycle(rule)
    for period in _periods(rule, start, first, last):
        days = [day for day in period if first <= day <= last]
        yield from map(date.fromordinal, days)
        without = 0 if days else without + 1
        if without > limit:
            return


def _completed(rule: Rule, start: date) -> Rule:
    """Return the rule with the parts that it leaves to `start`."""
    if rule.frequency is Frequency.DAILY or rule.by_day or rule.by_month_day:
        return rule
    if rule.frequency is Frequency.WEEKLY:
        return replace(rule, by_day=(Day(start.weekday(), 0),))
    months = rule.by_month
    if rule.frequency is Frequency.YEARLY:
        months = months or (start.month,)
    return replace(rule, by_month=months, by_month_day=(start.day,))


def _has_positions(rule: Rule) -> bool:
    """Whether the longest period has one of the positions of BYSETPOS."""
    longest = {
        Frequency.DAILY: 1,
        Frequency.WEEKLY: len(rule.by_day),
        Frequency.MONTHLY: 31,
        Frequency.YEARLY: 366,
    }
    return not rule.by_set_position or (
        min(map(abs, rule.by_set_position)) <= longest[rule.frequency]
    )


def _cycle(rule: Rule) -> int:
    """Return the number of steps after which periods repeat; see the module's docstring."""
    cycle = {
        Frequency.DAILY: _DAYS,  # looks at months, and ends by itself
        Frequency.WEEKLY: _WEEKS,
        Frequency.MONTHLY: _MONTHS,
        Frequency.YEARLY: _YEARS,
    }[rule.frequency]
    return cycle // gcd(rule.interval, cycle)


def _periods(rule: Rule, start: date, first: int, last: int) -> Iterator[list[int]]:
    """Return the days of each period from that of `first` to that of `last`, in order.

    Days are ordinals, as in `date.toordinal`.
    """
    periods = {
        Frequency.DAILY: _daily,
        Frequency.WEEKLY: _weekly,
        Frequency.MONTHLY: _monthly,
        Frequency.YEARLY: _yearly,
    }
    return periods[rule.frequency](rule, start, first, last)


def _daily(rule: Rule, start: date, first: int, last: int) -> Iterator[list[int]]:
    origin, interval = start.toordinal(), rule.interval
    visited = range(first + (origin - first) % interval, last + 1, interval)
    months = rule.by_month or _ALL_MONTHS
    if not (rule.by_month or rule.by_month_day or rule.by_day):
        yield from ([day] for day in visited)
    elif _has_no_day(rule, start):
        return
    elif interval * len(months) > _YEAR:
        for day in visited:
            yield [day] if _has_day(rule, date.fromordinal(day)) else []
    else:
        yield from _daily_by_months(rule, origin, first, last)


def _has_no_day(rule: Rule, start: date) -> bool:
    """Whether no month of FREQ=DAILY is long enough, or all days have a weekday that BYDAY lacks."""
    months = rule.by_month or _ALL_MONTHS
    longest = max(monthrange(_LEAP_YEAR, month)[1] for month in months)
    if rule.by_month_day and min(map(abs, rule.by_month_day)) > longest:
        return True
    is_weekly = rule.interval % 7 == 0
    return is_weekly and bool(rule.by_day) and (start.weekday(), 0) not in rule.by_day


def _has_day(rule: Rule, day: date) -> bool:
    """Whether BYMONTH, BYMONTHDAY and BYDAY of FREQ=DAILY leave a day."""
    if rule.by_month and day.month not in rule.by_month:
        return False
    if rule.by_day and (day.weekday(), 0) not in rule.by_day:
        return False
    if not rule.by_month_day or day.day in rule.by_month_day:
        return True
    return day.day - monthrange(day.year, day.month)[1] - 1 in rule.by_month_day


def _daily_by_months(rule: Rule, origin: int, first: int, last: int) -> Iterator[list[int]]:
    common = gcd(rule.interval, _DAYS)
    begin = date.fromordinal(first).replace(day=1).toordinal()
    reachable = []
    for month in _months_with_days(rule, begin, min(last, begin + _DAYS - 1)):
        if _multiples(*month, origin, common):
            reachable.append(month)
            yield _multiples(*month, origin, rule.interval)
    for shift in range(_DAYS, last - begin + 1, _DAYS):
        for month_begin, offsets in reachable:
            yield _multiples(month_begin + shift, offsets, origin, rule.interval)


def _months_with_days(rule: Rule, first: int, last: int) -> Iterator[tuple[int, list[int]]]:
    """Yield the months in which FREQ=DAILY has days: the first day of each, and their offsets."""
    months = sorted(rule.by_month or _ALL_MONTHS)
    # A period of FREQ=DAILY is one day, so the positions 1 and -1 are any day.
    spans = _Spans(replace(rule, by_set_position=()), [])
    for year in range(date.fromordinal(first).year, date.fromordinal(last).year + 1):
        for month in months:
            begin, offsets = spans.of(year, range(month, month + 1))
            if offsets and first <= begin <= last:
                yield begin, offsets


def _multiples(begin: int, offsets: list[int], origin: int, interval: int) -> list[int]:
    """Return the days of a month whose distance from `origin` INTERVAL divides."""
    possible = range((origin - begin) % interval, _LONGEST_MONTH, interval)
    return [begin + offset for offset in possible if offset in offsets]


def _weekly(rule: Rule, start: date, first: int, last: int) -> Iterator[list[int]]:
    weekdays = {day.weekday for day in rule.by_day}
    origin = start.toordinal() - (start.weekday() - rule.week_start) % 7
    for begin in _visited(origin, 7 * rule.interval, first, last):
        week = map(date.fromordinal, range(max(begin, 1), min(begin + 7, _LAST + 1)))
        days = [
            day.toordinal()
            for day in week
            if day.weekday() in weekdays and (not rule.by_month or day.month in rule.by_month)
        ]
        yield sorted(_at_positions(rule, days))


def _monthly(rule: Rule, start: date, first: int, last: int) -> Iterator[list[int]]:
    origin, low, high = (
        12 * day.year + day.month - 1
        for day in (start, date.fromordinal(first), date.fromordinal(last))
    )
    months = {(origin + step * rule.interval) % 12 + 1 for step in range(12)}
    spans = _Spans(rule, [range(month, month + 1) for month in months])
    for number in _visited(origin, rule.interval, low, high):
        year, month = divmod(number, 12)
        begin, offsets = spans.of(year, range(month + 1, month + 2))
        yield [begin + offset for offset in offsets]
        if not offsets and not spans.have_days:
            return


def _yearly(rule: Rule, start: date, first: int, last: int) -> Iterator[list[int]]:
    spans = _Spans(rule, [_ALL_MONTHS])
    low, high = date.fromordinal(first).year, date.fromordinal(last).year
    for year in _visited(start.year, rule.interval, low, high):
        begin, offsets = spans.of(year, _ALL_MONTHS)
        yield [begin + offset for offset in offsets]
        if not offsets and not spans.have_days:
            return


def _visited(origin: int, step: int, low: int, high: int) -> range:
    """Return every `step`-th number, counted from `origin`, from the last one up to `low` on."""
    return range(low - (low - origin) % step, high + 1, step)


class _Spans:
    """The days that a rule has in months and years, each kind of which is computed once.

    There are 14 kinds of years, and at most 14 of each month: by leap year and first weekday.
    """

    def __init__(self, rule: Rule, visited: list[range]) -> None:
        self._rule = rule
        self._visited = visited
        self._kinds: dict[tuple[int, bool, int], list[int]] = {}

    @cached_property
    def have_days(self) -> bool:
        """Whether the visited months have a day of the rule in any year."""
        all_kinds = range(2001, 2029)
        return any(self.of(year, months)[1] for months in self._visited for year in all_kinds)

    def of(self, year: int, months: range) -> tuple[int, list[int]]:
        """Return the first day of the months, and the rule's days in order, as offsets from it."""
        begin = date(year, months[0], 1).toordinal()
        kind = (months[0], isleap(year), begin % 7)
        offsets = self._kinds.get(kind)
        if offsets is None:
            days = _at_positions(self._rule, sorted(_expanded(self._rule, year, months)))
            offsets = self._kinds[kind] = sorted(day - begin for day in days)
        return begin, offsets


def _expanded(rule: Rule, year: int, months: range) -> set[int]:
    """Return the days of the months that BYMONTH, BYMONTHDAY and BYDAY select."""
    found: set[int] = set()
    for month in months:
        if rule.by_month and month not in rule.by_month:
            continue
        span = _span(year, month)
        days = set(span)
        if rule.by_month_day:
            days = {span[_index(n)] for n in rule.by_month_day if abs(n) <= len(span)}
        # BYDAY counts within the month, or within the year if the rule names no month.
        if rule.by_day and (rule.frequency is Frequency.MONTHLY or rule.by_month):
            days &= _weekdays(rule.by_day, span)
        found |= days
    if rule.by_day and not (rule.frequency is Frequency.MONTHLY or rule.by_month):
        found &= _weekdays(rule.by_day, range(_span(year, 1).start, _span(year, 12).stop))
    return found


def _span(year: int, month: int) -> range:
    begin = date(year, month, 1).toordinal()
    return range(begin, begin + monthrange(year, month)[1])


def _weekdays(by_day: Iterable[Day], span: range) -> set[int]:
    """Return the days of a month or a year that BYDAY selects."""
    found: set[int] = set()
    for weekday, ordinal in by_day:
        # The ordinal 1 is a Monday.
        each = span[(weekday + 1 - span.start) % 7 :: 7]
        if ordinal == 0:
            found.update(each)
        elif abs(ordinal) <= len(each):
            found.add(each[_index(ordinal)])
    return found


def _at_positions(rule: Rule, days: Sequence[int]) -> Collection[int]:
    if not rule.by_set_position:
        return days
    return {days[_index(n)] for n in rule.by_set_position if abs(n) <= len(days)}


def _index(ordinal: int) -> int:
    """The index of the n-th item, or of the n-th from the end if it is negative."""
    return ordinal - 1 if ordinal > 0 else ordinal
