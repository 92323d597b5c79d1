"""The migrations of the schema, and how to apply them.

Alembic is imported only if there is something to apply: a server has no further use for it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, create_engine, pool
from sqlalchemy.exc import DBAPIError

from duly.core.errors import StartupError

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.runtime.migration import MigrationInfo

_OLDEST_SERVER = (15,)

# Any number, as long as nothing else takes the same advisory lock.
_LOCK = 4_420_771_863
_POLL_INTERVAL = 0.2


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The revisions before and after an upgrade. `before` is None for an empty database."""

    before: str | None
    after: str


def upgrade(dsn: str, revision: str = "head") -> Upgrade:
    """Bring the schema to `revision`. Concurrent calls wait for each other.

    One that was interrupted continues when it is called again. Raises `StartupError` if the
    database cannot be reached, has a schema that this version does not know, or rejects a statement.
    """
    with connected(dsn) as connection:
        found = _check_known(connection)
        if revision == "head" and found == revisions()[-1]:
            return Upgrade(found, found)
        from alembic import command

        with alone(dsn):
            config = _config(connection)
            command.upgrade(config, revision)
        after = _current(connection)
    assert after is not None
    applied: list[MigrationInfo] = config.attributes["applied"]
    return Upgrade(next(iter(applied[0].down_revision_ids), None) if applied else after, after)


def downgrade(dsn: str, revision: str = "base") -> None:
    """Take the schema back to `revision`, and with it the data that it can't hold.

    Raises `StartupError` as `upgrade` does, and for a revision that the schema has not had.
    """
    from alembic import command

    with connected(dsn) as connection:
        found = _check_known(connection)
        if revision not in ("base", *(one for one in revisions() if one <= (found or ""))):
            raise StartupError(
                f"the revision must be one of those up to {found}, the current one"
                if found
                else "the database has no schema that could be taken back"
            )
        with alone(dsn):
            command.downgrade(_config(connection), revision)


def complete(dsn: str) -> None:
    """Complete and repair what instances of the previous release have written since the upgrade.

    They do not know `labels.name_key`, subtasks, lists and the labels of tasks. Raises
    `StartupError` as `upgrade` does.
    """
    from duly.database.migrations.filling import fill_label_names
    from duly.database.migrations.repairs import repair_tasks

    with connected(dsn) as connection, alone(dsn):
        connection.execution_options(isolation_level="AUTOCOMMIT")
        driver = connection.connection.driver_connection
        assert driver is not None
        fill_label_names(driver)
        repair_tasks(driver)


def check(dsn: str) -> None:
    """Raise `StartupError` unless the schema is the one that this version needs."""
    found = revision_of(dsn)
    if found != revisions()[-1]:
        fault = "out of date" if found else "missing"
        raise StartupError(
            f"the database schema is {fault}; run `duly migrate` or set DULY_MIGRATE_AT_START=true"
        )


def is_current(dsn: str) -> bool:
    """Whether the schema is the one that this version needs, and not an older one.

    Raises `StartupError` if it is a newer one.
    """
    return revision_of(dsn) == revisions()[-1]


def newest_revision() -> str:
    """Return the revision of the schema that this version needs."""
    return revisions()[-1]


def revision_of(dsn: str) -> str | None:
    """Return the revision of the schema; None without one.

    Raises `StartupError` if it is newer than this version, or if the database cannot be reached.
    """
    with connected(dsn) as connection:
        return _check_known(connection)


def _check_known(connection: Connection) -> str | None:
    """Return the revision of the schema. Raise `StartupError` if a newer version made it."""
    found = _current(connection)
    known = revisions()
    if found is not None and found not in known:
        raise StartupError(
            f"the database schema has revision {found}, which is newer than Duly "
            f"{version('duly')}: the newest revision it knows is {known[-1]}; "
            "start the release of Duly that migrated the database, or restore a backup made "
            "before that"
        )
    return found


def _current(connection: Connection) -> str | None:
    """Return the revision in Alembic's own table."""
    exists = "SELECT to_regclass('alembic_version') IS NOT NULL"
    found: str | None = None
    if connection.exec_driver_sql(exists).scalar_one():
        select = "SELECT version_num FROM alembic_version"
        found = connection.exec_driver_sql(select).scalar_one_or_none()
    connection.rollback()
    return found


def revisions() -> list[str]:
    """Return all revisions in order; each file is named for its own."""
    files = (Path(__file__).parent / "versions").glob("[0-9]*.py")
    return sorted(file.stem.partition("_")[0] for file in files)


@contextmanager
def connected(dsn: str) -> Iterator[Connection]:
    """A SQLAlchemy connection for schema work. The DSN is libpq's, passed on as it is."""
    try:
        conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        # The message of libpq repeats parts of it.
        raise StartupError(
            "DATABASE_URL or DATABASE_DIRECT_URL has an option that libpq does not know; "
            "the part after the question mark takes sslmode, connect_timeout and others"
        ) from None
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: _connect(dsn), poolclass=pool.NullPool
    )
    try:
        with engine.connect() as connection:
            _check_server(connection)
            yield connection
    except (DBAPIError, psycopg.Error) as error:
        cause = getattr(error, "orig", error)
        reason = str(cause).strip().splitlines()[0]
        is_away = isinstance(cause, psycopg.OperationalError)
        fault = "cannot be reached" if is_away else "rejected the schema change"
        raise StartupError(f"the database {fault}: {reason}") from None


def _connect(dsn: str) -> psycopg.Connection[Any]:
    return psycopg.connect(
        dsn,
        prepare_threshold=None,
        connect_timeout=10,
        # The network must not drop a connection that waits for minutes.
        keepalives_idle=60,
        # Without an encoding, psycopg returns bytes from a database in SQL_ASCII.
        client_encoding="utf8",
    )


@contextmanager
def alone(dsn: str) -> Iterator[None]:
    """Keep other migrations of the database out for the block; wait for one that is running.

    A transaction of its own holds the lock, so that it works behind a transaction pooler. It does
    not wait for it: a statement that waits has a snapshot, and CREATE INDEX CONCURRENTLY in the
    other migration would wait for its end.
    """
    with _connect(dsn) as connection:
        while not _takes_lock(connection):
            connection.rollback()
            time.sleep(_POLL_INTERVAL)
        yield


def _takes_lock(connection: psycopg.Connection[Any]) -> bool:
    connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    # Without parameters, so by the simple protocol: the other one keeps the statement's snapshot.
    row = connection.execute(f"SELECT pg_try_advisory_xact_lock({_LOCK})".encode()).fetchone()
    return row is not None and bool(row[0])


def _check_server(connection: Connection) -> None:
    found = connection.dialect.server_version_info or (0,)
    if found < _OLDEST_SERVER:
        raise StartupError(f"PostgreSQL 15 or newer is required, this is {found[0]}")
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise StartupError(f"the database must have the encoding UTF8, not {encoding}")
    connection.rollback()


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    config.attributes["applied"] = []
    config.attributes["is_online"] = _current(connection) is not None
    return config
