"""The port of the supervisor that serves `/metrics`, for all workers together.

Each worker keeps its values in files of its own, which this process reads at each request. So a
worker that hangs delays nobody who looks at the metrics. prometheus_client chooses when it is first
imported whether it uses files; nothing may import it before `reserved` has set their directory.
"""

import contextlib
import os
import platform
import shutil
import signal
import socket
import socketserver
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from http.server import ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import psutil

from duly.core.config import Settings
from duly.core.errors import StartupError
from duly.core.logging import log
from duly.database.migrations import newest_revision
from duly.services import last_backup
from duly.workers import STOP_SIGNALS

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # a private directory is created in it
_CLIENT_TIMEOUT = 5.0
_ENDED = 0
"""In place of a process id: the sums of all workers that have ended."""

_ATTEMPTS = 3


class Workers(Protocol):
    """The workers, as their supervisor knows them."""

    deaths: int

    @property
    def worker_pids(self) -> list[int]:
        """The process ids of the workers, including those that have just died."""


@contextlib.contextmanager
def reserved(settings: Settings) -> Iterator[Callable[[Workers], None]]:
    """Reserve the port and a directory for the values; yield what begins to serve.

    Raises `StartupError` if the port cannot be listened on.
    """
    if settings.metrics_port is None:
        yield lambda _: None
        return
    with _values_directory() as directory, _listening(settings) as server:

        def begin(workers: Workers) -> None:
            from prometheus_client import CollectorRegistry, MetricsHandler

            registry = CollectorRegistry()
            registry.register(_Collector(directory, workers, settings))
            names = {"registry": registry, "timeout": _CLIENT_TIMEOUT}
            server.RequestHandlerClass = type("Handler", (MetricsHandler,), names)
            threading.Thread(target=_serve, args=(server,), name="metrics", daemon=True).start()

        yield begin


@contextlib.contextmanager
def _values_directory() -> Iterator[Path]:
    """Create a new directory, so that it holds no values of an earlier run.

    In shared memory if there is any: a worker that writes to a mapped file on a full disk is killed.
    """
    is_shared = os.access(_SHARED_MEMORY, os.W_OK)
    try:
        created = tempfile.TemporaryDirectory(
            prefix="duly-metrics-",
            dir=_SHARED_MEMORY if is_shared else None,
            ignore_cleanup_errors=True,
        )
    except OSError as error:
        raise StartupError(
            f"DULY_METRICS_PORT: cannot create a temporary directory: {error.strerror}"
        ) from None
    with created as directory:
        os.environ[_DIRECTORY] = directory
        try:
            yield Path(directory)
        finally:
            del os.environ[_DIRECTORY]


class _Server(ThreadingHTTPServer):
    """Python's server, which neither looks its own name up nor prints tracebacks."""

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, *_: Any) -> None:
        log.warning("metrics.failed", exc_info=True)


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[_Server]:
    host, port = settings.metrics_host, settings.metrics_port
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        _Server.address_family = family
        server = _Server(address[:2], socketserver.BaseRequestHandler)  # type: ignore[arg-type]
    except socket.gaierror as error:
        raise StartupError(
            f"DULY_METRICS_HOST: cannot listen on {host}: {error.strerror}"
        ) from None
    except OSError as error:
        raise StartupError(
            f"DULY_METRICS_PORT: cannot listen on {host}:{port}: {error.strerror}"
        ) from None
    # A worker would keep the port open, also after the supervisor has died.
    os.register_at_fork(after_in_child=server.socket.close)
    with server:
        yield server


def _serve(server: _Server) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # they are for the main thread
    server.serve_forever()


class _Collector:
    """Reads the values of all workers, and adds what only the supervisor knows."""

    def __init__(self, directory: Path, workers: Workers, settings: Settings) -> None:
        from prometheus_client.multiprocess import MultiProcessCollector

        self._directory = directory
        self._workers = workers
        self._settings = settings
        self._began = time.time()
        self._lock = threading.Lock()
        # Not registered anywhere: what a registry of its own has, it would send twice.
        self._values: Any = MultiProcessCollector(None, str(directory))  # type: ignore[no-untyped-call]

    def collect(self) -> Iterable["Metric"]:
        """Return all metrics."""
        with self._lock:
            self._add_up_ended()
            return [*self._read(), *self._own()]

    def _read(self) -> list["Metric"]:
        """Read all files. A worker that starts may have created one that is still empty."""
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(struct.error, OSError):
                return list(self._values.collect())
            time.sleep(0.01)
        return list(self._values.collect())

    def _own(self) -> Iterator["Metric"]:
        from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

        build = GaugeMetricFamily(
            "duly_build_info",
            "Versions of Duly, of the schema that it needs, and of Python; always 1.",
            labels=["version", "schema", "python"],
        )
        build.add_metric([version("duly"), newest_revision(), platform.python_version()], 1)
        yield build
        running = sum(map(_is_running, self._workers.worker_pids))
        yield GaugeMetricFamily("duly_workers", "Workers that run.", running)
        yield GaugeMetricFamily(
            "duly_configured_workers", "Workers that should run.", self._settings.workers
        )
        yield CounterMetricFamily(
            "duly_worker_deaths", "Workers that ended by themselves.", self._workers.deaths
        )
        yield GaugeMetricFamily(
            "duly_start_time_seconds", "When the server started, in Unix time.", self._began
        )
        if self._settings.is_embedded:
            yield from self._embedded()

    def _embedded(self) -> Iterator["Metric"]:
        """What the operator of an embedded database must watch."""
        from prometheus_client.metrics_core import GaugeMetricFamily

        found = last_backup.find(self._settings)
        yield GaugeMetricFamily(
            "duly_last_backup_timestamp_seconds",
            "When duly backup last completed, in Unix time; 0: never.",
            0 if found is None else found.at.timestamp(),
        )
        with contextlib.suppress(OSError):
            disk = shutil.disk_usage(self._settings.data_dir)
            yield GaugeMetricFamily(
                "duly_data_disk_free_bytes",
                "Space that is free on the file system of the data directory.",
                disk.free,
            )
            yield GaugeMetricFamily(
                "duly_data_disk_size_bytes",
                "Size of the file system of the data directory.",
                disk.total,
            )

    def _add_up_ended(self) -> None:
        """Move the values of workers that have ended into one file of each kind.

        Their counters still count. Without this, each worker that was replaced would leave files
        to be read.
        """
        from prometheus_client.multiprocess import mark_process_dead

        pids = {int(file.stem.rpartition("_")[2]) for file in self._directory.glob("*.db")}
        for pid in pids - {_ENDED, os.getpid()}:
            if _is_running(pid):
                continue
            mark_process_dead(pid, str(self._directory))  # type: ignore[no-untyped-call]
            for kind in ("counter", "histogram"):
                self._move(self._directory / f"{kind}_{pid}.db", kind)

    def _move(self, file: Path, kind: str) -> None:
        from prometheus_client.mmap_dict import MmapedDict

        if not file.exists():
            return
        sums: Any = MmapedDict(str(self._directory / f"{kind}_{_ENDED}.db"))  # type: ignore[no-untyped-call]
        try:
            # It may have been killed while it created the file.
            with contextlib.suppress(struct.error, RuntimeError):
                values: Any = MmapedDict.read_all_values_from_file(str(file))  # type: ignore[no-untyped-call]
                for key, value, timestamp, _ in values:
                    sums.write_value(key, sums.read_value(key)[0] + value, timestamp)
        finally:
            sums.close()
            file.unlink()


def _is_running(pid: int) -> bool:
    """Whether a process is a child of this one that has not ended."""
    try:
        process = psutil.Process(pid)
        is_child: bool = process.ppid() == os.getpid()
        return is_child and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
