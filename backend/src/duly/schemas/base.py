"""Common parts of all bodies: unknown fields are rejected, text is cleaned, times are UTC."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from duly.utils.normalization import nfc


class RequestBody(BaseModel):
    """A body that a client sends."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    response_schema: ClassVar[type[BaseModel] | None] = None
    """The schema of the resource in responses. Fields that it has and this body lacks are read-only."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe defaults in text: generators treat a field with a `default` as required."""
        described = handler(schema)
        for field in handler.resolve_ref_schema(described).get("properties", {}).values():
            if (default := field.pop("default", None)) is not None:
                text = f"{field.get('description', '')} Default: `{json.dumps(default)}`."
                field["description"] = text.lstrip()
        return described


class PatchBody(RequestBody):
    """A JSON merge patch (RFC 7396): absent fields stay, null clears.

    Fields get their defaults from factories, which the schema does not show: absent is not the
    same as default.
    """

    def changes(self) -> dict[str, Any]:
        """Return the fields that were sent."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class ResponseBody(BaseModel):
    """A body that the service sends. Rows are encoded directly; tests compare them with this."""

    model_config = ConfigDict(extra="forbid")


# Unicode's categories Cc, Cs, Zl and Zp; the second without tab and line breaks.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

# Characters that are invisible: white space and control characters, Unicode's
# Default_Ignorable_Code_Point (zero-width and bidirectional marks, fillers, variation selectors,
# tags), annotation and hieroglyph controls, the blank braille pattern, the Khitan filler,
# noncharacters and private use. Unassigned characters are not: some are emoji newer than our data.
_INVISIBLE = (
    r"\u0000-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    r"\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0"
    r"\ufff0-\ufffb\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff"
)
_INVISIBLE_BEYOND = (
    r"\U00013430-\U0001343f\U00016fe4\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff\U000f0000-\U0010ffff"
    + "".join(rf"\U{plane:04x}fffe\U{plane:04x}ffff" for plane in range(1, 15))
)
_HAS_VISIBLE = re.compile(f"[^{_INVISIBLE}{_INVISIBLE_BEYOND}]")

# The same for OpenAPI, in the syntax that all languages read: no control characters except white
# space at the ends, and at least one visible character on a single line.
_ENDS = r"[\t\n\r \u2028\u2029]*"
_PRINTABLE = r"[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*"
_VISIBLE = rf"[^{_INVISIBLE}]"
_LINE_PATTERN = rf"^{_ENDS}{_PRINTABLE}{_VISIBLE}{_PRINTABLE}{_ENDS}$"
_OPTIONAL_LINE_PATTERN = rf"^{_ENDS}{_PRINTABLE}{_ENDS}$"
_LINES_PATTERN = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$"


@dataclass(frozen=True, slots=True)
class Text:
    """Marks a `str` as text with a minimum and maximum length, counted after cleaning.

    It is trimmed and normalized to NFC. Control characters, NUL, lone surrogates, and Unicode's line
    and paragraph separators are rejected, except line breaks, tabs and separators in text of several
    lines. Text that must not be empty needs a visible character.
    """

    minimum: int
    maximum: int
    has_lines: bool = False

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.clean, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            **handler(schema),
            "minLength": self.minimum,
            "maxLength": self.maximum,
            "pattern": self._pattern(),
        }

    def _pattern(self) -> str:
        if self.has_lines:
            return _LINES_PATTERN
        return _LINE_PATTERN if self.minimum else _OPTIONAL_LINE_PATTERN

    def clean(self, value: str) -> str:
        """Return the text as it is stored. Raise `ValueError` if it is invalid."""
        text = value.strip(" \t\r\n\u2028\u2029")
        if self.has_lines and _CONTROL_BUT_LINES.search(text):
            raise ValueError("Must not contain control characters")
        if not self.has_lines and _CONTROL.search(text):
            raise ValueError("Must not contain line breaks or control characters")
        text = text.strip()
        # NFC makes a text shorter, but never shorter than a quarter.
        if len(text) <= 4 * self.maximum:
            text = nfc(text).strip()
        if not self.minimum <= len(text) <= self.maximum:
            limit = (
                f"{self.minimum} to {self.maximum:,}"
                if self.minimum
                else f"at most {self.maximum:,}"
            )
            raise ValueError(f"Must be {limit} characters long after trimming")
        if self.minimum and not is_visible(text):
            raise ValueError("Must contain a visible character")
        return text


def is_visible(text: str) -> bool:
    """Whether a text contains a visible character."""
    return _HAS_VISIBLE.search(text) is not None


# An opaque value that is compared and never shown: a token or a cursor.
Opaque = Annotated[str, StringConstraints(min_length=1, max_length=8192)]

Token = Annotated[
    str,
    Field(
        min_length=1,
        max_length=4096,
        # Documented, not checked: the signature is checked instead.
        json_schema_extra={"format": "token", "pattern": r"^[A-Za-z0-9_-]+$"},
    ),
]

Id = Annotated[UUID, Field(examples=["01936d5e-8f1c-7000-8000-000000000001"])]
Instant = Annotated[datetime, Field(examples=["2026-01-31T09:30:00.000000Z"])]


class ResourceRead(ResponseBody):
    """The fields of every resource."""

    id: Id
    user_id: Id
    created_at: Instant
    updated_at: Instant
    version: Annotated[int, Field(description="Increases with each change.", examples=[1])]


def _check_integer(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise ValueError("Must be a whole number in digits")
    return value


def _check_boolean(value: object) -> object:
    if isinstance(value, str) and value not in {"true", "false"}:
        raise ValueError("Must be true or false")
    return value


# In a URL everything is text: accept only the spelling of JSON, not 1_0, 1.0, yes or on.
# Put limits before IN_DIGITS, or OpenAPI does not show them.
IN_DIGITS = BeforeValidator(_check_integer)
QueryBool = Annotated[bool, BeforeValidator(_check_boolean)]


def id_or(word: str) -> WrapValidator:
    """Report one error for a field that takes an id or `word`, not one for each of the two."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(f"Must be a UUID or {word}") from None

    return WrapValidator(check)
