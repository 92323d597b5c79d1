"""Backups: the tables of Duly, as of one moment, in pg_dump's custom format."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from duly.core.errors import StartupError
from duly.database import migrations
from duly.database.client_programs import Running, connection_options, find_programs, server_of
from duly.database.failures import summary
from duly.models import metadata

OnProgress = Callable[[float, str], None]
"""Called with the part that is done, from 0 to 1, and what is being done."""

TABLES = sorted({"alembic_version", *metadata.tables})
"""All tables that Duly has."""

_LOCK_TIMEOUT = "60s"
_INTERVAL = 0.2
_SIZES = """
    SELECT c.oid, n.nspname, c.relname, c.reltuples, pg_table_size(c.oid)
    FROM unnest(%s::text[]) AS name
    JOIN pg_class c ON c.oid = to_regclass(quote_ident(name))
    JOIN pg_namespace n ON n.oid = c.relnamespace
    ORDER BY c.relname
"""
_COPIED = """
    SELECT p.relid, p.tuples_processed, p.bytes_processed
    FROM pg_stat_progress_copy p JOIN pg_stat_activity a USING (pid)
    WHERE a.application_name = %s
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the database, with what the statistics say of it."""

    oid: int
    schema: str
    name: str
    rows: float
    size: int

    @property
    def pattern(self) -> str:
        """The table as pg_dump and SQL take it, whatever its name is."""
        return sql.Identifier(self.schema, self.name).as_string(None)


@contextmanager
def connected(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit mode. Raises `StartupError` for every error of the database."""
    try:
        with psycopg.connect(
            dsn,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=10,
            client_encoding="utf8",
        ) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise StartupError(f"the database cannot be reached: {summary(error)}") from None
    except psycopg.Error as error:
        raise StartupError(f"the database rejected a statement: {summary(error)}") from None


def tables_of(connection: psycopg.Connection[Any]) -> list[Table]:
    """The tables of Duly that exist."""
    return [Table(*row) for row in connection.execute(_SIZES, [TABLES])]


def dump(dsn: str, file: Path, on_progress: OnProgress) -> None:
    """Write a backup to `file`, which exists. Requests go on meanwhile.

    Raises `StartupError` without a schema, if the database is newer than the programs, and with the
    reason of pg_dump.
    """
    if migrations.revision_of(dsn) is None:
        raise StartupError("there is nothing to back up: the database has no tables of Duly")
    _dump(dsn, file, on_progress, is_whole=False)


def dump_all(dsn: str, file: Path, on_progress: OnProgress) -> None:
    """Write a backup of all that the database has, of Duly or not. See `dump`."""
    _dump(dsn, file, on_progress, is_whole=True)


def _dump(dsn: str, file: Path, on_progress: OnProgress, *, is_whole: bool) -> None:
    with connected(dsn) as connection:
        programs = find_programs(server_of(connection))
        tables = tables_of(connection)
        database, environment = connection_options(dsn)
        environment["PGAPPNAME"] = name = f"duly backup {os.getpid()}"
        command = programs.command(
            "pg_dump",
            "--format=custom",
            "--no-password",
            f"--lock-wait-timeout={_LOCK_TIMEOUT}",
            *(f"--table={table.pattern}" for table in tables if not is_whole),
            f"--file={file}",
            f"--dbname={database}",
        )
        with Running(command, environment, stdin=subprocess.DEVNULL) as running:
            progress = _Progress(connection, name, tables)
            while not _has_ended(running.process):
                on_progress(*progress.now())
            if running.process.returncode != 0:
                raise StartupError(f"the backup failed: {running.reason()}")
    on_progress(1.0, "done")


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    with suppress(subprocess.TimeoutExpired):
        process.wait(_INTERVAL)
        return True
    return False


class _Progress:
    """How far pg_dump is, by what the server says that it copies."""

    def __init__(
        self, connection: psycopg.Connection[Any], name: str, tables: list[Table]
    ) -> None:
        self._connection, self._name = connection, name
        self._tables = {table.oid: table for table in tables}
        self._total = sum(table.size for table in tables) or 1
        self._done: dict[int, float] = {}
        self._what = "waiting for the tables"

    def now(self) -> tuple[float, str]:
        """The part that is done, and the table that is copied."""
        with suppress(psycopg.Error):  # pg_dump has a connection of its own
            for oid, rows, size in self._connection.execute(_COPIED, [self._name]):
                if (table := self._tables.get(oid)) is not None:
                    # A table that is no longer copied is done.
                    self._done = dict.fromkeys(self._done, 1.0)
                    part = rows / table.rows if table.rows > 0 else size / max(1, table.size)
                    self._done[oid] = min(1.0, part)
                    self._what = table.name
        done = sum(self._tables[oid].size * part for oid, part in self._done.items())
        return min(0.99, done / self._total), self._what
