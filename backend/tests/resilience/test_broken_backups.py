"""`duly backup` and `duly restore`, killed in the middle, and on a full disk; and their progress."""

import os
import pty
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from duly.database import embedded
from tests.support.full_database import MANY, fill
from tests.support.programs import (
    DULY,
    PATIENCE,
    environment,
    postmaster_of,
    run,
    started,
    the_line,
    until,
)
from tests.support.small_disks import small_disk_or_skip

pytestmark = pytest.mark.slow


@pytest.fixture
def large(tmp_path: Path) -> Iterator[str]:
    """The DSN of a running embedded database with many tasks."""
    data_dir = tmp_path / "data"
    with embedded.running(data_dir) as dsn:
        assert run("migrate", data_dir=data_dir).returncode == 0
        fill(data_dir)
        yield dsn


def is_writing(dsn: str, program: str) -> bool:
    """Whether a program of a command copies tasks."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_progress_copy JOIN pg_stat_activity USING (pid) "
            "WHERE application_name LIKE %s",
            [f"{program}%"],
        ).fetchone()
    return found != (0,)


@pytest.mark.parametrize("victim", ["duly", "psql", "pg_restore"])
def test_restore_that_is_killed_changes_nothing(large: str, tmp_path: Path, victim: str) -> None:
    file, data_dir = tmp_path / "duly.backup", tmp_path / "data"
    assert run("backup", str(file), data_dir=data_dir).returncode == 0
    with psycopg.connect(large) as connection:
        connection.execute("UPDATE tasks SET title = 'since' WHERE title = '7'")

    with started("restore", "--replace", str(file), DULY_DATA_DIR=str(data_dir)) as process:
        until(lambda: is_writing(large, "duly restore"))
        if victim == "duly":
            process.kill()
        else:
            subprocess.run(["pkill", "-KILL", "-P", str(process.pid), "-x", victim], check=True)
        _, errors = process.communicate(timeout=PATIENCE)

    assert process.returncode != 0
    assert b"Traceback" not in errors
    until(
        lambda: (
            count(large, "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'") == 0
        )
    )
    assert count(large, "SELECT count(*) FROM tasks") == MANY
    assert count(large, "SELECT count(*) FROM tasks WHERE title = 'since'") == 1


@pytest.mark.parametrize("command", ["backup", "restore"])
@pytest.mark.parametrize("is_server", [False, True], ids=["connections", "server"])
def test_database_that_dies_in_the_middle_is_one_line(
    large: str, tmp_path: Path, command: str, is_server: bool
) -> None:
    file, data_dir = tmp_path / "duly.backup", tmp_path / "data"
    assert run("backup", str(file), data_dir=data_dir).returncode == 0
    before = file.read_bytes()

    arguments = [command, *(["--replace"] if command == "restore" else []), str(file)]
    with started(*arguments, DULY_DATA_DIR=str(data_dir)) as process:
        until(lambda: is_writing(large, f"duly {command}"))
        if is_server:
            os.kill(postmaster_of(data_dir), signal.SIGKILL)
        else:
            end_connections(large)
        _, errors = process.communicate(timeout=PATIENCE)

    assert process.returncode == 1
    lines = errors.decode().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("duly: ")
    assert file.read_bytes() == before
    assert [found.name for found in tmp_path.glob("*backup*")] == ["duly.backup"]
    if not is_server:
        assert count(large, "SELECT count(*) FROM tasks") == MANY


def end_connections(dsn: str) -> None:
    """End all connections but this one."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def count(dsn: str, query: str) -> int:
    with psycopg.connect(dsn) as connection:
        found = connection.execute(query.encode()).fetchone()
    assert found is not None
    return int(found[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_backup_that_is_stopped_leaves_no_file(
    large: str, tmp_path: Path, number: signal.Signals
) -> None:
    with psycopg.connect(large) as holder:
        holder.execute("LOCK TABLE tasks")
        with started("backup", "duly.backup", DULY_DATA_DIR=str(tmp_path / "data")) as process:
            until(lambda: [*Path.cwd().glob(".duly.backup.*")])
            process.send_signal(number)
            _, errors = process.communicate(timeout=PATIENCE)

    assert process.returncode == 128 + number
    assert b"Traceback" not in errors
    assert not [*Path.cwd().glob("*duly.backup*")]


@pytest.mark.usefixtures("large")
def test_backup_on_a_full_disk_fails_in_one_line_and_keeps_the_former_one(tmp_path: Path) -> None:
    place = tmp_path / "small"
    with small_disk_or_skip(place, "256k"):
        (place / "duly.backup").write_text("the former one")

        line = the_line(run("backup", str(place / "duly.backup"), data_dir=tmp_path / "data"))

        assert "No space left on device" in line
        assert [file.read_text() for file in place.iterdir()] == ["the former one"]


def test_restore_on_a_full_disk_fails_in_one_line_and_changes_nothing(
    large: str, tmp_path: Path
) -> None:
    file, empty = tmp_path / "duly.backup", tmp_path / "empty.backup"
    assert run("backup", str(file), data_dir=tmp_path / "data").returncode == 0
    with psycopg.connect(large) as connection:
        connection.execute("DELETE FROM tasks")
    assert run("backup", str(empty), data_dir=tmp_path / "data").returncode == 0
    place = tmp_path / "small"
    with small_disk_or_skip(place, "120m"):
        data_dir = place / "data"
        assert run("restore", str(empty), data_dir=data_dir).returncode == 0
        ballast = place / "ballast"
        with ballast.open("wb") as opened:
            free = shutil.disk_usage(place).free
            opened.write(bytes(free - 18 * 2**20))

        line = the_line(run("restore", "--replace", str(file), data_dir=data_dir))

        assert "no space left on device" in line.lower()
        ballast.unlink()
        with embedded.running(data_dir) as dsn:
            assert count(dsn, "SELECT count(*) FROM users") == 1
            assert count(dsn, "SELECT count(*) FROM tasks") == 0


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("command", [("backup",), ("restore", "--replace")], ids=" ".join)
def test_progress_is_shown_on_a_terminal(tmp_path: Path, command: tuple[str, ...]) -> None:
    file, data_dir = tmp_path / "duly.backup", tmp_path / "data"
    assert run("backup", str(file), data_dir=data_dir).returncode == 0
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [DULY, *command, file],
        env=environment(DULY_DATA_DIR=str(data_dir), TERM="xterm", COLUMNS="100"),
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b"".join(iter(lambda: read(ours), b""))
        assert process.stdout is not None
        assert process.stdout.read().startswith((b"Backed up ", b"Restored "))
    os.close(ours)

    assert process.returncode == 0
    assert b"%" in shown
    assert (b"Backing up" if command == ("backup",) else b"Restoring") in shown


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other side is closed
        return b""
