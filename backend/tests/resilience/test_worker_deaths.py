"""Workers die while `duly serve` runs."""

import signal
import time
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.programs import PATIENCE, until
from tests.support.programs import serving as serving_embedded
from tests.support.servers import SECRET, Server, serving


def answers(server: Server) -> bool:
    try:
        return httpx.get(f"{server.url}/health/ready", timeout=PATIENCE).is_success
    except httpx.TransportError:
        return False


def has_ended(worker: psutil.Process) -> bool:
    return not worker.is_running()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("pause", [0.0, 0.3])
def test_service_goes_on_after_ten_workers_are_killed_within_seconds(
    dsn: str, workers: int, pause: float
) -> None:
    with serving(dsn, workers=workers) as server:
        killed: set[int] = set()
        for _ in range(10):
            worker = until(lambda: [one for one in server.workers if one.pid not in killed])[0]
            worker.kill()
            killed.add(worker.pid)
            time.sleep(pause)

        until(lambda: len(server.workers) == workers)
        until(lambda: answers(server))
        assert server.process.poll() is None
        log = server.log.read_text()
        assert server.stop() == 0

    assert log.count('"event":"worker.died"') == 10
    assert "Unexpected exit" not in log


def test_all_workers_killed_at_once_are_replaced(dsn: str) -> None:
    with serving(dsn, workers=3) as server:
        for _ in range(3):
            for worker in server.workers:
                worker.kill()
            until(lambda: len(server.workers) == 3)
            until(lambda: answers(server))
        assert server.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize("pause", [0.0, 0.1, 0.2, 0.3, 0.4])
def test_sigterm_at_any_moment_of_a_worker_s_start_stops_it_without_a_wait(
    dsn: str, pause: float
) -> None:
    with serving(dsn, workers=1) as server:
        [old] = server.workers
        old.kill()
        [new] = until(lambda: [one for one in server.workers if one != old])
        time.sleep(pause)
        began = time.monotonic()
        assert server.stop() == 0
        assert not new.is_running()

    # A worker that ignores SIGTERM is killed after 30 seconds.
    assert time.monotonic() - began < 20


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_workers_that_cannot_start_end_the_service_with_one_line(
    tmp_path: Path, workers: str
) -> None:
    data_dir = tmp_path / "data"
    with serving_embedded(data_dir, DULY_WORKERS=workers) as server:
        seen = server.workers()
        # The supervisor has read it; a worker that starts from now on cannot.
        (data_dir / "secret_key").unlink()
        (data_dir / "secret_key").mkdir()
        seen[0].kill()
        _, stderr = server.process.communicate(timeout=PATIENCE)

    assert server.process.returncode == 1
    line = stderr.splitlines()[-1]
    assert line.startswith("duly: no worker can be started: 5 in a row ended")
    assert not any(worker.is_running() for worker in seen)


@pytest.mark.slow
def test_sighup_replaces_each_worker(dsn: str) -> None:
    with serving(dsn, workers=2) as server:
        before = set(server.workers)
        server.process.send_signal(signal.SIGHUP)

        until(lambda: len(server.workers) == 2 and not before & set(server.workers))
        until(lambda: answers(server))
        assert server.stop() == 0


def test_worker_that_was_ready_and_exits_by_itself_is_replaced(dsn: str) -> None:
    with serving(dsn, workers=1, DULY_SECRET_KEY=SECRET) as server:
        for _ in range(6):
            [worker] = until(lambda: server.workers)
            until(lambda: answers(server))
            worker.send_signal(signal.SIGTERM)
            until(partial(has_ended, worker))
        until(lambda: answers(server))
        assert server.stop() == 0
