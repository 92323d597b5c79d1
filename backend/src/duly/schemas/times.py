"""Dates, times and time zones as clients send them."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from duly.recurrence.zones import is_timezone
from duly.schemas import patterns
from duly.schemas.base import PatchBody, RequestBody, ResponseBody

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})", re.ASCII
)


def _check_timezone(value: str) -> str:
    if not is_timezone(value):
        raise ValueError("Must be an IANA time zone, such as Europe/Rome")
    return value


def _read_date(value: object) -> date:
    # pydantic also takes numbers and times.
    if isinstance(value, str) and _DATE.fullmatch(value):
        with suppress(ValueError):
            return date.fromisoformat(value)
    raise ValueError("Must be a date, such as 2026-01-31")


def _read_instant(value: object) -> datetime:
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        with suppress(ValueError):
            return datetime.fromisoformat(value)
    raise ValueError("Must be a time with its offset, such as 2026-01-31T09:30:00Z")


def _in_utc(value: datetime) -> datetime:
    # PostgreSQL takes offsets of less than 16 hours.
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("Must be in the years 1 to 9999 in UTC") from None


Timezone = Annotated[
    str,
    AfterValidator(_check_timezone),
    Field(
        max_length=64,
        description="A name from the IANA time zone database.",
        examples=["Europe/Rome"],
        json_schema_extra={"format": "timezone"},
    ),
]
WeekStart = Annotated[
    int,
    Field(
        ge=1,
        le=7,
        strict=True,
        description="The first day of the week for clients; Monday is 1. Duly does not use it.",
    ),
]
LocalDate = Annotated[date, BeforeValidator(_read_date), Field(examples=["2026-01-31"])]
LocalTime = Annotated[
    str,
    Field(
        pattern=patterns.LOCAL_TIME,
        description="Hours and minutes.",
        examples=["09:30"],
    ),
]
PastInstant = Annotated[
    datetime,
    BeforeValidator(_read_instant),
    AfterValidator(_in_utc),
    Field(description="Not in the future.", examples=["2026-01-31T09:30:00Z"]),
]


FutureInstant = Annotated[
    datetime,
    BeforeValidator(_read_instant),
    AfterValidator(_in_utc),
    Field(examples=["2035-01-01T00:00:00Z"]),
]


class MomentRead(ResponseBody):
    """A day, or a time on a day.

    Without `time` it is all day. Without `timezone`, `time` is that time wherever the user is.
    """

    date: LocalDate
    time: LocalTime | None
    timezone: Timezone | None


class Moment(RequestBody):
    """A day, or a time on a day.

    Without `time` it is all day. Without `timezone`, `time` is that time wherever the user is.
    """

    date: LocalDate
    time: LocalTime | None = None
    timezone: Timezone | None = None

    @field_validator("timezone")
    @classmethod
    def _check_zone_has_time(cls, timezone: str | None, info: ValidationInfo) -> str | None:
        if timezone is not None and info.data.get("time", "") is None:
            raise ValueError("Cannot be set without time")
        return timezone


class MomentPatch(PatchBody):
    """Changes to a day or a time, as a JSON merge patch: absent fields stay, null clears."""

    date: LocalDate = Field(default_factory=date.today)
    time: LocalTime | None = Field(default_factory=lambda: None)
    timezone: Timezone | None = Field(default_factory=lambda: None)


def merge_moment(current: dict[str, Any] | None, patch: MomentPatch | None) -> Moment | None:
    """Return a day or a time after a patch; null clears it. Raise `PydanticCustomError`.

    Clearing the time clears the zone, too.
    """
    if patch is None:
        return None
    sent = patch.model_dump(mode="json", exclude_unset=True)
    if "time" in sent and sent["time"] is None:
        sent = {"timezone": None, **sent}  # all day has no zone
    sent = {**(current or {}), **sent}
    if "date" not in sent:
        raise PydanticCustomError("contradiction", "Must have a date")
    if sent.get("timezone") is not None and sent.get("time") is None:
        raise PydanticCustomError("contradiction", "Must have a time if it has a timezone")
    return Moment.model_validate(sent)
