"""PgBouncer in transaction mode before the run's database, as Neon's default DSN has it."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
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
"""


@contextmanager
def pooled(dsn: str, size: int = 10) -> Iterator[str]:
    """PgBouncer before the database of `dsn`, ended with the block; gives the DSN through it."""
    program = shutil.which("pgbouncer", path=_PATH)
    if program is None:
        pytest.skip("pgbouncer is not installed")
    place = {"port": "5432", **conninfo_to_dict(dsn)}
    owner = Path(str(place["host"])).stat()
    with tempfile.TemporaryDirectory(prefix="pgb-", dir="/tmp") as name:
        directory = Path(name)
        config = directory / "pgbouncer.ini"
        config.write_text(_CONFIG.format(**place, own_port=_PORT, directory=name, size=size))
        account: dict[str, Any] = {}
        if os.geteuid() == 0:
            # It refuses to run as root; and the database's socket is its account's alone.
            os.chown(directory, owner.st_uid, owner.st_gid)
            config.chmod(0o644)
            account = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen([program, config], stdout=log, stderr=log, **account)
        through = (
            f"postgresql:///{place['dbname']}?user={place['user']}"
            f"&host={quote(name, safe='')}&port={_PORT}"
        )
        try:
            _wait_until_ready(through, process)
            yield through
        finally:
            process.terminate()
            process.wait(10)


def _wait_until_ready(dsn: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
                connection.execute("SELECT 1")
                return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
        time.sleep(0.02)
