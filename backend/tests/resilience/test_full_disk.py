"""The file system of the data directory, a small one in memory, has no space left."""

import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from duly.core.errors import StartupError
from duly.database import embedded, supervision
from duly.database.embedded import embedded_dsn
from tests.support.programs import PATIENCE, free_port, processes_of, run, serving, the_line, until
from tests.support.small_disks import small_disk_or_skip

NO_SPACE = "No space left on device"
MEBIBYTE = 2**20


@pytest.fixture
def file_system(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts a file system of so many MiB, and unmounts it at the end."""
    with ExitStack() as stack:

        def mount(size: int) -> Path:
            return stack.enter_context(small_disk_or_skip(tmp_path / "small", f"{size}m"))

        yield mount


def fill(place: Path) -> Path:
    """Use up all space, whatever is freed meanwhile; returns the file that holds it."""
    ballast = place / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (MEBIBYTE, 4096):
            with suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    return ballast


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 20, 34])
def test_start_without_space_reports_the_reason_and_the_directory(
    file_system: Callable[[int], Path], size: int
) -> None:
    data_dir = file_system(size) / "data"

    line = the_line(run("serve", data_dir=data_dir, DULY_PORT=free_port()))

    assert NO_SPACE in line
    assert str(data_dir) in line
    assert not (data_dir / "postgres").exists()


@pytest.mark.slow
def test_postgresql_that_stopped_on_a_full_disk_comes_back_once_there_is_space(
    file_system: Callable[[int], Path],
) -> None:
    place = file_system(160)
    data_dir = place / "data"
    with serving(data_dir) as server:
        assert server.register("ada@example.com").status_code == 201
        ballast = fill(place)
        until(lambda: cannot_go_on(data_dir))
        fill(place)  # what PostgreSQL has freed when it stopped
        time.sleep(12)  # for any other reason, the service ends after five attempts in 5 seconds

        assert server.process.poll() is None
        assert httpx.get(f"{server.url}/health/live").status_code == 200
        response = server.register("grace@example.com")
        assert (response.status_code, "Retry-After" in response.headers) == (503, True)

        ballast.unlink()
        until(lambda: server.register("grace@example.com").status_code == 201)
        assert server.login("ada@example.com").status_code == 200
        status, _, stderr = server.stop(signal.SIGTERM)

    assert status == 0
    reported = [line for line in stderr.splitlines() if '"event":"database.no_space"' in line]
    assert len(reported) == 1
    # PostgreSQL's own reason, or that of the watch, whichever notices it first.
    assert re.search(r"no space left on device|less than 33\.6 mb left", reported[0].lower())
    assert str(data_dir / "postgres") in reported[0]
    assert stderr.count('"event":"database.space_available"') == 1


@pytest.mark.slow
def test_postgresql_is_started_as_soon_as_there_is_space_however_long_the_pause_would_be(
    file_system: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "_FIRST_PAUSE", 10 * PATIENCE)
    monkeypatch.setattr(supervision, "_MAX_PAUSE", 10 * PATIENCE)
    place = file_system(160)
    failures: list[str] = []
    with embedded.opened(place / "data") as server:
        failed_starts = noting_failed_starts(server, monkeypatch)
        with supervision.kept_running(server, failures.append):
            ballast = fill(place)
            assert server._process is not None
            server._process.kill()
            until(lambda: failed_starts)

            ballast.unlink()
            until(lambda: server.status is None)

    assert failures == []


def noting_failed_starts(
    server: embedded.Server, monkeypatch: pytest.MonkeyPatch
) -> list[StartupError]:
    """A list of the attempts to start the server again that failed.

    PostgreSQL may find enough space in what its own files leave free, so they fail in any case.
    """
    noted: list[StartupError] = []
    start_again = server.start_again

    def noting(is_cancelled: Callable[[], bool]) -> None:
        if server.cluster.is_full:
            noted.append(StartupError(NO_SPACE))
            raise noted[-1]
        start_again(is_cancelled)

    monkeypatch.setattr(server, "start_again", noting)
    return noted


def cannot_go_on(data_dir: Path) -> bool:
    """Write to the log of transactions. Returns whether PostgreSQL has stopped for good."""
    try:
        with psycopg.connect(embedded_dsn(data_dir), autocommit=True) as connection:
            connection.execute("SELECT pg_logical_emit_message(false, 'duly', '')")
            connection.execute("SELECT pg_switch_wal()")
    except psycopg.Error:
        return not processes_of(data_dir)
    return False
