"""Lists of tasks."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from duly.models.base import IN_TRASH, Ordered, cascade_field, optional_timestamp_field, text_field


class List(Ordered, table=True):
    """A list of tasks; tasks without one are in the inbox.

    `GET /tasks` omits the tasks of an archived list unless it names the list. `name_key` is the
    name as filters compare it. Rows with the same `trashed_with` were moved to the trash together.
    """

    __tablename__ = "lists"
    __table_args__ = (
        CheckConstraint("char_length(name) BETWEEN 1 AND 120", name="name_length"),
        CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="color_format"),
        CheckConstraint("revision > 0", name="revision_positive"),
        CheckConstraint("jsonb_typeof(metadata) = 'object'", name="metadata_object"),
        Index("ix_lists_user_id_position_id", "user_id", "position", "id"),
        Index("ix_lists_user_id_name_id", "user_id", "name", "id"),
        Index("ix_lists_user_id_revision", "user_id", "revision"),
        Index(
            "ix_lists_archived_user_id_id", "user_id", "id", postgresql_where=text("is_archived")
        ),
        Index("ix_lists_trashed_at", "trashed_at", postgresql_where=IN_TRASH),
    )

    name: str = text_field()
    name_key: str = Field(sa_type=Text)
    color: str | None = Field(default=None, sa_type=Text)
    is_archived: bool = Field(sa_type=Boolean, sa_column_kwargs={"server_default": text("false")})
    # `metadata` is taken by SQLModel.
    client_metadata: Any = Field(
        sa_column=Column("metadata", JSONB, server_default=text("'{}'"), nullable=False)
    )
    trashed_at: datetime | None = optional_timestamp_field()
    trashed_with: int | None = cascade_field()
