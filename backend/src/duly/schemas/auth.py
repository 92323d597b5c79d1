"""Bodies for accounts and sessions."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from duly.models.users import LANGUAGE, TIMEZONE, WEEK_START
from duly.quick_add import LanguageCode
from duly.schemas import patterns
from duly.schemas.base import (
    IN_DIGITS,
    Id,
    Instant,
    Opaque,
    QueryBool,
    RequestBody,
    ResponseBody,
    Text,
    Token,
    is_visible,
)
from duly.schemas.page import MAX_LIMIT, Page
from duly.schemas.times import Timezone, WeekStart
from duly.utils.common_passwords import common_passwords
from duly.utils.emails import MAX_EMAIL, check_email

MIN_PASSWORD = 8
MAX_PASSWORD = 128


def _refuse_common(value: str) -> str:
    if unicodedata.normalize("NFKC", value).casefold() in common_passwords(MIN_PASSWORD):
        raise ValueError("Must not be a common password")
    return value


def _refuse_blank(value: str) -> str:
    if not is_visible(value):
        raise ValueError("Must contain a visible character")
    return value


def _refuse_surrogates(value: str) -> str:
    if any(unicodedata.category(char) == "Cs" for char in value):
        raise ValueError("Must be valid Unicode")
    return value


Email = Annotated[
    str,
    AfterValidator(check_email),
    Field(
        max_length=MAX_EMAIL,
        examples=["ada@example.com"],
        json_schema_extra={"format": "idn-email"},
    ),
]
Name = Annotated[str, Text(1, 255)]
# The limits come first: the validators after them take quadratic time.
Password = Annotated[
    str,
    Field(
        min_length=1,
        max_length=1024,
        examples=["correct horse battery"],
        json_schema_extra={"format": "password"},
    ),
    AfterValidator(_refuse_surrogates),
]
NewPassword = Annotated[
    str,
    Field(
        min_length=MIN_PASSWORD,
        max_length=MAX_PASSWORD,
        examples=["correct horse battery"],
        json_schema_extra={"format": "password"},
    ),
    AfterValidator(_refuse_surrogates),
    AfterValidator(_refuse_blank),
    AfterValidator(_refuse_common),
]


class Registration(RequestBody):
    """A new account."""

    email: Email
    password: NewPassword
    name: Annotated[Name | None, Field(examples=["Ada"])] = None
    timezone: Timezone = TIMEZONE
    week_start: WeekStart = WEEK_START
    language: LanguageCode = LANGUAGE


class Credentials(RequestBody):
    """Email address and password."""

    email: Annotated[str, Text(1, MAX_EMAIL), Field(examples=["ada@example.com"])]
    password: Password


class PasswordForm(RequestBody):
    """The form of the OAuth2 password grant. As OAuth2 asks, unknown parameters are ignored."""

    model_config = ConfigDict(extra="ignore")

    grant_type: Annotated[str, Field(pattern=patterns.GRANT_TYPE)] = "password"
    username: Annotated[str, Field(description="The email address.", examples=["ada@example.com"])]
    password: Annotated[str, Field(json_schema_extra={"format": "password"})]
    scope: Annotated[str, Field(description="Ignored.")] = ""
    client_id: Annotated[str, Field(description="Ignored.")] = ""
    client_secret: Annotated[
        str, Field(description="Ignored.", json_schema_extra={"format": "password"})
    ] = ""


class Refresh(RequestBody):
    """A refresh token to exchange for a new session."""

    # A factory sets a default that the schema does not show.
    refresh_token: Opaque = Field(
        default_factory=str,
        description="Required, but with `Duly-Session: cookie` it must be absent.",
    )


class PasswordForgotten(RequestBody):
    """The address of an account whose password is forgotten."""

    email: Email


class PasswordReset(RequestBody):
    """A new password, with the token of a link in a mail."""

    token: Opaque
    new_password: NewPassword


class EmailVerification(RequestBody):
    """The token of a link in a mail."""

    token: Opaque


class SessionRead(ResponseBody):
    """One session of the caller."""

    id: Id
    user_agent: str | None
    created_at: Instant
    last_used_at: Instant
    expires_at: Instant
    is_current: bool


class SessionPage(Page[SessionRead]):
    """Sessions in order. `next_cursor` leads to the next page."""


class SessionQuery(RequestBody):
    """The query of `GET /auth/sessions`."""

    limit: Annotated[
        int, Field(ge=1, le=MAX_LIMIT, description="Sessions per page."), IN_DIGITS
    ] = 20
    cursor: Annotated[Token | None, Field(description="`next_cursor` of the previous page.")] = (
        None
    )
    include_total: Annotated[QueryBool, Field(description="Also count all sessions.")] = False
