"""The HTTP server: Granian, started with all that the application needs, stopped in order."""

import contextlib
import errno
import logging
import multiprocessing
import signal
import socket
import threading
import time
from collections.abc import Iterator
from importlib.metadata import version
from multiprocessing.process import BaseProcess
from typing import Any
from urllib.parse import urlsplit

import psutil
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer, WorkerProcess

from duly import metrics_port
from duly.core.config import Settings
from duly.core.errors import StartupError
from duly.core.logging import log
from duly.core.signing_key import signing_secret
from duly.core.urls import local_url
from duly.database import embedded, migrations
from duly.database.supervision import kept_running
from duly.runtime.context import direct_dsn_of, dsn_of
from duly.utils.open_files import raise_limit
from duly.utils.processes import describe_exit
from duly.workers import STOP_SIGNALS, Loader, Pipes, work

_HEADER_TIMEOUT_MS = 8_000
_FINISH_SECONDS = 30
_DRAIN_LOOK = 0.25
_BUFFER_BYTES = 32_768
"""The buffer of a connection in each direction. Larger headers may be rejected."""

_BACKLOG = 2048
_MAX_CONNECTIONS = 8192
"""Open connections of a worker, most of them idle or streams. Further ones wait until one ends."""
_OTHER_FILES = 256
"""What a worker has open besides: connections to the database, pipes, files of exports."""

_LOOK_INTERVAL = 1.0
_MAX_PAUSE = 1.0
_MAX_FAILED_STARTS = 5
_KILLED = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT}


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests in flight and return.

    Raises `StartupError` if the port is taken, the database cannot be reached or started, or its
    schema is not current; and later, if the embedded database or a worker cannot be restarted.
    """
    _check_address(settings)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_stopped_by_signals())
        is_new = settings.is_embedded and not embedded.exists(settings.data_dir)
        database = _prepare_database(settings, stack)
        signing_secret(settings)
        if is_new:
            log.info("database.created", path=str(settings.data_dir.absolute()))
        serve_metrics = stack.enter_context(metrics_port.reserved(settings))
        pipes = Pipes()
        server = _granian(settings, pipes)
        loader = Loader(settings, pipes)
        if _forks_workers():
            loader.prepare()  # before there are threads
        serve_metrics(server)
        threading.Thread(target=_announce, args=(settings,), daemon=True).start()
        if database is not None:
            stack.enter_context(kept_running(database, on_failure=server.fail))
        server.serve(work, target_loader=loader, wrap_loader=False)
    log.info("server.stopped")


def _prepare_database(settings: Settings, stack: contextlib.ExitStack) -> embedded.Server | None:
    if settings.is_embedded:
        database = stack.enter_context(embedded.opened(settings.data_dir))
        migrations.upgrade(embedded.embedded_dsn(settings.data_dir))
        return database
    if settings.migrate_at_start:
        migrations.upgrade(direct_dsn_of(settings))
    else:
        migrations.check(dsn_of(settings))
    return None


class _Server(MPServer):
    """Granian with a supervisor of our own: it replaces workers for as long as they can start.

    Granian's own gives up when a worker dies twice within 5.5 seconds. tests/unit/test_granian.py
    lists the private parts of Granian that this class and `duly.workers` use.
    """

    def __init__(self, pipes: Pipes, drain_seconds: float, **options: Any) -> None:
        super().__init__("duly.main:create_app", **options)
        self._pipes = pipes
        self._drain_seconds = drain_seconds
        self._ready: set[int] = set()
        self._early_deaths = 0
        self._failed_starts = 0
        self.deaths = 0
        self._failure: str | None = None

    @property
    def worker_pids(self) -> list[int]:
        """The process ids of the workers, including those that have just died."""
        return [worker.inner.pid for worker in list(self.wrks) if worker.inner.pid is not None]

    def fail(self, reason: str) -> None:
        """End the service, from any thread. `serve` then raises `StartupError`."""
        self._failure = reason
        self.main_loop_interrupt.set()

    def _spawn_workers(self, spawn_target: Any, target_loader: Any) -> None:
        with _stop_signals_held():
            super()._spawn_workers(spawn_target, target_loader)  # type: ignore[no-untyped-call]

    def _respawn_workers(self, workers: Any, *arguments: Any, **options: Any) -> None:
        with _stop_signals_held():
            super()._respawn_workers(workers, *arguments, **options)

    def shutdown(self, exit_code: int = 0) -> None:
        """Tell the workers to end their streams, then wait for them to finish."""
        log.info("server.stopping")
        self._pipes.to_stop.close()
        self._drain()
        with contextlib.suppress(SystemExit):  # its status for a worker that died meanwhile
            super().shutdown(exit_code)  # type: ignore[no-untyped-call]  # it has no types
        if self._failure is not None:
            raise StartupError(self._failure)

    def _drain(self) -> None:
        """Wait until proxies have left, which keep connections open to use them again.

        A worker that closed such a connection just when a request is sent would lose that request.
        """
        deadline = time.monotonic() + self._drain_seconds
        self.main_loop_interrupt.clear()  # a second signal ends the wait
        is_over = self._failure is not None
        while not is_over and time.monotonic() < deadline:
            is_over = self.main_loop_interrupt.wait(_DRAIN_LOOK) or not self._has_connections()

    def _has_connections(self) -> bool:
        for pid in self.worker_pids:
            with contextlib.suppress(psutil.Error):
                if any(
                    one.status != psutil.CONN_CLOSE and one.laddr.port == self.bind_port
                    for one in psutil.Process(pid).net_connections("tcp")
                    if one.laddr
                ):
                    return True
        return False

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        while not self._is_ending():
            self.main_loop_interrupt.wait(_LOOK_INTERVAL)
            self.main_loop_interrupt.clear()
            dead = [number for number, worker in enumerate(self.wrks) if not _is_alive(worker)]
            for number in dead:
                self._note_death(self.wrks[number].inner)
            if dead and self._early_deaths:
                self.main_loop_interrupt.wait(min(0.1 * 2**self._early_deaths, _MAX_PAUSE))
            if self._is_ending():
                break
            with embedded.launching:
                self._respawn_workers(dead, spawn_target, target_loader)
                if self.reload_signal:  # SIGHUP: replace each worker, one after the other
                    log.info("server.replacing_workers")
                    self._reload(spawn_target, target_loader)  # type: ignore[no-untyped-call]

    def _is_ending(self) -> bool:
        return self.interrupt_signal or self._failure is not None

    def _note_death(self, worker: BaseProcess) -> None:
        """Log a death. Fail if workers keep ending by themselves before they are ready."""
        for pid in self._pipes.newly_ready():
            self._ready.add(pid)
            self._early_deaths = self._failed_starts = 0
        self.deaths += 1
        was_ready = worker.pid in self._ready
        status = describe_exit(worker.exitcode)
        log.error("worker.died", pid=worker.pid, status=status, was_ready=was_ready)
        if was_ready:
            self._ready.discard(worker.pid)
            return
        self._early_deaths += 1
        # A worker that was killed from outside says nothing about whether workers can start.
        if worker.exitcode is not None and -worker.exitcode not in _KILLED:
            self._failed_starts += 1
        if self._failed_starts >= _MAX_FAILED_STARTS:
            self._failure = (
                f"no worker can be started: {self._failed_starts} in a row ended before they were "
                f"ready, the last with {status}; see the errors logged before this line"
            )


def _forks_workers() -> bool:
    """Whether workers are forked. If not, they are spawned, as on macOS."""
    if multiprocessing.get_start_method() == "forkserver":
        # The default of Linux from Python 3.14 on, in place of which Granian would spawn them.
        multiprocessing.set_start_method("fork", force=True)
    return multiprocessing.get_start_method() == "fork"


def _is_alive(worker: WorkerProcess) -> bool:
    alive: bool = worker.inner.is_alive()
    return alive


def _granian(settings: Settings, pipes: Pipes) -> _Server:
    return _Server(
        pipes,
        settings.drain_seconds,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        websockets=False,
        backlog=_BACKLOG,
        backpressure=_connections(),
        http1_settings=HTTP1Settings(
            header_read_timeout=_HEADER_TIMEOUT_MS, max_buffer_size=_BUFFER_BYTES
        ),
        log_level=LogLevels.error,
        log_dictconfig={"handlers": {}, "loggers": {"_granian": {"filters": [_is_news]}}},
        respawn_failed_workers=True,
        workers_kill_timeout=_FINISH_SECONDS,
    )


def _connections() -> int:
    """Return how many connections a worker may have, as far as the system allows."""
    return max(_OTHER_FILES, raise_limit(_MAX_CONNECTIONS + _OTHER_FILES) - _OTHER_FILES)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a log record of Granian adds information to `worker.died`."""
    return not record.getMessage().startswith("Unexpected exit from worker")


@contextlib.contextmanager
def _stop_signals_held() -> Iterator[None]:
    """Hold stop signals back, here and in each worker that starts now, which inherits the mask.

    A worker releases them when it is ready: earlier ones would reach the handlers of the
    supervisor, which the worker inherits too, and be lost.
    """
    former = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Until the server takes the signals over, they end the start in order."""

    def stop(*_: object) -> None:
        raise SystemExit(0)

    former = {number: signal.signal(number, stop) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _check_address(settings: Settings) -> None:
    """Raise `StartupError` if the address is taken: Granian's workers would share it silently."""
    place = f"{settings.host}:{settings.port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # As servers do: connections of one just stopped may linger in TIME_WAIT.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror as error:
        raise StartupError(f"DULY_HOST: cannot listen on {place}: {error.strerror}") from None
    except OSError as error:
        taken = "it is in use; stop the program that listens there, or set DULY_PORT"
        reason = taken if error.errno == errno.EADDRINUSE else error.strerror
        raise StartupError(f"cannot listen on {place}: {reason}") from None


def _announce(settings: Settings) -> None:
    """Print the addresses and the data directory once the port accepts connections."""
    url = local_url(settings.host, settings.port)
    address = urlsplit(url)
    while True:
        with (
            contextlib.suppress(OSError),
            socket.create_connection((address.hostname, address.port), 1),
        ):
            break
        time.sleep(0.05)
    data = str(settings.data_dir.absolute()) if settings.is_embedded else "in DATABASE_URL"
    print(f"Listening on  {url}\nAPI docs      {url}/docs\nData          {data}", flush=True)
    log.info("server.listening", url=url, version=version("duly"), workers=settings.workers)
