"""Second factors, recovery codes, and sign-ins that wait for a second factor."""

import sqlalchemy as sa
from alembic import op

from duly.database.migrations.online import run, run_locking
from duly.database.migrations.resources import tie_to_users

revision = "0019"
down_revision = "0018"

_COUNT = "ck_users_recovery_codes_count"


def upgrade() -> None:
    run_locking(
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS recovery_codes bytea[] DEFAULT '{}' NOT NULL, "
        f"DROP CONSTRAINT IF EXISTS {_COUNT}, ADD CONSTRAINT {_COUNT} "
        "CHECK (cardinality(recovery_codes) <= 10) NOT VALID"
    )
    run(f"ALTER TABLE users VALIDATE CONSTRAINT {_COUNT}")
    op.create_table(
        "factors",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("type", "name")),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        *(
            sa.Column(name, sa.DateTime(timezone=True))
            for name in ("confirmed_at", "last_used_at")
        ),
        sa.Column("secret", sa.LargeBinary()),
        sa.Column("last_counter", sa.BigInteger(), server_default="0", nullable=False),
        *(sa.Column(name, sa.LargeBinary()) for name in ("credential_id", "public_key")),
        sa.Column("sign_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("type IN ('totp', 'passkey')", name="type_known"),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 120", name="name_length"),
        sa.CheckConstraint("octet_length(public_key) <= 4096", name="public_key_length"),
        sa.CheckConstraint(
            "(type = 'totp' AND secret IS NOT NULL) OR (type = 'passkey' AND (confirmed_at IS NULL "
            "OR (credential_id IS NOT NULL AND public_key IS NOT NULL)))",
            name="parts_of_type",
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_factors"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_factors_created_at",
        "factors",
        ["created_at"],
        postgresql_where=sa.text("confirmed_at IS NULL"),
        if_not_exists=True,
    )
    tie_to_users("factors")
    op.create_table(
        "sign_in_challenges",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("password_digest", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("octet_length(password_digest) = 32", name="password_digest_length"),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_sign_in_challenges"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_sign_in_challenges_expires_at",
        "sign_in_challenges",
        ["expires_at"],
        if_not_exists=True,
    )
    tie_to_users("sign_in_challenges")
    op.create_table(
        "passkeys",
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("credential_id", name="pk_passkeys"),
        if_not_exists=True,
    )


def downgrade() -> None:
    run_locking("DROP TABLE IF EXISTS passkeys")
    run_locking("DROP TABLE IF EXISTS sign_in_challenges")
    run_locking("DROP TABLE IF EXISTS factors")
    run_locking("ALTER TABLE users DROP COLUMN IF EXISTS recovery_codes")
