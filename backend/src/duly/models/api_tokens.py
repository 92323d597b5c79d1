"""API tokens of a user, and which user a token belongs to."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Column, Index, LargeBinary, Text, Uuid, func
from sqlmodel import Field, SQLModel

from duly.core.scopes import GRANTABLE
from duly.models.base import OWNER, Owned, optional_timestamp_field, timestamp_field

MAX_ADDRESS = 45
"""The length of the longest IPv6 address."""

_KNOWN = ", ".join(f"'{scope}'" for scope in GRANTABLE)


class ApiToken(Owned, table=True):
    """One API token, without its secret.

    Its end is announced to all workers under `revocation_id`, which changes whenever it is
    announced of a token that may work again.
    """

    __tablename__ = "api_tokens"
    __table_args__ = (
        CheckConstraint("char_length(name) BETWEEN 1 AND 120", name="name_length"),
        CheckConstraint("cardinality(scopes) > 0", name="scopes_count"),
        CheckConstraint(f"scopes <@ ARRAY[{_KNOWN}]", name="scopes_known"),
        CheckConstraint(
            f"char_length(last_used_from) <= {MAX_ADDRESS}", name="last_used_from_length"
        ),
        Index(None, "expires_at"),
    )

    name: str = Field(sa_type=Text)
    scopes: list[str] = Field(sa_type=ARRAY(Text))
    revocation_id: UUID = Field(
        sa_type=Uuid, sa_column_kwargs={"server_default": func.gen_random_uuid()}
    )
    created_at: datetime = timestamp_field()
    expires_at: datetime | None = optional_timestamp_field()
    last_used_at: datetime | None = optional_timestamp_field()
    last_used_from: str | None = Field(default=None, sa_type=Text)


class ApiTokenDigest(SQLModel, table=True):
    """Which API token has a SHA-256 hash; unique across users.

    It has no foreign key to `users`, so that a cluster can keep a copy on every node.
    """

    __tablename__ = "api_token_digests"
    __table_args__ = (
        CheckConstraint("octet_length(digest) = 32", name="digest_length"),
        Index(None, "user_id", "token_id", unique=True),
    )

    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    user_id: UUID = Field(sa_column_kwargs={"info": OWNER})
    token_id: UUID
