"""`duly status`, of a server as it runs for people."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from tests.support.databases import fresh_database
from tests.support.launcher import start
from tests.support.programs import DULY, PATIENCE, run, serving
from tests.support.scraping import Scraped, scraped
from tests.support.servers import SECRET


@pytest.fixture(scope="module")
def running(dsn: str) -> Iterator[Scraped]:
    with scraped(dsn, workers=2) as found:
        found.comes_to(20, "duly_pool_capacity")
        yield found


def environment(running: Scraped, dsn: str, **settings: str) -> dict[str, str]:
    """That of the server, so that the command finds it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DULY_", "DATABASE_"))}
    return {
        **kept,
        "COLUMNS": "200",
        "DATABASE_URL": dsn,
        "DULY_SECRET_KEY": SECRET,
        "DULY_PORT": str(httpx.URL(running.server.url).port),
        "DULY_METRICS_PORT": str(httpx.URL(running.url).port),
        **settings,
    }


def status_of(running: Scraped, dsn: str, **settings: str) -> tuple[int, dict[str, str]]:
    """The exit status of the command, and its rows."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with start([DULY, "status"], env=environment(running, dsn, **settings), **pipes) as process:
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert stderr == ""
    return process.returncode, rows_of(stdout)


def rows_of(text: str) -> dict[str, str]:
    rows = re.findall(r"^(\S+(?: \S+)?) {2,}(.*?) *$", text, re.MULTILINE)
    return dict(rows)


def test_status_shows_the_service_its_database_and_its_load(running: Scraped, dsn: str) -> None:
    code, rows = status_of(running, dsn)

    assert code == 0
    assert rows["Duly"] == f"{version('duly')}, ready on {running.server.url}"
    assert re.fullmatch(r".+, PostgreSQL \d+\.\d.*, [\d.]+ [kM]B", rows["Database"])
    assert re.fullmatch(r"revision \d{4}", rows["Schema"])
    assert re.fullmatch(r"[1-9]\d* of \d+ that the server allows", rows["Connections"])
    assert re.fullmatch(r"2 of 2, 0 died, up \d+ (s|min)", rows["Workers"])
    assert rows["Pool"] == "0 of 20 connections in use, 0 requests wait"
    assert rows["Requests"] == "0.0/s, 0.0% failed"
    assert rows["Streams"] == "0 open"
    assert rows["Last backup"] == "none here: see those of the database"


@pytest.mark.slow
def test_status_shows_requests_of_its_interval(running: Scraped, dsn: str) -> None:
    pipes = {"stdout": subprocess.PIPE, "text": True}
    # From an address of its own, since many responses without a user are delayed.
    with start([DULY, "status"], env=environment(running, dsn), **pipes) as process:
        with httpx.Client() as client:
            while process.poll() is None:
                client.get(f"{running.server.url}/")
                time.sleep(0.1)
        rows = rows_of(process.communicate()[0])

    found = re.fullmatch(r"(\d+\.\d)/s, p99 (.+) ms, 0\.0% failed", rows["Requests"])
    assert found
    assert 1 < float(found[1]) < 15
    assert 0 < float(found[2]) < 5_000


def test_without_the_port_status_says_how_to_see_the_load(running: Scraped, dsn: str) -> None:
    code, rows = status_of(running, dsn, DULY_METRICS_PORT="")

    assert code == 0
    assert "set DULY_METRICS_PORT and restart Duly" in rows["Load"]
    assert "Requests" not in rows


def test_server_that_does_not_run_is_reported(running: Scraped, dsn: str) -> None:
    code, rows = status_of(running, dsn, DULY_PORT="9", DULY_METRICS_PORT="10")

    assert code == 1
    assert rows["Duly"] == f"{version('duly')}, no response from http://127.0.0.1:9"
    assert rows["Load"] == "no metrics at http://127.0.0.1:10/metrics"
    assert rows["Schema"].startswith("revision ")


def test_port_of_another_program_is_not_taken_for_metrics(running: Scraped, dsn: str) -> None:
    own = str(httpx.URL(running.server.url).port)
    code, rows = status_of(running, dsn, DULY_PORT="9", DULY_METRICS_PORT=own)

    assert code == 1
    assert rows["Load"] == f"no metrics at http://127.0.0.1:{own}/metrics"


def test_missing_schema_and_unreachable_database_are_reported(running: Scraped, dsn: str) -> None:
    with fresh_database(dsn) as empty:
        _, rows = status_of(running, empty)
    assert re.fullmatch(r"missing; this version needs \d{4}", rows["Schema"])

    secret = "postgresql://duly:hunter2@127.0.0.1:9/duly"
    code, rows = status_of(running, secret)
    assert code == 0
    assert rows["Database"].startswith("cannot reach 127.0.0.1:9/duly: ")
    assert "hunter2" not in str(rows)


@pytest.mark.slow
def test_watching_looks_again_until_it_is_interrupted(running: Scraped, dsn: str) -> None:
    import pty

    own, other = pty.openpty()
    shown = b""
    with start(
        [DULY, "status", "--watch"], env=environment(running, dsn), stdout=other, stderr=other
    ) as process:
        os.close(other)
        try:
            deadline = time.monotonic() + PATIENCE
            while shown.count(b"Last backup") < 3:
                assert time.monotonic() < deadline
                shown += os.read(own, 65_536)
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 0
        finally:
            os.close(own)
    assert b"Traceback" not in shown


@pytest.mark.slow
def test_last_backup_of_the_embedded_database_is_shown() -> None:
    with TemporaryDirectory() as parent:
        Path(parent).chmod(0o711)
        data_dir, file = Path(parent) / "data", Path(parent) / "backup"
        with serving(data_dir) as server:
            port = server.url.rpartition(":")[2]
            before = run("status", data_dir=data_dir, DULY_PORT=port, COLUMNS="200")
            assert run("backup", str(file), data_dir=data_dir).returncode == 0
            after = run("status", data_dir=data_dir, DULY_PORT=port, COLUMNS="200")

        stopped = run("status", data_dir=data_dir, DULY_PORT=port, COLUMNS="200")

    assert rows_of(before.stdout)["Last backup"] == "none yet"
    assert re.fullmatch(rf"\d+ s ago, {file}", rows_of(after.stdout)["Last backup"])
    assert stopped.returncode == 1
    assert rows_of(stopped.stdout)["Database"] == f"{data_dir}, not running"


def test_directory_without_a_database_is_one_line() -> None:
    with TemporaryDirectory() as empty:
        done = run("status", data_dir=Path(empty) / "none")

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "there is no database in" in done.stderr
