"""The dates of a rule, in a bounded number of steps.

One step looks at one period: a week, a month or a year; with FREQ=DAILY, the days of one year.
The Gregorian calendar repeats every 400 years, which are 4,800 months, 20,871 weeks or 146,097
days, since 146,097 is divisible by 7. Which dates a period has, if BYMONTH, BYMONTHDAY, BYDAY and
BYSETPOS are applied, depends only on the position of the period in this cycle. With an INTERVAL
of i, periods are visited whose positions repeat after `cycle / gcd(i, cycle)` steps. So if that
many successive periods have no date, no later period has one. This covers 29 February (up to
eight years apart, or 400 with INTERVAL), a fifth Monday, 53 Mondays in a year, and combinations.

With FREQ=DAILY, the dates of a year depend on the position of the year, and on the days since the
start modulo i, which repeat together after the least common multiple of 146,097 and i days: after
`400 * i / gcd(i, 146097)` years.

The first period may be cut by `start` or `after`, so it is not counted. Dates end with the year
9999 in any case. The number of steps without a date is therefore at most 401 for YEARLY, 4,801
for MONTHLY, 20,872 for WEEKLY, and 9,999 for DAILY.
"""

from calendar import isleap, monthrange
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from math import gcd

from duly.recurrence.rules import Day, Frequency, Rule

_LAST = date.max.toordinal()
_ALL_MONTHS = range(1, 13)
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
    without = 0
    for period in _periods(rule, start, first, last):
        days = [day for day in period if first <= day <= last]
        yield from map(date.fromordinal, days)
        without = 0 if days else without + 1
        if without > _cycle(rule):
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
    match rule.frequency:
        case Frequency.DAILY:
            longest = 1
        case Frequency.WEEKLY:
            longest = len(rule.by_day)
        case Frequency.MONTHLY:
            longest = 31
        case Frequency.YEARLY:
            longest = 366
    return not rule.by_set_position or min(map(abs, rule.by_set_position)) <= longest


def _cycle(rule: Rule) -> int:
    """Return the number of steps after which periods repeat; see the module's docstring."""
    interval = rule.interval
    match rule.frequency:
        case Frequency.DAILY:
            return _YEARS * interval // gcd(interval, _DAYS)
        case Frequency.WEEKLY:
            return _WEEKS // gcd(interval, _WEEKS)
        case Frequency.MONTHLY:
            return _MONTHS // gcd(interval, _MONTHS)
        case Frequency.YEARLY:
            return _YEARS // gcd(interval, _YEARS)


def _periods(rule: Rule, start: date, first: int, last: int) -> Iterator[list[int]]:
    """Return the days of each period from that of `first` to that of `last`, in order.

    Days are ordinals, as in `date.toordinal`.
    """
    match rule.frequency:
        case Frequency.DAILY:
            return _daily(rule, start, first, last)
        case Frequency.WEEKLY:
            return _weekly(rule, start, first, last)
        case Frequency.MONTHLY:
            return _monthly(rule, start, first, last)
        case Frequency.YEARLY:
            return _yearly(rule, start, first, last)


def _daily(rule: Rule, start: date, first: int, last: int) -> Iterator[list[int]]:
    spans = _Spans(replace(rule, by_set_position=()))  # each day is a set of its own
    interval = rule.interval
    low, high = date.fromordinal(first).year, date.fromordinal(last).year
    for year in range(low, high + 1):
        begin, offsets = spans.of(year, _ALL_MONTHS)
        to_next = (start.toordinal() - max(begin, first)) % interval
        visited = range(max(begin, first) + to_next - begin, 366, interval)
        yield sorted(begin + offset for offset in offsets.intersection(visited))


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
    spans = _Spans(rule)
    origin, low, high = (
        12 * day.year + day.month - 1
        for day in (start, date.fromordinal(first), date.fromordinal(last))
    )
    for number in _visited(origin, rule.interval, low, high):
        year, month = divmod(number, 12)
        begin, offsets = spans.of(year, range(month + 1, month + 2))
        yield sorted(begin + offset for offset in offsets)


def _yearly(rule: Rule, start: date, first: int, last: int) -> Iterator[list[int]]:
    spans = _Spans(rule)
    low, high = date.fromordinal(first).year, date.fromordinal(last).year
    for year in _visited(start.year, rule.interval, low, high):
        begin, offsets = spans.of(year, _ALL_MONTHS)
        yield sorted(begin + offset for offset in offsets)


def _visited(origin: int, step: int, low: int, high: int) -> range:
    """Return every `step`-th number, counted from `origin`, from the last one up to `low` on."""
    return range(low - (low - origin) % step, high + 1, step)


class _Spans:
    """The days that a rule has in months and years, each kind of which is computed once.

    There are 14 kinds of years, and at most 14 of each month: by leap year and first weekday.
    """

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._kinds: dict[tuple[int, bool, int], frozenset[int]] = {}

    def of(self, year: int, months: range) -> tuple[int, frozenset[int]]:
        """Return the first day of the months, and the rule's days as offsets from it."""
        begin = date(year, months[0], 1).toordinal()
        kind = (months[0], isleap(year), begin % 7)
        offsets = self._kinds.get(kind)
        if offsets is None:
            days = _at_positions(self._rule, sorted(_expanded(self._rule, year, months)))
            offsets = self._kinds[kind] = frozenset(day - begin for day in days)
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
