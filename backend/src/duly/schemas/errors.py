"""The body of every error."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from duly.core.errors import error_codes
from duly.schemas.base import ResponseBody

ErrorCode = StrEnum("ErrorCode", [(code, code) for code in error_codes()])  # type: ignore[misc]  # mypy reads literals only
ErrorCode.__doc__ = "The kind of error, for programs. Treat an unknown code by its HTTP status."


class FieldError(ResponseBody):
    """One invalid field, parameter or header."""

    path: Annotated[
        str,
        Field(description="Its path, which starts with `body`, `query`, `path` or `header`."),
        Field(examples=["body.title"]),
    ]
    message: Annotated[str, Field(description="For people.", examples=["Must be present"])]
    type: Annotated[
        str, Field(description="The kind of error, for programs.", examples=["missing"])
    ]
    # A factory sets a default that the schema does not show: only errors in filters have it.
    position: int = Field(
        default_factory=int,
        description="Of an error in a filter: where, in code points from 0.",
    )


class ErrorDetails(TypedDict, total=False):
    """More about some errors; empty for the others. It never repeats input."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]  # pydantic reads it

    fields: Annotated[
        list[FieldError], Field(description="With `VALIDATION_ERROR`: each invalid input.")
    ]
    limit: Annotated[
        int,
        Field(description="With `QUOTA_EXCEEDED`, `TOO_MANY_CHANGES`: how many are allowed."),
    ]
    count: Annotated[
        int, Field(description="With `TOO_MANY_CHANGES`: how many resources would change.")
    ]
    what: Annotated[
        str, Field(description="With `QUOTA_EXCEEDED`: what is limited, such as `tasks`.")
    ]
    required: Annotated[
        list[str],
        Field(description="With `INSUFFICIENT_SCOPE`: the scopes that the token lacks."),
    ]
    challenge: Annotated[
        str,
        Field(description="With `SECOND_FACTOR_REQUIRED`: what to send to `/auth/factor`."),
    ]
    factors: Annotated[
        list[str],
        Field(description="With `SECOND_FACTOR_REQUIRED`: the types of the account's factors."),
    ]
    options: Annotated[
        dict[str, Any],
        Field(
            description="With `SECOND_FACTOR_REQUIRED`, if a passkey is among the factors: what "
            "`PublicKeyCredential.parseRequestOptionsFromJSON()` takes."
        ),
    ]


class ErrorBody(ResponseBody):
    """An error: `code` is for programs, `message` for people."""

    code: ErrorCode
    message: Annotated[str, Field(examples=["Resource not found."])]
    details: ErrorDetails


class ErrorEnvelope(ResponseBody):
    """The shape of every error."""

    error: ErrorBody
