"""Indexes of lists in which live, open and trashed tasks are apart."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_ORDERS = ("created_at", "updated_at", "title")
_PARTS = {
    "live": (_ORDERS, "coalesce(trashed_at IS NULL, false)"),
    "open": (
        ("created_at",),
        "coalesce(trashed_at IS NULL, false) AND coalesce(completed_at IS NULL, false)",
    ),
    "trashed": (("created_at",), "coalesce(trashed_at IS NOT NULL, false)"),
}


def upgrade() -> None:
    for part, (orders, condition) in _PARTS.items():
        for order in orders:
            op.create_index(
                f"ix_tasks_{part}_user_id_{order}_id",
                "tasks",
                ["user_id", order, "id"],
                postgresql_where=sa.text(condition),
            )
    for order in _ORDERS:
        op.drop_index(f"ix_tasks_user_id_{order}_id", "tasks")


def downgrade() -> None:
    for order in _ORDERS:
        op.create_index(f"ix_tasks_user_id_{order}_id", "tasks", ["user_id", order, "id"])
    for part, (orders, _) in _PARTS.items():
        for order in orders:
            op.drop_index(f"ix_tasks_{part}_user_id_{order}_id", "tasks")
