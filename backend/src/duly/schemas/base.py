"""What all bodies share: unknown fields are refused, text is cleaned, times are in UTC."""

import unicodedata
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


class RequestBody(BaseModel):
    """A body that a client sends."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class ResponseBody(BaseModel):
    """A body that the service sends. Rows are encoded as they are; tests hold them to this."""

    model_config = ConfigDict(extra="forbid")


class ErrorBody(ResponseBody):
    """What went wrong, for a program (`code`) and for a person (`message`)."""

    code: Annotated[str, Field(examples=["NOT_FOUND"])]
    message: Annotated[str, Field(examples=["There is nothing here."])]
    details: dict[str, Any]


class ErrorEnvelope(ResponseBody):
    """The shape of every error."""

    error: ErrorBody


def _refuse_control(value: str) -> str:
    return _clean(value, allowed="")


def _refuse_control_but_lines(value: str) -> str:
    return _clean(value, allowed="\n\r\t")


def _clean(value: str, allowed: str) -> str:
    """Trim, normalise to NFC, and refuse what is no text: controls, NUL, surrogates."""
    if any(unicodedata.category(char) in ("Cc", "Cs") and char not in allowed for char in value):
        raise ValueError("control characters are not allowed")
    return unicodedata.normalize("NFC", value).strip()


def _limit(minimum: int, maximum: int) -> AfterValidator:
    def check(value: str) -> str:
        if not minimum <= len(value) <= maximum:
            raise ValueError(f"it must have {minimum} to {maximum} characters after trimming")
        return value

    return AfterValidator(check)


def line(minimum: int, maximum: int) -> Any:
    """A line of text, of so many characters after trimming and normalising."""
    return Annotated[
        str,
        AfterValidator(_refuse_control),
        _limit(minimum, maximum),
        Field(json_schema_extra={"minLength": minimum, "maxLength": maximum}),
    ]


def prose(maximum: int) -> Any:
    """Text of several lines, of at most so many characters after trimming and normalising."""
    return Annotated[
        str,
        AfterValidator(_refuse_control_but_lines),
        _limit(0, maximum),
        Field(json_schema_extra={"maxLength": maximum}),
    ]


# A value that is sent for a long time unchanged and is compared, never shown: a token, a cursor.
Opaque = Annotated[str, StringConstraints(min_length=1, max_length=8192)]

Id = Annotated[UUID, Field(examples=["01936d5e-8f1c-7000-8000-000000000001"])]
Instant = Annotated[datetime, Field(examples=["2026-01-31T09:30:00.000000Z"])]
