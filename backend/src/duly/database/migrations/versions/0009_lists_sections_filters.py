"""Lists, sections and filters."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from duly.database.migrations.online import run, run_locking

revision = "0009"
down_revision = "0008"

_TABLES = ("lists", "sections", "filters")
_COUNTERS = ("list_count", "section_count", "filter_count")


def upgrade() -> None:
    _create_lists()
    _create_sections()
    _create_filters()
    for table in _TABLES:
        # Or PostgreSQL, where most users have one or two, would expect no more of anybody.
        run(f"ALTER TABLE {table} ALTER COLUMN user_id SET (n_distinct = -0.01)")
        key = f"fk_{table}_user_id_users"
        run_locking(
            f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {key}, ADD CONSTRAINT {key} "
            "FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE"
        )
    add = (f"ADD COLUMN IF NOT EXISTS {name} integer DEFAULT 0 NOT NULL" for name in _COUNTERS)
    run_locking(f"ALTER TABLE users {', '.join(add)}")


def downgrade() -> None:
    drop = (f"DROP COLUMN IF EXISTS {name}" for name in _COUNTERS)
    run_locking(f"ALTER TABLE users {', '.join(drop)}")
    for table in reversed(_TABLES):
        run_locking(f"DROP TABLE IF EXISTS {table}")


def _create_lists() -> None:
    _create_resources(
        "lists",
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("color", sa.Text()),
        sa.Column("is_archived", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("metadata", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        *_trash(),
        sa.CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="color_format"),
        sa.CheckConstraint("jsonb_typeof(metadata) = 'object'", name="metadata_object"),
    )
    _index_trash("lists")
    op.create_index(
        "ix_lists_archived_user_id_id",
        "lists",
        ["user_id", "id"],
        postgresql_where=sa.text("is_archived"),
        if_not_exists=True,
    )


def _create_sections() -> None:
    _create_resources(
        "sections",
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        *_trash(),
        sa.ForeignKeyConstraint(
            ["user_id", "list_id"], ["lists.user_id", "lists.id"], name="fk_sections_list_id_lists"
        ),
        sa.UniqueConstraint("user_id", "list_id", "id", name="uq_sections_user_id_list_id_id"),
    )
    _index_trash("sections")


def _create_filters() -> None:
    _create_resources(
        "filters",
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("color", sa.Text()),
        sa.CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="color_format"),
        sa.CheckConstraint("char_length(query) BETWEEN 1 AND 500", name="query_length"),
    )


def _create_resources(table: str, *parts: sa.schema.SchemaItem) -> None:
    op.create_table(
        table,
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *(
            sa.Column(
                name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
            )
            for name in ("created_at", "updated_at")
        ),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("creation_hash", sa.LargeBinary()),
        sa.Column("position", sa.Text(collation="C"), server_default="a0", nullable=False),
        *parts,
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 120", name="name_length"),
        sa.CheckConstraint("revision > 0", name="revision_positive"),
        sa.PrimaryKeyConstraint("user_id", "id", name=f"pk_{table}"),
        if_not_exists=True,
    )
    indexes = {f"{name}_id": [name, "id"] for name in ("position", "name")}
    for name, columns in {**indexes, "revision": ["revision"]}.items():
        op.create_index(
            f"ix_{table}_user_id_{name}", table, ["user_id", *columns], if_not_exists=True
        )


def _trash() -> list[sa.Column[Any]]:
    return [
        sa.Column("trashed_at", sa.DateTime(timezone=True)),
        sa.Column("trashed_with", sa.BigInteger()),
    ]


def _index_trash(table: str) -> None:
    op.create_index(
        f"ix_{table}_trashed_at",
        table,
        ["trashed_at"],
        postgresql_where=sa.text("coalesce(trashed_at IS NOT NULL, false)"),
        if_not_exists=True,
    )
