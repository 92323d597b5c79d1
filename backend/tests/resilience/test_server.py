"""`duly serve` as an operator runs it: started, stopped, killed, and started again."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from duly.database.embedded import _socket_dir, embedded_dsn
from tests.support.programs import (
    DULY,
    Server,
    as_user,
    environment,
    free_port,
    processes_of,
    serving,
    until,
)
from tests.support.servers import SECRET

EMAIL = "ada@example.com"


@dataclass(frozen=True)
class First:
    """A first server, which is over: one account signed in to it."""

    data_dir: Path
    lines: list[str]
    url: str
    docs: httpx.Response
    token: str
    ended: tuple[int, str, str]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> First:
    """What became of the first server on a data directory, which is there to be copied."""
    data_dir = tmp_path_factory.mktemp("first") / "data"
    with serving(data_dir) as server:
        assert server.register(EMAIL).status_code == 201
        docs = httpx.get(f"{server.url}/docs")
        token = server.login(EMAIL).json()["access_token"]
        ended = server.stop(signal.SIGTERM)
    return First(data_dir, server.lines, server.url, docs, token, ended)


def copied(data_dir: Path, to: Path) -> Path:
    # `cp` keeps the owner of the files, who is not root.
    subprocess.run(["cp", "-a", data_dir, to], check=True)
    return to


@pytest.fixture
def data_dir(first: First, tmp_path: Path) -> Iterator[Path]:
    """A data directory of the test's own, used before."""
    copy = copied(first.data_dir, tmp_path / "data")
    yield copy
    shutil.rmtree(copy)


def nothing_is_left_of(server: Server, workers: list[psutil.Process]) -> bool:
    return not processes_of(server.data_dir) and not any(
        worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers
    )


def test_start_prints_its_address_and_data_directory_in_three_lines(
    first: First,
) -> None:
    address, docs, data = first.lines

    assert address.endswith(first.url)
    assert docs.endswith(f"{first.url}/docs")
    assert data.endswith(str(first.data_dir))
    assert first.docs.status_code == 200
    assert first.ended[:2] == (0, "")


def test_a_second_start_finds_the_data_and_the_signing_key_of_the_first(
    first: First, data_dir: Path
) -> None:
    with serving(data_dir) as server:
        headers = {"Authorization": f"Bearer {first.token}"}
        response = httpx.get(f"{server.url}/api/v1/users/me", headers=headers)

    assert response.status_code == 200


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_a_request_in_flight_finish_and_leaves_nothing_running(
    data_dir: Path, signal_number: signal.Signals
) -> None:
    with serving(data_dir) as server, ThreadPoolExecutor() as threads:
        headers = {"Authorization": f"Bearer {server.login(EMAIL).json()['access_token']}"}
        workers = server.workers()
        with psycopg.connect(embedded_dsn(data_dir)) as connection:
            connection.execute("SELECT FROM users FOR UPDATE")
            task = threads.submit(
                httpx.post,
                f"{server.url}/api/v1/tasks",
                json={"title": "in flight"},
                headers=headers,
                timeout=60,
            )
            until(lambda: somebody_waits(connection))
            server.process.send_signal(signal_number)
            until(lambda: refuses_connections(server))
            assert server.process.poll() is None

        assert task.result().status_code == 201
        assert server.process.wait(60) == 0
        assert nothing_is_left_of(server, workers)


@pytest.mark.slow
def test_sigterm_lets_a_sign_in_finish_that_is_being_hashed(data_dir: Path) -> None:
    with (
        # Half a second of hashing; on a busy machine, whose other threads go first, more than 10.
        serving(data_dir, DULY_BCRYPT_COST="13", DULY_REQUEST_TIMEOUT="60") as server,
        ThreadPoolExecutor() as threads,
        psycopg.connect(embedded_dsn(data_dir), autocommit=True) as connection,
    ):
        login = threads.submit(server.login, EMAIL)
        # The account has been read: what comes next is the hash.
        until(
            lambda: connection.execute(
                "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%password_hash%' "
                "AND pid <> pg_backend_pid()"
            ).fetchone()
        )

        server.process.send_signal(signal.SIGTERM)

        assert login.result().status_code == 200
        connection.close()
        assert server.process.wait(60) == 0


def somebody_waits(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    sql = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    return connection.execute(sql).fetchone() is not None


def refuses_connections(server: Server) -> bool:
    try:
        httpx.get(f"{server.url}/health/live")
    except httpx.TransportError:
        return True
    return False


@pytest.mark.slow
def test_workers_end_with_a_killed_supervisor_and_the_next_start_recovers(
    data_dir: Path,
) -> None:
    with serving(data_dir) as server:
        assert server.register("grace@example.com").status_code == 201
        workers = server.workers()
        assert workers
        server.process.kill()
        server.process.wait()

        until(lambda: not any(worker.is_running() for worker in workers))
        orphans = processes_of(data_dir)

        with serving(data_dir) as second:
            assert second.login("grace@example.com").status_code == 200
            assert not {*orphans} & {*processes_of(data_dir)}
            assert second.stop(signal.SIGTERM)[0] == 0
    assert not processes_of(data_dir)


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.05, 0.1, 0.2])
def test_workers_that_have_only_begun_end_with_their_supervisor(dsn: str, delay: float) -> None:
    given = environment(
        DATABASE_URL=dsn, DULY_SECRET_KEY=SECRET, DULY_PORT=free_port(), DULY_WORKERS="2"
    )
    with subprocess.Popen([DULY, "serve"], env=given, stdout=subprocess.DEVNULL) as process:
        supervisor = psutil.Process(process.pid)
        until(lambda: len(supervisor.children()) == 2)
        workers = supervisor.children()
        time.sleep(delay)
        process.kill()

    until(lambda: not any(worker.is_running() for worker in workers))


def test_two_workers_serve_one_database_and_end_together(data_dir: Path) -> None:
    with serving(data_dir, DULY_WORKERS="2") as server:
        workers = server.workers()
        assert len(until(lambda: len(server.workers()) >= 2 and server.workers())) >= 2
        for _ in range(6):
            assert server.login(EMAIL).status_code == 200

        assert server.stop(signal.SIGTERM)[0] == 0
        assert nothing_is_left_of(server, workers)


@pytest.mark.slow
def test_two_instances_on_two_data_directories_do_not_disturb_each_other(
    first: First, data_dir: Path, tmp_path: Path
) -> None:
    other = copied(first.data_dir, tmp_path / "other")
    with serving(data_dir) as here, serving(other) as there:
        assert here.register("grace@example.com").status_code == 201
        assert there.login("grace@example.com").status_code == 401
        assert there.stop(signal.SIGTERM)[0] == 0
        assert here.login("grace@example.com").status_code == 200


def test_long_data_directory_path_puts_the_socket_in_a_directory_removed_on_stop(
    first: First, tmp_path: Path
) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    data_dir = copied(first.data_dir, deep / "data")
    socket_directory = _socket_dir(data_dir)

    with serving(data_dir) as server:
        assert socket_directory.exists()
        assert server.login(EMAIL).status_code == 200
        assert server.stop(signal.SIGTERM)[0] == 0
    assert not socket_directory.exists()


@pytest.mark.slow
def test_start_succeeds_after_an_interrupted_first_start(data_dir: Path) -> None:
    shutil.rmtree(data_dir / "postgres")
    (data_dir / "postgres.new" / "base").mkdir(parents=True)
    (data_dir / "postgres.new" / "PG_VERSION").write_text("18\n")

    with serving(data_dir) as server:
        assert server.register(EMAIL).status_code == 201


@pytest.fixture
def home_of_nobody() -> Iterator[Path]:
    """A directory of an ordinary user's, who can run what this test runs."""
    if os.geteuid() != 0:
        pytest.skip("the other tests ran as an ordinary user")
    try:
        subprocess.run([sys.executable, "-c", "import duly.main"], check=True, **as_user("nobody"))
    except (OSError, KeyError, subprocess.CalledProcessError):
        pytest.skip("nobody can't run this Python")
    with tempfile.TemporaryDirectory() as home:
        shutil.chown(home, "nobody")
        yield Path(home)


def test_an_ordinary_user_runs_it_as_root_does(home_of_nobody: Path) -> None:
    with serving(home_of_nobody / "data", user="nobody", COVERAGE_PROCESS_START="") as server:
        assert server.register(EMAIL).status_code == 201
        for pid in processes_of(server.data_dir):
            assert psutil.Process(pid).username() == "nobody"
        workers = server.workers()
        assert server.stop(signal.SIGTERM)[0] == 0
        assert nothing_is_left_of(server, workers)
