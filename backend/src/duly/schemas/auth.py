"""Bodies about signing in."""

import unicodedata
from contextlib import suppress
from functools import cache
from typing import Annotated

import email_validator
from pydantic import AfterValidator, Field

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
from duly.schemas.page import MAX_LIMIT

# Whether mail would arrive is not ours to say: names kept for tests and intranets sign in, too.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

MIN_PASSWORD = 8
MAX_PASSWORD = 128
MAX_EMAIL = 254


def _check_email(value: str) -> str:
    # Normalization takes quadratic time, and never shortens a text to less than a quarter.
    if len(value) > 4 * MAX_EMAIL:
        raise ValueError(f"Must be at most {MAX_EMAIL} characters long")
    try:
        return email_validator.validate_email(
            value.strip(), check_deliverability=False, allow_display_name=False
        ).normalized
    except email_validator.EmailNotValidError:
        raise ValueError("it must be an e-mail address, such as ada@example.com") from None


def email_key(email: str) -> str:
    """What makes two addresses the same: the domain in Unicode, NFKC and case folding."""
    with suppress(ValueError):  # what is no address keys no account
        email = _check_email(email)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email).casefold())


@cache
def _common_passwords() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # 30,000 words: read at first use

    return frozenset(word for word in FREQUENCY_LISTS["passwords"] if len(word) >= MIN_PASSWORD)


def _refuse_common(value: str) -> str:
    if unicodedata.normalize("NFKC", value).casefold() in _common_passwords():
        raise ValueError("this password is too common")
    return value


def _refuse_blank(value: str) -> str:
    if not is_visible(value):
        raise ValueError("Must contain a visible character")
    return value


def _refuse_surrogates(value: str) -> str:
    if any(unicodedata.category(char) == "Cs" for char in value):
        raise ValueError("it must be valid Unicode text")
    return value


Email = Annotated[
    str,
    AfterValidator(_check_email),
    Field(
        max_length=MAX_EMAIL,
        examples=["ada@example.com"],
        json_schema_extra={"format": "idn-email"},
    ),
]
Name = Annotated[str, Text(1, 255)]
# The limits come first: what follows them takes quadratic time.
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


class Credentials(RequestBody):
    """What an account signs in with."""

    email: Annotated[str, Text(1, MAX_EMAIL), Field(examples=["ada@example.com"])]
    password: Password


class Refresh(RequestBody):
    """A refresh token, to be exchanged for a new session answer."""

    refresh_token: Opaque


class SessionRead(ResponseBody):
    """One of the caller's sign-ins."""

    id: Id
    user_agent: str | None
    created_at: Instant
    last_used_at: Instant
    expires_at: Instant
    is_current: bool


class SessionQuery(RequestBody):
    """The query of `GET /auth/sessions`."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT), IN_DIGITS] = 20
    cursor: Token | None = None
    include_total: QueryBool = False
