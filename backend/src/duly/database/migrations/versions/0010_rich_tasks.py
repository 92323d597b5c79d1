"""All that a task can have."""

from duly.database.migrations.filling import fill_positions
from duly.database.migrations.online import (
    create_index,
    drop_indexes,
    is_online,
    outside_transactions,
    run,
    run_locking,
)

revision = "0010"
down_revision = "0009"

_LIVE = "coalesce(trashed_at IS NULL, false)"

_COLUMNS = {
    "position": """text COLLATE "C" DEFAULT 'a0' NOT NULL""",
    "completed_with": "bigint",
    "trashed_with": "bigint",
    "list_id": "uuid",
    "section_id": "uuid",
    "parent_id": "uuid",
    "priority": "smallint",
    **{
        f"{name}_{part}": type_
        for name in ("start", "due")
        for part, type_ in (
            ("date", "date"),
            ("time", 'text COLLATE "C"'),
            ("timezone", "text"),
            ("at", "timestamptz"),
        )
    },
    "duration_minutes": "integer",
    "recurrence_rule": "text",
    "recurrence_anchor": "text",
    "recurrence_from": "date",
    "recurrence_occurrence": "date",
    "recurrence_remaining": "integer",
    "occurrence_of": "uuid",
    "occurrence": "date",
    "reset_at": "timestamptz",
    "reset_with": "bigint",
    "label_ids": "uuid[] DEFAULT '{}' NOT NULL",
    "metadata": "jsonb DEFAULT '{}' NOT NULL",
}
_CHECKS = {
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
_KEYS = {
    "fk_tasks_list_id_lists": "(user_id, list_id) REFERENCES lists (user_id, id)",
    "fk_tasks_section_id_sections": (
        "(user_id, list_id, section_id) REFERENCES sections (user_id, list_id, id)"
    ),
    "fk_tasks_parent_id_tasks": "(user_id, parent_id) REFERENCES tasks (user_id, id)",
}
_INDEXES = {
    "ix_tasks_live_user_id_list_id_position_id": (
        "user_id, list_id, position, id",
        f"list_id IS NOT NULL AND {_LIVE}",
    ),
    "ix_tasks_inbox_user_id_position_id": (
        "user_id, position, id",
        f"coalesce(list_id IS NULL, false) AND {_LIVE}",
    ),
    **{
        f"ix_tasks_user_id_{name}": (f"user_id, {name}", f"{name} IS NOT NULL")
        for name in ("section_id", "parent_id", "occurrence_of")
    },
    "ix_tasks_live_user_id_due_id": (
        "user_id, due_date, coalesce(due_time, '24:00'), id",
        f"due_date IS NOT NULL AND {_LIVE}",
    ),
    **{
        f"ix_tasks_live_user_id_{name}_id": (
            f"user_id, {name}, id",
            f"{name} IS NOT NULL AND {_LIVE}",
        )
        for name in ("priority", "completed_at")
    },
}


def upgrade() -> None:
    run_locking(f"ALTER TABLE tasks {', '.join([*_add_columns(), *_add_checks()])}")
    # Where users have a task or two each, PostgreSQL would expect no more of anybody, and join a
    # tree of 10,000 tasks in quadratic time. This makes it expect a hundred.
    run("ALTER TABLE tasks ALTER COLUMN user_id SET (n_distinct = -0.01)")
    if is_online():
        _fill()
    # After the columns are filled in, which would change these indexes, too, and before the foreign
    # keys, which use them when a task is deleted.
    for name, (parts, condition) in _INDEXES.items():
        create_index(name, "tasks", parts, condition)
    run_locking(f"ALTER TABLE tasks {', '.join(_add_keys())}")
    names = [*(f"ck_tasks_{name}" for name in _CHECKS), *_KEYS]
    run(f"ALTER TABLE tasks {', '.join(f'VALIDATE CONSTRAINT {name}' for name in names)}")


def downgrade() -> None:
    run("ALTER TABLE tasks ALTER COLUMN user_id RESET (n_distinct)")
    drop_indexes(*_INDEXES)
    # Their constraints are dropped with them.
    drop = ", ".join(f"DROP COLUMN IF EXISTS {name}" for name in _COLUMNS)
    run_locking(f"ALTER TABLE tasks {drop}")


def _add_columns() -> list[str]:
    return [f"ADD COLUMN IF NOT EXISTS {name} {type_}" for name, type_ in _COLUMNS.items()]


def _add_checks() -> list[str]:
    checks = {f"ck_tasks_{name}": condition for name, condition in _CHECKS.items()}
    return [
        action
        for name, condition in checks.items()
        for action in (
            f"DROP CONSTRAINT IF EXISTS {name}",
            f"ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID",
        )
    ]


def _add_keys() -> list[str]:
    return [
        action
        for name, reference in _KEYS.items()
        for action in (
            f"DROP CONSTRAINT IF EXISTS {name}",
            f"ADD CONSTRAINT {name} FOREIGN KEY {reference} NOT VALID",
        )
    ]


def _fill() -> None:
    with outside_transactions() as driver:
        fill_positions(
            driver,
            "tasks",
            "task_count",
            "completed_with = CASE WHEN completed_at IS NOT NULL THEN revision END",
            "trashed_with = CASE WHEN trashed_at IS NOT NULL THEN revision END",
        )
