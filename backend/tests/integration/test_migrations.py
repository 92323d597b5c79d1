"""Migrations: they make what the models say, can be taken back, and never collide."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from duly.core.errors import StartupError
from duly.core.password_hashes import verify_password
from duly.database import migrations
from duly.models import metadata
from duly.utils.identifiers import new_id
from duly.utils.search import description_vector, search_query, title_vector
from tests.support.databases import fresh_database, schema_of


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


def in_any_order(schema: str) -> list[list[str]]:
    """The statements of a schema, their lines sorted: a migration can only add columns at the end."""
    statements = schema.split(";\n")
    return [sorted(line.rstrip(",") for line in one.splitlines()) for one in statements]


def test_migrations_make_what_the_models_say(dsn: str, migrated: str) -> None:
    with fresh_database(dsn) as created:
        with migrations.connected(created) as connection:
            metadata.create_all(connection)
            connection.commit()

        assert "CREATE TABLE public.tasks" in schema_of(created)
        assert in_any_order(schema_of(migrated)) == in_any_order(schema_of(created))


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


def test_accounts_without_an_address_or_a_password_survive_the_way_back(migrated: str) -> None:
    ids = [new_id() for _ in range(3)]
    with psycopg.connect(migrated, autocommit=True) as connection:
        for user_id, email in zip(ids, [None, None, "ada@example.com"], strict=True):
            connection.execute("INSERT INTO users (id, email) VALUES (%s, %s)", [user_id, email])
        connection.execute(
            "INSERT INTO user_identities (issuer, subject, user_id, id) VALUES ('i', 's', %s, %s)",
            [ids[0], ids[0]],
        )

        migrations.downgrade(migrated, "0014")

        found = connection.execute("SELECT email, password_hash FROM users ORDER BY id").fetchall()
        assert [email for email, _ in found] == [
            f"{ids[0]}@account.invalid",
            f"{ids[1]}@account.invalid",
            "ada@example.com",
        ]
        hashes = [hashed for _, hashed in found]
        assert len({*hashes}) == 3
        assert not any(verify_password("", hashed) for hashed in hashes)
        with pytest.raises(psycopg.errors.NotNullViolation):
            connection.execute("INSERT INTO users (id) VALUES (%s)", [new_id()])
        migrations.upgrade(migrated)
        connection.execute("INSERT INTO users (id) VALUES (%s)", [new_id()])


def insert_tasks(connection: psycopg.Connection[tuple[object, ...]], count: int) -> UUID:
    """Insert tasks as the schema before the search had them; return their user."""
    user_id = new_id()
    connection.execute(
        "INSERT INTO users (id, email, password_hash) VALUES (%s, 'a@b.org', 'none')", [user_id]
    )
    for number in range(count):
        connection.execute(
            "INSERT INTO tasks (user_id, id, title, description, revision) "
            "VALUES (%s, %s, %s, %s, 1)",
            [user_id, new_id(), f"Crème {number}", "'\\ oat milk" if number % 2 else None],
        )
    return user_id


def test_an_upgrade_to_the_search_computes_the_words_of_every_task(empty: str) -> None:
    migrations.upgrade(empty, "0002")
    with psycopg.connect(empty, autocommit=True) as connection:
        user_id = insert_tasks(connection, 250)  # of three pages

        migrations.upgrade(empty)

        stored = connection.execute(
            "SELECT title, description, title_words, description_words, "
            "CAST(%s AS tsvector), CAST(%s AS tsvector) FROM tasks WHERE title = 'Crème 249'",
            [title_vector(user_id, "Crème 249"), description_vector(user_id, "'\\ oat milk")],
        ).fetchone()
        found = connection.execute(
            "SELECT count(*) FROM tasks "
            "WHERE (title_words || description_words) @@ CAST(%s AS tsquery)",
            [search_query(user_id, "creme")],
        ).fetchone()

    assert stored is not None
    assert stored[2:4] == stored[4:6]
    assert found == (250,)


@pytest.mark.slow
def test_a_downgrade_from_the_search_keeps_the_tasks_and_their_former_search(
    empty: str,
) -> None:
    migrations.upgrade(empty, "0002")
    before = schema_of(empty)
    with psycopg.connect(empty, autocommit=True) as connection:
        insert_tasks(connection, 2)
        migrations.upgrade(empty)

        migrations.downgrade(empty, "0002")

        found = connection.execute(
            "SELECT title FROM tasks WHERE search @@ websearch_to_tsquery('simple', 'milk')"
        ).fetchall()
    assert found == [("Crème 1",)]
    assert sorted(schema_of(empty).split("\n")) == sorted(before.split("\n"))


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


@pytest.mark.slow
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
            with psycopg.connect(empty) as observer:
                wait_for_a_lock(observer)
            assert tables(empty) == set()
        finally:
            first.rollback()
        second.result(timeout=60)

    assert migrations.is_current(empty)


def wait_for_a_lock(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Return once another session has tried to take an advisory lock in this database."""
    trying = (
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND query LIKE '%pg_try_advisory_xact_lock%'"
    )
    deadline = time.monotonic() + 30
    while not connection.execute(trying).fetchone():
        connection.rollback()  # the statistics are those of the start of the transaction
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


@pytest.mark.slow
def test_a_database_that_was_downgraded_is_not_current(migrated: str) -> None:
    migrations.downgrade(migrated)

    assert not migrations.is_current(migrated)


@pytest.mark.parametrize(
    "work", [migrations.upgrade, migrations.downgrade, migrations.is_current, migrations.check]
)
def test_schema_of_a_newer_version_is_rejected_with_both_versions(
    migrated: str, work: Callable[[str], object]
) -> None:
    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = schema_of(migrated)

    with pytest.raises(StartupError) as raised:
        work(migrated)

    line = str(raised.value)
    assert "revision 9999" in line
    assert f"knows is {newest()}" in line
    assert f"Duly {version('duly')}" in line
    assert schema_of(migrated) == before


def test_known_revisions_are_those_of_alembic(migrated: str) -> None:
    with migrations.connected(migrated) as connection:
        scripts = ScriptDirectory.from_config(migrations._config(connection))

    known = [step.revision for step in scripts.walk_revisions()]
    assert migrations.revisions() == known[::-1]


def test_check_of_an_outdated_schema_names_the_command(empty: str) -> None:
    with pytest.raises(StartupError, match="duly migrate"):
        migrations.check(empty)


def newest() -> str:
    files = Path(migrations.__file__).parent.glob("versions/[0-9]*.py")
    return max(file.name for file in files).split("_")[0]


@pytest.mark.parametrize("work", [migrations.upgrade, migrations.downgrade, migrations.is_current])
def test_a_database_that_can_not_be_reached_is_one_line(work: object) -> None:
    assert callable(work)
    with pytest.raises(StartupError, match=r"^the database cannot be reached: [^\n]+$"):
        work("postgresql:///duly?host=/nonexistent")


def test_a_database_of_that_name_that_is_not_there_is_one_line(dsn: str) -> None:
    with pytest.raises(StartupError, match='database "nonexistent" does not exist'):
        migrations.upgrade(dsn.replace("/duly?", "/nonexistent?"))


def test_upgrade_keeps_the_refresh_tokens_spent_lately_and_the_revocations(empty: str) -> None:
    migrations.upgrade(empty, "0002")
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO users (id, email, password_hash) "
            "VALUES (gen_random_uuid(), 'ada@example.com', 'x')"
        )
        connection.execute(
            "INSERT INTO sessions "
            "(user_id, id, refresh_hash, previous_hash, rotated_at, expires_at) "
            "SELECT id, gen_random_uuid(), sha256('new'), sha256('old'), now(), now() FROM users"
        )
        connection.execute(
            "INSERT INTO sessions (user_id, id, refresh_hash, expires_at) "
            "SELECT id, gen_random_uuid(), sha256('first'), now() FROM users"
        )
        connection.execute(
            "INSERT INTO revoked_sessions VALUES (gen_random_uuid(), now() + interval '1 minute')"
        )

        migrations.upgrade(empty)

        rows = connection.execute(
            "SELECT refresh_hash = sha256('new'), spent_hashes = ARRAY[sha256('old')], "
            "cardinality(spent_at) FROM sessions ORDER BY 3"
        ).fetchall()
        assert rows == [(False, False, 0), (True, True, 1)]
        kept = "SELECT expires_at > now() + interval '60 minutes' FROM revoked_sessions"
        assert connection.execute(kept).fetchall() == [(True,)]


def test_database_in_another_encoding_is_refused_with_one_line(dsn: str) -> None:
    """`initdb` chooses SQL_ASCII under the locale C."""
    name = f"test_{new_id().hex}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'"
        )
        try:
            with pytest.raises(StartupError, match="UTF8, not SQL_ASCII"):
                migrations.upgrade(dsn.replace("/duly?", f"/{name}?"))
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_unknown_option_of_a_database_url_is_refused_without_showing_it(dsn: str) -> None:
    with pytest.raises(StartupError, match="DATABASE_URL") as refused:
        migrations.check(f"{dsn}&foo=secret-bar")

    assert "foo" not in str(refused.value)
