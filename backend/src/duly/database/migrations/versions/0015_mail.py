"""Mail that waits to be sent, the links in it, and verified addresses."""

import sqlalchemy as sa
from alembic import op

from duly.database.migrations.online import run, run_locking
from duly.database.migrations.resources import tie_to_users

revision = "0015"
down_revision = "0014"

_PENDING = "ck_users_pending_email_length"


def upgrade() -> None:
    run_locking(
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS email_verified_at timestamptz, "
        "ADD COLUMN IF NOT EXISTS pending_email text, "
        "ADD COLUMN IF NOT EXISTS credentials_changed_at timestamptz, "
        f"DROP CONSTRAINT IF EXISTS {_PENDING}, ADD CONSTRAINT {_PENDING} "
        "CHECK (char_length(pending_email) BETWEEN 3 AND 254) NOT VALID"
    )
    run(f"ALTER TABLE users VALIDATE CONSTRAINT {_PENDING}")
    op.create_table(
        "outgoing_mails",
        sa.Column("id", sa.Uuid(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("kind", "email")),
        sa.Column("account_id", sa.Uuid()),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.CheckConstraint("kind IN ('reset', 'verify', 'address')", name="kind_known"),
        sa.CheckConstraint("char_length(email) BETWEEN 3 AND 254", name="email_length"),
        sa.PrimaryKeyConstraint("id", name="pk_outgoing_mails"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_outgoing_mails_next_attempt_at",
        "outgoing_mails",
        ["next_attempt_at"],
        if_not_exists=True,
    )
    op.create_table(
        "email_links",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.DateTime(timezone=True), nullable=False)
            for name in ("requested_at", "expires_at")
        ),
        sa.CheckConstraint("purpose IN ('reset', 'verify')", name="purpose_known"),
        sa.CheckConstraint("octet_length(digest) = 32", name="digest_length"),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_email_links"),
        if_not_exists=True,
    )
    op.create_index("ix_email_links_expires_at", "email_links", ["expires_at"], if_not_exists=True)
    tie_to_users("email_links")


def downgrade() -> None:
    run_locking("DROP TABLE IF EXISTS email_links")
    run_locking("DROP TABLE IF EXISTS outgoing_mails")
    run_locking(
        "ALTER TABLE users DROP COLUMN IF EXISTS credentials_changed_at, "
        "DROP COLUMN IF EXISTS pending_email, "
        "DROP COLUMN IF EXISTS email_verified_at"
    )
