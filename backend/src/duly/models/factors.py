"""Second factors of users, and sign-ins that wait for one."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    text,
)
from sqlmodel import Field, SQLModel

from duly.models.base import (
    OWNER,
    Owned,
    optional_timestamp_field,
    required_timestamp_field,
    timestamp_field,
)

MAX_NAME = 120
ENROLMENT_LIFETIME = timedelta(minutes=15)
"""How long a factor waits to be confirmed."""


class Factor(Owned, table=True):
    """A second factor. It counts from `confirmed_at` on.

    `secret` is that of an authenticator app, encrypted. `last_counter` is the counter of the last
    code that was accepted: no code with this or a lower one is accepted again.
    `sign_count` is how often a passkey has signed, if its authenticator counts that.
    """

    __tablename__ = "factors"
    __table_args__ = (
        CheckConstraint("type IN ('totp', 'passkey')", name="type_known"),
        CheckConstraint(f"char_length(name) BETWEEN 1 AND {MAX_NAME}", name="name_length"),
        CheckConstraint("octet_length(public_key) <= 4096", name="public_key_length"),
        CheckConstraint(
            "(type = 'totp' AND secret IS NOT NULL) OR (type = 'passkey' AND (confirmed_at IS NULL "
            "OR (credential_id IS NOT NULL AND public_key IS NOT NULL)))",
            name="parts_of_type",
        ),
        Index(None, "created_at", postgresql_where=text("confirmed_at IS NULL")),
    )

    type: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    created_at: datetime = timestamp_field()
    confirmed_at: datetime | None = optional_timestamp_field()
    last_used_at: datetime | None = optional_timestamp_field()
    secret: bytes | None = Field(default=None, sa_type=LargeBinary)
    last_counter: int = Field(sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    credential_id: bytes | None = Field(default=None, sa_type=LargeBinary)
    public_key: bytes | None = Field(default=None, sa_type=LargeBinary)
    sign_count: int = Field(sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})


class PasskeyOwner(SQLModel, table=True):
    """Which account a passkey signs in to; unique across users.

    It has no foreign key to `users`, so that a cluster can keep a copy on every node.
    """

    __tablename__ = "passkeys"

    credential_id: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    user_id: UUID = Field(sa_column_kwargs={"info": OWNER})


class SignInChallenge(Owned, table=True):
    """A sign-in with the right password that waits for a second factor.

    `password_digest` is the hash of the user's `password_hash` when the password was checked.
    """

    __tablename__ = "sign_in_challenges"
    __table_args__ = (
        CheckConstraint("octet_length(password_digest) = 32", name="password_digest_length"),
        Index(None, "expires_at"),
    )

    password_digest: bytes = Field(sa_type=LargeBinary)
    attempts: int = Field(sa_type=SmallInteger, sa_column_kwargs={"server_default": "0"})
    expires_at: datetime = required_timestamp_field()
