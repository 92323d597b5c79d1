"""Sign-ins of a user, and the list of those that ended recently."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, DateTime, Index, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType
from sqlmodel import Field, SQLModel

from duly.models.base import (
    APPENDABLE_BY_ALL,
    Owned,
    required_timestamp_field,
    timestamp_field,
)

MAX_SPENT = 128
"""How many spent refresh tokens a session remembers."""


class XID8(UserDefinedType[str]):
    """PostgreSQL's identifier of a transaction, which never wraps around."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The name of the type in SQL."""
        return "XID8"


ischema_names["xid8"] = XID8


class Session(Owned, table=True):
    """One sign-in: the hash of its current refresh token, and those of the tokens spent lately.

    `spent_hashes` are in the order in which they were spent, at the times in `spent_at`: each
    token's successor is the next one, and the last one's is the current token.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        CheckConstraint("octet_length(refresh_hash) = 32", name="refresh_hash_length"),
        CheckConstraint("char_length(user_agent) <= 255", name="user_agent_length"),
        CheckConstraint("cardinality(spent_hashes) = cardinality(spent_at)", name="spent_pairs"),
        CheckConstraint(f"cardinality(spent_hashes) <= {MAX_SPENT}", name="spent_count"),
        Index(None, "expires_at"),
    )

    refresh_hash: bytes = Field(sa_type=LargeBinary)
    user_agent: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = timestamp_field()
    last_used_at: datetime = timestamp_field()
    expires_at: datetime = required_timestamp_field()
    spent_hashes: list[bytes] = Field(
        sa_type=ARRAY(LargeBinary), sa_column_kwargs={"server_default": "{}"}
    )
    spent_at: list[datetime] = Field(
        sa_type=ARRAY(DateTime(timezone=True)), sa_column_kwargs={"server_default": "{}"}
    )


class RevokedSession(SQLModel, table=True):
    """A session that ended while its last access token may still be unexpired.

    Every worker keeps a copy of this list, so it names no owner and refers to nothing. `xid` is
    the transaction that listed it: a worker reads only rows that were not visible to it before.
    """

    __tablename__ = "revoked_sessions"
    __table_args__ = (
        Index(None, "expires_at"),
        Index(None, "xid", "session_id"),
        {"info": APPENDABLE_BY_ALL},
    )

    session_id: UUID = Field(primary_key=True)
    expires_at: datetime = required_timestamp_field()
    xid: str = Field(
        sa_type=XID8,
        sa_column_kwargs={"server_default": func.pg_current_xact_id()},
    )
