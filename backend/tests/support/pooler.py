"""PgBouncer in transaction mode before the run's database, as Neon's default DSN has it."""

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

PROGRAMS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
_PORT = 6432  # only names the socket file
_CONFIG = """
[databases]
* = host={host} port={port} user={user}

[pgbouncer]
listen_port = {own_port}
unix_socket_dir = {directory}
auth_type = any
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 500
{settings}
"""


@dataclass(frozen=True)
class Pooler:
    """A PgBouncer that is started again when it dies. `dsn` leads through it."""

    dsn: str
    processes: list[subprocess.Popen[bytes]]

    def kill(self) -> None:
        """Kill the running process."""
        self.processes[-1].kill()


@contextmanager
def pooled(dsn: str, size: int = 10) -> Iterator[str]:
    """Run PgBouncer in front of the database of `dsn` for the block; yields the DSN through it."""
    with pooler(dsn, size) as running:
        yield running.dsn


@contextmanager
def pooler(dsn: str, size: int = 10, settings: str = "") -> Iterator[Pooler]:
    """Run PgBouncer in front of the database of `dsn` for the block.

    `settings` are further lines of its configuration.
    """
    program = shutil.which("pgbouncer", path=PROGRAMS)
    if program is None:
        pytest.skip("pgbouncer is not installed")
    place = {"port": "5432", **conninfo_to_dict(dsn)}
    owner = Path(str(place["host"])).stat()
    with tempfile.TemporaryDirectory(prefix="pgb-", dir="/tmp") as name:
        directory = Path(name)
        config = directory / "pgbouncer.ini"
        config.write_text(
            _CONFIG.format(**place, own_port=_PORT, directory=name, size=size, settings=settings)
        )
        account: dict[str, Any] = {}
        if os.geteuid() == 0:
            # It refuses to run as root; and the database's socket is its account's alone.
            os.chown(directory, owner.st_uid, owner.st_gid)
            config.chmod(0o644)
            account = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        through = (
            f"postgresql:///{place['dbname']}?user={place['user']}"
            f"&host={quote(name, safe='')}&port={_PORT}"
        )
        with _kept_running([program, str(config)], directory / "log", account) as processes:
            _wait_until_ready(through)
            yield Pooler(through, processes)


@contextmanager
def _kept_running(
    command: list[str], log: Path, account: dict[str, Any]
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run it, and again when it dies, as its supervisor would: of cancelled queries 1.18 can."""
    over = threading.Event()
    processes: list[subprocess.Popen[bytes]] = []

    def run() -> None:
        while not over.is_set():
            with log.open("ab") as output:
                processes.append(
                    subprocess.Popen(command, stdout=output, stderr=output, **account)
                )
            while processes[-1].poll() is None and not over.wait(0.05):
                pass

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield processes
    finally:
        over.set()
        thread.join()
        processes[-1].terminate()
        processes[-1].wait(10)


def _wait_until_ready(dsn: str) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
                connection.execute("SELECT 1")
                return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.02)
