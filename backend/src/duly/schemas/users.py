"""Bodies of accounts."""

from typing import Annotated, Literal

from pydantic import Field

from duly.quick_add import LanguageCode
from duly.schemas.api_tokens import ApiTokenRead
from duly.schemas.auth import Email, Name, NewPassword, Password, SessionRead
from duly.schemas.base import Id, Instant, RequestBody, ResponseBody
from duly.schemas.changes import Upsert
from duly.schemas.factors import FactorRead
from duly.schemas.filters import FilterRead
from duly.schemas.labels import LabelRead
from duly.schemas.lists import ListRead
from duly.schemas.sections import SectionRead
from duly.schemas.security_events import SecurityEventRead
from duly.schemas.tasks import TaskRead
from duly.schemas.times import Timezone, WeekStart


class UserRead(ResponseBody):
    """An account, as its owner sees it."""

    id: Id
    email: Annotated[
        str | None,
        Field(
            description="Null if the issuer of your tokens has not told it.",
            examples=["ada@example.com"],
        ),
    ]
    email_verified_at: Annotated[
        Instant | None,
        Field(description="When the address was verified, by a link in a mail or by an issuer."),
    ]
    pending_email: Annotated[
        str | None,
        Field(
            description="The address that replaces `email` once it is verified.", examples=[None]
        ),
    ]
    name: Annotated[str | None, Field(examples=["Ada"])]
    timezone: Annotated[str, Field(examples=["UTC"])]
    week_start: WeekStart
    language: LanguageCode
    created_at: Instant
    updated_at: Instant


class UserChange(Upsert[Literal["user"], UserRead]):
    """Your account, in its current state. Its deletion is not reported: the session ends."""


class UserPatch(RequestBody):
    """Changes to an account. A new email requires `current_password`."""

    response_schema = UserRead

    # A factory sets a default that the schema does not show: missing differs from the default.
    name: Name | None = Field(default_factory=lambda: None, examples=["Ada"])
    email: Email = Field(default_factory=str)
    timezone: Timezone = Field(default_factory=str)
    week_start: WeekStart = Field(default_factory=int)
    language: LanguageCode = Field(default_factory=lambda: "en")
    current_password: Password | None = Field(default_factory=lambda: None)


class PasswordChange(RequestBody):
    """A new password."""

    current_password: Password
    new_password: NewPassword


class AccountDeletion(RequestBody):
    """Confirms that the account is to be deleted."""

    current_password: Annotated[
        Password | None, Field(description="Required if the account has a password.")
    ] = None


class SessionTokens(ResponseBody):
    """A new session: its tokens and its user."""

    access_token: str
    refresh_token: Annotated[
        str,
        Field(
            default_factory=str,
            description="Absent with `Duly-Session: cookie`: then a cookie has it.",
        ),
    ]
    token_type: Literal["bearer"]
    expires_in: Annotated[
        int, Field(description="Seconds until the access token expires.", examples=[900])
    ]
    user: UserRead


class IdentityRead(ResponseBody):
    """The name of the account at another issuer."""

    issuer: str
    subject: str
    created_at: Instant


class UserExport(ResponseBody):
    """All data of one user."""

    user: UserRead
    identities: list[IdentityRead]
    sessions: list[SessionRead]
    factors: list[FactorRead]
    api_tokens: list[ApiTokenRead]
    security_events: list[SecurityEventRead]
    tasks: list[TaskRead]
    lists: list[ListRead]
    sections: list[SectionRead]
    labels: list[LabelRead]
    filters: list[FilterRead]
    trash: list[TaskRead | ListRead | SectionRead]
