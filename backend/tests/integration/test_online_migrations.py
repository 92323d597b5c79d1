"""Migrations while the previous release serves: they keep its rows, and block nobody for long."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
import pytest

from duly.core.errors import StartupError
from duly.database import migrations
from duly.database.migrations import online
from tests.support.pooler import pooled
from tests.support.previous_release import (
    PREVIOUS,
    WAIT,
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


@pytest.mark.slow
@pytest.mark.parametrize("number", [3, 2_100])
def test_tasks_of_the_previous_release_keep_the_order_of_their_creation(
    old: str, number: int
) -> None:
    with connect(old) as connection:
        user_id = insert_user(connection)
        insert_user(connection)
        insert_tasks(connection, user_id, number)

        migrations.upgrade(old)

        found = connection.execute(
            "SELECT title::int, position, completed_with, trashed_with FROM tasks ORDER BY position"
        ).fetchall()
    assert [title for title, *_ in found] == list(range(1, number + 1))
    assert len({position for _, position, *_ in found}) == number
    assert [(done, gone) for _, _, done, gone in found] == [
        (n if n % 2 == 0 else None, n if n % 10 == 0 else None) for n in range(1, number + 1)
    ]


def test_labels_of_the_previous_release_get_unique_names_and_an_order(old: str) -> None:
    with connect(old) as connection:
        user_id = insert_user(connection)
        insert_labels(connection, user_id, "Zoo", "Straße", "STRASSE", "strasse (2)")

        migrations.upgrade(old)

        found = connection.execute(
            "SELECT name, name_key, revision FROM labels ORDER BY position"
        ).fetchall()
    assert found == [
        ("Zoo", "zoo", 5),
        ("Straße", "strasse", 5),
        ("STRASSE (2)", "strasse (2)", 9001),
        ("strasse (2) (2)", "strasse (2) (2)", 9002),
    ]


def test_labels_that_the_previous_release_writes_after_the_migration_are_completed(
    old: str,
) -> None:
    with connect(old) as connection:
        user_id = insert_user(connection)
        insert_labels(connection, user_id, "Home", "Work")
        migrations.upgrade(old)
        insert_labels(connection, user_id, "Later", "LATER")
        connection.execute(
            "UPDATE labels SET name = CASE name WHEN 'Home' THEN 'Work' ELSE 'Home' END "
            "WHERE name IN ('Home', 'Work')"
        )

        migrations.complete(old)

        found = connection.execute("SELECT name, name_key FROM labels ORDER BY id").fetchall()
    assert found == [
        ("Work", "work"),
        ("Home", "home"),
        ("Later", "later"),
        ("LATER (2)", "later (2)"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("is_pooled", [False, True], ids=["directly", "through a pooler"])
def test_second_upgrade_waits_for_the_first_without_blocking_it(old: str, is_pooled: bool) -> None:
    with ExitStack() as stack:
        target = stack.enter_context(pooled(old)) if is_pooled else old
        observer = stack.enter_context(connect(old))
        with with_a_snapshot(old):
            upgrades = [start(target)]
            until(lambda: is_creating_an_index(observer))
            upgrades.append(start(f"{target}&application_name=second"))
            seen: set[object] = set()
            until(lambda: polls(observer, seen))

        results = [upgrade.communicate(timeout=WAIT)[0] for upgrade in upgrades]

    newest = migrations.revisions()[-1]
    assert results == [
        f"Upgrade(before='{PREVIOUS}', after='{newest}')\n",
        f"Upgrade(before='{newest}', after='{newest}')\n",
    ]


def polls(connection: Connection, seen: set[object]) -> bool:
    """Whether the second upgrade has run more transactions than it does before it waits."""
    rows = connection.execute(
        "SELECT query_start FROM pg_stat_activity WHERE application_name = 'second'"
    ).fetchall()
    seen.update(rows)
    return len(seen) > 5


def test_requests_continue_while_a_long_transaction_keeps_a_table_locked(
    old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(online, "_TRIES", [(0.1, 0.2)] * 100)
    with ThreadPoolExecutor() as threads, connect(old) as connection:
        user_id = insert_user(connection)
        with psycopg.connect(old) as backup:
            backup.execute("SELECT count(*) FROM tasks")
            upgrade = threads.submit(migrations.upgrade, old)
            until(lambda: is_waiting_for_a_table(connection))
            for _ in range(20):
                insert_tasks(connection, user_id, 1)
                connection.execute("SELECT count(*) FROM tasks")
            assert not upgrade.done()
        upgrade.result(timeout=WAIT)

        assert unordered(connection, user_id) == 0


def is_waiting_for_a_table(connection: Connection) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
        "WHERE datname = current_database() AND mode = 'AccessExclusiveLock' AND NOT granted"
    ).fetchone()
    return row == (1,)


def test_upgrade_gives_up_when_a_table_stays_locked_and_continues_later(
    old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(online, "_TRIES", [(0.01, 0.01)] * 3)
    with psycopg.connect(old) as backup:
        backup.execute("SELECT count(*) FROM tasks")
        with pytest.raises(StartupError, match="a long transaction, such as a backup"):
            migrations.upgrade(old)

    migrations.upgrade(old)

    assert migrations.is_current(old)


def test_user_who_is_locked_keeps_no_other_user_waiting(old: str) -> None:
    migrations.upgrade(old, "0009")  # it changes the table of users
    with ThreadPoolExecutor() as threads, connect(old) as connection:
        locked, other = insert_user(connection), insert_user(connection)
        insert_tasks(connection, locked, 5)
        insert_tasks(connection, other, 5)
        with psycopg.connect(old) as request:
            request.execute("UPDATE users SET name = 'Ada' WHERE id = %s", [locked])
            upgrade = threads.submit(migrations.upgrade, old)
            until(lambda: has_positions(connection) and unordered(connection, other) == 0)
            connection.execute("UPDATE users SET name = 'Bob' WHERE id = %s", [other])
            assert unordered(connection, locked) == 5
        upgrade.result(timeout=WAIT)

        assert unordered(connection, locked) == 0


def has_positions(connection: Connection) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM information_schema.columns "
        "WHERE table_name = 'tasks' AND column_name = 'position'"
    ).fetchone()
    return row == (1,)
