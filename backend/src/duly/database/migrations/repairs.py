"""Repairs of tasks that the previous release, which does not know all their fields, has changed."""

from duly.database.migrations.online import Driver

_IS_LIST_TRASHED = """EXISTS (
    SELECT FROM lists WHERE lists.user_id = tasks.user_id AND lists.id = tasks.list_id
    AND lists.trashed_at IS NOT NULL)"""
_IS_PARENT_TRASHED = """EXISTS (
    SELECT FROM tasks AS parent WHERE parent.user_id = tasks.user_id
    AND parent.id = tasks.parent_id AND parent.trashed_at IS NOT NULL)"""
_LABELS = """ARRAY(
    SELECT given.id FROM unnest(label_ids) WITH ORDINALITY AS given (id, place)
    JOIN labels ON labels.user_id = tasks.user_id AND labels.id = given.id ORDER BY place)"""

_FIND = f"""
    SELECT user_id, id FROM tasks
    WHERE trashed_at IS NULL AND ({_IS_LIST_TRASHED} OR {_IS_PARENT_TRASHED})
    OR label_ids <> '{{}}' AND label_ids <> {_LABELS}
""".encode()  # noqa: S608  # constants
_NEXT_REVISION = b"UPDATE users SET revision = revision + 1 WHERE id = %s RETURNING revision"
_REPAIR = f"""
    UPDATE tasks SET revision = %s, updated_at = clock_timestamp(), label_ids = {_LABELS},
    list_id = CASE WHEN trashed_at IS NOT NULL OR NOT {_IS_LIST_TRASHED} THEN list_id END,
    section_id = CASE WHEN trashed_at IS NOT NULL OR NOT {_IS_LIST_TRASHED} THEN section_id END,
    parent_id = CASE WHEN trashed_at IS NOT NULL OR NOT {_IS_PARENT_TRASHED} THEN parent_id END
    WHERE user_id = %s AND id = %s
""".encode()  # noqa: S608  # constants


def repair_tasks(driver: Driver) -> None:
    """Take deleted labels off tasks, and live ones out of trashed lists and from trashed parents.

    Each repaired task gets a new revision.
    """
    for user_id, task_id in driver.execute(_FIND).fetchall():
        with driver.transaction():
            # The owner's row first, in a statement of its own, as all writers do.
            for (revision,) in driver.execute(_NEXT_REVISION, [user_id]).fetchall():
                driver.execute(_REPAIR, [revision, user_id, task_id])
