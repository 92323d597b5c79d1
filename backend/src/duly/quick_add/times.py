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
    if "half" in groups:
        hour = hour % _NOON + (_NOON if groups["half"][0] == "p" else 0)
    return time(hour, int(groups.get("minute", 0)))


def minutes_of(groups: Mapping[str, str]) -> int | None:
    """Return the minutes of a duration, or none if they are too few or too many."""
    hours, minutes = int(groups.get("hours", 0)), int(groups.get("minutes", 0))
    total = _HOUR * hours + minutes
    if "hours" in groups and minutes >= _HOUR:
        return None
    return total if 0 < total <= MAX_DURATION else None
