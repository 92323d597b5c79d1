"""A PostgreSQL of the system, older than the one that Duly includes, which encrypts connections."""

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.programs import free_port, until

_CERTIFICATE = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost"


@contextmanager
def other_server(directory: Path) -> Iterator[str]:
    """Run it over `directory`, and yield the DSN of an empty database. Skips if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found or os.geteuid() != 0:
        pytest.skip("there is no other PostgreSQL, or no permission to run it as its own account")
    programs, files = found[-1].parent, directory / "other"
    account: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []}
    files.mkdir(mode=0o700)
    os.chown(files, pwd.getpwnam("postgres").pw_uid, pwd.getpwnam("postgres").pw_gid)
    data = files / "data"
    initdb = f"{programs}/initdb -D {data} -U duly -A trust -E UTF8 --locale=C"
    openssl = f"{_CERTIFICATE} -keyout {data}/server.key -out {data}/server.crt"
    for command in (initdb.split(), openssl.split()):
        subprocess.run(command, check=True, capture_output=True, cwd=files, **account)
    port = free_port()
    settings = {"ssl": "on", "port": port, "unix_socket_directories": files, "fsync": "off"}
    arguments = [f"--{name}={value}" for name, value in settings.items()]
    with (files / "log").open("wb") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, *arguments],
            stdout=log,
            stderr=log,
            cwd=files,
            **account,
        )
    try:
        until((data / "postmaster.pid").exists)
        until(lambda: "ready" in (data / "postmaster.pid").read_text())
        server = f"postgresql://duly@127.0.0.1:{port}"
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE duly")
        yield f"{server}/duly"
    finally:
        process.terminate()
        process.wait(30)
