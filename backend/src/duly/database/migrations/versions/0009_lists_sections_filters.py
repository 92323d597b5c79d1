"""Lists, sections and filters."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from duly.database.migrations.online import run_locking
from duly.database.migrations.resources import (
    create_resources,
    index_trash,
    tie_to_users,
    trash_columns,
)

revision = "0009"
down_revision = "0008"

_TABLES = ("lists", "sections", "filters")
_COUNTERS = ("list_count", "section_count", "filter_count")


def upgrade() -> None:
    _create_lists()
    _create_sections()
    _create_filters()
    for table in _TABLES:
        tie_to_users(table)
    add = (f"ADD COLUMN IF NOT EXISTS {name} integer DEFAULT 0 NOT NULL" for name in _COUNTERS)
    run_locking(f"ALTER TABLE users {', '.join(add)}")


def downgrade() -> None:
    drop = (f"DROP COLUMN IF EXISTS {name}" for name in _COUNTERS)
    run_locking(f"ALTER TABLE users {', '.join(drop)}")
    for table in reversed(_TABLES):
        run_locking(f"DROP TABLE IF EXISTS {table}")


def _create_lists() -> None:
    create_resources(
        "lists",
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("color", sa.Text()),
        sa.Column("is_archived", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("metadata", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        *trash_columns(),
        sa.CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="color_format"),
        sa.CheckConstraint("jsonb_typeof(metadata) = 'object'", name="metadata_object"),
    )
    index_trash("lists")
    op.create_index(
        "ix_lists_archived_user_id_id",
        "lists",
        ["user_id", "id"],
        postgresql_where=sa.text("is_archived"),
        if_not_exists=True,
    )


def _create_sections() -> None:
    create_resources(
        "sections",
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        *trash_columns(),
        sa.ForeignKeyConstraint(
            ["user_id", "list_id"], ["lists.user_id", "lists.id"], name="fk_sections_list_id_lists"
        ),
        sa.UniqueConstraint("user_id", "list_id", "id", name="uq_sections_user_id_list_id_id"),
    )
    index_trash("sections")


def _create_filters() -> None:
    create_resources(
        "filters",
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("color", sa.Text()),
        sa.CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="color_format"),
        sa.CheckConstraint("char_length(query) BETWEEN 1 AND 500", name="query_length"),
    )
