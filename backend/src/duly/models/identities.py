"""Which accounts the tokens of other issuers belong to."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, DateTime, Index, Text
from sqlmodel import Field, SQLModel

from duly.models.base import (
    APPENDABLE_BY_ALL,
    OWNER,
    required_timestamp_field,
    timestamp_field,
)


class UserIdentity(SQLModel, table=True):
    """The account of a subject of another issuer; unique across users.

    Under `id`, its end is announced to all workers; it changes when the account is disabled. There is
    no foreign key to `users`, so that a cluster can keep a copy on every node.
    """

    __tablename__ = "user_identities"
    __table_args__ = (Index(None, "user_id"),)

    issuer: str = Field(sa_column=Column(Text, primary_key=True))
    subject: str = Field(sa_column=Column(Text, primary_key=True))
    user_id: UUID = Field(sa_column_kwargs={"info": OWNER})
    id: UUID
    created_at: datetime = timestamp_field()


class DeletedIdentity(SQLModel, table=True):
    """A subject whose account was deleted: tokens issued before that are rejected.

    It names no account, and is deleted once such tokens have expired.
    """

    __tablename__ = "deleted_identities"
    __table_args__ = (Index(None, "expires_at"), {"info": APPENDABLE_BY_ALL})

    issuer: str = Field(sa_column=Column(Text, primary_key=True))
    subject: str = Field(sa_column=Column(Text, primary_key=True))
    deleted_at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    expires_at: datetime = required_timestamp_field()
