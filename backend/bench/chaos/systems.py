"""The parts to break: `duly serve` with two workers, its PostgreSQL and, on one way, PgBouncer."""

import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

from bench.chaos import clocks
from bench.chaos.clocks import Clock
from duly.database import embedded, migrations
from duly.database.supervision import kept_running
from tests.support.pooler import Pooler, pooler
from tests.support.programs import DULY, environment, postmaster_of
from tests.support.servers import SECRET, Server, free_port, wait_until_ready
from tests.support.small_disks import small_disk

DIRECT, POOLED = "direct", "PgBouncer"
WORKERS = 2
_POOLER = "server_login_retry = 1"
"""As docs/deployment.md asks for. By default, PgBouncer does not connect for 15 seconds after a
connection to the server has failed."""
_START_LIMIT = 120.0
_RESTART_PAUSE = 0.1
"""Seconds that systemd waits before it starts a service again, by default."""
_LOOK = 0.01
_SMALL_DISK = "400m"
"""A new database has 40 MiB."""


@dataclass
class System:
    """A running service. `dsn` leads to its database without a pooler."""

    way: str
    dsn: str
    data_dir: Path
    manager: "Manager"
    pooler: Pooler | None = None
    disk: Path | None = None
    """A small file system that the database is on."""
    clock: Clock | None = None

    @property
    def server(self) -> Server:
        """The server, which has the same address after a restart."""
        return self.manager.server

    def workers(self) -> list[psutil.Process]:
        """The processes that respond to requests."""
        return [one for one in self.server.workers if one.name() != "postgres"]

    def postmaster(self) -> psutil.Process:
        """The main process of PostgreSQL."""
        return psutil.Process(postmaster_of(self.data_dir))


@dataclass
class Manager:
    """Keeps a server running as systemd does with the unit in deploy/systemd.

    When the main process has ended, all others of the service are killed, and it is started again.
    """

    environment: dict[str, str]
    port: int
    log: Path
    started_at: float = 0.0
    _process: subprocess.Popen[bytes] | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def server(self) -> Server:
        """The running server."""
        assert self._process is not None
        return Server(self._process, f"http://127.0.0.1:{self.port}", self.log)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the server for the block, and stop it in order."""
        self._start()
        thread = threading.Thread(target=self._keep)
        thread.start()
        try:
            wait_until_ready(self.server, limit=_START_LIMIT)
            yield
        finally:
            self._over.set()
            thread.join()
            assert self._process is not None
            below = _below(self._process)
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(40)
            _kill([*below, *_below(self._process)])
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()

    def _start(self) -> None:
        with self.log.open("ab") as output:
            self.started_at = time.monotonic()
            self._process = subprocess.Popen(
                [sys.executable, DULY, "serve"],
                env=self.environment,
                stdout=output,
                stderr=output,
            )

    def _keep(self) -> None:
        assert self._process is not None
        below: list[psutil.Process] = []
        while not self._over.wait(_LOOK * 10):
            if self._process.poll() is None:
                below = _below(self._process)
            else:
                _kill(below)
                time.sleep(_RESTART_PAUSE)
                self._start()


def _below(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=5)


@contextmanager
def running(way: str, *, is_small: bool = False, has_clock: bool = False) -> Iterator[System]:
    """Run a service for the block.

    `direct` is `duly serve` with the embedded PostgreSQL. Otherwise PostgreSQL is another service,
    behind PgBouncer, and both are started again when they die. `is_small` puts the database on a
    file system of its own, `has_clock` gives the processes of the server a clock of their own.
    """
    with ExitStack() as stack:
        base = Path(tempfile.mkdtemp(prefix="duly-chaos-", dir="/tmp"))
        stack.callback(shutil.rmtree, base, ignore_errors=True)
        base.chmod(0o711)
        disk = stack.enter_context(small_disk(base / "disk", _SMALL_DISK)) if is_small else None
        clock = clocks.build(base) if has_clock else None
        data_dir = (disk or base) / "data"
        dsn, through = embedded.embedded_dsn(data_dir), None
        database = {"DULY_DATA_DIR": str(data_dir)}
        if way == POOLED:
            postgres = stack.enter_context(embedded.opened(data_dir))
            stack.enter_context(kept_running(postgres, on_failure=print))
            migrations.upgrade(dsn)
            through = stack.enter_context(pooler(dsn, settings=_POOLER))
            database = {"DATABASE_URL": through.dsn, "DATABASE_DIRECT_URL": dsn}
        port = free_port()
        settings = {
            **database,
            **(clock.environment if clock else {}),
            "DULY_SECRET_KEY": SECRET,
            "DULY_PORT": str(port),
            "DULY_WORKERS": str(WORKERS),
            "DULY_RATE_LIMIT": "off",
            "DULY_REGISTER_LIMIT": "100000/minute",
            "DULY_WEB_APP": "off",
            "DULY_LOG_LEVEL": "warning",
            "PYTHONDONTWRITEBYTECODE": "",
        }
        manager = Manager(environment(**settings), port, base / "log")
        stack.enter_context(manager.running())
        if disk:
            _keep_log_short(dsn)
        yield System(way, dsn, data_dir, manager, through, disk, clock)


def can_mount() -> bool:
    """Whether a small file system can be mounted."""
    with (
        tempfile.TemporaryDirectory() as directory,
        suppress(OSError),
        small_disk(Path(directory) / "disk", _SMALL_DISK),
    ):
        return True
    return False


def _keep_log_short(dsn: str) -> None:
    """Let the log of PostgreSQL use little of the small disk."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for setting in ("min_wal_size = '32MB'", "max_wal_size = '64MB'"):
            connection.execute(f"ALTER SYSTEM SET {setting}".encode())
        connection.execute("SELECT pg_reload_conf()")
