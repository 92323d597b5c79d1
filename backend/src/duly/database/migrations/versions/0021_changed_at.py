"""When each user's data last changed, so that changes have increasing times."""

from duly.database.migrations.online import run_locking

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    # The default is evaluated once, so no row is rewritten.
    run_locking(
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS changed_at timestamptz DEFAULT now() NOT NULL"
    )


def downgrade() -> None:
    run_locking("ALTER TABLE users DROP COLUMN IF EXISTS changed_at")
