"""`duly restore` where there is no embedded database yet: it creates one from the backup, or none."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from duly.database import embedded
from tests.support.databases import migrated_database
from tests.support.previous_release import insert_tasks, insert_user
from tests.support.programs import DULY, PATIENCE, environment, processes_of, run, the_line, until

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


@contextmanager
def restoring(file: Path, data_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A restore whose server is running."""
    with subprocess.Popen(
        [DULY, "restore", file],
        env=environment(DULY_DATA_DIR=str(data_dir)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell that runs the tests in the background lets them ignore SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        try:
            until(lambda: [*data_dir.glob("**/postmaster.pid")])
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_restore_that_is_stopped_creates_no_data_directory(
    backup: Path, tmp_path: Path, number: signal.Signals
) -> None:
    data_dir = tmp_path / "data"

    with restoring(backup, data_dir) as process:
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE)

    assert (process.returncode, errors) == (128 + number, b"")
    assert not data_dir.exists()


def test_restore_that_is_killed_leaves_no_database(backup: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"

    with restoring(backup, data_dir) as process:
        process.kill()
        process.communicate(timeout=PATIENCE)

    assert not embedded.exists(data_dir)
    done = run("restore", str(backup), data_dir=data_dir)
    assert done.returncode == 0, done
    assert {found.name for found in data_dir.iterdir()} == {"lock", "postgres"}
    assert not processes_of(data_dir / "restore")
    with embedded.running(data_dir) as own, psycopg.connect(own) as connection:
        assert connection.execute("SELECT count(*) FROM tasks").fetchone() == (20_000,)
