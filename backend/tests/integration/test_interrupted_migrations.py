"""Migrations that are interrupted: they continue when they are run again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from duly.database import migrations
from tests.support.databases import fresh_database, schema_of
from tests.support.previous_release import (
    PREVIOUS,
    Connection,
    connect,
    insert_labels,
    insert_tasks,
    insert_user,
    is_creating_an_index,
    start,
    unordered,
    with_a_snapshot,
)
from tests.support.programs import until


def invalid_indexes(connection: Connection) -> int:
    row = connection.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone()
    assert row
    return int(row[0])


class Interruption(BaseException):
    """It is handled nowhere, like the end of the process."""


class Interrupted(psycopg.Connection[Any]):
    """A connection that is interrupted after some of its statements and commits."""

    left = 0

    def execute(self, *args: Any, **options: Any) -> Any:
        result = super().execute(*args, **options)
        self._count()
        return result

    @contextmanager
    def transaction(self, *args: Any, **options: Any) -> Iterator[psycopg.Transaction]:
        with super().transaction(*args, **options) as transaction:
            yield transaction
        self._count()

    def _count(self) -> None:
        Interrupted.left -= 1
        if Interrupted.left == 0:
            raise Interruption


def interruptions(work: Callable[[], object], dsn: str) -> int:
    """Interrupt each revision after its first statement, the second, and so on until it ends.

    Return how often.
    """
    total, left, revision = 0, 1, ""
    while is_interrupted(work, left):
        total += 1
        with connect(dsn) as connection:
            [(found,)] = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        left = left + 1 if found == revision else 1
        revision = found
    return total


def is_interrupted(work: Callable[[], object], after: int) -> bool:
    Interrupted.left = after
    try:
        work()
    except Interruption:
        return True
    Interrupted.left = 0  # interrupt nothing else
    return False


@pytest.mark.slow
def test_migration_that_is_interrupted_after_any_statement_continues(
    dsn: str, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = schema_of(old)
    with connect(old) as connection:
        user_id = insert_user(connection)
        insert_tasks(connection, user_id, 30)
        insert_labels(connection, user_id, "Home", "home")
    monkeypatch.setattr(migrations, "_connect", Interrupted.connect)

    assert interruptions(lambda: migrations.upgrade(old), old) > 20
    with fresh_database(dsn) as uninterrupted:
        migrations.upgrade(uninterrupted)
        assert schema_of(old) == schema_of(uninterrupted)
    with connect(old) as connection:
        assert unordered(connection, user_id) == 0

    assert interruptions(lambda: migrations.downgrade(old, PREVIOUS), old) > 20
    assert schema_of(old) == before


@pytest.mark.slow
def test_upgrade_that_is_killed_leaves_writes_alone_and_continues(old: str) -> None:
    with connect(old) as connection:
        user_id = insert_user(connection)
        insert_tasks(connection, user_id, 30)
        with with_a_snapshot(old):
            upgrade = start(old)
            until(lambda: is_creating_an_index(connection))
            upgrade.kill()
            upgrade.communicate()
            insert_tasks(connection, user_id, 1)
            until(lambda: not is_creating_an_index(connection))
        assert invalid_indexes(connection) == 1

        migrations.upgrade(old)

        assert invalid_indexes(connection) == 0
    assert migrations.is_current(old)
