"""A database as the previous release left it, and migrations of it in other processes."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg

from duly.utils.identifiers import new_id

Connection = psycopg.Connection[Any]

PREVIOUS = "0008"
"""The schema of the previous release."""

WAIT = 30.0
PROGRAM = (
    "import sys; from duly.database import migrations; print(migrations.upgrade(sys.argv[1]))"
)


@contextmanager
def connect(dsn: str) -> Iterator[Connection]:
    """A connection of a request: its statements end after a second."""
    with psycopg.connect(dsn, autocommit=True, options="-c statement_timeout=1s") as connection:
        yield connection


@contextmanager
def with_a_snapshot(dsn: str) -> Iterator[None]:
    """Keep a transaction open for whose end the creation of an index waits."""
    with psycopg.connect(dsn) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SELECT count(*) FROM installations")
        yield


def is_creating_an_index(connection: Connection) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'"
    ).fetchone()
    return row == (1,)


def insert_user(connection: Connection) -> UUID:
    user_id = new_id()
    connection.execute(
        "INSERT INTO users (id, email, password_hash, revision) VALUES (%s, 'a@b.org', 'x', 9000)",
        [user_id],
    )
    return user_id


def insert_tasks(connection: Connection, user_id: UUID, number: int) -> None:
    """Tasks whose ids are not in the order of their creation; one in ten is in the trash."""
    connection.execute(
        "INSERT INTO tasks (user_id, id, title, revision, created_at, completed_at, trashed_at) "
        "SELECT %s, gen_random_uuid(), n, n, now() - (%s - n) * interval '1 minute', "
        "CASE WHEN n %% 2 = 0 THEN now() END, CASE WHEN n %% 10 = 0 THEN now() END "
        "FROM generate_series(1, %s) n",
        [user_id, number, number],
    )
    connection.execute("UPDATE users SET task_count = %s WHERE id = %s", [number, user_id])


def insert_labels(connection: Connection, user_id: UUID, *names: str) -> None:
    for name in names:
        connection.execute(
            "INSERT INTO labels (user_id, id, name, revision) VALUES (%s, %s, %s, 5)",
            [user_id, new_id(), name],
        )


def unordered(connection: Connection, user_id: UUID) -> int:
    row = connection.execute(
        "SELECT count(*) FROM tasks WHERE user_id = %s AND position = 'a0'", [user_id]
    ).fetchone()
    assert row
    return int(row[0])


def start(dsn: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, dsn], stdout=subprocess.PIPE, text=True
    )
