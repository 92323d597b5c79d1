"""Sign-ins of a user, and the list of those ended lately."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from duly.models.base import (
    APPENDABLE_BY_ALL,
    Owned,
    optional_timestamp_field,
    required_timestamp_field,
    timestamp_field,
)


class Session(Owned, table=True):
    """One sign-in: the refresh token it takes now, and the one it took before."""

    __tablename__ = "sessions"
    __table_args__ = (
        CheckConstraint("octet_length(refresh_hash) = 32", name="refresh_hash_length"),
        CheckConstraint("octet_length(previous_hash) = 32", name="previous_hash_length"),
        CheckConstraint("char_length(user_agent) <= 255", name="user_agent_length"),
        Index(None, "expires_at"),
    )

    refresh_hash: bytes = Field(sa_type=LargeBinary)
    previous_hash: bytes | None = Field(default=None, sa_type=LargeBinary)
    rotated_at: datetime | None = optional_timestamp_field()
    user_agent: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = timestamp_field()
    last_used_at: datetime = timestamp_field()
    expires_at: datetime = required_timestamp_field()


class RevokedSession(SQLModel, table=True):
    """A session that ended while its last access token may still be unexpired.

    Every worker keeps a copy of this list, so it names no owner and refers to nothing.
    """

    __tablename__ = "revoked_sessions"
    __table_args__ = (Index(None, "expires_at"), {"info": APPENDABLE_BY_ALL})

    session_id: UUID = Field(primary_key=True)
    expires_at: datetime = required_timestamp_field()
