"""Databases of a test's own, on the server of the run."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from duly.database import embedded
from duly.utils.identifiers import new_id


@contextmanager
def fresh_database(dsn: str) -> Iterator[str]:
    """An empty database, dropped in the end; gives its DSN."""
    name = f"test_{new_id().hex}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield dsn.replace("/duly?", f"/{name}?")
        finally:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))


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
