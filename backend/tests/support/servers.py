"""`duly serve` as it runs for people: processes of its own, behind a real socket."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil

from tests.support.launcher import start

SECRET = "0f6a41ce2b7d9853c4e1907fa82b36d5710c9be4f3628da5e07b14c98d52f6a3"
_START = 30.0
_STOP = 40.0


@dataclass
class Server:
    """A running server. `process` is its supervisor."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    @property
    def workers(self) -> list[psutil.Process]:
        """The processes that answer, the oldest first."""
        children = psutil.Process(self.process.pid).children()
        return sorted(
            (child for child in children if _runs(child)),
            key=lambda child: (child.create_time(), child.pid),
        )

    def stop(self) -> int:
        """Send SIGTERM, wait for the end, and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_STOP)


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def free_port() -> int:
    """A port of the loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(dsn: str, workers: int = 2, **settings: str) -> Iterator[Server]:
    """A server on the loopback, by default on a free port, ended with the block."""
    port = settings.pop("DULY_PORT", None) or str(free_port())
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DULY_")},
        "DATABASE_URL": dsn,
        "DULY_SECRET_KEY": SECRET,
        "DULY_PORT": port,
        "DULY_WORKERS": str(workers),
        "DULY_BCRYPT_COST": "4",
        "DULY_RATE_LIMIT": "off",
        "DULY_REGISTER_LIMIT": "100000/minute",
        "DULY_LOG_LEVEL": "warning",
        **settings,
    }
    program = [str(Path(sys.executable).with_name("duly")), "serve"]
    with TemporaryDirectory(prefix="duly-server-") as directory:
        log = Path(directory) / "log"
        with log.open("wb") as output:
            process = start(program, env=environment, stdout=output, stderr=output)
        server = Server(process, f"http://127.0.0.1:{port}", log)
        try:
            wait_until_ready(server, workers)
            yield server
        finally:
            if process.poll() is None:
                end(server)


def end(server: Server) -> None:
    """Stop it, by force if it does not."""
    children = server.workers
    try:
        server.stop()
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()
        for child in children:
            if child.is_running():
                child.kill()


def wait_until_ready(server: Server, workers: int | None = None, limit: float = _START) -> None:
    """Wait until a server is ready, with so many workers. Raises `AssertionError` with its log."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(f"{server.url}/health/ready", timeout=5)
        except httpx.HTTPError:
            answer = None
        has_workers = workers is None or len(server.workers) == workers
        if answer is not None and answer.is_success and has_workers:
            return
        if server.process.poll() is not None:
            break
        time.sleep(0.1)
    raise AssertionError(f"the server did not start: {server.log.read_text()}")
