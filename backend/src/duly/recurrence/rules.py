"""Recurrence rules: the part of RFC 5545, section 3.3.10, that applies to dates."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

MAX_LENGTH = 200
MAX_INTERVAL = 999
MAX_COUNT = 1000

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_DAY = re.compile(rf"([+-]?[0-9]{{1,2}})?({'|'.join(_WEEKDAYS)})")
_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")


class InvalidRule(ValueError):
    """The text is not a supported rule. The message says what is allowed and repeats no input."""


class Frequency(StrEnum):
    """The period that INTERVAL counts."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"


class Day(NamedTuple):
    """One value of BYDAY."""

    weekday: int
    """0 (Monday) to 6."""

    ordinal: int
    """Which one of the month or the year, counted from its end if negative; 0 means each."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A parsed rule. The tuples are sorted, and empty if the rule lacks the part."""

    frequency: Frequency
    interval: int = 1
    by_month: tuple[int, ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_day: tuple[Day, ...] = ()
    by_set_position: tuple[int, ...] = ()
    week_start: int = 0
    """0 (Monday) to 6."""

    count: int | None = None
    until: date | None = None
    """The last day on which the rule may have a date."""


def parse_rule(text: str) -> Rule:
    """Parse the value of an RRULE, with or without `RRULE:` before it. Raise `InvalidRule`.

    Names and values may be in any case (RFC 5545, section 2), and parts in any order.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidRule(f"Must be at most {MAX_LENGTH} characters long")
    # Beyond ASCII, other letters also become capitals of A to Z.
    if not text.isascii():
        raise InvalidRule("Must be a rule such as FREQ=WEEKLY;BYDAY=MO, in ASCII")
    values: dict[str, Any] = {}
    for part in text.upper().removeprefix("RRULE:").split(";"):
        name, _, value = part.partition("=")
        if name not in _PARTS:
            raise InvalidRule(
                f"Must consist of parts NAME=value, separated by semicolons; "
                f"the names are {', '.join(_PARTS)}"
            )
        field, read = _PARTS[name]
        if field in values:
            raise InvalidRule(f"{name} must not be repeated")
        values[field] = read(name, value)
    if "frequency" not in values:
        raise InvalidRule("FREQ is required")
    rule = Rule(**values)
    _check_combination(rule)
    return rule


def _check_combination(rule: Rule) -> None:
    if rule.count is not None and rule.until is not None:
        raise InvalidRule("COUNT and UNTIL must not be combined")
    if rule.frequency is Frequency.WEEKLY and rule.by_month_day:
        raise InvalidRule("BYMONTHDAY must not be combined with FREQ=WEEKLY")
    if rule.frequency in {Frequency.DAILY, Frequency.WEEKLY} and any(
        day.ordinal for day in rule.by_day
    ):
        raise InvalidRule("BYDAY can have numbers only with FREQ=MONTHLY or FREQ=YEARLY")
    if rule.by_set_position and not (rule.by_month or rule.by_month_day or rule.by_day):
        raise InvalidRule("BYSETPOS requires BYDAY, BYMONTHDAY or BYMONTH")


def _frequency(name: str, value: str) -> Frequency:
    try:
        return Frequency(value)
    except ValueError:
        raise InvalidRule(f"{name} must be DAILY, WEEKLY, MONTHLY or YEARLY") from None


def _weekday(name: str, value: str) -> int:
    if value not in _WEEKDAYS:
        raise InvalidRule(f"{name} must be one of {', '.join(_WEEKDAYS)}")
    return _WEEKDAYS.index(value)


def _until(name: str, value: str) -> date:
    match = _DATE.fullmatch(value)
    try:
        return date(*map(int, match.groups()))  # type: ignore[union-attr]
    except (AttributeError, ValueError):
        raise InvalidRule(f"{name} must be a date such as 20261231, without a time") from None


def _positive(largest: int) -> Callable[[str, str], int]:
    def read(name: str, value: str) -> int:
        number = int(value) if re.fullmatch("[0-9]+", value) else 0
        if not 1 <= number <= largest:
            raise InvalidRule(f"{name} must be a number from 1 to {largest}")
        return number

    return read


def _numbers(largest: int, *, signed: bool) -> Callable[[str, str], tuple[int, ...]]:
    pattern = re.compile(rf"{'[+-]?' if signed else ''}[0-9]{{1,{len(str(largest))}}}")
    allowed = f"1 to {largest}" + (f" or -1 to -{largest}" if signed else "")

    def read(name: str, value: str) -> tuple[int, ...]:
        numbers = {
            int(item) if pattern.fullmatch(item) else 0  # 0 is never allowed
            for item in value.split(",")
        }
        if not all(1 <= abs(number) <= largest for number in numbers):
            raise InvalidRule(f"{name} must list numbers from {allowed}, separated by commas")
        return tuple(sorted(numbers))

    return read


def _days(name: str, value: str) -> tuple[Day, ...]:
    days = {_day(item) for item in value.split(",")}
    if None in days:
        raise InvalidRule(
            f"{name} must list {', '.join(_WEEKDAYS)}, separated by commas, "
            "each with an optional number from 1 to 53 or -1 to -53 before it"
        )
    return tuple(sorted(day for day in days if day))


def _day(item: str) -> Day | None:
    match = _DAY.fullmatch(item)
    if match is None:
        return None
    ordinal = int(match[1] or 0)
    # A written 0 is an error, as is 54.
    if match[1] and not 1 <= abs(ordinal) <= 53:  # noqa: PLR2004  # the weeks of a long year
        return None
    return Day(_WEEKDAYS.index(match[2]), ordinal)


_PARTS: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "FREQ": ("frequency", _frequency),
    "INTERVAL": ("interval", _positive(MAX_INTERVAL)),
    "BYDAY": ("by_day", _days),
    "BYMONTHDAY": ("by_month_day", _numbers(31, signed=True)),
    "BYMONTH": ("by_month", _numbers(12, signed=False)),
    "BYSETPOS": ("by_set_position", _numbers(366, signed=True)),
    "WKST": ("week_start", _weekday),
    "COUNT": ("count", _positive(MAX_COUNT)),
    "UNTIL": ("until", _until),
}
