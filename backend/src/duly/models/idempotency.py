"""Responses to requests with an `Idempotency-Key`, stored for their repeats."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from duly.models.base import OWNER, Owned, required_timestamp_field


class IdempotencyKey(Owned, table=True):
    """One key of one user; `id` is derived from the route and the key.

    `fingerprint` is that of the request body. The response is null while the request is in
    flight, which no other transaction ever sees; its `body` alone is null if a repeat reads the
    resource instead. `stored_bytes` is the key's part of its user's `stored_response_bytes`.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        CheckConstraint("octet_length(fingerprint) = 32", name="fingerprint_length"),
        Index(None, "expires_at"),
    )

    # Looked at when the transaction ends: a key is claimed before anything else, and a lock on the
    # owner's row so early could wait in a circle with the deletion of the account.
    user_id: UUID = Field(
        sa_column=Column(
            Uuid,
            ForeignKey("users.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
            primary_key=True,
            info=OWNER,
        )
    )
    fingerprint: bytes = Field(sa_type=LargeBinary)
    status: int | None = Field(default=None, sa_type=SmallInteger)
    headers: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB))
    body: bytes | None = Field(default=None, sa_type=LargeBinary)
    expires_at: datetime = required_timestamp_field()
    stored_bytes: int = Field(sa_type=Integer, sa_column_kwargs={"server_default": "0"})
