"""Conditions that the rows of a user always meet."""

from typing import Any

import psycopg

from tests.support.accounts import Account
from tests.support.direct_sql import execute

_VIOLATIONS = """
    WITH RECURSIVE task AS (SELECT * FROM tasks WHERE user_id = %(user_id)s),
    list AS (SELECT * FROM lists WHERE user_id = %(user_id)s),
    section AS (SELECT * FROM sections WHERE user_id = %(user_id)s),
    label AS (SELECT * FROM labels WHERE user_id = %(user_id)s),
    filter AS (SELECT * FROM filters WHERE user_id = %(user_id)s),
    taken AS (SELECT * FROM task_labels WHERE user_id = %(user_id)s),
    level AS (
        SELECT id, 1 AS level FROM task WHERE parent_id IS NULL
        UNION ALL
        SELECT task.id, level.level + 1 FROM task JOIN level ON task.parent_id = level.id
        WHERE level.level < 10
    ),
    versions AS (
        SELECT revision FROM task UNION ALL SELECT revision FROM list
        UNION ALL SELECT revision FROM section UNION ALL SELECT revision FROM label
        UNION ALL SELECT revision FROM filter
    )
    SELECT 'list of a live task', task.id::text FROM task LEFT JOIN list ON list.id = task.list_id
    WHERE task.trashed_at IS NULL AND task.list_id IS NOT NULL
      AND (list.id IS NULL OR list.trashed_at IS NOT NULL)
    UNION ALL
    SELECT 'section of a live task', task.id::text
    FROM task LEFT JOIN section ON section.id = task.section_id
    WHERE task.trashed_at IS NULL AND task.section_id IS NOT NULL
      AND (section.id IS NULL OR section.trashed_at IS NOT NULL
           OR section.list_id IS DISTINCT FROM task.list_id)
    UNION ALL
    SELECT 'parent of a live task', task.id::text
    FROM task LEFT JOIN task AS parent ON parent.id = task.parent_id
    WHERE task.trashed_at IS NULL AND task.parent_id IS NOT NULL
      AND (parent.id IS NULL OR parent.trashed_at IS NOT NULL
           OR (parent.list_id, parent.section_id)
              IS DISTINCT FROM (task.list_id, task.section_id))
    UNION ALL
    SELECT 'list of a live section', section.id::text
    FROM section JOIN list ON list.id = section.list_id
    WHERE section.trashed_at IS NULL AND list.trashed_at IS NOT NULL
    UNION ALL
    SELECT 'labels', task.id::text FROM task
    WHERE ARRAY(SELECT unnest(label_ids) ORDER BY 1)
      <> ARRAY(SELECT label_id FROM taken WHERE task_id = task.id ORDER BY 1)
    UNION ALL
    SELECT 'levels', id::text FROM level WHERE level > 5
    UNION ALL
    SELECT 'circle', id::text FROM task WHERE id NOT IN (SELECT id FROM level)
    UNION ALL
    SELECT 'completion', id::text FROM task
    WHERE (completed_at IS NULL) <> (completed_with IS NULL)
       OR (trashed_at IS NULL) <> (trashed_with IS NULL)
    UNION ALL
    SELECT 'version', revision::text FROM versions GROUP BY revision HAVING count(*) > 1
    UNION ALL
    SELECT 'newest version', users.revision::text FROM users
    WHERE id = %(user_id)s AND revision < (SELECT max(revision) FROM versions)
    UNION ALL
    SELECT 'counters', users.id::text FROM users
    WHERE id = %(user_id)s
      AND (task_count, list_count, section_count, label_count, filter_count) <> (
        (SELECT count(*) FROM task), (SELECT count(*) FROM list), (SELECT count(*) FROM section),
        (SELECT count(*) FROM label), (SELECT count(*) FROM filter))
"""


def violations(connection: psycopg.Connection[Any], user_id: str) -> list[str]:
    """Describe the conditions that the rows of a user do not meet."""
    found = connection.execute(_VIOLATIONS.encode(), {"user_id": user_id})
    return [f"user {user_id}: {condition}, {which}" for condition, which in found]


async def check_rows(dsn: str, account: Account) -> None:
    """Check the rows of a user's tasks, lists, sections, labels and filters."""
    query = _VIOLATIONS.replace("%(user_id)s", f"'{account.id}'")
    assert await execute(dsn, query) == []
