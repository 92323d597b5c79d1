"""IANA time zones: local dates and times as instants, and back.

`zone` is a name that `is_timezone` accepts. Instants are aware datetimes, and in UTC if they are
returned. Dates and instants beyond the years 1 to 9999 become the nearest that exist.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


def is_timezone(name: str) -> bool:
    """Whether a text is the name of an IANA time zone. The case matters."""
    return name in _names()


@cache
def _names() -> frozenset[str]:
    # The names that any system resolves; its own directory may have others, such as localtime.
    names = files("tzdata").joinpath("zones").read_text(encoding="ascii")
    return frozenset(names.split()) - {"Factory"}


@cache
def _zone(name: str) -> ZoneInfo:
    # ZoneInfo keeps only the eight zones that were used last, and reads others again.
    return ZoneInfo(name)


def instant(day: date, at: time, zone: str) -> datetime:
    """Return the instant of a local date and time.

    A time that the clocks skip is moved forward by the gap, and of a repeated one the first is
    returned.
    """
    return _instant(datetime.combine(day, at), _zone(zone))


def local_date(at: datetime, zone: str) -> date:
    """Return the date in a time zone at an instant."""
    return _local(at, _zone(zone)).date()


def day_bounds(day: date, zone: str) -> tuple[datetime, datetime]:
    """Return the instants at which a local day begins and the next one begins.

    Both are equal for a day that the zone skips entirely. If clocks are turned back over
    midnight, the repeated minutes of the evening belong to the next day.
    """
    local = _zone(zone)
    end = _LAST if day == date.max else _start_of_day(day + timedelta(days=1), local)
    return _start_of_day(day, local), end


def _start_of_day(day: date, zone: tzinfo) -> datetime:
    midnight = datetime.combine(day, time())
    start = _instant(midnight, zone)
    if _local(start, zone).replace(tzinfo=None, fold=0) == midnight:
        return start
    # Midnight is in a gap. The day begins with the first second after it.
    earliest = _instant(midnight.replace(fold=1), zone)
    low, high = 0, int((start - earliest).total_seconds())
    while low < high:
        middle = (low + high) // 2
        if _local(earliest + timedelta(seconds=middle), zone).date() < day:
            low = middle + 1
        else:
            high = middle
    return earliest + timedelta(seconds=low)


def _instant(local: datetime, zone: tzinfo) -> datetime:
    try:
        return local.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return _FIRST if local.year == 1 else _LAST


def _local(at: datetime, zone: tzinfo) -> datetime:
    try:
        return at.astimezone(zone)
    except OverflowError:
        return (_FIRST if at.year == 1 else _LAST).replace(tzinfo=zone)
