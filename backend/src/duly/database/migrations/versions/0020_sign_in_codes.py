"""Codes with which apps fetch the session of a user who has signed in at a provider."""

import sqlalchemy as sa
from alembic import op

from duly.database.migrations.online import run_locking
from duly.database.migrations.resources import tie_to_users

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_table(
        "sign_in_codes",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("app_challenge", sa.LargeBinary()),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("octet_length(digest) = 32", name="digest_length"),
        sa.CheckConstraint("octet_length(app_challenge) = 32", name="app_challenge_length"),
        sa.CheckConstraint("char_length(provider) BETWEEN 1 AND 32", name="provider_length"),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_sign_in_codes"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_sign_in_codes_expires_at", "sign_in_codes", ["expires_at"], if_not_exists=True
    )
    tie_to_users("sign_in_codes")


def downgrade() -> None:
    run_locking("DROP TABLE IF EXISTS sign_in_codes")
