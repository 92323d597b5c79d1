"""The embedded database, copied into files of the PostgreSQL that this release includes.

The former files are only read. The copy is made in a directory of its own, compared with them, and
put in their place when it is complete; they are kept under another name. A run that was interrupted
leaves the former files where they were, and the next one starts over.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import ClientCursor, sql

from duly.core.errors import StartupError
from duly.database import backups, migrations, restores
from duly.database.backups import OnProgress, connected
from duly.database.cluster import UPGRADED
from duly.database.embedded import Server, embedded_dsn
from duly.database.server_programs import find_binaries
from duly.database.statements import CrossUserStatement
from duly.utils.sizes import readable

WORK = "upgrade"
"""The directory in the data directory that has the copy until it is complete."""

# Another command that finds the server would otherwise write what the copy may lack.
_READ_ONLY = {"default_transaction_read_only": "on", "autovacuum": "off"}
# Tables that are filled in the transaction that creates them need no log then.
_UNLOGGED = {"wal_level": "minimal", "max_wal_senders": 0}
_EMPTY_CLUSTER = 128 * 2**20

_SIZE = "SELECT pg_database_size(current_database())"
_TABLES = """
    SELECT nspname, relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind = 'r' AND nspname <> 'information_schema' AND nspname !~ '^pg_' ORDER BY 1, 2
"""
# A sum, since equal rows would cancel each other out in an exclusive or. 60 bits are positive.
_CONTENT = """
    SELECT count(*), sum(('x' || left(md5("a row"::text), 15))::bit(60)::bigint)
    FROM ONLY {} AS "a row"
"""
_NOT_COPIED = """
    SELECT 'the role ' || rolname FROM pg_roles WHERE rolname !~ '^pg_' AND oid <> 10
    UNION ALL SELECT 'the database ' || datname FROM pg_database
    WHERE NOT datistemplate AND datname NOT IN ('postgres', current_database())
    UNION ALL SELECT 'the setting ' || name FROM pg_file_settings
    WHERE sourcefile LIKE '%postgresql.auto.conf'
    UNION ALL SELECT DISTINCT 'the setting ' || split_part(one, '=', 1) || ' of a role or database'
    FROM pg_db_role_setting, unnest(setconfig) one
"""


@dataclass(frozen=True, slots=True)
class Upgraded:
    """The major versions before and after, where the former files are, and what only these have."""

    before: str
    after: str
    kept: Path
    not_copied: list[str]


def upgrade(
    data_dir: Path,
    given: Path | None,
    final: Sequence[CrossUserStatement],
    on_progress: OnProgress,
) -> Upgraded | str:
    """Copy the database of `data_dir`, migrate the copy, and run the `final` statements on it.

    The programs for the former files are in `given`, or in Duly itself. Returns the version if it
    is the included one already. Raises `StartupError` with the reason, and then nothing has changed.
    """
    server = Server(data_dir)
    with server.locked():
        cluster = server.cluster
        try:
            cluster.finish_exchange()
            before, after = cluster.version, cluster.major_version()
            if before is None:
                raise cluster.incomplete()
            if before == after:
                _discard(data_dir)
                return after
            binaries = find_binaries(before, after, cluster.directory, given)
            cluster.account.check_program(binaries / "postgres", f"PostgreSQL {before}")
            kept = data_dir / f"postgres.{before}"
            if kept.exists():
                raise StartupError(f"{kept} is in the way: move it elsewhere, or remove it")
            _discard(data_dir)
            former = Server(data_dir, binaries=binaries, settings=_READ_ONLY)
            not_copied = _copy(former, data_dir, final, on_progress)
            cluster.exchange(data_dir / WORK / "postgres", kept)
            _discard(data_dir)
        except OSError as error:
            raise StartupError(f"cannot upgrade the data in {data_dir}: {error}") from None
    on_progress(1.0, "done")
    return Upgraded(before, after, kept, not_copied)


def _discard(data_dir: Path) -> None:
    """Remove a copy that was not put in place, and stop what a killed run left working in it."""
    shutil.rmtree(data_dir / UPGRADED, ignore_errors=True)
    if (data_dir / WORK).exists():
        Server(data_dir / WORK).cluster.discard()
        shutil.rmtree(data_dir / WORK)


def _copy(
    former: Server, data_dir: Path, final: Sequence[CrossUserStatement], on_progress: OnProgress
) -> list[str]:
    """Make the copy. Return what it lacks. If this fails, only the log of its server is left."""
    fresh = Server(data_dir / WORK, account=former.cluster.account, settings=_UNLOGGED)
    file = data_dir / WORK / "database.dump"
    on_progress(0.0, "starting")
    with former.started():
        not_copied = _examine(data_dir)
        try:
            with fresh.locked(), fresh.started():
                _fill(data_dir, file, final, on_progress)
        except BaseException:
            file.unlink(missing_ok=True)
            fresh.cluster.discard()
            raise
    return not_copied


def _examine(data_dir: Path) -> list[str]:
    """Return what the copy will lack. Raises `StartupError` if there can be no copy."""
    dsn = embedded_dsn(data_dir)
    if migrations.revision_of(dsn) is None:
        raise StartupError(
            f"there is nothing to upgrade: the database in {data_dir} has no tables of Duly"
        )
    with connected(dsn) as connection:
        ((size,),) = connection.execute(_SIZE).fetchall()
        # The tables once more, and their dump.
        needed, free = 2 * size + _EMPTY_CLUSTER, shutil.disk_usage(data_dir).free
        if free < needed:
            raise StartupError(
                f"the copy needs up to {readable(needed)} of space beside the former data, and "
                f"{readable(free)} are free in {data_dir}"
            )
        return [name for (name,) in connection.execute(_NOT_COPIED)]


def _fill(
    data_dir: Path, file: Path, final: Sequence[CrossUserStatement], on_progress: OnProgress
) -> None:
    former, fresh = embedded_dsn(data_dir), embedded_dsn(data_dir / WORK)
    file.touch(mode=0o600)
    backups.dump_all(former, file, lambda part, what: on_progress(0.3 * part, f"reading {what}"))
    target = restores.find_target(fresh, is_replacing=False)
    contents = restores.contents_of(file, target)
    restores.load(
        contents, target, (), lambda part, what: on_progress(0.3 + 0.5 * part, f"writing {what}")
    )
    file.unlink()
    _compare(former, fresh, lambda part, what: on_progress(0.8 + 0.15 * part, f"comparing {what}"))
    on_progress(0.95, "migrating")
    migrations.upgrade(fresh)
    with connected(fresh) as connection:
        cursor = ClientCursor(connection)
        for statement in final:
            cursor.execute(statement.sql, dict(statement.constants))


def _compare(former: str, fresh: str, on_progress: OnProgress) -> None:
    """Raise `StartupError` unless the tables of both databases have the same rows."""
    with connected(former) as one, connected(fresh) as other:
        tables = one.execute(_TABLES).fetchall()
        if other.execute(_TABLES).fetchall() != tables:
            raise StartupError("the copy does not have the tables of the former data")
        for number, (schema, name) in enumerate(tables):
            on_progress(number / len(tables), name)
            if _content(one, schema, name) != _content(other, schema, name):
                raise StartupError(f"the copy of {name} does not have the rows of the former data")


def _content(connection: psycopg.Connection[Any], schema: str, name: str) -> object:
    """The number of rows of a table, and a checksum of them in any order."""
    return connection.execute(sql.SQL(_CONTENT).format(sql.Identifier(schema, name))).fetchone()
