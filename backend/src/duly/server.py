"""The HTTP server: Granian, started with all that the application needs, stopped in order."""

import contextlib
import errno
import gc
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from fastapi import FastAPI
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from duly.core.config import Settings
from duly.core.errors import StartupError
from duly.core.signing_key import signing_secret
from duly.database import embedded, migrations
from duly.main import create_app
from duly.services.context import direct_dsn_of, dsn_of

_HEADER_TIMEOUT_MS = 8_000
_STALL_TIMEOUT_MS = 10_000
"""For so long a client may take nothing of what is sent to it."""

_DRAIN_SECONDS = 30
_BUFFER_BYTES = 32_768
"""What a connection may keep in memory of either direction; all headers must fit in."""

_BACKLOG = 2048


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in flight and return.

    Raises `StartupError` where the port is taken, the database can't be reached or started, or
    its schema is not the one that this version needs.
    """
    _check_address(settings)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_stopped_by_signals())
        _prepare_database(settings, stack)
        signing_secret(settings)
        threading.Thread(target=_announce, args=(settings,), daemon=True).start()
        far, near = multiprocessing.Pipe(duplex=False)
        load = partial(_load_worker, settings, os.getpid(), far, near)
        _granian(settings, near).serve(_work, target_loader=load, wrap_loader=False)


def _prepare_database(settings: Settings, stack: contextlib.ExitStack) -> None:
    if settings.is_embedded:
        migrations.upgrade(stack.enter_context(embedded.running(settings.data_dir)))
    elif settings.migrate_at_start:
        migrations.upgrade(direct_dsn_of(settings))
    elif not migrations.is_current(dsn_of(settings)):
        raise StartupError(
            "the database lacks the newest schema: run `duly migrate`, "
            "or set DULY_MIGRATE_AT_START=true"
        )


class _Server(MPServer):
    """Granian, which tells the workers that it stops before it waits for them to finish.

    It does so by closing its end of a pipe: whatever dies, on either side, nobody is left waiting.
    """

    def __init__(self, line: Connection, **options: Any) -> None:
        super().__init__("duly.main:create_app", **options)
        self._line = line

    def shutdown(self, exit_code: int = 0) -> None:
        self._line.close()
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]  # it has no types


def _granian(settings: Settings, line: Connection) -> MPServer:
    return _Server(
        line,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        websockets=False,
        backlog=_BACKLOG,
        http1_settings=HTTP1Settings(
            header_read_timeout=_HEADER_TIMEOUT_MS, max_buffer_size=_BUFFER_BYTES
        ),
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=_DRAIN_SECONDS,
    )


def _work(number: int, name: str | None, load: Any, place: Any, *options: Any) -> None:
    """Be a worker of Granian's, on a socket that gives up on clients who do not read.

    Granian and hyper would wait for them for ever, with the answer in memory.
    """
    (spec, _), _ = place
    if sys.platform == "linux" and spec is not None:
        holder = spec.build()
        with socket.socket(fileno=os.dup(holder.get_fd())) as listener:
            # What it accepts inherits this.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STALL_TIMEOUT_MS)
        place = (None, holder), None
    worker = MPServer._spawn_asgi_lifespan_worker  # noqa: SLF001  # what it would start itself
    worker(number, name, load, place, *options)


def _load_worker(
    settings: Settings, supervisor: int, line: Connection, supervisors_end: Connection
) -> FastAPI:
    """Build the application in a worker, which stops with its supervisor."""
    supervisors_end.close()  # the worker's copy, which would keep the line open
    app = create_app(settings)
    threading.Thread(target=_follow, args=(app, supervisor, line), daemon=True).start()
    # What is there now stays. Looking through it time and again held requests up, for 0.2 seconds
    # under a thousand streams (`make bench-events`).
    gc.collect()
    gc.freeze()
    return app


def _follow(app: FastAPI, supervisor: int, line: Connection) -> None:
    line.poll(None)  # until the supervisor closes it, or is gone
    # Streams have no end of their own that could be waited for.
    with contextlib.suppress(AttributeError, RuntimeError):  # it did not begin, or is over
        app.state.end_streams()
    while os.getppid() == supervisor:
        time.sleep(1)
    while True:  # one that comes while the worker still begins is lost
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Until the server takes the signals over, they end the start in order."""

    def stop(*_: object) -> None:
        raise SystemExit(0)

    former = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _check_address(settings: Settings) -> None:
    """Granian's workers share a port; so would, unnoticed, another server of ours."""
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
        raise StartupError(f"DULY_HOST: can't listen on {place}: {error.strerror}") from None
    except OSError as error:
        taken = "it is in use: stop what listens there, or set DULY_PORT"
        reason = taken if error.errno == errno.EADDRINUSE else error.strerror
        raise StartupError(f"can't listen on {place}: {reason}") from None


def _announce(settings: Settings) -> None:
    """Say what a person needs to know, once the port answers."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  # compared, not bound
    while True:
        with contextlib.suppress(OSError), socket.create_connection((host, settings.port), 1):
            break
        time.sleep(0.05)
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    data = str(settings.data_dir.absolute()) if settings.is_embedded else "in DATABASE_URL"
    print(f"Duly serves at  {url}\nDocs are at     {url}/docs\nData lies       {data}", flush=True)
