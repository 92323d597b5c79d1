"""Accounts, and the addresses they sign in with."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
)
from sqlmodel import Field, SQLModel

from duly.models.base import OWNER, REVISION, optional_timestamp_field, timestamp_field

MAX_KNOWN_ADDRESSES = 10
MAX_RECOVERY_CODES = 10
# Of a user who has not said otherwise.
TIMEZONE = "UTC"
WEEK_START = 1
LANGUAGE: Final = "en"


class User(SQLModel, table=True):
    """One account. `revision` counts the changes of everything that it owns.

    `email_verified_at` is when a link in a mail to `email` was opened. `pending_email` replaces it
    once that happens with a mail to the new address. `credentials_changed_at` is when the password
    or `email` last changed.
    `changed_at` is when `revision` last advanced; no two changes of a user have the same.
    `profile_revision` is the revision of the last change of what responses show of the account.
    Deletions up to `horizon` have been purged: an older sync token requires a full sync.
    `known_addresses` are keyed digests of the addresses of the last sign-ins, the newest first.
    `recovery_codes` are the hashes of those that were not used yet.
    Quotas limit `stored_response_bytes` and the counts of resources (including the trash): each
    statement that inserts or deletes such rows also updates the counter. `email` and `password_hash`
    may be null in an account of another issuer's subject.
    """

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("char_length(email) BETWEEN 3 AND 254", name="email_length"),
        CheckConstraint(
            "char_length(pending_email) BETWEEN 3 AND 254", name="pending_email_length"
        ),
        CheckConstraint("char_length(name) BETWEEN 1 AND 255", name="name_length"),
        CheckConstraint("char_length(timezone) BETWEEN 1 AND 64", name="timezone_length"),
        CheckConstraint("week_start BETWEEN 1 AND 7", name="week_start_range"),
        CheckConstraint("language IN ('en', 'de')", name="language_known"),
        CheckConstraint("revision >= 0", name="revision_not_negative"),
        CheckConstraint(
            f"cardinality(known_addresses) <= {MAX_KNOWN_ADDRESSES}", name="known_addresses_count"
        ),
        CheckConstraint(
            f"cardinality(recovery_codes) <= {MAX_RECOVERY_CODES}", name="recovery_codes_count"
        ),
    )

    id: UUID = Field(primary_key=True, sa_column_kwargs={"info": OWNER})
    email: str | None = Field(default=None, sa_type=Text)
    email_verified_at: datetime | None = optional_timestamp_field()
    pending_email: str | None = Field(default=None, sa_type=Text)
    name: str | None = Field(default=None, sa_type=Text)
    timezone: str = Field(sa_type=Text, sa_column_kwargs={"server_default": TIMEZONE})
    week_start: int = Field(
        sa_type=SmallInteger, sa_column_kwargs={"server_default": str(WEEK_START)}
    )
    language: str = Field(sa_type=Text, sa_column_kwargs={"server_default": LANGUAGE})
    password_hash: str | None = Field(default=None, sa_type=Text)
    revision: int = Field(
        sa_type=BigInteger, sa_column_kwargs={"server_default": "0", "info": REVISION}
    )
    changed_at: datetime = timestamp_field()
    credentials_changed_at: datetime | None = optional_timestamp_field()
    disabled_at: datetime | None = optional_timestamp_field()
    created_at: datetime = timestamp_field()
    updated_at: datetime = timestamp_field()
    profile_revision: int = Field(sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    horizon: int = Field(sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    known_addresses: list[bytes] = Field(
        sa_type=ARRAY(LargeBinary), sa_column_kwargs={"server_default": "{}"}
    )
    recovery_codes: list[bytes] = Field(
        sa_type=ARRAY(LargeBinary), sa_column_kwargs={"server_default": "{}"}
    )
    task_count: int = Field(sa_type=Integer, sa_column_kwargs={"server_default": "0"})
    stored_response_bytes: int = Field(
        sa_type=BigInteger, sa_column_kwargs={"server_default": "0"}
    )
    label_count: int = Field(sa_type=Integer, sa_column_kwargs={"server_default": "0"})
    list_count: int = Field(sa_type=Integer, sa_column_kwargs={"server_default": "0"})
    section_count: int = Field(sa_type=Integer, sa_column_kwargs={"server_default": "0"})
    filter_count: int = Field(sa_type=Integer, sa_column_kwargs={"server_default": "0"})


class UserEmail(SQLModel, table=True):
    """Which account an address signs in to; unique across users.

    It has no foreign key to `users`, so that a cluster can keep a copy on every node.
    """

    __tablename__ = "user_emails"

    email_key: str = Field(sa_column=Column(Text, primary_key=True))
    user_id: UUID = Field(sa_column_kwargs={"info": OWNER})
