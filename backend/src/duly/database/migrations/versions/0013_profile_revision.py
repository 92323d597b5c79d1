"""The revision of the last change of the profile, and look-ups that ignore indexes of the trash."""

from duly.database.migrations.online import create_index, drop_indexes, run, run_locking

revision = "0013"
down_revision = "0012"

_TRASH = "ix_tasks_trashed_at"


def upgrade() -> None:
    run_locking(
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS profile_revision bigint DEFAULT '0' NOT NULL"
    )
    _index_trash("coalesce(trashed_at IS NOT NULL, false)")
    # As for lists.
    run("ALTER TABLE labels ALTER COLUMN user_id SET (n_distinct = -0.01)")


def downgrade() -> None:
    run("ALTER TABLE labels ALTER COLUMN user_id RESET (n_distinct)")
    _index_trash("trashed_at IS NOT NULL")
    run_locking("ALTER TABLE users DROP COLUMN IF EXISTS profile_revision")


def _index_trash(condition: str) -> None:
    drop_indexes(_TRASH)
    create_index(_TRASH, "tasks", "trashed_at", condition)
