"""The embedded PostgreSQL dies or loses its files while `duly serve` runs."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

import psutil
import psycopg
import pytest

from duly.database.embedded import embedded_dsn
from tests.support.programs import PATIENCE, Server, postmaster_of, processes_of, serving, until

_numbers = count()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the newest schema, to be copied."""
    data_dir = tmp_path_factory.mktemp("template") / "data"
    with serving(data_dir) as server:
        assert server.stop(signal.SIGTERM)[0] == 0
    return data_dir


@pytest.fixture
def data_dir(template: Path, tmp_path: Path) -> Iterator[Path]:
    # `cp` keeps the owner of the files, who is not root.
    subprocess.run(["cp", "-a", template, tmp_path / "data"], check=True)
    yield tmp_path / "data"
    shutil.rmtree(tmp_path / "data", ignore_errors=True)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid)


def registers(server: Server) -> bool:
    """Whether a write succeeds; if not, the response must say that it may be repeated."""
    response = server.register(f"user{next(_numbers)}@example.com")
    if response.status_code == 201:
        return True
    assert response.status_code == 503
    assert "Retry-After" in response.headers
    return False


def events(stderr: str, event: str) -> list[str]:
    return [line for line in stderr.splitlines() if f'"event":"{event}"' in line]


def logged_until(server: Server, event: str) -> str:
    """The log up to the next line of `event`, or to its end if there is none in time."""
    assert server.process.stderr is not None
    bound = threading.Timer(PATIENCE, server.process.kill)
    bound.start()
    lines: list[str] = []
    for line in server.process.stderr:
        lines.append(line)
        if events(line, event):
            break
    bound.cancel()
    return "".join(lines)


@pytest.mark.slow
@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGQUIT, signal.SIGINT])
def test_postgresql_that_dies_is_started_again_while_duly_runs_on(
    data_dir: Path, signal_number: signal.Signals
) -> None:
    with serving(data_dir) as server:
        assert server.register("ada@example.com").status_code == 201
        workers = {worker.pid for worker in server.workers()}

        log = ""
        for _ in range(2):
            died = postmaster_of(data_dir)
            os.kill(died, signal_number)
            until(partial(gone, died))
            until(lambda: registers(server))
            assert postmaster_of(data_dir) != died
            # Workers reconnect a moment before the supervisor has seen that it is back.
            log += logged_until(server, "database.restarted")

        assert server.login("ada@example.com").status_code == 200
        assert {worker.pid for worker in server.workers()} == workers
        server.process.terminate()
        assert server.process.stderr is not None
        log += server.process.stderr.read()
        assert server.process.wait(PATIENCE) == 0

    assert len(events(log, "database.died")) == 2
    assert len(events(log, "database.restarted")) == 2
    assert not processes_of(data_dir)


@pytest.mark.slow
def test_backend_that_outlives_its_postmaster_does_not_block_the_restart(data_dir: Path) -> None:
    with serving(data_dir) as server, psycopg.connect(embedded_dsn(data_dir)) as connection:
        backend = psutil.Process(connection.info.backend_pid)
        backend.suspend()  # so that it does not notice, as in a long computation
        os.kill(postmaster_of(data_dir), signal.SIGKILL)

        until(lambda: registers(server))
        assert not backend.is_running()


def test_backend_that_is_killed_is_left_to_postgresql(data_dir: Path) -> None:
    with serving(data_dir) as server:
        before = postmaster_of(data_dir)
        with psycopg.connect(embedded_dsn(data_dir)) as connection:
            os.kill(connection.info.backend_pid, signal.SIGKILL)

        until(lambda: registers(server))
        assert postmaster_of(data_dir) == before
        _, _, stderr = server.stop(signal.SIGTERM)

    assert not events(stderr, "database.died")


@pytest.mark.slow
def test_postgresql_that_cannot_be_started_again_ends_duly_with_one_line(data_dir: Path) -> None:
    with serving(data_dir, DULY_WORKERS="2") as server:
        workers = server.workers()
        (data_dir / "postgres" / "global" / "pg_control").rename(data_dir / "pg_control")
        os.kill(postmaster_of(data_dir), signal.SIGKILL)

        _, stderr = server.process.communicate(timeout=PATIENCE)

    assert server.process.returncode == 1
    line = stderr.splitlines()[-1]
    assert line.startswith("duly: the embedded database died and could not be started again")
    assert "pg_cont" in line
    assert "Traceback" not in stderr
    assert nothing_is_left(data_dir, workers)


@pytest.mark.parametrize("how", ["removed", "renamed", "replaced"])
def test_data_directory_that_disappears_ends_duly_with_one_line(data_dir: Path, how: str) -> None:
    with serving(data_dir) as server:
        workers = [*server.workers(), *map(psutil.Process, processes_of(data_dir))]
        if how == "removed":
            shutil.rmtree(data_dir, ignore_errors=True)
        else:
            data_dir.rename(data_dir.with_name("elsewhere"))
        if how == "replaced":
            data_dir.mkdir()
        _, stderr = server.process.communicate(timeout=PATIENCE)

    assert server.process.returncode == 1
    line = stderr.splitlines()[-1]
    assert line.startswith(f"duly: the data directory {data_dir}/postgres has disappeared")
    assert "Traceback" not in stderr
    assert nothing_is_left(data_dir, workers)


def nothing_is_left(data_dir: Path, processes: list[psutil.Process]) -> bool:
    return not processes_of(data_dir) and not any(
        process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes
    )


def test_sigterm_while_postgresql_is_being_started_again_ends_duly_in_order(
    data_dir: Path,
) -> None:
    with serving(data_dir) as server:
        workers = server.workers()
        os.kill(postmaster_of(data_dir), signal.SIGKILL)
        time.sleep(0.3)
        assert server.stop(signal.SIGTERM)[0] == 0

    assert nothing_is_left(data_dir, workers)


@pytest.mark.slow
def test_leftovers_of_a_killed_duly_and_a_killed_postmaster_do_not_block_the_next_start(
    data_dir: Path,
) -> None:
    with serving(data_dir) as server, psycopg.connect(embedded_dsn(data_dir)) as connection:
        backend = psutil.Process(connection.info.backend_pid)
        backend.suspend()
        workers = server.workers()
        server.process.kill()
        os.kill(postmaster_of(data_dir), signal.SIGKILL)
        server.process.wait()
        until(lambda: not any(worker.is_running() for worker in workers))

        with serving(data_dir) as second:
            assert second.register("ada@example.com").status_code == 201
            assert not backend.is_running()


def test_pid_file_that_names_another_program_harms_neither_it_nor_the_start(
    data_dir: Path,
) -> None:
    found = (data_dir / "postgres").stat()
    with subprocess.Popen(["sleep", "600"], user=found.st_uid, group=found.st_gid) as other:
        try:
            pid_file = data_dir / "postgres" / "postmaster.pid"
            pid_file.write_text(f"{other.pid}\n{data_dir / 'postgres'}\n")
            os.chown(pid_file, found.st_uid, found.st_gid)

            with serving(data_dir) as server:
                assert server.register("ada@example.com").status_code == 201
            assert other.poll() is None
        finally:
            other.kill()
