"""The parts that all tables share: constraint names, ownership, and common columns."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, LargeBinary, Table, Text, func, text
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

# Marks the column that names a row's owner; `database.ownership` requires a predicate on it.
OWNER = {"owner": True}

# Mark a table without an owner, and say what an owned statement may do to it. Without a mark, owned
# statements cannot name it.
READABLE_BY_ALL = {"owned_statements_may": "SELECT"}
APPENDABLE_BY_ALL = {"owned_statements_may": "INSERT"}

# Marks the column that counts a user's changes; `database.scope` reports each advance of it.
REVISION = {"revision": True}

IN_TRASH = text("coalesce(trashed_at IS NOT NULL, false)")
"""The condition of partial indexes of the trash, in the form of `records.types.listed`.

In the plain form, a look-up by key could read an index of all users' trash instead: PostgreSQL
takes it for empty if it was at the last ANALYZE.
"""


class Owned(SQLModel):
    """A row of one user, with the key `(user_id, id)`; it is deleted with its user."""

    user_id: UUID = Field(
        primary_key=True,
        foreign_key="users.id",
        ondelete="CASCADE",
        sa_column_kwargs={"info": OWNER},
    )
    id: UUID = Field(primary_key=True)


# Collation "C" sorts by code point, the same on every server.
_BY_CODE_POINT: Any = Text(collation="C")


def timestamp_field() -> Any:
    """A `timestamptz` that is never null; by default the time of the insert."""
    return Field(
        sa_type=DateTime(timezone=True),
        sa_column_kwargs={"server_default": func.now()},
    )


class Resource(Owned):
    """A row of a resource type.

    `revision` is the number that the last change took from its user's `revision`. `creation_hash`
    distinguishes a repeated create under the client's own id from a different one.
    """

    created_at: datetime = timestamp_field()
    updated_at: datetime = timestamp_field()
    revision: int = Field(sa_type=BigInteger)
    creation_hash: bytes | None = Field(default=None, sa_type=LargeBinary)


class Ordered(Resource):
    """A resource with a place in a manual order: by `position`, a key of `utils.order_keys`, and id."""

    position: str = Field(sa_type=_BY_CODE_POINT, sa_column_kwargs={"server_default": "a0"})


def owner_column(table: Table) -> Column[Any] | None:
    """Return the column of `table` that names a row's owner, or None if rows have none."""
    return next((column for column in table.columns if column.info.get("owner")), None)


def shared_access(table: Table) -> str | None:
    """Return what owned statements may do with a table without an owner: SELECT, INSERT, or nothing."""
    access: str | None = table.info.get("owned_statements_may")
    return access


def text_field() -> Any:
    """A text that sorts by code point."""
    return Field(sa_type=_BY_CODE_POINT)


def optional_text_field() -> Any:
    """The same, which may be null."""
    return Field(default=None, sa_type=_BY_CODE_POINT)


def required_timestamp_field() -> Any:
    """A `timestamptz` that every insert must set."""
    return Field(sa_type=DateTime(timezone=True))


def optional_timestamp_field() -> Any:
    """A `timestamptz` that may be null."""
    return Field(
        default=None,
        sa_type=DateTime(timezone=True),
    )


def cascade_field() -> Any:
    """The revision of the change that set the column beside it, here and in other rows."""
    return Field(default=None, sa_type=BigInteger)
