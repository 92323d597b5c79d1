"""Phrases that name a time of day or a duration."""

from collections.abc import Mapping
from datetime import time

MAX_DURATION = 7 * 24 * 60

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
    total = 60 * hours + minutes
    is_mixed = "hours" in groups and minutes > 59
    return None if is_mixed or not 0 < total <= MAX_DURATION else total
