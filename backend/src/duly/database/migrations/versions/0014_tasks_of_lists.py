"""Find the tasks of a list, trashed ones too, without reading all tasks of its user."""

from duly.database.migrations.online import create_index, drop_indexes

revision = "0014"
down_revision = "0013"

_INDEX = "ix_tasks_user_id_list_id"


def upgrade() -> None:
    create_index(_INDEX, "tasks", "user_id, list_id", "list_id IS NOT NULL")


def downgrade() -> None:
    drop_indexes(_INDEX)
