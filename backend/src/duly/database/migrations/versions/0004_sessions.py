"""Spent refresh tokens, revocations by transaction, and the addresses of a user's sign-ins."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import UserDefinedType

revision = "0004"
down_revision = "0003"


class _XID8(UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "XID8"


def upgrade() -> None:
    op.add_column("users", _array("known_addresses", sa.LargeBinary()))
    op.create_check_constraint(
        op.f("ck_users_known_addresses_count"), "users", "cardinality(known_addresses) <= 10"
    )
    op.add_column("sessions", _array("spent_hashes", sa.LargeBinary()))
    op.add_column("sessions", _array("spent_at", sa.DateTime(timezone=True)))
    op.execute(
        "UPDATE sessions SET spent_hashes = ARRAY[previous_hash], spent_at = ARRAY[rotated_at] "
        "WHERE previous_hash IS NOT NULL AND rotated_at IS NOT NULL"
    )
    op.create_check_constraint(
        op.f("ck_sessions_spent_pairs"),
        "sessions",
        "cardinality(spent_hashes) = cardinality(spent_at)",
    )
    op.create_check_constraint(
        op.f("ck_sessions_spent_count"), "sessions", "cardinality(spent_hashes) <= 128"
    )
    op.drop_column("sessions", "previous_hash")
    op.drop_column("sessions", "rotated_at")
    op.add_column(
        "revoked_sessions",
        sa.Column("xid", _XID8(), server_default=sa.func.pg_current_xact_id(), nullable=False),
    )
    op.create_index(
        "ix_revoked_sessions_xid_session_id", "revoked_sessions", ["xid", "session_id"]
    )
    # They were kept for as long as tokens lived by the setting then, which may have been lowered.
    op.execute(
        "UPDATE revoked_sessions "
        "SET expires_at = greatest(expires_at, now() + interval '61 minutes')"
    )


def downgrade() -> None:
    op.drop_index("ix_revoked_sessions_xid_session_id", "revoked_sessions")
    op.drop_column("revoked_sessions", "xid")
    op.add_column("sessions", sa.Column("previous_hash", sa.LargeBinary()))
    op.add_column("sessions", sa.Column("rotated_at", sa.DateTime(timezone=True)))
    op.create_check_constraint(
        op.f("ck_sessions_previous_hash_length"), "sessions", "octet_length(previous_hash) = 32"
    )
    op.execute(
        "UPDATE sessions SET previous_hash = spent_hashes[cardinality(spent_hashes)], "
        "rotated_at = spent_at[cardinality(spent_at)]"
    )
    op.drop_column("sessions", "spent_at")
    op.drop_column("sessions", "spent_hashes")
    op.drop_column("users", "known_addresses")


def _array(name: str, item: sa.types.TypeEngine[Any]) -> sa.Column[object]:
    return sa.Column(name, sa.ARRAY(item), server_default="{}", nullable=False)
