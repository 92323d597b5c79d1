"""Unique names and the manual order of labels, and which tasks have them."""

import sqlalchemy as sa
from alembic import op

from duly.database.migrations.filling import fill_label_names, fill_positions
from duly.database.migrations.online import (
    create_index,
    drop_indexes,
    is_online,
    outside_transactions,
    run,
    run_locking,
)

revision = "0011"
down_revision = "0010"

_UNIQUE = "uq_labels_user_id_name_key"
_ORDER = "ix_labels_user_id_position_id"
_KEYS = {name: f"fk_task_labels_{name}_id_{name}s" for name in ("task", "label")}


def upgrade() -> None:
    _create_task_labels()
    # `name_key` stays null in labels that instances of the previous release create; see `filling`.
    run_locking(
        "ALTER TABLE labels ADD COLUMN IF NOT EXISTS name_key text, "
        """ADD COLUMN IF NOT EXISTS position text COLLATE "C" DEFAULT 'a0' NOT NULL"""
    )
    if is_online():
        with outside_transactions() as driver:
            fill_positions(driver, "labels", "label_count")
            fill_label_names(driver)
    create_index(_ORDER, "labels", "user_id, position, id")
    # It would be there if the last run was interrupted at the very end.
    run_locking(f"ALTER TABLE labels DROP CONSTRAINT IF EXISTS {_UNIQUE}")
    create_index(_UNIQUE, "labels", "user_id, name_key", is_unique=True)
    run_locking(f"ALTER TABLE labels ADD CONSTRAINT {_UNIQUE} UNIQUE USING INDEX {_UNIQUE}")


def downgrade() -> None:
    drop_indexes(_ORDER)
    run_locking(
        "ALTER TABLE labels DROP COLUMN IF EXISTS name_key, DROP COLUMN IF EXISTS position"
    )
    for key in _KEYS.values():
        run_locking(f"ALTER TABLE IF EXISTS task_labels DROP CONSTRAINT IF EXISTS {key}")
    run("DROP TABLE IF EXISTS task_labels")


def _create_task_labels() -> None:
    op.create_table(
        "task_labels",
        *(
            sa.Column(name, sa.Uuid(), nullable=False)
            for name in ("user_id", "task_id", "label_id")
        ),
        sa.PrimaryKeyConstraint("user_id", "task_id", "label_id", name="pk_task_labels"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_task_labels_user_id_label_id_task_id",
        "task_labels",
        ["user_id", "label_id", "task_id"],
        if_not_exists=True,
    )
    for name, key in _KEYS.items():
        run_locking(
            f"ALTER TABLE task_labels DROP CONSTRAINT IF EXISTS {key}, ADD CONSTRAINT {key} "
            f"FOREIGN KEY (user_id, {name}_id) REFERENCES {name}s (user_id, id) ON DELETE CASCADE"
        )
