"""API tokens."""

import sqlalchemy as sa
from alembic import op

from duly.database.migrations.online import run_locking

revision = "0016"
down_revision = "0015"

_KEY = "fk_api_tokens_user_id_users"
_SCOPES = "'tasks:read', 'tasks:write', 'tasks:delete', 'account:read'"


def upgrade() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "revocation_id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False
        ),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.Column("last_used_from", sa.Text()),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 120", name="name_length"),
        sa.CheckConstraint("cardinality(scopes) > 0", name="scopes_count"),
        sa.CheckConstraint(f"scopes <@ ARRAY[{_SCOPES}]", name="scopes_known"),
        sa.CheckConstraint("char_length(last_used_from) <= 45", name="last_used_from_length"),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_api_tokens"),
        if_not_exists=True,
    )
    op.create_index("ix_api_tokens_expires_at", "api_tokens", ["expires_at"], if_not_exists=True)
    op.create_table(
        "api_token_digests",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("octet_length(digest) = 32", name="digest_length"),
        sa.PrimaryKeyConstraint("digest", name="pk_api_token_digests"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_api_token_digests_user_id_token_id",
        "api_token_digests",
        ["user_id", "token_id"],
        unique=True,
        if_not_exists=True,
    )
    run_locking(
        f"ALTER TABLE api_tokens DROP CONSTRAINT IF EXISTS {_KEY}, ADD CONSTRAINT {_KEY} "
        "FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE"
    )


def downgrade() -> None:
    run_locking("DROP TABLE IF EXISTS api_token_digests")
    run_locking("DROP TABLE IF EXISTS api_tokens")
