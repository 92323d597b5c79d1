"""The one row that names this database."""

from uuid import UUID

from sqlalchemy import CheckConstraint, SmallInteger, func
from sqlmodel import Field, SQLModel

from duly.models.base import READABLE_BY_ALL


class Installation(SQLModel, table=True):
    """`epoch` changes when the database is restored from a backup: older sync tokens end then."""

    __tablename__ = "installations"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"), {"info": READABLE_BY_ALL})

    id: int = Field(
        default=1,
        primary_key=True,
        sa_type=SmallInteger,
        sa_column_kwargs={"autoincrement": False},
    )
    epoch: UUID = Field(sa_column_kwargs={"server_default": func.gen_random_uuid()})
