"""Tasks."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import Field

from duly.models.base import Owned, optional_timestamp_field, timestamp_field

# In the form in which lists ask for it; see `records.pages.listed`.
_LIVE = text("coalesce(trashed_at IS NULL, false)")
_OPEN = text("coalesce(trashed_at IS NULL, false) AND coalesce(completed_at IS NULL, false)")
_TRASHED = text("coalesce(trashed_at IS NOT NULL, false)")


class Task(Owned, table=True):
    """Something to be done. It is completed when `completed_at` is set, trashed when `trashed_at` is.

    `revision` is the number that the last change took from its user's `revision`. `creation_hash`
    tells a repeated create under the client's own id from another one. `title_words` and
    `description_words` hold the words of both texts for searches, computed by `utils.search`.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        CheckConstraint("char_length(title) BETWEEN 1 AND 255", name="title_length"),
        CheckConstraint("char_length(description) <= 20000", name="description_length"),
        CheckConstraint("revision > 0", name="revision_positive"),
        # One index for each order that a list can be read in; the key makes it total.
        *(
            Index(
                f"ix_tasks_live_user_id_{order}_id", "user_id", order, "id", postgresql_where=_LIVE
            )
            for order in ("created_at", "updated_at", "title")
        ),
        # The few open tasks among many completed ones, and the few trashed among all.
        Index(
            "ix_tasks_open_user_id_created_at_id",
            "user_id",
            "created_at",
            "id",
            postgresql_where=_OPEN,
        ),
        Index(
            "ix_tasks_trashed_user_id_created_at_id",
            "user_id",
            "created_at",
            "id",
            postgresql_where=_TRASHED,
        ),
        Index("ix_tasks_user_id_revision", "user_id", "revision"),
        # For maintenance, which looks for the oldest of all users.
        Index(
            "ix_tasks_trashed_at", "trashed_at", postgresql_where=text("trashed_at IS NOT NULL")
        ),
        # Without a pending list, which each search would read whole, other users' words included.
        Index(
            "ix_tasks_words",
            text("(title_words || description_words)"),
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        ),
    )

    # Collation "C" sorts by code point, the same on every server.
    title: str = Field(sa_column=Column(Text(collation="C"), nullable=False))
    description: str | None = Field(default=None, sa_type=Text)
    completed_at: datetime | None = optional_timestamp_field()
    created_at: datetime = timestamp_field()
    updated_at: datetime = timestamp_field()
    revision: int = Field(sa_type=BigInteger)
    trashed_at: datetime | None = optional_timestamp_field()
    creation_hash: bytes | None = Field(default=None, sa_type=LargeBinary)
    title_words: Any = Field(sa_column=Column(TSVECTOR, server_default="", nullable=False))
    description_words: Any = Field(sa_column=Column(TSVECTOR, server_default="", nullable=False))
