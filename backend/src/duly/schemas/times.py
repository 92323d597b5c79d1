"""Dates, times and time zones as clients send them."""

import re
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from duly.schemas.base import PatchBody, RequestBody, ResponseBody

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})", re.ASCII
)


@cache
def _timezones() -> frozenset[str]:
    # Names for the local or for no time zone are not in the IANA database.
    return frozenset(available_timezones() - {"localtime", "Factory"})


def _check_timezone(value: str) -> str:
    if value not in _timezones():
        raise ValueError("Must be an IANA time zone, such as Europe/Rome")
    return value


def _check_date(value: object) -> object:
    # pydantic also takes numbers and times.
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("Must be a date, such as 2026-01-31")
    return value


def _check_instant(value: object) -> object:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("Must be a time with its offset, such as 2026-01-31T09:30:00Z")
    return value


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
LocalDate = Annotated[date, BeforeValidator(_check_date), Field(examples=["2026-01-31"])]
LocalTime = Annotated[
    str,
    Field(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
        description="Hours and minutes.",
        examples=["09:30"],
    ),
]
PastInstant = Annotated[
    datetime,
    BeforeValidator(_check_instant),
    Field(description="Not in the future.", examples=["2026-01-31T09:30:00Z"]),
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
    """Return a day or a time after a patch; null clears it. Raise `ValueError`."""
    if patch is None:
        return None
    sent = {**(current or {}), **patch.model_dump(mode="json", exclude_unset=True)}
    if "date" not in sent:
        raise ValueError("Must have a date")
    if sent.get("timezone") is not None and sent.get("time") is None:
        raise ValueError("Must have a time if it has a timezone")
    return Moment.model_validate(sent)
