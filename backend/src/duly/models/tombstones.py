"""Records of permanently deleted resources, so that sync can report each deletion."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Text
from sqlmodel import Field

from duly.models.base import Owned, timestamp_field


class Tombstone(Owned, table=True):
    """The deletion of the resource `id` of the type `type`, at its user's `revision`."""

    __tablename__ = "tombstones"
    __table_args__ = (
        Index("ix_tombstones_user_id_revision", "user_id", "revision"),
        Index(None, "created_at"),
    )

    type: str = Field(primary_key=True, sa_type=Text)
    revision: int = Field(sa_type=BigInteger)
    created_at: datetime = timestamp_field()
