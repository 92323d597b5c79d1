"""Leases of running exports."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from duly.models.base import OWNER, required_timestamp_field


class ExportLease(SQLModel, table=True):
    """An export of this user that runs on some worker, until `expires_at` at the latest.

    It has no foreign key: that would lock the user's row, which an export must not do.
    """

    __tablename__ = "export_leases"
    __table_args__ = (Index(None, "expires_at"),)

    user_id: UUID = Field(primary_key=True, sa_column_kwargs={"info": OWNER})
    expires_at: datetime = required_timestamp_field()
