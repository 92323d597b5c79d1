"""Restoring a backup, in one transaction: it replaces all tables of Duly, or changes nothing.

`pg_restore` writes the backup as SQL, and `psql` runs it. Reading one program's output, and writing
the other's input, leaves the COMMIT to us: whichever of the three is killed, it is not sent.
"""

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg
from psycopg import ClientCursor, sql

from duly.core.errors import StartupError
from duly.database import migrations
from duly.database.backups import TABLES, OnProgress, Table, connected, tables_of
from duly.database.client_programs import (
    Programs,
    Running,
    connection_options,
    find_programs,
    find_reader,
    reason_in,
    server_of,
)
from duly.database.failures import summary
from duly.database.portability import accepted_settings, without_column_versions
from duly.database.statements import CrossUserStatement

_MAGIC = b"PGDMP"
_ESSENTIAL = {"alembic_version", "installations", "revoked_sessions", "users"}
_TABLE = re.compile(r"^\d+; \d+ \d+ TABLE (?:.+ )?(\w+) \S+$", re.MULTILINE)
_REVISION = re.compile(r"^COPY .*alembic_version .*\n(\w+)\n", re.MULTILINE)
_CHUNK = 2**18

# Requests hold locks on several tables, in an order of their own, so one of both sides may have to
# start over.
_LOCK = """
DO $do$
BEGIN
    FOR try IN 1..40 LOOP
        BEGIN
            SET LOCAL lock_timeout = '2s';
            LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE;
            RETURN;
        EXCEPTION WHEN deadlock_detected OR lock_not_available THEN
            PERFORM pg_sleep(0.2);
        END;
    END LOOP;
    RAISE EXCEPTION 'a long transaction, such as a backup, keeps a table locked; try again later';
END
$do$;
DROP TABLE {tables};
"""
_BEGIN = """
BEGIN;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL statement_timeout = 0;
"""

_UNWANTED = (
    "--no-owner",
    "--no-privileges",
    "--no-comments",
    "--no-publications",
    "--no-security-labels",
    "--no-subscriptions",
    "--no-tablespaces",
)
"""Parts of a backup that belong to the server it was made on."""


@dataclass(frozen=True, slots=True)
class Contents:
    """A backup of Duly: the revision of its schema, and its tables."""

    file: Path
    revision: str
    tables: list[str]


@dataclass(frozen=True, slots=True)
class Target:
    """A database to restore to."""

    dsn: str
    programs: Programs
    reader: Programs
    """Those that read the backup."""
    major: int
    tables: list[Table]
    """Those of Duly that it has."""


def check_is_backup(file: Path) -> None:
    """Raise `StartupError` if `file` cannot be read, or is no backup."""
    try:
        with file.open("rb") as opened:
            start = opened.read(len(_MAGIC))
    except OSError as error:
        raise StartupError(f"cannot read {file}: {error.strerror}") from None
    if start != _MAGIC:
        raise StartupError(
            f"{file} is not a backup: it must be in the custom format of pg_dump, as `duly backup` "
            "writes it"
        )


def find_target(dsn: str, *, is_replacing: bool) -> Target:
    """Look at the database to restore to.

    Raises `StartupError` if it cannot be used, or has tables, unless these may be replaced.
    """
    found = migrations.revision_of(dsn)
    with connected(dsn) as connection:
        server = server_of(connection)
        tables = tables_of(connection)
    names = {table.name for table in tables}
    if names and (found is None or not names >= _ESSENTIAL):
        raise StartupError(
            f"the database has tables of another program with names that Duly uses "
            f"({', '.join(sorted(names))}); restore to a database of Duly's own"
        )
    if names and not is_replacing:
        raise StartupError(
            "the database has tables of Duly already; with --replace, the backup replaces them "
            "and all data in them"
        )
    programs = find_programs(server)
    return Target(dsn, programs, find_reader(programs), server.major, tables)


def contents_of(file: Path, target: Target) -> Contents:
    """Read what is in a backup, with the programs of a target.

    Raises `StartupError` if they cannot read it, and if it is not of Duly, or of a newer one.
    """
    listed = _output(target.reader, file, "--list").decode(errors="replace")
    tables = {*_TABLE.findall(listed)} & {*TABLES}
    missing = _ESSENTIAL - tables
    if missing:
        raise StartupError(
            f"{file} is not a backup of Duly: it lacks {', '.join(sorted(missing))}"
        )
    shown = _output(target.reader, file, "--data-only", "--table=alembic_version", "--file=-")
    found = _REVISION.search(shown.decode(errors="replace"))
    known = migrations.revisions()
    if found is None or found[1] not in known:
        revision = found[1] if found else "none"
        raise StartupError(
            f"the backup {file} has revision {revision} of the schema, and this release of Duly "
            f"knows those up to {known[-1]}: restore it with the release that made it, or a later "
            "one"
        )
    return Contents(file, found[1], sorted(tables))


def load(
    contents: Contents,
    target: Target,
    final: Sequence[CrossUserStatement],
    on_progress: OnProgress,
) -> None:
    """Replace the tables of the target by those of the backup, then run the `final` statements.

    All in one transaction. Raises `StartupError` with the reason, and then nothing has changed.
    """
    failure: StartupError | None = None
    is_over = False
    try:
        with migrations.alone(target.dsn):
            try:
                _load(contents, target, final, on_progress)
            except StartupError as error:
                failure = (
                    error  # the database may be gone, with the connection that keeps us alone
                )
            is_over = True
    except psycopg.Error as error:
        if not is_over:
            failure = StartupError(f"cannot restore {contents.file}: {summary(error)}")
    if failure is not None:
        raise failure


def _load(
    contents: Contents,
    target: Target,
    final: Sequence[CrossUserStatement],
    on_progress: OnProgress,
) -> None:
    database, environment = connection_options(target.dsn)
    environment["PGAPPNAME"] = f"duly restore {os.getpid()}"
    run = target.programs.command(
        "psql",
        "--no-psqlrc",
        "--quiet",
        "--no-password",
        "--set=ON_ERROR_STOP=1",
        "--file=-",
        f"--dbname={database}",
    )
    file = contents.file
    tables = _output(target.reader, file, *_UNWANTED, "--section=pre-data", "--file=-")
    rest = ("--section=data", "--section=post-data")
    read = target.reader.command("pg_restore", *_UNWANTED, *rest, "--file=-")
    begin, end = _begin(target), _end(contents, target, final)
    with (
        file.open("rb", buffering=0) as archive,
        Running(read, environment, stdin=archive, stdout=subprocess.PIPE) as reading,
        Running(run, environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as running,
    ):
        try:
            psql_input = running.process.stdin
            assert psql_input is not None
            psql_input.write(begin)
            psql_input.write(accepted_settings(without_column_versions(tables), target.major))
            _copy(reading, psql_input, target.major, _position_of(archive, on_progress))
            if reading.process.wait() != 0:
                raise StartupError(f"cannot restore {file}: {reading.reason()}")
            on_progress(1.0, "indexes and statistics")
            psql_input.write(end)
            psql_input.close()
        except BrokenPipeError:
            pass  # psql has stopped at an error
        if running.process.wait() != 0:
            raise StartupError(f"cannot restore {file}: {running.reason()}")


def _position_of(archive: IO[bytes], on_progress: OnProgress) -> Callable[[], None]:
    """Report how much of the file is read: its position is that of pg_restore's input, too."""
    size = os.fstat(archive.fileno()).st_size or 1

    def report() -> None:
        position = os.lseek(archive.fileno(), 0, os.SEEK_CUR)
        on_progress(min(0.99, position / size), "data")

    return report


def _copy(reading: Running, sink: IO[bytes], major: int, report: Callable[[], None]) -> None:
    source = reading.process.stdout
    assert source is not None
    chunk = accepted_settings(source.read(_CHUNK), major)
    while chunk:
        sink.write(chunk)
        report()
        chunk = source.read1(_CHUNK)  # type: ignore[attr-defined]  # a BufferedReader


def _begin(target: Target) -> bytes:
    """What is run before the backup's own statements."""
    names = ", ".join(table.pattern for table in target.tables)
    return (_BEGIN + (_LOCK.format(tables=names) if names else "")).encode()


def _end(contents: Contents, target: Target, final: Sequence[CrossUserStatement]) -> bytes:
    """What is run after them. Without statistics, the first requests would be slow."""
    with connected(target.dsn) as connection:
        cursor = ClientCursor(connection)
        statements = [cursor.mogrify(one.sql, dict(one.constants)) for one in final]
    names = sql.SQL(", ").join(map(sql.Identifier, contents.tables)).as_string(None)
    # The backup has set an empty path, so that only the names in it decide where tables are.
    return ";\n".join(
        ["RESET search_path", *statements, f"ANALYZE {names}", "COMMIT", ""]
    ).encode()


def _output(programs: Programs, file: Path, *arguments: str) -> bytes:
    """What pg_restore says of a backup. Raises `StartupError` if it cannot read it."""
    done = subprocess.run(  # noqa: S603  # the operator's own program
        programs.command("pg_restore", *arguments, str(file)),
        env={**os.environ, "LC_ALL": "C"},
        check=False,
        capture_output=True,
    )
    if done.returncode != 0:
        reason = reason_in(done.stderr.decode(errors="replace"), done.returncode)
        if done.returncode < 0:  # such as SIGSEGV
            reason += "; the file is probably damaged"
        version = f"pg_restore {programs.major}"
        raise StartupError(f"cannot restore {file}: {version} cannot read it: {reason}")
    return done.stdout
