"""Phrases that name a recurrence rule."""

import re
from collections.abc import Mapping
from datetime import date

from duly.quick_add.dates import month_of, number_of, weekday_of
from duly.quick_add.languages.language import Language

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_MAX_WEEK = 5
_LEADING_NUMBER = re.compile("[0-9]+")


def rule_of(language: Language, groups: Mapping[str, str]) -> str | None:
    """Return the rule of a phrase as in RFC 5545, without an end; or none if no rule says it."""
    frequency = language.units.get(groups.get("unit", ""))
    interval = _interval(language, groups)
    days = _days(language, groups)
    if interval is None or days is None:
        return None
    implied, parts = days
    frequency = frequency or implied
    if frequency is None:
        return None
    steps = [f"INTERVAL={interval}"] if interval > 1 else []
    return ";".join([f"FREQ={frequency}", *steps, *parts])


def with_end(rule: str, last: date) -> str:
    """Return the rule that ends with a date, which may be its last."""
    return f"{rule};UNTIL={last:%Y%m%d}"


def _interval(language: Language, groups: Mapping[str, str]) -> int | None:
    if "other" in groups:
        return 2
    if "nth" in groups:
        number = _ordinal(language, groups["nth"])
        return number if number > 1 else None
    return number_of(language, groups.get("interval"))


def _days(language: Language, groups: Mapping[str, str]) -> tuple[str | None, list[str]] | None:
    """Return the frequency that the days of a phrase imply, and their parts of the rule."""
    if "last_day" in groups:
        return "MONTHLY", ["BYMONTHDAY=-1"]
    if "workdays" in groups:
        return "WEEKLY", [f"BYDAY={','.join(_DAYS[:5])}"]
    if "weekdays" in groups:
        numbers = {weekday_of(language, word) for word in _weekdays(language, groups)}
        return "WEEKLY", [f"BYDAY={','.join(_DAYS[number] for number in sorted(numbers))}"]
    if "ordinal" in groups:
        week = _ordinal(language, groups["ordinal"])
        weekday = _DAYS[weekday_of(language, groups["weekday"])]
        return ("MONTHLY", [f"BYDAY={week}{weekday}"]) if week <= _MAX_WEEK else None
    if "monthdays" in groups:
        numbers = {int(number) for number in _LEADING_NUMBER.findall(groups["monthdays"])}
        listed = ",".join(map(str, sorted(numbers)))
        return ("MONTHLY", [f"BYMONTHDAY={listed}"]) if numbers <= set(range(1, 32)) else None
    if "month" in groups:
        month, day = month_of(language, groups), int(groups["day"])
        return "YEARLY", [f"BYMONTH={month}", f"BYMONTHDAY={day}"]
    return None, []


def _weekdays(language: Language, groups: Mapping[str, str]) -> list[str]:
    words = re.findall(r"\w+", groups["weekdays"])
    return [word for word in words if word in language.weekdays or word in language.short_weekdays]


def _ordinal(language: Language, word: str) -> int:
    found = _LEADING_NUMBER.match(word)
    return int(found[0]) if found else language.ordinals[word]
