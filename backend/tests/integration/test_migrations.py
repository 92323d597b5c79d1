"""Migrations: they make what the models say, can be taken back, and never collide."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from duly.core.errors import StartupError
from duly.database import migrations
from duly.models import metadata
from tests.databases import fresh_database, schema_of


@pytest.fixture
def empty(dsn: str) -> Iterator[str]:
    """A database without any table."""
    with fresh_database(dsn) as database:
        yield database


@pytest.fixture
def migrated(empty: str) -> str:
    """A database with the newest schema."""
    migrations.upgrade(empty)
    return empty


def tables(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
    return {name for (name,) in found}


def test_migrations_make_what_the_models_say(dsn: str, migrated: str) -> None:
    with fresh_database(dsn) as created:
        with migrations.connected(created) as connection:
            metadata.create_all(connection)
            connection.commit()

        assert "CREATE TABLE public.tasks" in schema_of(created)
        assert schema_of(migrated) == schema_of(created)


def test_alembic_finds_nothing_to_migrate(migrated: str) -> None:
    options = {"compare_type": True, "compare_server_default": True}
    with migrations.connected(migrated) as connection:
        context = MigrationContext.configure(connection, opts=options)

        assert compare_metadata(context, metadata) == []


def test_a_downgrade_leaves_nothing_but_the_history(migrated: str) -> None:
    migrations.downgrade(migrated)

    assert tables(migrated) == {"alembic_version"}


def test_after_a_downgrade_an_upgrade_makes_the_same_again(migrated: str) -> None:
    before = schema_of(migrated)

    migrations.downgrade(migrated)
    migrations.upgrade(migrated)

    assert schema_of(migrated) == before


def test_an_upgrade_of_the_newest_schema_changes_nothing(migrated: str) -> None:
    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute("INSERT INTO user_emails VALUES ('a@b.org', gen_random_uuid())")
        migrations.upgrade(migrated)

        assert connection.execute("SELECT count(*) FROM user_emails").fetchone() == (1,)


def test_counters_of_quotas_begin_with_what_is_there(empty: str) -> None:
    migrations.upgrade(empty, "0002")
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO users (id, email, password_hash) "
            "SELECT gen_random_uuid(), 'u' || n || '@example.com', 'x' FROM generate_series(0, 2) n"
        )
        numbered = "SELECT id, substr(email, 2, 1)::int AS n FROM users"
        connection.execute(
            "INSERT INTO tasks (user_id, id, title, revision, trashed_at) "
            "SELECT id, gen_random_uuid(), 't', 1, CASE WHEN i = 1 THEN now() END "
            f"FROM ({numbered}) u, generate_series(1, n) i".encode()
        )
        connection.execute(
            "INSERT INTO idempotency_keys (user_id, id, fingerprint, headers, body, expires_at) "
            "SELECT id, gen_random_uuid(), decode(repeat('00', 32), 'hex'), '{}', 'body', now() "
            f"FROM ({numbered}) u, generate_series(1, n)".encode()
        )
        migrations.upgrade(empty)

        counted = connection.execute(
            "SELECT task_count, stored_response_bytes FROM users ORDER BY email"
        ).fetchall()
    bytes_of_a_key = 256 + len("{}") + len("body")
    assert counted == [(n, n * bytes_of_a_key) for n in range(3)]


def test_concurrent_upgrades_of_an_empty_database_do_not_collide(empty: str) -> None:
    program = "import sys; from duly.database import migrations; migrations.upgrade(sys.argv[1])"
    upgrades = [
        subprocess.Popen(
            [sys.executable, "-c", program, empty], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]

    for upgrade in upgrades:
        assert upgrade.communicate(timeout=60) == (b"", b"")
        assert upgrade.returncode == 0
    assert migrations.is_current(empty)


def test_an_upgrade_waits_for_the_one_before_it(empty: str) -> None:
    with ThreadPoolExecutor() as threads, psycopg.connect(empty) as first:
        first.execute("SELECT pg_advisory_xact_lock(4420771863)")
        second = threads.submit(migrations.upgrade, empty)
        try:
            wait_for_a_lock(first)
            assert tables(empty) <= {"alembic_version"}
        finally:
            first.rollback()
        second.result(timeout=60)

    assert migrations.is_current(empty)


def wait_for_a_lock(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Return once another session waits for an advisory lock in this database."""
    waiting = (
        "SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
        "WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted"
    )
    deadline = time.monotonic() + 30
    while not connection.execute(waiting).fetchone():
        assert time.monotonic() < deadline


def test_an_upgrade_that_fails_leaves_nothing(empty: str) -> None:
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("CREATE TABLE tasks (in_the_way text)")

    with pytest.raises(StartupError, match="tasks"):
        migrations.upgrade(empty)

    assert tables(empty) == {"tasks"}
    assert not migrations.is_current(empty)


def test_an_empty_database_is_not_current(empty: str) -> None:
    assert not migrations.is_current(empty)


def test_a_migrated_database_is_current(migrated: str) -> None:
    assert migrations.is_current(migrated)


def test_a_database_that_was_downgraded_is_not_current(migrated: str) -> None:
    migrations.downgrade(migrated)

    assert not migrations.is_current(migrated)


def test_the_database_of_a_newer_version_is_current(migrated: str) -> None:
    # So that the former version still starts while the next one is rolled out.
    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'from the future'")

    assert migrations.is_current(migrated)


@pytest.mark.parametrize("work", [migrations.upgrade, migrations.downgrade, migrations.is_current])
def test_a_database_that_can_not_be_reached_is_one_line(work: object) -> None:
    assert callable(work)
    with pytest.raises(StartupError, match=r"^the database can't be reached: [^\n]+$"):
        work("postgresql:///duly?host=/nonexistent")


def test_a_database_of_that_name_that_is_not_there_is_one_line(dsn: str) -> None:
    with pytest.raises(StartupError, match='database "nonexistent" does not exist'):
        migrations.upgrade(dsn.replace("/duly?", "/nonexistent?"))
