"""Parts of migrations that create the table of a resource type."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from duly.database.migrations.online import run, run_locking


def create_resources(table: str, *parts: sa.schema.SchemaItem) -> None:
    """Create the table of a resource type, with its own parts, and its indexes."""
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


def trash_columns() -> list[sa.Column[Any]]:
    """Return the columns of a type that has a trash."""
    return [
        sa.Column("trashed_at", sa.DateTime(timezone=True)),
        sa.Column("trashed_with", sa.BigInteger()),
    ]


def index_trash(table: str) -> None:
    """Create the index that the purge of the trash reads."""
    op.create_index(
        f"ix_{table}_trashed_at",
        table,
        ["trashed_at"],
        postgresql_where=sa.text("coalesce(trashed_at IS NOT NULL, false)"),
        if_not_exists=True,
    )


def tie_to_users(table: str) -> None:
    """Refer to the owners of the rows, without a long lock on the users."""
    # Or PostgreSQL, where most users have one or two, would expect no more of anybody.
    run(f"ALTER TABLE {table} ALTER COLUMN user_id SET (n_distinct = -0.01)")
    key = f"fk_{table}_user_id_users"
    run_locking(
        f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {key}, ADD CONSTRAINT {key} "
        "FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE"
    )
