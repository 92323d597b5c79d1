"""Codes with which apps fetch the session of a user who has signed in at a provider."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, Text
from sqlmodel import Field

from duly.models.base import Owned, required_timestamp_field


class SignInCode(Owned, table=True):
    """A code that has not been used yet: its hash, and which app may use it.

    `app_challenge` is the SHA-256 of a secret of the app that began the sign-in, if it sent one.
    """

    __tablename__ = "sign_in_codes"
    __table_args__ = (
        CheckConstraint("octet_length(digest) = 32", name="digest_length"),
        CheckConstraint("octet_length(app_challenge) = 32", name="app_challenge_length"),
        CheckConstraint("char_length(provider) BETWEEN 1 AND 32", name="provider_length"),
        Index(None, "expires_at"),
    )

    digest: bytes = Field(sa_type=LargeBinary)
    app_challenge: bytes | None = Field(default=None, sa_type=LargeBinary)
    provider: str = Field(sa_type=Text)
    expires_at: datetime = required_timestamp_field()
