"""The migrations of the schema, and how to apply them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import ScriptDirectory
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, create_engine, pool
from sqlalchemy.exc import DBAPIError

from duly.core.errors import StartupError

_OLDEST_SERVER = (15,)


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The revisions before and after an upgrade. `before` is None for an empty database."""

    before: str | None
    after: str


def upgrade(dsn: str, revision: str = "head") -> Upgrade:
    """Bring the schema to `revision`. Concurrent calls wait for each other.

    Raises `StartupError` if the database cannot be reached, has a schema that this version does not
    know, or rejects a statement.
    """
    with connected(dsn) as connection:
        _check_known(connection)
        config = _config(connection)
        command.upgrade(config, revision)
        after = MigrationContext.configure(connection).get_current_revision()
    assert after is not None
    applied: list[MigrationInfo] = config.attributes["applied"]
    return Upgrade(next(iter(applied[0].down_revision_ids), None) if applied else after, after)


def downgrade(dsn: str, revision: str = "base") -> None:
    """Take the schema back to `revision`, and with it the data that it can't hold.

    Raises `StartupError` as `upgrade` does.
    """
    with connected(dsn) as connection:
        _check_known(connection)
        command.downgrade(_config(connection), revision)


def check(dsn: str) -> None:
    """Raise `StartupError` unless the schema is the one that this version needs."""
    found = _revision_of(dsn)
    if found != _head():
        fault = "out of date" if found else "missing"
        raise StartupError(
            f"the database schema is {fault}; run `duly migrate` or set DULY_MIGRATE_AT_START=true"
        )


def is_current(dsn: str) -> bool:
    """Whether the schema is the one that this version needs, and not an older one.

    Raises `StartupError` if it is a newer one.
    """
    return _revision_of(dsn) == _head()


def _revision_of(dsn: str) -> str | None:
    with connected(dsn) as connection:
        return _check_known(connection)


def _head() -> str | None:
    return _script().get_current_head()


def _check_known(connection: Connection) -> str | None:
    """Return the revision of the schema. Raise `StartupError` if a newer version made it."""
    found = MigrationContext.configure(connection).get_current_revision()
    connection.rollback()
    known = {step.revision for step in _script().walk_revisions()}
    if found is not None and found not in known:
        raise StartupError(
            f"the database schema has revision {found}, which is newer than Duly "
            f"{version('duly')}: the newest revision it knows is {_head()}; "
            "start the release of Duly that migrated the database, or restore a backup made "
            "before that"
        )
    return found


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


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
        "postgresql+psycopg://",
        # Without an encoding, psycopg returns bytes from a database in SQL_ASCII.
        creator=lambda: psycopg.connect(
            dsn, prepare_threshold=None, connect_timeout=10, client_encoding="utf8"
        ),
        poolclass=pool.NullPool,
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


def _check_server(connection: Connection) -> None:
    found = connection.dialect.server_version_info or (0,)
    if found < _OLDEST_SERVER:
        raise StartupError(f"PostgreSQL 15 or newer is required, this is {found[0]}")
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise StartupError(f"the database must have the encoding UTF8, not {encoding}")
    connection.rollback()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    config.attributes["applied"] = []
    return config
