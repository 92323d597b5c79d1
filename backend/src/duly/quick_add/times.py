"""Phrases that name a time of day or a duration."""

from collections.abc import Mapping
from datetime import time

_HOUR = 60

MAX_DURATION = 7 * 24 * _HOUR
"""In minutes."""

_NOON = 12


def time_of(groups: Mapping[str, str]) -> time:
    """Return the time of a phrase."""
    if "noon" in groups:
        return time(_NOON)
    hour = int(groups["hour"])
    if "pm" in groups and 0 < hour < _NOON:
        hour += _NOON
    elif "am" in groups and hour == _NOON:
        hour = 0
    return time(hour, int(groups.get("minute", 0)))


def time_in_part(groups: Mapping[str, str], part: time) -> time:
    """Return the time of a phrase in a part of the day: 8:00 in the evening is 20:00."""
    found = time_of(groups)
    if part.hour < _NOON or not is_ambiguous(groups):
        return found
    later = found.replace(hour=found.hour + _NOON)
    return min(found, later, key=lambda each: abs(each.hour - part.hour))


def is_ambiguous(groups: Mapping[str, str]) -> bool:
    """Return whether a phrase could name a time after noon as well as the one before."""
    return groups.keys().isdisjoint({"noon", "am", "pm"}) and 0 < int(groups["hour"]) < _NOON


def minutes_of(groups: Mapping[str, str]) -> int | None:
    """Return the minutes of a duration, or None if it is zero, too long or malformed."""
    hours, minutes = int(groups.get("hours", 0)), int(groups.get("minutes", 0))
    total = _HOUR * hours + minutes
    if "hours" in groups and minutes >= _HOUR:
        return None
    return total if 0 < total <= MAX_DURATION else None
