"""Phrases that name a date."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import MAXYEAR, date, timedelta

from duly.quick_add.languages.language import Language
from duly.quick_add.line import SIGNS, Line, Match

# A date without a year is found within these: 29 February can be eight years away.
_YEARS = 9

_LAST_YEAR = 2999


def date_of(language: Language, groups: Mapping[str, str], today: date) -> date | None:
    """Return the date of a phrase, or None if it does not exist, is past, is after 2999 or has
    another weekday.
    """
    if "monthdays" in groups or {"weekday", "unit"} <= groups.keys():
        return None
    try:
        found = _date_of(language, groups, today)
    except (ValueError, OverflowError):
        return None
    if found is None or found < today or found.year > _LAST_YEAR:
        return None
    named = groups.get("any_weekday")
    return found if named is None or weekday_of(language, named) == found.weekday() else None


def is_certain(language: Language, line: Line, match: Match, *, is_leading: bool = False) -> bool:
    """Return whether a phrase is a date here, rather than a name, or a number before a noun.

    `is_leading`: the words before it are unambiguous, as in "every sun" or "until sun".
    """
    groups = match.groups
    is_introduced = is_leading or not groups.keys().isdisjoint({"on", "next"})
    if "month" in groups:
        return (
            is_introduced
            or not groups.keys().isdisjoint({"suffix", "year", "any_weekday"})
            or groups["month"] in language.clear_months
            or ends_phrase(language, line, match)
        )
    weekday = groups.get("weekday")
    if weekday not in language.short_weekdays:
        return True
    if is_introduced:
        return weekday not in language.nouns or ends_phrase(language, line, match)
    return not match.is_closed and bool(line.match(language.patterns.times, match.after))


def ends_phrase(language: Language, line: Line, match: Match) -> bool:
    """Return whether the text, punctuation, a token or a conjunction ends the phrase."""
    index = match.after
    return (
        match.is_closed
        or line.is_taken(index)
        or line.keys[index].startswith(SIGNS)
        or line.keys[index] in language.connecting
        or line.match(language.patterns.all, index) is not None
    )


def _date_of(language: Language, groups: Mapping[str, str], today: date) -> date | None:
    if "iso" in groups:
        return date.fromisoformat(groups["iso"])
    if "relative" in groups:
        return today + timedelta(days=language.relative_days[groups["relative"]])
    if "next" in groups:
        weekday = weekday_of(language, groups.get("weekday"))
        return today + timedelta(days=7 - today.weekday() + weekday)
    if "unit" in groups:
        return _later(today, number_of(language, groups.get("n")), language.units[groups["unit"]])
    if "weekday" in groups:
        days = (weekday_of(language, groups["weekday"]) - today.weekday() - 1) % 7 + 1
        return today + timedelta(days=days)
    return _day_of_year(language, groups, today)


def weekday_of(language: Language, word: str | None) -> int:
    """Return the number of a weekday, Monday without a word."""
    if word is None:
        return 0
    found = language.weekdays.get(word)
    return language.short_weekdays[word] if found is None else found


def number_of(language: Language, word: str | None) -> int:
    """Return the value of a number, 1 without a word."""
    if word is None:
        return 1
    return int(word) if word.isdecimal() else language.numbers[word]


def month_of(language: Language, groups: Mapping[str, str]) -> int:
    """Return the month of a date, which has a name or a number."""
    number = groups.get("month_number")
    return language.months[groups["month"]] if number is None else int(number)


def _later(today: date, count: int, unit: str) -> date:
    if unit in {"DAILY", "WEEKLY"}:
        return today + timedelta(days=count * (7 if unit == "WEEKLY" else 1))
    months = today.year * 12 + today.month - 1 + count * (12 if unit == "YEARLY" else 1)
    year, month = months // 12, months % 12 + 1
    if year > MAXYEAR:
        raise OverflowError
    # The same day, or the last one of a shorter month.
    return date(year, month, min(today.day, monthrange(year, month)[1]))


def _day_of_year(language: Language, groups: Mapping[str, str], today: date) -> date | None:
    month, day = month_of(language, groups), int(groups["day"])
    if "year" in groups:
        return date(int(groups["year"]), month, day)
    if "short_year" in groups:
        return date(int(f"20{groups['short_year']}"), month, day)
    for year in range(today.year, min(today.year + _YEARS, MAXYEAR + 1)):
        if day <= monthrange(year, month)[1]:
            found = date(year, month, day)
            if found >= today:
                return found
    return None
