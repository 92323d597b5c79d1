"""Bodies of accounts."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from duly.recurrence.zones import is_timezone
from duly.schemas.auth import Email, Name, NewPassword, Password, SessionRead
from duly.schemas.base import Id, Instant, RequestBody, ResponseBody
from duly.schemas.labels import LabelRead
from duly.schemas.tasks import TaskRead


def _check_timezone(value: str) -> str:
    if not is_timezone(value):
        raise ValueError("Must be an IANA time zone, such as Europe/Rome")
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


class UserRead(ResponseBody):
    """An account, as its owner sees it."""

    id: Id
    email: Annotated[str, Field(examples=["ada@example.com"])]
    name: Annotated[str | None, Field(examples=["Ada"])]
    timezone: Annotated[str, Field(examples=["UTC"])]
    created_at: Instant
    updated_at: Instant


class UserPatch(RequestBody):
    """Changes to an account. A new email requires `current_password`."""

    # A factory sets a default that the schema does not show: missing differs from the default.
    name: Name | None = Field(default_factory=lambda: None, examples=["Ada"])
    email: Email = Field(default_factory=str)
    timezone: Timezone = Field(default_factory=str)
    current_password: Password | None = Field(default_factory=lambda: None)


class PasswordChange(RequestBody):
    """A new password."""

    current_password: Password
    new_password: NewPassword


class AccountDeletion(RequestBody):
    """Confirms that the account is to be deleted."""

    current_password: Password


class SessionTokens(ResponseBody):
    """A new session: its tokens and its user."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"]
    expires_in: Annotated[
        int, Field(description="Seconds until the access token expires.", examples=[900])
    ]
    user: UserRead


class UserExport(ResponseBody):
    """All data of one user."""

    user: UserRead
    sessions: list[SessionRead]
    tasks: list[TaskRead]
    labels: list[LabelRead]
    trash: list[TaskRead]
