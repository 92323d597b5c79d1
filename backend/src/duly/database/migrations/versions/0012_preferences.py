"""The language of a user, and the day on which a user's week begins."""

from duly.database.migrations.online import run, run_locking

revision = "0012"
down_revision = "0011"

_CHECKS = {
    "week_start_range": "week_start BETWEEN 1 AND 7",
    "language_known": "language IN ('en', 'de')",
}


def upgrade() -> None:
    checks = ", ".join(
        f"DROP CONSTRAINT IF EXISTS ck_users_{name}, "
        f"ADD CONSTRAINT ck_users_{name} CHECK ({condition}) NOT VALID"
        for name, condition in _CHECKS.items()
    )
    run_locking(
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS week_start smallint DEFAULT '1' NOT NULL, "
        f"ADD COLUMN IF NOT EXISTS language text DEFAULT 'en' NOT NULL, {checks}"
    )
    run(
        "ALTER TABLE users "
        + ", ".join(f"VALIDATE CONSTRAINT ck_users_{name}" for name in _CHECKS)
    )


def downgrade() -> None:
    # Their constraints are dropped with them.
    run_locking(
        "ALTER TABLE users DROP COLUMN IF EXISTS language, DROP COLUMN IF EXISTS week_start"
    )
