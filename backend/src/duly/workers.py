"""A worker process: the application, which forked workers share, and what ends it."""

import asyncio
import contextlib
import gc
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import anyio
from fastapi import FastAPI
from granian.server.mp import MPServer

from duly.core.config import Settings
from duly.main import create_app
from duly.schemas.auth import MIN_PASSWORD
from duly.utils.common_passwords import common_passwords
from duly.utils.listeners import identify, refuse_connections

STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM}
_STARTUP_END = 0.2
"""Seconds: longer than the rest of a worker's startup takes once it is ready."""

_STALL_TIMEOUT_MS = 10_000
"""How long a client may go without reading any of its response."""


_listeners: list[int] = []
"""Identifies the socket that this worker listens on. An open copy would keep it open."""


class Pipes:
    """The pipes between the supervisor and its workers; neither waits for a process that died.

    `stop` is closed when the supervisor stops or dies. Each worker reports through `ready`.
    """

    def __init__(self) -> None:
        self.stop, self.to_stop = multiprocessing.Pipe(duplex=False)
        self.ready, self.to_ready = multiprocessing.Pipe(duplex=False)

    def report_ready(self) -> None:
        """Tell the supervisor that this worker has started."""
        self.to_ready.send_bytes(str(os.getpid()).encode())

    def newly_ready(self) -> Iterator[int]:
        """Yield the process id of each worker that has started since the last call."""
        while self.ready.poll():
            yield int(self.ready.recv_bytes())


class Loader:
    """Returns the application in each worker, which then stops with its supervisor."""

    def __init__(self, settings: Settings, pipes: Pipes) -> None:
        self._settings = settings
        self._pipes = pipes
        self._app: FastAPI | None = None

    def prepare(self) -> None:
        """Build the application for all workers that are forked from now on.

        They share its memory with each other and with the supervisor.
        """
        self._app = self._build()
        gc.collect()
        gc.freeze()  # the garbage collector writes to what it scans, which would end the sharing

    def __call__(self) -> FastAPI:
        """Return the application, and watch the supervisor from now on."""
        self._pipes.to_stop.close()  # the worker's copy, which would keep the pipe open
        app = self._app or self._build()
        arguments = app, self._pipes, os.getppid()
        options = {"is_draining": self._settings.drain_seconds > 0}
        threading.Thread(target=_follow, args=arguments, kwargs=options, daemon=True).start()
        # Startup objects are never freed. Scanning them repeatedly made the garbage collector
        # delay requests by 0.2 seconds under a thousand streams (`make bench-events`).
        gc.collect()
        gc.freeze()
        return app

    def _build(self) -> FastAPI:
        # What would otherwise be loaded on first use, by each worker.
        common_passwords(MIN_PASSWORD)
        anyio.run(anyio.sleep, 0)
        return create_app(self._settings, on_ready=self._note_ready)

    def _note_ready(self) -> None:
        self._pipes.report_ready()
        # Granian stops the loop now, and runs it again to serve. A signal in between would be lost,
        # so the timer must not be due before that.
        asyncio.get_running_loop().call_later(_STARTUP_END, _release_stop_signals)


def _release_stop_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def work(number: int, name: str | None, load: Any, place: Any, *options: Any) -> None:
    """Run a Granian worker on a socket that drops clients that do not read.

    Granian and hyper would keep their responses in memory and wait for them forever.
    """
    (spec, _), _ = place
    if sys.platform == "linux" and spec is not None:
        holder = spec.build()
        _listeners.append(identify(holder.get_fd()))
        with socket.socket(fileno=os.dup(holder.get_fd())) as listener:
            # Accepted connections inherit this.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STALL_TIMEOUT_MS)
        place = (None, holder), None
    worker = MPServer._spawn_asgi_lifespan_worker  # noqa: SLF001  # what it would start itself
    worker(number, name, load, place, *options)


def _follow(app: FastAPI, pipes: Pipes, supervisor: int, *, is_draining: bool) -> None:
    """End the streams when the supervisor stops, and the worker if the supervisor is gone."""
    pipes.stop.poll(None)  # until the supervisor closes it, or is gone
    app.state.begin_to_end()
    # Streams have no end of their own that could be waited for.
    with contextlib.suppress(AttributeError, RuntimeError):  # it did not begin, or is over
        app.state.end_streams()
    if is_draining:
        for listener in _listeners:
            refuse_connections(listener)
    # The supervisor sends SIGTERM itself; a second one would cut requests off.
    while os.getppid() == supervisor:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
