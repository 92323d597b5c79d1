"""`duly psql`: the included psql on the database of the settings."""

import os
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest

from duly.database import embedded
from tests.support.programs import DULY, PATIENCE, environment, processes_of, run, the_line, until
from tests.support.servers import SECRET

pytestmark = pytest.mark.slow


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    created = tmp_path / "data"
    with embedded.running(created):
        pass
    return created


def test_psql_beside_a_running_database_gets_its_arguments(data_dir: Path) -> None:
    with embedded.running(data_dir):
        done = run("psql", "-At", "-c", "SELECT current_database(), 7", data_dir=data_dir)

    assert (done.returncode, done.stdout, done.stderr) == (0, "duly|7\n", "")


def test_psql_starts_and_stops_a_database_that_does_not_run(data_dir: Path) -> None:
    done = run("psql", "-Atc", "SELECT 7", data_dir=data_dir)

    assert (done.returncode, done.stdout, done.stderr) == (0, "7\n", "")
    assert not processes_of(data_dir)


def test_psql_of_an_external_database_has_its_password(dsn: str, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": f"{dsn}&password=hunter2", "DULY_SECRET_KEY": SECRET}

    done = run("psql", "-Atc", r"\echo :DBNAME `echo $PGPASSWORD`", data_dir=tmp_path, **settings)

    assert (done.returncode, done.stdout) == (0, "duly hunter2\n")


def test_psql_that_fails_passes_its_status_on(data_dir: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.sql"
    script.write_text("SELECT 1 / 0;")

    done = run("psql", "-v", "ON_ERROR_STOP=1", "-f", str(script), data_dir=data_dir)

    assert done.returncode == 3
    assert "division by zero" in done.stderr


def test_psql_without_a_database_creates_none(tmp_path: Path) -> None:
    assert "there is no database in" in the_line(run("psql", data_dir=tmp_path / "none"))
    assert list(tmp_path.iterdir()) == []


def test_interrupt_is_for_psql_which_cancels_the_statement(data_dir: Path) -> None:
    with embedded.running(data_dir) as dsn, psycopg.connect(dsn, autocommit=True) as connection:

        def is_sleeping() -> bool:
            found = connection.execute(
                "SELECT FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(600)'"
            )
            return found.rowcount > 0

        with subprocess.Popen(
            [DULY, "psql", "-At", "-c", "SELECT pg_sleep(600)"],
            env=environment(DULY_DATA_DIR=str(data_dir)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A shell that runs the tests in the background lets them ignore SIGINT.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        ) as process:
            until(is_sleeping)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            output, errors = process.communicate(timeout=PATIENCE)

    assert (process.returncode, output) == (1, "")
    assert errors == "Cancel request sent\nERROR:  canceling statement due to user request\n"
