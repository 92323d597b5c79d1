"""Saved filters."""

from sqlalchemy import CheckConstraint, Index, Text
from sqlmodel import Field

from duly.models.base import Ordered, text_field


class Filter(Ordered, table=True):
    """A query in the language of `filter_language`, under a name."""

    __tablename__ = "filters"
    __table_args__ = (
        CheckConstraint("char_length(name) BETWEEN 1 AND 120", name="name_length"),
        CheckConstraint("char_length(query) BETWEEN 1 AND 500", name="query_length"),
        CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="color_format"),
        CheckConstraint("revision > 0", name="revision_positive"),
        Index("ix_filters_user_id_position_id", "user_id", "position", "id"),
        Index("ix_filters_user_id_name_id", "user_id", "name", "id"),
        Index("ix_filters_user_id_revision", "user_id", "revision"),
    )

    name: str = text_field()
    query: str = Field(sa_type=Text)
    color: str | None = Field(default=None, sa_type=Text)
