"""Accounts, sessions and tasks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "revoked_sessions",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name="pk_revoked_sessions"),
    )
    op.create_index("ix_revoked_sessions_expires_at", "revoked_sessions", ["expires_at"])
    op.create_table(
        "user_emails",
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("email_key", name="pk_user_emails"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("timezone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True)),
        _now("created_at"),
        _now("updated_at"),
        _check("users", "email_length", "char_length(email) BETWEEN 3 AND 254"),
        _check("users", "name_length", "char_length(name) BETWEEN 1 AND 255"),
        _check("users", "timezone_length", "char_length(timezone) BETWEEN 1 AND 64"),
        _check("users", "revision_not_negative", "revision >= 0"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
    )
    op.create_table(
        "sessions",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("refresh_hash", sa.LargeBinary(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary()),
        sa.Column("rotated_at", sa.DateTime(timezone=True)),
        sa.Column("user_agent", sa.Text()),
        _now("created_at"),
        _now("last_used_at"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        _check("sessions", "refresh_hash_length", "octet_length(refresh_hash) = 32"),
        _check("sessions", "previous_hash_length", "octet_length(previous_hash) = 32"),
        _check("sessions", "user_agent_length", "char_length(user_agent) <= 255"),
        _owner("sessions"),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "tasks",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(collation="C"), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
        _now("created_at"),
        _now("updated_at"),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed(
                "to_tsvector('simple'::regconfig, title || ' ' || coalesce(description, ''))",
                persisted=True,
            ),
        ),
        _check("tasks", "title_length", "char_length(title) BETWEEN 1 AND 255"),
        _check("tasks", "description_length", "char_length(description) <= 20000"),
        _check("tasks", "revision_positive", "revision > 0"),
        _owner("tasks"),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_tasks"),
    )
    for order in ("created_at", "updated_at", "title"):
        op.create_index(f"ix_tasks_user_id_{order}_id", "tasks", ["user_id", order, "id"])
    op.create_index("ix_tasks_search", "tasks", ["search"], postgresql_using="gin")


def downgrade() -> None:
    for table in ("tasks", "sessions", "users", "user_emails", "revoked_sessions"):
        op.drop_table(table)


def _now(name: str) -> sa.Column[object]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _owner(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_id"], ["users.id"], name=f"fk_{table}_user_id_users", ondelete="CASCADE"
    )
