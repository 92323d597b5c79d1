"""Lists, sections, filters and the manual order, and all that a task can have."""

from collections import Counter
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from duly.utils.name_keys import name_key

revision = "0009"
down_revision = "0008"

_LIVE = "coalesce(trashed_at IS NULL, false)"
_COUNTERS = ("list_count", "section_count", "filter_count")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MAX_NAME = 120

# The keys of `utils.order_keys.appended`. A user has had as many revisions as resources, at least.
_KEY = "'g' || " + " || ".join(
    f"substr('{_DIGITS}', (n / {62**place} % 62)::int + 1, 1)" for place in range(6, -1, -1)
)


def upgrade() -> None:
    _create_lists()
    _create_sections()
    _create_filters()
    _extend_labels()
    _extend_tasks()
    _create_task_labels()
    for name in _COUNTERS:
        op.add_column("users", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    # Copies of before lack the new fields, so every device syncs fully once.
    op.execute("UPDATE installations SET epoch = gen_random_uuid()")
    # Where users have a task or two each, PostgreSQL would expect no more of anybody, and join a
    # tree of 10,000 tasks in quadratic time. This makes it expect a hundred.
    op.execute("ALTER TABLE tasks ALTER COLUMN user_id SET (n_distinct = -0.01)")


def downgrade() -> None:
    op.execute("ALTER TABLE tasks ALTER COLUMN user_id RESET (n_distinct)")
    for name in _COUNTERS:
        op.drop_column("users", name)
    op.drop_table("task_labels")
    for name in _TASK_INDEXES:
        op.drop_index(name, "tasks")
    for name, *_ in _TASK_KEYS:
        op.drop_constraint(name, "tasks")
    for name in _TASK_CHECKS:
        op.drop_constraint(op.f(f"ck_tasks_{name}"), "tasks")
    for column in _task_columns():
        op.drop_column("tasks", column.name)
    op.drop_constraint("uq_labels_user_id_name_key", "labels")
    op.drop_index("ix_labels_user_id_position_id", "labels")
    for name in ("name_key", "position"):
        op.drop_column("labels", name)
    for table in ("filters", "sections", "lists"):
        op.drop_table(table)


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
        _position(),
        *parts,
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 120", name="name_length"),
        sa.CheckConstraint("revision > 0", name="revision_positive"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=f"fk_{table}_user_id_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name=f"pk_{table}"),
    )
    for column in ("position", "name"):
        op.create_index(f"ix_{table}_user_id_{column}_id", table, ["user_id", column, "id"])
    op.create_index(f"ix_{table}_user_id_revision", table, ["user_id", "revision"])


def _position() -> sa.Column[str]:
    return sa.Column("position", sa.Text(collation="C"), server_default="a0", nullable=False)


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
        postgresql_where=sa.text("trashed_at IS NOT NULL"),
    )


def _extend_labels() -> None:
    op.add_column("labels", sa.Column("name_key", sa.Text()))
    op.add_column("labels", _position())
    _order("labels")
    _make_names_unique(op.get_bind())
    op.alter_column("labels", "name_key", nullable=False)
    op.create_unique_constraint("uq_labels_user_id_name_key", "labels", ["user_id", "name_key"])
    op.create_index("ix_labels_user_id_position_id", "labels", ["user_id", "position", "id"])


def _make_names_unique(connection: sa.Connection) -> None:
    """Fill in `name_key`; of labels with the same name, number the second and those after it."""
    seen: Counter[tuple[object, str]] = Counter()
    labels = connection.execute(
        sa.text("SELECT user_id, id, name FROM labels ORDER BY user_id, created_at, id")
    ).all()
    for label in labels:
        name, number = label.name, 1
        while seen[label.user_id, name_key(name)]:
            number += 1
            suffix = f" ({number})"
            name = label.name[: _MAX_NAME - len(suffix)] + suffix
        seen[label.user_id, name_key(name)] += 1
        connection.execute(
            sa.text(
                "UPDATE labels SET name = :name, name_key = :key "
                "WHERE user_id = :user_id AND id = :id"
            ),
            {"name": name, "key": name_key(name), "user_id": label.user_id, "id": label.id},
        )


def _order(table: str) -> None:
    """Put what is there into the order in which it was created."""
    op.execute(
        f"UPDATE {table} SET position = {_KEY} FROM ("  # noqa: S608  # two constants
        "SELECT user_id, id, row_number() OVER (PARTITION BY user_id ORDER BY created_at, id) AS n "
        f"FROM {table}) AS numbered "
        f"WHERE {table}.user_id = numbered.user_id AND {table}.id = numbered.id"
    )


def _task_columns() -> list[sa.Column[Any]]:
    return [
        _position(),
        sa.Column("completed_with", sa.BigInteger()),
        sa.Column("trashed_with", sa.BigInteger()),
        *(sa.Column(name, sa.Uuid()) for name in ("list_id", "section_id", "parent_id")),
        sa.Column("priority", sa.SmallInteger()),
        *(
            sa.Column(f"{name}_{part}", type_)
            for name in ("start", "due")
            for part, type_ in (
                ("date", sa.Date()),
                ("time", sa.Text(collation="C")),
                ("timezone", sa.Text()),
                ("at", sa.DateTime(timezone=True)),
            )
        ),
        sa.Column("duration_minutes", sa.Integer()),
        sa.Column("recurrence_rule", sa.Text()),
        sa.Column("recurrence_anchor", sa.Text()),
        sa.Column("recurrence_from", sa.Date()),
        sa.Column("recurrence_occurrence", sa.Date()),
        sa.Column("recurrence_remaining", sa.Integer()),
        sa.Column("occurrence_of", sa.Uuid()),
        sa.Column("occurrence", sa.Date()),
        sa.Column("reset_at", sa.DateTime(timezone=True)),
        sa.Column("reset_with", sa.BigInteger()),
        sa.Column(
            "label_ids",
            postgresql.ARRAY(sa.Uuid()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("metadata", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    ]


_TASK_CHECKS = {
    "priority_range": "priority BETWEEN 1 AND 4",
    "duration_range": "duration_minutes BETWEEN 1 AND 10080",
    "label_count": "cardinality(label_ids) <= 50",
    "rule_length": "char_length(recurrence_rule) <= 200",
    "anchor_known": "recurrence_anchor IN ('due', 'completion')",
    "recurrence_whole": (
        "num_nulls(recurrence_rule, recurrence_anchor, recurrence_from, recurrence_occurrence)"
        " IN (0, 4) AND (recurrence_rule IS NULL OR due_date IS NOT NULL)"
    ),
    "metadata_object": "jsonb_typeof(metadata) = 'object'",
    "parent_other": "parent_id <> id",
    "section_in_list": "section_id IS NULL OR list_id IS NOT NULL",
    **{
        name: condition
        for part in ("start", "due")
        for name, condition in {
            f"{part}_format": f"{part}_time ~ '^[0-2][0-9]:[0-5][0-9]$'",
            f"{part}_time_has_date": f"{part}_time IS NULL OR {part}_date IS NOT NULL",
            f"{part}_timezone_has_time": (
                f"({part}_timezone IS NULL) = ({part}_at IS NULL)"
                f" AND ({part}_timezone IS NULL OR {part}_time IS NOT NULL)"
            ),
        }.items()
    },
}
_TASK_KEYS: tuple[tuple[str, list[str], str, list[str]], ...] = (
    ("fk_tasks_list_id_lists", ["list_id"], "lists", ["id"]),
    ("fk_tasks_section_id_sections", ["list_id", "section_id"], "sections", ["list_id", "id"]),
    ("fk_tasks_parent_id_tasks", ["parent_id"], "tasks", ["id"]),
)
_TASK_INDEXES: dict[str, tuple[list[Any], str]] = {
    "ix_tasks_live_user_id_list_id_position_id": (
        ["list_id", "position", "id"],
        f"list_id IS NOT NULL AND {_LIVE}",
    ),
    "ix_tasks_inbox_user_id_position_id": (
        ["position", "id"],
        f"coalesce(list_id IS NULL, false) AND {_LIVE}",
    ),
    "ix_tasks_user_id_section_id": (["section_id"], "section_id IS NOT NULL"),
    "ix_tasks_user_id_parent_id": (["parent_id"], "parent_id IS NOT NULL"),
    "ix_tasks_user_id_occurrence_of": (["occurrence_of"], "occurrence_of IS NOT NULL"),
    "ix_tasks_live_user_id_due_id": (
        ["due_date", sa.text("coalesce(due_time, '24:00')"), "id"],
        f"due_date IS NOT NULL AND {_LIVE}",
    ),
    **{
        f"ix_tasks_live_user_id_{name}_id": ([name, "id"], f"{name} IS NOT NULL AND {_LIVE}")
        for name in ("priority", "completed_at")
    },
}


def _extend_tasks() -> None:
    for column in _task_columns():
        op.add_column("tasks", column)
    _order("tasks")
    op.execute(
        "UPDATE tasks SET trashed_with = CASE WHEN trashed_at IS NOT NULL THEN revision END, "
        "completed_with = CASE WHEN completed_at IS NOT NULL THEN revision END "
        "WHERE trashed_at IS NOT NULL OR completed_at IS NOT NULL"
    )
    for name, condition in _TASK_CHECKS.items():
        op.create_check_constraint(name, "tasks", condition)
    for name, columns, table, referred in _TASK_KEYS:
        op.create_foreign_key(name, "tasks", table, ["user_id", *columns], ["user_id", *referred])
    for name, (parts, condition) in _TASK_INDEXES.items():
        op.create_index(name, "tasks", ["user_id", *parts], postgresql_where=sa.text(condition))


def _create_task_labels() -> None:
    op.create_table(
        "task_labels",
        *(
            sa.Column(name, sa.Uuid(), nullable=False)
            for name in ("user_id", "task_id", "label_id")
        ),
        *(
            sa.ForeignKeyConstraint(
                ["user_id", f"{name}_id"],
                [f"{name}s.user_id", f"{name}s.id"],
                name=f"fk_task_labels_{name}_id_{name}s",
                ondelete="CASCADE",
            )
            for name in ("task", "label")
        ),
        sa.PrimaryKeyConstraint("user_id", "task_id", "label_id", name="pk_task_labels"),
    )
    op.create_index(
        "ix_task_labels_user_id_label_id_task_id",
        "task_labels",
        ["user_id", "label_id", "task_id"],
    )
