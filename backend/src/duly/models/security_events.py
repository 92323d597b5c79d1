"""What happened to accounts: sign-ins, changed passwords, tokens and more."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text
from sqlmodel import Field

from duly.models.base import Owned, timestamp_field


class SecurityEvent(Owned, table=True):
    """One event, and the client that caused it, if it was one. `event` is its name in the log."""

    __tablename__ = "security_events"
    __table_args__ = (
        CheckConstraint("char_length(event) BETWEEN 1 AND 64", name="event_length"),
        CheckConstraint("char_length(address) <= 45", name="address_length"),
        CheckConstraint("char_length(user_agent) <= 255", name="user_agent_length"),
        Index(None, "user_id", "created_at", "id"),
        Index(None, "created_at"),
    )

    event: str = Field(sa_type=Text)
    address: str | None = Field(default=None, sa_type=Text)
    user_agent: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = timestamp_field()
