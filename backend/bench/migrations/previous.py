"""The previous release, from the history of the repository, and a database as it left it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import psycopg

from duly.utils.identifiers import new_id
from duly.utils.search import title_vector
from tests.support import releases
from tests.support.previous_release import PREVIOUS

REVISION = PREVIOUS

_TITLES = 100

_USER = b"INSERT INTO users (id, email, password_hash) VALUES (%s, %s, 'x')"
# One in ten is open, and one in a hundred is in the trash.
_TASKS = b"""
INSERT INTO tasks (user_id, id, title, title_words, description, completed_at, created_at,
    updated_at, revision, trashed_at)
SELECT %(user_id)s, gen_random_uuid(), title, words, 'two litres',
    CASE WHEN mod(n, 10) > 0 THEN now() END, now() - (%(count)s - n) * interval '1 minute', now(), n,
    CASE WHEN mod(n, 100) = 0 THEN now() END
FROM generate_series(1, %(count)s) n
JOIN unnest(%(titles)s::text[], %(words)s::tsvector[]) WITH ORDINALITY AS given (title, words, place)
    ON place = 1 + mod(n, cardinality(%(titles)s::text[]))
"""
_COUNTERS = b"""
UPDATE users SET revision = revision + %(count)s, task_count = task_count + %(count)s
WHERE id = %(user_id)s
"""
_LABELS = b"""
INSERT INTO labels (user_id, id, name, revision)
SELECT %(user_id)s, gen_random_uuid(), CASE mod(n, 2) WHEN 0 THEN 'Label ' ELSE 'LABEL ' END || n / 2,
    1 FROM generate_series(1, 10) n
"""


def unpack(directory: Path) -> Path:
    """Write the sources of the previous release; return the directory to import from.

    Exits with a line if the checkout lacks the history.
    """
    try:
        return releases.unpack(releases.COMMIT, directory).sources
    except releases.NoHistory as error:
        sys.exit(f"This needs the previous release, commit {releases.COMMIT}: {error}")


def load(dsn: str, tasks: int, users: list[UUID], others: int, heavy: int) -> None:
    """Create about `tasks` tasks: `heavy` for the first of `users`, and equal shares of the rest for
    the other users and for `others` new ones.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        with _fast(connection):
            fresh = [new_id() for _ in range(others)]
            for user_id in fresh:
                connection.execute(_USER, [user_id, f"{user_id}@example.com"])
            each = (tasks - heavy) // (len(users) + others - 1)
            for user_id in (*users, *fresh):
                _load_user(connection, user_id, heavy if user_id == users[0] else each)
        connection.execute("VACUUM (ANALYZE) tasks")
        connection.execute("CHECKPOINT")


def _load_user(
    connection: psycopg.Connection[tuple[object, ...]], user_id: UUID, count: int
) -> None:
    titles = [f"Buy milk {number}" for number in range(_TITLES)]
    words = [title_vector(user_id, title) for title in titles]
    given = {"user_id": user_id, "count": count, "titles": titles, "words": words}
    connection.execute(_TASKS, given)
    connection.execute(_LABELS, given)
    connection.execute(_COUNTERS, given)
    connection.execute(b"UPDATE users SET label_count = label_count + 10 WHERE id = %s", [user_id])


@contextmanager
def _fast(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[None]:
    """Create the indexes of `tasks` after its rows."""
    found = connection.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indrelid = 'tasks'::regclass AND NOT indisprimary"
    ).fetchall()
    for name, _ in found:
        connection.execute(f"DROP INDEX {name}".encode())
    connection.execute("SET synchronous_commit = off")
    yield
    connection.execute("SET maintenance_work_mem = '512MB'")
    for _, definition in found:
        connection.execute(str(definition).encode())
