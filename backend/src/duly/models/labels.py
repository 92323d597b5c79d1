"""Labels."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, Text
from sqlmodel import Field

from duly.models.base import Owned, timestamp_field


class Label(Owned, table=True):
    """A name, and perhaps a color."""

    __tablename__ = "labels"
    __table_args__ = (
        CheckConstraint("char_length(name) BETWEEN 1 AND 120", name="name_length"),
        CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="color_format"),
        CheckConstraint("revision > 0", name="revision_positive"),
        Index("ix_labels_user_id_name_id", "user_id", "name", "id"),
        Index("ix_labels_user_id_revision", "user_id", "revision"),
    )

    # Collation "C" sorts by code point, the same on every server.
    name: str = Field(sa_column=Column(Text(collation="C"), nullable=False))
    color: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = timestamp_field()
    updated_at: datetime = timestamp_field()
    revision: int = Field(sa_type=BigInteger)
    creation_hash: bytes | None = Field(default=None, sa_type=LargeBinary)
