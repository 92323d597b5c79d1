"""`duly backup` and `duly restore` of embedded databases, beside a server that works."""

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
from tests.support.full_database import fill
from tests.support.programs import (
    Server,
    run,
    serving,
    the_line,
    until,
)

pytestmark = pytest.mark.slow
SKIPPED = 2**32


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


def test_missing_secret_key_is_reported_by_backup_and_restore(tmp_path: Path) -> None:
    plain, whole, data_dir = tmp_path / "plain", tmp_path / "whole", tmp_path / "data"
    with embedded.running(data_dir):
        pass
    assert run("migrate", data_dir=data_dir).returncode == 0
    (data_dir / "secret_key").write_text(
        "0f6a41ce2b7d9853c4e1907fa82b36d5710c9be4f3628da5e07b14c9"
    )

    without = run("backup", str(plain), data_dir=data_dir)
    including = run("backup", "--with-secret-key", str(whole), data_dir=data_dir)
    beside_key = run("restore", "--replace", str(plain), data_dir=data_dir)
    alone = run("restore", str(plain), data_dir=tmp_path / "other")

    assert "It does not contain the secret key: see --with-secret-key." in str(without.stdout)
    assert "secret key" not in str(including.stdout)
    assert "secret key" not in str(beside_key.stdout)
    assert "There is no secret key: " in str(alone.stdout)


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
