"""`duly backup` and `duly restore` beside a server that works, killed in the middle, and on a full disk."""

import os
import pty
import signal
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from duly.database import embedded
from tests.support.previous_release import insert_tasks, insert_user
from tests.support.programs import (
    DULY,
    PATIENCE,
    Server,
    environment,
    run,
    serving,
    the_line,
    until,
)

pytestmark = pytest.mark.slow
SKIPPED = 2**32
MANY = 40_000


@dataclass
class Writer:
    """Creates tasks one after the other, each named for its number, and deletes every third."""

    url: str
    token: str
    acknowledged: int = 0
    failures: list[Any] = field(default_factory=list)

    def write(self, stopped: threading.Event) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        with httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=60) as client:
            while not stopped.is_set():
                made = client.post("/tasks", json={"title": str(self.acknowledged)})
                if made.status_code != 201:
                    self.failures.append(made)
                    return
                if self.acknowledged % 3 == 0:
                    client.delete(f"/tasks/{made.json()['id']}?permanent=true")
                self.acknowledged += 1


@contextmanager
def writing(server: Server, number: int) -> Iterator[list[Writer]]:
    """Writers of an account each, at work in the block."""
    stopped = threading.Event()
    writers = []
    for position in range(number):
        session = server.register(f"writer-{position}@example.com").json()
        writers.append(Writer(server.url, session["access_token"]))
    threads = [threading.Thread(target=writer.write, args=[stopped]) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        yield writers
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def test_backup_under_load_restores_to_one_moment(tmp_path: Path) -> None:
    file, restored = tmp_path / "duly.backup", tmp_path / "restored"
    # Nobody reads its log, and a full pipe would stop it.
    options = {"DULY_RATE_LIMIT": "off", "DULY_LOG_LEVEL": "warning"}
    with serving(tmp_path / "data", **options) as server:
        fill(server.data_dir)
        with writing(server, 3) as writers:
            until(lambda: all(writer.acknowledged > 20 for writer in writers))
            before = [writer.acknowledged for writer in writers]
            assert run("backup", str(file), data_dir=server.data_dir).returncode == 0
            after = [writer.acknowledged + 1 for writer in writers]
            until(lambda: all(one.acknowledged > n for one, n in zip(writers, after, strict=True)))
        assert not any(writer.failures for writer in writers)

    assert all(one < other - 3 for one, other in zip(before, after, strict=True))

    done = run("restore", str(file), data_dir=restored)

    assert done.returncode == 0, done
    with embedded.running(restored) as dsn, psycopg.connect(dsn) as connection:
        for position in range(len(writers)):
            check_one_moment(connection, position, before[position], after[position])
        check_owners(connection)


def fill(data_dir: Path) -> None:
    """Let a backup take a while."""
    with psycopg.connect(embedded.embedded_dsn(data_dir)) as connection:
        insert_tasks(connection, insert_user(connection), MANY)


def check_one_moment(
    connection: psycopg.Connection[Any], position: int, before: int, after: int
) -> None:
    """All that a writer had written at one moment is there, and nothing of later."""
    user_id, revision = connection.execute(
        "SELECT id, revision FROM users WHERE email = %s", [f"writer-{position}@example.com"]
    ).fetchone() or pytest.fail("the account is missing")
    tasks = connection.execute(
        "SELECT title::int, revision FROM tasks WHERE user_id = %s", [user_id]
    ).fetchall()
    tombstones = connection.execute(
        "SELECT revision FROM tombstones WHERE user_id = %s", [user_id]
    ).fetchall()
    expected, deleted, number = history(revision - SKIPPED)
    assert before <= number <= after
    assert dict(tasks) == expected
    assert sorted(tombstones) == [(one,) for one in deleted]


def history(revision: int) -> tuple[dict[int, int], list[int], int]:
    """What a writer has written up to a revision: tasks, with their revisions, and deletions.

    Each write advances the revision by one. The last item is the number of tasks created.
    """
    tasks: dict[int, int] = {}
    deleted: list[int] = []
    number, reached = 0, 0
    while reached < revision:
        reached += 1
        tasks[number] = reached
        if number % 3 == 0 and reached < revision:
            reached += 1
            del tasks[number]
            deleted.append(reached)
        number += 1
    return tasks, deleted, number


def check_owners(connection: psycopg.Connection[Any]) -> None:
    tables = connection.execute(
        "SELECT table_name FROM information_schema.columns "
        "WHERE column_name = 'user_id' AND table_schema = 'public'"
    ).fetchall()
    assert len(tables) > 15
    for (table,) in tables:
        orphans = connection.execute(
            f"SELECT count(*) FROM {table} WHERE user_id IS NOT NULL "
            "AND user_id NOT IN (SELECT id FROM users)".encode()
        ).fetchone()
        assert orphans == (0,), table


def test_secret_key_in_a_backup_keeps_sessions_valid_elsewhere(tmp_path: Path) -> None:
    file, other = tmp_path / "duly.backup", tmp_path / "other"
    with serving(tmp_path / "data") as server:
        session = server.register("ada@example.com").json()
        made = run("backup", "--with-secret-key", str(file), data_dir=server.data_dir)
        assert made.returncode == 0, made
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key = (tmp_path / "data" / "secret_key").read_bytes()
    unzipped = subprocess.run(
        ["unzip", "-p", file, "secret_key"], check=False, capture_output=True
    )
    assert unzipped.stdout == key

    without = run("restore", str(file), data_dir=other)
    assert "secret key in the backup was not restored" in without.stdout
    assert not (other / "secret_key").exists()
    done = run("restore", "--replace", "--with-secret-key", str(file), data_dir=other)

    assert done.returncode == 0, done
    assert (other / "secret_key").read_bytes() == key
    assert stat.S_IMODE((other / "secret_key").stat().st_mode) == 0o600
    with serving(other) as server:
        bearer = {"Authorization": f"Bearer {session['access_token']}"}
        assert httpx.get(f"{server.url}/api/v1/tasks", headers=bearer).status_code == 200


def test_restore_beside_a_server_expires_its_sync_tokens(tmp_path: Path) -> None:
    file = tmp_path / "duly.backup"
    with serving(tmp_path / "data") as server:
        session = server.register("ada@example.com").json()
        bearer = {"Authorization": f"Bearer {session['access_token']}"}
        with httpx.Client(base_url=f"{server.url}/api/v1", headers=bearer, timeout=60) as client:
            client.post("/tasks", json={"title": "kept"})
            assert run("backup", str(file), data_dir=server.data_dir).returncode == 0
            client.post("/tasks", json={"title": "lost"})
            token = client.get("/sync").json()["token"]

            done = run("restore", "--replace", str(file), data_dir=server.data_dir)

            assert done.returncode == 0, done
            assert client.get("/sync", params={"token": token}).status_code == 410
            assert [one["title"] for one in client.get("/tasks").json()["items"]] == ["kept"]
            assert client.post("/tasks", json={"title": "new"}).status_code == 201


def test_backup_without_a_key_cannot_restore_one(tmp_path: Path) -> None:
    file, data_dir = tmp_path / "duly.backup", tmp_path / "data"
    with embedded.running(data_dir):
        pass
    assert run("migrate", data_dir=data_dir).returncode == 0
    line = the_line(run("backup", "--with-secret-key", str(file), data_dir=data_dir))
    assert line == f"duly: there is no secret key in {data_dir}"
    assert run("backup", str(file), data_dir=data_dir).returncode == 0

    line = the_line(run("restore", "--with-secret-key", str(file), data_dir=tmp_path / "other"))

    assert "contains no secret key" in line
    assert not (tmp_path / "other").exists()


def test_backup_of_a_missing_data_directory_fails_in_one_line(tmp_path: Path) -> None:
    line = the_line(run("backup", str(tmp_path / "file"), data_dir=tmp_path / "missing"))

    assert "there is no database in" in line
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def large(tmp_path: Path) -> Iterator[str]:
    """The DSN of a running embedded database with many tasks."""
    data_dir = tmp_path / "data"
    with embedded.running(data_dir) as dsn:
        assert run("migrate", data_dir=data_dir).returncode == 0
        fill(data_dir)
        yield dsn


@contextmanager
def started(*arguments: str, data_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [DULY, *arguments],
        env=environment(DULY_DATA_DIR=str(data_dir)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


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

    with started("restore", "--replace", str(file), data_dir=data_dir) as process:
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
    with started(*arguments, data_dir=data_dir) as process:
        until(lambda: is_writing(large, f"duly {command}"))
        if is_server:
            (first, *_) = (data_dir / "postgres" / "postmaster.pid").read_text().splitlines()
            os.kill(int(first), signal.SIGKILL)
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
        with started("backup", "duly.backup", data_dir=tmp_path / "data") as process:
            until(lambda: [*Path.cwd().glob(".duly.backup.*")])
            process.send_signal(number)
            _, errors = process.communicate(timeout=PATIENCE)

    assert process.returncode == 128 + number
    assert b"Traceback" not in errors
    assert not [*Path.cwd().glob("*duly.backup*")]


@pytest.mark.usefixtures("large")
def test_backup_on_a_full_disk_fails_in_one_line_and_keeps_the_former_one(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mounting, check=False).returncode != 0:
        pytest.skip("mounting a file system is not permitted")
    try:
        (place / "duly.backup").write_text("the former one")

        line = the_line(run("backup", str(place / "duly.backup"), data_dir=tmp_path / "data"))

        assert "No space left on device" in line
        assert [file.read_text() for file in place.iterdir()] == ["the former one"]
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


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
    assert (b"tasks" if command == ("backup",) else b"data") in shown


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other side is closed
        return b""
