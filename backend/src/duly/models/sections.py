"""Sections of lists."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Text, UniqueConstraint
from sqlmodel import Field

from duly.models.base import IN_TRASH, Ordered, cascade_field, optional_timestamp_field, text_field


class Section(Ordered, table=True):
    """A part of a list, in which it stays. It goes to the trash with its list only."""

    __tablename__ = "sections"
    __table_args__ = (
        CheckConstraint("char_length(name) BETWEEN 1 AND 120", name="name_length"),
        CheckConstraint("revision > 0", name="revision_positive"),
        ForeignKeyConstraint(
            ["user_id", "list_id"], ["lists.user_id", "lists.id"], name="fk_sections_list_id_lists"
        ),
        # What a task refers to, so that its section is one of its list.
        UniqueConstraint("user_id", "list_id", "id"),
        Index("ix_sections_user_id_position_id", "user_id", "position", "id"),
        Index("ix_sections_user_id_name_id", "user_id", "name", "id"),
        Index("ix_sections_user_id_revision", "user_id", "revision"),
        Index("ix_sections_trashed_at", "trashed_at", postgresql_where=IN_TRASH),
    )

    list_id: UUID
    name: str = text_field()
    name_key: str = Field(sa_type=Text)
    trashed_at: datetime | None = optional_timestamp_field()
    trashed_with: int | None = cascade_field()
