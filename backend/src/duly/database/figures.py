"""What `duly status` shows of the database."""

from dataclasses import dataclass
from datetime import datetime

import psycopg

from duly.core.errors import StartupError
from duly.database.failures import summary
from duly.database.names import name_of

_CONNECT_TIMEOUT = 3
_READ = """
SELECT current_setting('server_version') AS version,
       pg_database_size(current_database()) AS size,
       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS connections,
       current_setting('max_connections')::int AS max_connections,
       (SELECT last_archived_time FROM pg_stat_archiver) AS last_archived
"""
_TABLE = "SELECT to_regclass('alembic_version') IS NOT NULL"
_REVISION = "SELECT version_num FROM alembic_version"


@dataclass(frozen=True, slots=True)
class Figures:
    """A look at the database. `revision` is that of the schema; None without one."""

    version: str
    size: int
    """In bytes."""

    connections: int
    max_connections: int
    last_archived: datetime | None
    """When PostgreSQL last archived a piece of its log, for backups to a point in time."""

    revision: str | None


def read(dsn: str) -> Figures:
    """Look at the database. Raises `StartupError` if it cannot be reached."""
    try:
        with psycopg.connect(
            dsn, autocommit=True, connect_timeout=_CONNECT_TIMEOUT, prepare_threshold=None
        ) as connection:
            row = connection.execute(_READ).fetchone()
            found = connection.execute(_TABLE).fetchone()
            revision = connection.execute(_REVISION).fetchone() if found and found[0] else None
    except psycopg.Error as error:
        raise StartupError(f"cannot reach {name_of(dsn)}: {summary(error)}") from None
    assert row is not None
    server, size, connections, most, archived = row
    known = None if revision is None else str(revision[0])
    return Figures(server, size, connections, most, archived, known)
