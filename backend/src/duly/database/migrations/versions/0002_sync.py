"""Trash, tombstones, idempotency keys, and the epoch of sync tokens."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column(
        "users", sa.Column("horizon", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column("tasks", sa.Column("trashed_at", sa.DateTime(timezone=True)))
    op.add_column("tasks", sa.Column("creation_hash", sa.LargeBinary()))
    op.create_index("ix_tasks_user_id_revision", "tasks", ["user_id", "revision"])
    op.create_index(
        "ix_tasks_trashed_at",
        "tasks",
        ["trashed_at"],
        postgresql_where=sa.text("trashed_at IS NOT NULL"),
    )
    op.create_table(
        "tombstones",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("noun", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        _owner("tombstones"),
        sa.PrimaryKeyConstraint("user_id", "id", "noun", name="pk_tombstones"),
    )
    op.create_index("ix_tombstones_user_id_revision", "tombstones", ["user_id", "revision"])
    op.create_index("ix_tombstones_created_at", "tombstones", ["created_at"])
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger()),
        sa.Column("headers", postgresql.JSONB()),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "octet_length(fingerprint) = 32", name=op.f("ck_idempotency_keys_fingerprint_length")
        ),
        _owner("idempotency_keys", deferrable=True, initially="DEFERRED"),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_expires_at", "idempotency_keys", ["expires_at"])
    op.create_table(
        "installations",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_installations_only_one")),
        sa.PrimaryKeyConstraint("id", name="pk_installations"),
    )
    op.execute("INSERT INTO installations (id) VALUES (1)")


def downgrade() -> None:
    for table in ("installations", "idempotency_keys", "tombstones"):
        op.drop_table(table)
    # Tasks in the trash would become visible again, so they are deleted.
    op.execute("DELETE FROM tasks WHERE trashed_at IS NOT NULL")
    op.drop_index("ix_tasks_trashed_at", "tasks")
    op.drop_index("ix_tasks_user_id_revision", "tasks")
    for column in ("creation_hash", "trashed_at"):
        op.drop_column("tasks", column)
    op.drop_column("users", "horizon")


def _owner(table: str, **options: Any) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_user_id_users")
    return sa.ForeignKeyConstraint(
        ["user_id"], ["users.id"], name=name, ondelete="CASCADE", **options
    )
