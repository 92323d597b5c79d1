"""Databases of a test's own, on the server of the run."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from duly.database import embedded, migrations
from duly.utils.identifiers import new_id

_TEMPLATE = "duly_template"


def do_without_fsync(dsn: str) -> None:
    """Let the server of the run leave its writes to the kernel.

    Only a crash of the whole machine loses something then: killing PostgreSQL does not.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes"):
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.SQL(setting)))
        connection.execute("SELECT pg_reload_conf()")


@contextmanager
def fresh_database(dsn: str, template: str = "template1") -> Iterator[str]:
    """Create an empty database, or a copy of `template`; yield its DSN, then drop it."""
    name = f"test_{new_id().hex}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield _beside(dsn, name)
        finally:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))


@contextmanager
def migrated_database(dsn: str) -> Iterator[str]:
    """A database with the newest schema and no rows of users, dropped in the end."""
    _prepare_template(dsn)
    with fresh_database(dsn, _TEMPLATE) as own:
        yield own


def _prepare_template(dsn: str) -> None:
    """Migrate one database for all that are copied from it, which takes a tenth of the time."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [_TEMPLATE])
        found = "SELECT FROM pg_database WHERE datname = %s"
        if connection.execute(found, [_TEMPLATE]).fetchone() is None:
            with fresh_database(dsn) as own:
                migrations.upgrade(own)
                name = sql.Identifier(str(conninfo_to_dict(own)["dbname"]))
                create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
                connection.execute(create.format(sql.Identifier(_TEMPLATE), name))


def _beside(dsn: str, name: str) -> str:
    """The DSN of another database on the same server."""
    return dsn.replace("/duly?", f"/{name}?")


def schema_of(dsn: str) -> str:
    """What `pg_dump` says of the schema, save for Alembic's own table."""
    dumped = subprocess.run(
        [
            embedded._binaries() / "pg_dump",
            "--schema-only",
            "--no-owner",
            "--restrict-key=none",
            "--exclude-table=alembic_version",
            dsn,
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    return dumped.stdout
