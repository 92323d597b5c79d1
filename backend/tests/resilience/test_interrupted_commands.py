"""Commands that get Ctrl-C or SIGTERM while they start: they end at once, without a traceback."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from duly.database import embedded
from tests.support.programs import PATIENCE, free_port, processes_of, started, until
from tests.support.servers import SECRET

pytestmark = pytest.mark.slow

SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
# Extension modules that it loads.
MODULES = ("_psutil_", "_granian", "_pydantic_core", "_psycopg", "_immutabledict", "_bcrypt")


def has_loaded(process: subprocess.Popen[bytes], module: str) -> Callable[[], bool]:
    def look() -> bool:
        assert process.poll() is None, f"it ended before it loaded {module}"
        return f"/{module}" in Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")

    return look


@SIGNALS
@pytest.mark.skipif(sys.platform != "linux", reason="sees what a process has loaded on Linux")
@pytest.mark.parametrize("module", MODULES)
def test_command_that_is_interrupted_while_it_is_loaded_ends_without_a_traceback(
    tmp_path: Path, number: signal.Signals, module: str
) -> None:
    with started("status", DULY_DATA_DIR=str(tmp_path / "none")) as process:
        until(has_loaded(process, module))
        process.send_signal(number)
        output, errors = process.communicate(timeout=PATIENCE)

    assert (process.returncode, output, errors) == (128 + number, b"", b"")


@SIGNALS
def test_command_that_waits_for_the_database_ends_without_a_traceback(
    number: signal.Signals,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dsn = f"postgresql://duly@127.0.0.1:{silent.getsockname()[1]}/duly"
        with (
            started("migrate", DATABASE_URL=dsn, DULY_SECRET_KEY=SECRET) as process,
            silent.accept()[0],
        ):
            process.send_signal(number)
            output, errors = process.communicate(timeout=PATIENCE)

    assert (process.returncode, output, errors) == (128 + number, b"", b"")


@SIGNALS
def test_command_that_runs_the_database_stops_it(tmp_path: Path, number: signal.Signals) -> None:
    data_dir = tmp_path / "data"
    options = {"DULY_DATA_DIR": str(data_dir), "DULY_PORT": free_port()}
    with started("serve", **options) as process:
        until(lambda: processes_of(data_dir))
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, b"")  # that is how `serve` is stopped

    with started("user", "list", **options) as process:
        until(lambda: processes_of(data_dir))
        process.send_signal(number)
        output, errors = process.communicate(timeout=PATIENCE)

    assert (process.returncode, output) == (128 + number, b"")
    assert b"Traceback" not in errors
    assert not processes_of(data_dir)


def test_signal_at_the_start_of_the_database_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(subprocess.Popen[bytes]):
        """Gets the signal when the program runs, and before the caller has the process."""

        def __init__(self, command: list[str], *arguments: Any, **options: Any) -> None:
            super().__init__(command, *arguments, **options)
            if "-D" in command:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0)  # where Python runs the handler

    def end(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    former = signal.signal(signal.SIGTERM, end)
    try:
        with pytest.raises(SystemExit), embedded.running(tmp_path / "data"):
            pytest.fail("it has started")
    finally:
        signal.signal(signal.SIGTERM, former)

    assert not processes_of(tmp_path / "data")
