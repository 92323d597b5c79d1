"""`duly restore` where there is no embedded database yet: it creates one from the backup, or none."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from duly.database import embedded
from tests.support.databases import migrated_database
from tests.support.previous_release import insert_tasks, insert_user
from tests.support.programs import PATIENCE, processes_of, run, started, the_line, until

pytestmark = pytest.mark.slow
PG_DUMP = embedded._binaries() / "pg_dump"


@pytest.fixture(scope="module")
def backup(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup with 20,000 tasks."""
    file = tmp_path_factory.mktemp("backup") / "duly.backup"
    with migrated_database(dsn) as own:
        with psycopg.connect(own) as connection:
            insert_tasks(connection, insert_user(connection), 20_000)
        subprocess.run([PG_DUMP, "-Fc", "-f", file, own], check=True)
    return file


@pytest.fixture
def truncated(backup: Path, tmp_path: Path) -> Path:
    file = tmp_path / "truncated.backup"
    content = backup.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    return file


def contents(directory: Path) -> dict[str, bytes]:
    return {found.name: found.read_bytes() for found in directory.iterdir()}


def test_failed_restore_creates_no_data_directory(truncated: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "new" / "data"

    line = the_line(run("restore", str(truncated), data_dir=data_dir))

    assert line.startswith(f"duly: cannot restore {truncated}: ")
    assert line.endswith(f"; {data_dir} was not created")
    assert not (tmp_path / "new").exists()


def test_failed_restore_leaves_the_data_directory_as_it_was(
    truncated: Path, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / "secret_key").write_text("0f6a41ce2b7d9853c4e1907fa82b36d5710c9be4f3628da5e07b14")
    before = contents(data_dir)

    line = the_line(run("restore", str(truncated), data_dir=data_dir))

    assert line.endswith(f"; {data_dir} is unchanged")
    assert contents(data_dir) == before


def test_restore_of_another_program_creates_no_database(dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "other.dump"
    with migrated_database(dsn) as own:
        subprocess.run([PG_DUMP, "-Fc", "-t", "users", "-f", file, own], check=True)

    line = the_line(run("restore", str(file), data_dir=tmp_path / "data"))

    assert "is not a backup of Duly" in line
    assert line.endswith(f"; {tmp_path / 'data'} was not created")
    assert [found.name for found in tmp_path.iterdir()] == ["other.dump"]


MOMENTS = pytest.mark.parametrize(
    "file",
    [
        pytest.param("postgres.new/PG_VERSION", id="initdb runs"),
        pytest.param("postgres/postmaster.pid", id="the server runs"),
    ],
)
"""When a restore is ended: once there is this file of the new database."""


@contextmanager
def restoring(backup: Path, data_dir: Path, file: str) -> Iterator[subprocess.Popen[bytes]]:
    """A restore that has come as far as to a file."""
    with started("restore", str(backup), DULY_DATA_DIR=str(data_dir)) as process:
        until((data_dir / "restore" / file).exists)
        yield process


@MOMENTS
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_restore_that_is_stopped_creates_no_data_directory(
    backup: Path, tmp_path: Path, number: signal.Signals, file: str
) -> None:
    data_dir = tmp_path / "data"

    with restoring(backup, data_dir, file) as process:
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE)

    assert (process.returncode, errors) == (128 + number, b"")
    assert not data_dir.exists()


@MOMENTS
def test_restore_that_is_killed_leaves_no_database(
    backup: Path, tmp_path: Path, file: str
) -> None:
    data_dir = tmp_path / "data"

    with restoring(backup, data_dir, file) as process:
        process.kill()
        process.communicate(timeout=PATIENCE)

    assert not embedded.exists(data_dir)
    done = run("restore", str(backup), data_dir=data_dir)
    assert done.returncode == 0, done
    assert {found.name for found in data_dir.iterdir()} == {"lock", "postgres"}
    assert not processes_of(data_dir / "restore")
    with embedded.running(data_dir) as own, psycopg.connect(own) as connection:
        assert connection.execute("SELECT count(*) FROM tasks").fetchone() == (20_000,)


def test_restore_stops_an_initdb_that_a_killed_one_has_left(backup: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"

    with restoring(backup, data_dir, "postgres.new/PG_VERSION") as process:
        children = psutil.Process(process.pid).children()
        [initdb] = [child for child in children if child.name() == "initdb"]
        initdb.suspend()
        process.kill()
        process.communicate(timeout=PATIENCE)
    try:
        done = run("restore", str(backup), data_dir=data_dir)
        is_left = initdb.is_running()
    finally:
        with suppress(psutil.NoSuchProcess):
            initdb.kill()

    assert done.returncode == 0, done
    assert not is_left
