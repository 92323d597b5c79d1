"""Phrases that name a recurrence rule."""

import re
from collections.abc import Callable, Mapping
from datetime import date

from duly.quick_add.dates import month_of, number_of, weekday_of
from duly.quick_add.languages.language import Language, any_of

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_NUMBER = re.compile("[0-9]+")


def rule_of(language: Language, groups: Mapping[str, str]) -> str | None:
    """Return the RFC 5545 rule of a phrase, without COUNT and UNTIL, or None if it has none."""
    interval = _interval(language, groups)
    frequency, days = next(
        (
            (implied, read(language, groups))
            for name, (implied, read) in _DAYS.items()
            if name in groups
        ),
        ("", ""),
    )
    if interval is None or days is None:
        return None
    frequency = language.cadences.get(groups.get("cadence", ""), frequency)
    parts = [
        f"FREQ={language.units.get(groups.get('unit', ''), frequency)}",
        f"INTERVAL={interval}" if interval > 1 else "",
        days,
    ]
    return ";".join(filter(None, parts))


def with_end(rule: str, last: date) -> str:
    """Return the rule with UNTIL: the date itself is included."""
    return f"{rule};UNTIL={last:%Y%m%d}"


def _interval(language: Language, groups: Mapping[str, str]) -> int | None:
    if "other" in groups:
        return 2
    if "nth" in groups:
        number = _ordinal(language, groups["nth"])
        return number if number > 1 else None
    return number_of(language, groups.get("interval"))


def _weekdays(language: Language, groups: Mapping[str, str]) -> str:
    # "Montags" is every Monday.
    names = re.findall(r"(\w+?)s?\b", groups["weekdays"])
    known = {*language.weekdays, *language.short_weekdays}
    numbers = {weekday_of(language, name) for name in names if name in known}
    return f"BYDAY={','.join(_WEEKDAYS[number] for number in sorted(numbers))}"


def _ordinals(language: Language, groups: Mapping[str, str]) -> str:
    words = re.findall(any_of(language.ordinals), groups["ordinals"])
    # -1, the last one, comes last.
    numbers = sorted({language.ordinals[word] for word in words}, key=lambda n: (n < 0, n))
    if "weekday" not in groups:
        return f"BYMONTHDAY={','.join(map(str, numbers))}"
    weekday = _WEEKDAYS[weekday_of(language, groups["weekday"])]
    return f"BYDAY={','.join(f'{number}{weekday}' for number in numbers)}"


def _days_of_month(_: Language, groups: Mapping[str, str]) -> str | None:
    numbers = {int(number) for number in _NUMBER.findall(groups["monthdays"])}
    if not numbers <= set(range(1, 32)):
        return None
    return f"BYMONTHDAY={','.join(map(str, sorted(numbers)))}"


def _day_of_year(language: Language, groups: Mapping[str, str]) -> str:
    return f"BYMONTH={month_of(language, groups)};BYMONTHDAY={int(groups['day'])}"


def _ordinal(language: Language, word: str) -> int:
    found = _NUMBER.match(word)
    return int(found[0]) if found else language.ordinals[word]


# By the group that names the days: the frequency that they imply, and their part of the rule.
_DAYS: Mapping[str, tuple[str, Callable[[Language, Mapping[str, str]], str | None]]] = {
    "last_day": ("MONTHLY", lambda *_: "BYMONTHDAY=-1"),
    "each_day": ("DAILY", lambda *_: ""),
    "weekend": ("WEEKLY", lambda *_: f"BYDAY={','.join(_WEEKDAYS[5:])}"),
    "workdays": ("WEEKLY", lambda *_: f"BYDAY={','.join(_WEEKDAYS[:5])}"),
    "weekdays": ("WEEKLY", _weekdays),
    "ordinals": ("MONTHLY", _ordinals),
    "monthdays": ("MONTHLY", _days_of_month),
    "month": ("YEARLY", _day_of_year),
    "month_number": ("YEARLY", _day_of_year),
}
