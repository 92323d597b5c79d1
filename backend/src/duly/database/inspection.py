"""What an operator should know of a database: how it is reached, its clock, its statistics."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import errors
from psycopg.rows import dict_row

from duly.database.backups import TABLES, connected

_PING_COUNT = 3
_MANY_ROWS = 1_000
_MANY_DEAD_ROWS = 10_000

_SERVER = """
    SELECT current_setting('server_version') AS version,
        current_user::text AS role,
        current_setting('autovacuum')::bool AND current_setting('track_counts')::bool
            AS has_autovacuum,
        current_setting('client_connection_check_interval') AS check_interval,
        current_setting('max_connections')::int
            - current_setting('superuser_reserved_connections')::int AS max_connections,
        pg_is_in_recovery() AS is_replica,
        pg_database_size(current_database()) AS size,
        (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()) AS xid_age,
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
            AS connections,
        (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user) AS role_limit
"""
# Rows that were never counted are estimated by pages of 8 KiB.
_TABLES = """
    SELECT c.relname,
        c.reltuples < 0 AND c.relpages > 0
            OR s.n_live_tup >= %s AND s.last_analyze IS NULL AND s.last_autoanalyze IS NULL
                AND c.reltuples < s.n_live_tup / 2 AS is_unknown,
        s.n_dead_tup > greatest(%s, s.n_live_tup / 2) AS is_bloated,
        coalesce('autovacuum_enabled=false' = ANY(c.reloptions), false) AS is_excluded
    FROM unnest(%s::text[]) AS name
    JOIN pg_class c ON c.oid = to_regclass(quote_ident(name))
    JOIN pg_stat_user_tables s ON s.relid = c.oid
    ORDER BY c.relname
"""
_EPOCH = "SELECT epoch FROM installations"


@dataclass(frozen=True, slots=True)
class Tables:
    """Names of tables about which something should be done."""

    unknown: list[str]
    """Without statistics."""
    bloated: list[str]
    """Most of whose rows are dead."""
    excluded: list[str]
    """That autovacuum leaves out."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found out about a database, through one connection to it."""

    version: str
    role: str
    has_autovacuum: bool
    check_interval: str
    max_connections: int
    is_replica: bool
    size: int
    xid_age: int
    connections: int
    role_limit: int | None
    is_direct: bool
    """Whether no pooler is in between."""
    is_encrypted: bool
    is_local: bool
    """Whether the server is on this machine, as far as its address says."""
    round_trip: float
    """Seconds."""
    clock_ahead: float
    """Seconds by which the server's clock is ahead of ours."""
    epoch: str | None
    tables: Tables


def inspect(dsn: str) -> Facts:
    """Connect and look. Raises `StartupError` if the database cannot be reached."""
    with connected(dsn) as connection:
        return _inspect(connection)


def _inspect(connection: psycopg.Connection[Any]) -> Facts:
    pid = connection.execute("SELECT pg_backend_pid()").fetchone()
    round_trip, clock_ahead = _clock(connection)
    found: Any = connection.cursor(row_factory=dict_row).execute(_SERVER).fetchone()
    return Facts(
        **found,
        is_direct=pid is not None and pid[0] == connection.info.backend_pid,
        is_encrypted=bool(connection.pgconn.ssl_in_use),
        is_local=_is_local(connection.info),
        round_trip=round_trip,
        clock_ahead=clock_ahead,
        epoch=_epoch(connection),
        tables=_tables(connection),
    )


def prepared_statements_work(dsn: str) -> bool:
    """Whether what one transaction prepares can be used in the next, also by another process."""
    with connected(dsn) as first, connected(dsn) as second:
        first.prepare_threshold = 0
        try:
            first.execute("SELECT 1")
            with second.transaction():  # keeps the process that was used before
                second.execute("SELECT 1")
                first.execute("SELECT 1")
        except (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement):
            return False
    return True


def _clock(connection: psycopg.Connection[Any]) -> tuple[float, float]:
    """The time of the fastest of some round trips, and by how much the server's clock is ahead."""
    measured = []
    for _ in range(_PING_COUNT):
        began, now = time.perf_counter(), datetime.now(UTC)
        row = connection.execute("SELECT clock_timestamp()").fetchone()
        seconds = time.perf_counter() - began
        assert row is not None
        measured.append((seconds, (row[0] - now).total_seconds() - seconds / 2))
    return min(measured)


def _epoch(connection: psycopg.Connection[Any]) -> str | None:
    try:
        row = connection.execute(_EPOCH).fetchone()
    except errors.UndefinedTable:
        return None
    return None if row is None else str(row[0])


def _tables(connection: psycopg.Connection[Any]) -> Tables:
    found = connection.execute(_TABLES, [_MANY_ROWS, _MANY_DEAD_ROWS, TABLES]).fetchall()
    return Tables(
        [name for name, is_unknown, _, _ in found if is_unknown],
        [name for name, _, is_bloated, _ in found if is_bloated],
        [name for name, _, _, is_excluded in found if is_excluded],
    )


def _is_local(info: psycopg.ConnectionInfo) -> bool:
    return (
        info.host.startswith(("/", "@"))
        or info.hostaddr.startswith("127.")
        or info.hostaddr == "::1"
    )
