"""Mail that waits to be sent, and the links in it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, SmallInteger, Text
from sqlmodel import Field, SQLModel

from duly.models.base import Owned, required_timestamp_field, timestamp_field


class OutgoingMail(SQLModel, table=True):
    """A mail that was asked for. It is written, with its link, when it is sent.

    `account_id` is null if nobody has looked yet whether `email` has an account. The table has no
    foreign key, so that all requests for a mail do the same work.
    """

    __tablename__ = "outgoing_mails"
    __table_args__ = (
        CheckConstraint("kind IN ('reset', 'verify', 'address')", name="kind_known"),
        CheckConstraint("char_length(email) BETWEEN 3 AND 254", name="email_length"),
        Index(None, "next_attempt_at"),
    )

    id: UUID = Field(primary_key=True)
    kind: str = Field(sa_type=Text)
    email: str = Field(sa_type=Text)
    account_id: UUID | None = None
    attempts: int = Field(sa_type=SmallInteger, sa_column_kwargs={"server_default": "0"})
    next_attempt_at: datetime = required_timestamp_field()
    created_at: datetime = timestamp_field()


class EmailLink(Owned, table=True):
    """A link in a mail that was sent, until it is used: the hash of its token.

    `email` is the address that the mail went to. The link dies if the user's
    `credentials_changed_at` passes `requested_at`.
    """

    __tablename__ = "email_links"
    __table_args__ = (
        CheckConstraint("purpose IN ('reset', 'verify')", name="purpose_known"),
        CheckConstraint("octet_length(digest) = 32", name="digest_length"),
        Index(None, "expires_at"),
    )

    purpose: str = Field(sa_type=Text)
    digest: bytes = Field(sa_type=LargeBinary)
    email: str = Field(sa_type=Text)
    requested_at: datetime = required_timestamp_field()
    expires_at: datetime = required_timestamp_field()
