"""Indexes of the trash that no look-up by key can use instead, and estimates for growing users."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_TRASHABLE = ("tasks", "lists", "sections")
_BEFORE = "trashed_at IS NOT NULL"
_AFTER = "coalesce(trashed_at IS NOT NULL, false)"
_FEW_EACH = ("lists", "sections", "labels", "filters")


def upgrade() -> None:
    _index(_AFTER)
    # As for tasks: otherwise PostgreSQL takes all that a user has for one row or two, and reads
    # it all in order to find one.
    for table in _FEW_EACH:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN user_id SET (n_distinct = -0.01)")


def downgrade() -> None:
    for table in _FEW_EACH:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN user_id RESET (n_distinct)")
    _index(_BEFORE)


def _index(condition: str) -> None:
    for table in _TRASHABLE:
        name = f"ix_{table}_trashed_at"
        op.drop_index(name, table)
        op.create_index(name, table, ["trashed_at"], postgresql_where=sa.text(condition))
