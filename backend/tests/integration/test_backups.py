"""`duly backup` and `duly restore` on databases of `DATABASE_URL`."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from duly.core.errors import StartupError
from duly.database import embedded, migrations
from duly.database.client_programs import Server, connection_options, find_programs
from tests.support.command_line import duly
from tests.support.databases import fresh_database, migrated_database, schema_of
from tests.support.other_server import other_server
from tests.support.previous_release import PREVIOUS, insert_tasks, insert_user

SKIPPED = 2**32
"""The revisions that a restore leaves out for each user."""


@pytest.fixture
def source(dsn: str, commanded: pytest.MonkeyPatch) -> Iterator[str]:
    """The database of the commands, with a user and a hundred tasks."""
    with migrated_database(dsn) as own:
        commanded.setenv("DATABASE_URL", own)
        with psycopg.connect(own) as connection:
            insert_tasks(connection, insert_user(connection), 100)
        yield own


@pytest.fixture
def backup(source: str, tmp_path: Path) -> Path:
    """A backup of the source, which has another task since."""
    file = tmp_path / "duly.backup"
    assert duly("backup", str(file)).status == 0
    rows(source, "UPDATE tasks SET title = 'changed since' WHERE title = '7'")
    return file


@pytest.fixture
def empty(dsn: str) -> Iterator[str]:
    with fresh_database(dsn) as own:
        yield own


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute(query.encode())
        return found.fetchall() if found.description else []


def state_of(dsn: str) -> dict[str, list[str]]:
    """All rows of all tables, as text."""
    found = rows(dsn, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {name: sorted(map(repr, rows(dsn, f'SELECT * FROM "{name}"'))) for (name,) in found}


def test_backup_is_restored_to_an_empty_database(
    source: str, empty: str, commanded: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "duly.backup"
    made = duly("backup", str(file))
    assert made.stdout.startswith("Backed up ")
    assert f" to {file} (" in made.stdout
    commanded.setenv("DATABASE_URL", empty)

    restored = duly("restore", str(file))

    assert restored.status == 0, restored
    assert restored.stdout.endswith("Every device will do a full sync.\n")
    assert migrations.is_current(empty)
    assert schema_of(empty) == schema_of(source)
    before, after = state_of(source), state_of(empty)
    changed = {name for name in before if before[name] != after[name]}
    assert before.keys() == after.keys()
    assert changed == {"installations", "users"}
    assert len(after["tasks"]) == 100
    revisions = [rows(one, "SELECT revision FROM users") for one in (source, empty)]
    assert revisions[1] == [(revisions[0][0][0] + SKIPPED,)]
    assert rows(empty, "SELECT reltuples FROM pg_class WHERE relname = 'tasks'") == [(100,)]


def test_backup_of_a_newer_minor_release_is_restored_to_an_older_one(
    source: str, empty: str, commanded: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # PostgreSQL 15.20 and its siblings do this themselves, and no included release knows the option.
    rows(
        source,
        "UPDATE pg_attribute SET attoptions = attoptions || '{pg_attver=7}' "
        "WHERE attrelid IN ('tasks'::regclass, 'users'::regclass) AND attnum > 0",
    )
    rows(source, "UPDATE tasks SET title = 'SET (pg_attver=7);' WHERE title = '7'")
    file = tmp_path / "duly.backup"
    assert duly("backup", str(file)).status == 0
    commanded.setenv("DATABASE_URL", empty)

    restored = duly("restore", str(file))

    assert restored.status == 0, restored
    found = "SELECT DISTINCT attoptions FROM pg_attribute WHERE attrelid = 'tasks'::regclass"
    assert sorted(rows(empty, found), key=str) == [(None,), (["n_distinct=-0.01"],)]
    kept = "SELECT count(*) FROM tasks WHERE title = 'SET (pg_attver=7);'"
    assert rows(empty, kept) == [(1,)]


@pytest.mark.usefixtures("source")
def test_backup_is_private_and_leaves_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "duly.backup"
    file.write_text("the former one")
    file.chmod(0o644)

    assert duly("backup", str(file)).status == 0

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes()[:5] == b"PGDMP"
    assert list(tmp_path.iterdir()) == [file]
    assert "tasks" in listed(file)


def listed(file: Path) -> str:
    program = [str(embedded._binaries() / "pg_restore"), "--list", str(file)]
    done = subprocess.run(program, check=True, capture_output=True, text=True)
    return done.stdout


def test_restore_refuses_to_replace_data_unless_told_to(source: str, backup: Path) -> None:
    before = state_of(source)

    line = duly("restore", str(backup)).line

    assert "has tables of Duly already" in line
    assert "--replace" in line
    assert state_of(source) == before


def test_restore_replaces_what_was_written_since(source: str, backup: Path) -> None:
    epoch = rows(source, "SELECT epoch FROM installations")

    assert duly("restore", str(backup), "--replace").status == 0

    assert rows(source, "SELECT count(*) FROM tasks WHERE title = 'changed since'") == [(0,)]
    assert rows(source, "SELECT count(*) FROM tasks WHERE title = '7'") == [(1,)]
    assert rows(source, "SELECT epoch FROM installations") != epoch


def test_workers_that_run_see_the_revocations_of_the_backup(source: str, backup: Path) -> None:
    # Of a transaction that no worker takes for a new one.
    rows(source, "INSERT INTO revoked_sessions SELECT gen_random_uuid(), now() + '1 hour', '7'")
    duly("backup", str(backup))
    [(seen,)] = rows(source, "SELECT pg_current_snapshot()::text")

    duly("restore", str(backup), "--replace")

    unseen = (
        f"SELECT count(*) FROM revoked_sessions WHERE NOT pg_visible_in_snapshot(xid, '{seen}')"
    )
    assert rows(source, unseen) == [(1,)]


@pytest.mark.parametrize("part", [0.3, 0.6, 0.97])
def test_restore_of_a_damaged_backup_changes_nothing(
    source: str, backup: Path, part: float
) -> None:
    [(user_id,)] = rows(source, "SELECT id FROM users")
    with psycopg.connect(source) as connection:
        insert_tasks(connection, user_id, 20_000)
    duly("backup", str(backup))
    before = state_of(source)
    os.truncate(backup, int(backup.stat().st_size * part))

    line = duly("restore", str(backup), "--replace").line

    assert line.startswith(f"duly: cannot restore {backup}: ")
    assert state_of(source) == before


def test_restore_that_fails_in_the_middle_changes_nothing(source: str, backup: Path) -> None:
    # In the way of a table that the backup creates, after it has replaced others.
    rows(source, "DROP TABLE sign_in_codes")
    rows(source, "CREATE VIEW sign_in_codes AS SELECT 1 AS one")
    before = state_of(source)

    line = duly("restore", str(backup), "--replace").line

    assert "sign_in_codes" in line
    assert state_of(source) == before


def test_restore_whose_reading_fails_between_two_statements_changes_nothing(
    source: str, backup: Path, commanded: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = state_of(source)
    programs = embedded._binaries()
    for name in ("pg_dump", "psql"):
        write_program(tmp_path / "bin" / name, f'exec {programs}/{name} "$@"')
    last = "/^COPY public.users /,$d"  # a statement before the last tables
    failing = (
        f'case "$*" in *--section=data*) {programs}/pg_restore "$@" | sed "{last}"; exit 1;; esac'
    )
    failing = failing.replace("$d", "\\$d")
    write_program(tmp_path / "bin" / "pg_restore", f'{failing}\nexec {programs}/pg_restore "$@"')
    commanded.setattr(embedded, "own_binaries", lambda: None)
    commanded.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")

    line = duly("restore", str(backup), "--replace").line

    assert line == f"duly: cannot restore {backup}: it ended without a reason (exit status 1)"
    assert state_of(source) == before


def write_program(file: Path, script: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_backup_that_crashes_the_program_is_probably_damaged(
    source: str, backup: Path, commanded: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = state_of(source)
    programs = embedded._binaries()
    for name in ("pg_dump", "psql"):
        write_program(tmp_path / "bin" / name, f'exec {programs}/{name} "$@"')
    write_program(tmp_path / "bin" / "pg_restore", "kill -SEGV $$")
    commanded.setattr(embedded, "own_binaries", lambda: None)
    commanded.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")

    line = duly("restore", str(backup), "--replace").line

    assert line.endswith("(killed by SIGSEGV); the file is probably damaged")
    assert state_of(source) == before


def test_restore_waits_for_a_transaction_that_uses_the_tables(source: str, backup: Path) -> None:
    with psycopg.connect(source) as holder:
        holder.execute("SELECT count(*) FROM tasks")
        timer = Timer(3, lambda: go_on(holder))
        timer.start()

        assert duly("restore", str(backup), "--replace").status == 0

        timer.join()
    assert rows(source, "SELECT count(*) FROM tasks WHERE title = '7'") == [(1,)]


def go_on(holder: psycopg.Connection[Any]) -> None:
    """Lock another table, in the other order than a restore does, then end."""
    holder.execute("UPDATE labels SET name = name")
    holder.commit()


def test_tables_of_another_program_are_never_replaced(
    backup: Path, empty: str, commanded: pytest.MonkeyPatch
) -> None:
    commanded.setenv("DATABASE_URL", empty)
    rows(empty, "CREATE TABLE users (name text)")

    for options in ([], ["--replace"]):
        line = duly("restore", str(backup), *options).line
        assert "tables of another program" in line
    assert state_of(empty) == {"users": []}


def test_backup_with_an_older_schema_says_what_to_do(
    old: str, empty: str, commanded: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = str(tmp_path / "duly.backup")
    commanded.setenv("DATABASE_URL", old)
    assert duly("backup", file).status == 0
    commanded.setenv("DATABASE_URL", empty)

    restored = duly("restore", file)

    assert restored.stdout.endswith(f"Its schema is at revision {PREVIOUS}: run `duly migrate`.\n")
    assert duly("migrate").status == 0
    # The tables that the backup lacks are removed, and come again with the next migration.
    assert duly("restore", file, "--replace").status == 0
    assert duly("migrate").status == 0
    assert schema_of(empty) == schema_of_newest(empty)


def schema_of_newest(dsn: str) -> str:
    with migrated_database(dsn) as own:
        return schema_of(own)


def test_backup_of_a_newer_release_is_refused(
    source: str, backup: Path, empty: str, commanded: pytest.MonkeyPatch
) -> None:
    rows(source, "UPDATE alembic_version SET version_num = '9000'")
    assert "revision 9000, which is newer" in duly("backup", str(backup)).line
    assert "revision 9000, which is newer" in duly("restore", str(backup), "--replace").line
    program = embedded._binaries() / "pg_dump"
    subprocess.run([program, "-Fc", "-f", backup, source], check=True)
    commanded.setenv("DATABASE_URL", empty)

    assert "revision 9000 of the schema" in duly("restore", str(backup)).line
    assert state_of(empty) == {}


def test_backup_of_another_program_is_refused(
    empty: str, commanded: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "other.dump"
    rows(empty, "CREATE TABLE users (name text)")
    program = embedded._binaries() / "pg_dump"
    subprocess.run([program, "-Fc", "-f", file, empty], check=True)
    rows(empty, "DROP TABLE users")
    commanded.setenv("DATABASE_URL", empty)

    assert "not a backup of Duly: it lacks alembic_version" in duly("restore", str(file)).line


def test_backup_of_a_database_without_a_schema_is_refused(
    empty: str, commanded: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commanded.setenv("DATABASE_URL", empty)

    assert "nothing to back up" in duly("backup", str(tmp_path / "duly.backup")).line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["backup", "restore"])
@pytest.mark.usefixtures("source")
def test_file_in_a_missing_directory_fails_in_one_line(command: str) -> None:
    line = duly(command, "missing/duly.backup").line

    assert line.endswith(" missing/duly.backup: No such file or directory")


@pytest.mark.parametrize("command", ["backup", "restore"])
@pytest.mark.usefixtures("source")
def test_directory_in_place_of_the_file_fails_in_one_line(command: str, tmp_path: Path) -> None:
    assert duly(command, str(tmp_path)).line.endswith(f" {tmp_path}: Is a directory")


@pytest.mark.usefixtures("source")
def test_backup_to_a_device_is_refused() -> None:
    assert duly("backup", "/dev/null").line.endswith("/dev/null: not a regular file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everywhere")
@pytest.mark.usefixtures("source")
def test_unreadable_file_fails_in_one_line(backup: Path) -> None:
    backup.chmod(0)

    assert "Permission denied" in duly("restore", str(backup), "--replace").line


@pytest.mark.parametrize("content", [b"", b"PG", b"-- SQL", b"PK\x03\x04", b"PGDMP", b"PGDMP\0\0"])
def test_file_that_is_no_backup_is_refused_in_one_line(
    source: str, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "other"
    file.write_bytes(content)
    before = state_of(source)

    assert str(file) in duly("restore", str(file), "--replace").line
    assert state_of(source) == before


@pytest.mark.usefixtures("source")
def test_secret_key_of_the_settings_is_not_part_of_a_backup(backup: Path) -> None:
    for command in (("backup",), ("restore", "--replace")):
        line = duly(*command, str(backup), "--with-secret-key").line
        assert "DULY_SECRET_KEY is set" in line


# Which programs are used


def test_connection_through_a_pooler_needs_the_direct_url(
    source: str, through_pooler: str, commanded: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = str(tmp_path / "duly.backup")
    name = conninfo_to_dict(source)["dbname"]
    commanded.setenv("DATABASE_URL", through_pooler.replace("/duly?", f"/{name}?"))
    for command in ("backup", "restore"):
        (tmp_path / "duly.backup").write_bytes(b"PGDMP")
        assert "set DATABASE_DIRECT_URL" in duly(command, file).line

    commanded.setenv("DATABASE_DIRECT_URL", source)

    assert duly("backup", file).status == 0


@pytest.mark.usefixtures("source")
def test_programs_older_than_the_server_are_refused(
    commanded: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = sorted(Path("/usr/lib/postgresql").glob("1[0-7]/bin"))
    if not old:
        pytest.skip("there is no older PostgreSQL")
    commanded.setattr(embedded, "own_binaries", lambda: None)
    commanded.setenv("PATH", str(old[0]))

    line = duly("backup", str(tmp_path / "duly.backup")).line

    assert line.endswith(
        "the database is PostgreSQL 18: install pg_dump, pg_restore and psql of version 18 or "
        f"newer (PATH has version {old[0].parent.name})"
    )
    commanded.setenv("PATH", str(tmp_path))
    assert "PATH has none" in duly("backup", str(tmp_path / "duly.backup")).line


@pytest.mark.usefixtures("source")
def test_programs_of_the_path_are_used_where_duly_includes_none(
    commanded: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commanded.setenv("PATH", f"{embedded._binaries()}:{os.environ['PATH']}")
    commanded.setattr(embedded, "own_binaries", lambda: None)

    assert duly("backup", str(tmp_path / "duly.backup")).status == 0


def test_own_programs_are_not_used_for_newer_servers_or_encrypted_connections(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_programs(Server(18, is_encrypted=False)).directory == embedded._binaries()

    with pytest.raises(StartupError, match=r"PostgreSQL 19: install .*Duly includes version 18"):
        find_programs(Server(19, is_encrypted=False))
    with pytest.raises(StartupError, match=r"encrypted connection, .* do not support"):
        find_programs(Server(17, is_encrypted=True))


def test_password_is_not_among_the_arguments() -> None:
    database, environment = connection_options("postgresql://duly:xyz%20zy@db.invalid:5432/frotz")

    assert "xyz" not in database
    assert "host=db.invalid" in database
    assert environment["PGPASSWORD"] == "xyz zy"
    with pytest.raises(StartupError, match="sslpassword"):
        connection_options("postgresql://db.invalid/frotz?sslpassword=xyzzy")


@pytest.mark.slow
@pytest.mark.usefixtures("source")
def test_older_server_with_encryption_takes_a_backup_of_this_one_and_is_backed_up(
    backup: Path, commanded: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with other_server(tmp_path) as other:
        commanded.setenv("DATABASE_URL", f"{other}?sslmode=disable")
        assert duly("restore", str(backup)).status == 0
        assert rows(other, "SELECT count(*) FROM tasks") == [(100,)]

        commanded.setenv("DATABASE_URL", f"{other}?sslmode=require")
        again = duly("backup", str(tmp_path / "again.backup"))
        assert again.status == 0, again
        for file in (tmp_path / "again.backup", backup):
            rows(other, "DELETE FROM users")
            assert duly("restore", str(file), "--replace").status == 0
            assert rows(other, "SELECT count(*) FROM tasks") == [(100,)]
