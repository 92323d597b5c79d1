"""Keeps the embedded PostgreSQL running: starts it again if it dies.

A backend that dies is PostgreSQL's own matter: it recovers without help. This is for the death of
the server as a whole, such as by SIGKILL, by the kernel's memory killer, or on a full disk.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from duly.core.errors import StartupError
from duly.core.logging import log
from duly.database.cluster import MIN_FREE_BYTES, is_out_of_space
from duly.database.embedded import Server
from duly.utils.sizes import readable

_INTERVAL = 0.2
_MAX_FAILURES = 5
_FIRST_PAUSE = 0.25
_MAX_PAUSE = 5.0
_SHORT_LIFE = 10.0


@contextlib.contextmanager
def kept_running(server: Server, on_failure: Callable[[str], None]) -> Iterator[None]:
    """Start the server again whenever it dies, within the block, in a thread.

    Calls `on_failure` with one line if that fails several times in a row, or if the data directory
    has disappeared, and then stops watching. While the disk is full, it keeps trying.
    """
    keeper = _Keeper(server, on_failure)
    thread = threading.Thread(target=keeper.run, name="database-supervisor", daemon=True)
    thread.start()
    try:
        yield
    finally:
        keeper.stopping.set()
        thread.join()


class _Keeper:
    def __init__(self, server: Server, on_failure: Callable[[str], None]) -> None:
        self._server = server
        self._on_failure = on_failure
        self._was_full = False
        self._started = float("-inf")
        self.stopping = threading.Event()

    def run(self) -> None:
        try:
            while not self.stopping.wait(_INTERVAL):
                self._look()
        except StartupError as error:
            self._on_failure(str(error))
        except Exception:  # noqa: BLE001  # nobody would start the server again
            log.exception("database.supervision_failed")
            self._on_failure("the embedded database is no longer supervised; see the log")

    def _look(self) -> None:
        self._report_space()
        if self._server.cluster.has_disappeared:
            raise StartupError(_disappeared(self._server))
        if (status := self._server.status) is not None:
            self._start_again(status)

    def _start_again(self, status: str) -> None:
        log.error("database.died", status=status, path=str(self._server.cluster.directory))
        began = time.monotonic()
        failures, pause = 0, _FIRST_PAUSE
        if began - self._started < _SHORT_LIFE:  # again: do not spin
            self.stopping.wait(1)
        while not self.stopping.is_set():
            try:
                self._server.start_again(self.stopping.is_set)
                break
            except StartupError as error:
                if self._server.cluster.has_disappeared:
                    raise StartupError(_disappeared(self._server)) from None
                if is_out_of_space(str(error)) or self._server.cluster.is_full:
                    self._report_space(str(error))
                else:
                    failures += 1
                if failures == _MAX_FAILURES:
                    raise StartupError(
                        "the embedded database died and could not be started again, "
                        f"{failures} times in a row: {error}"
                    ) from None
            self._wait(pause)
            pause = min(2 * pause, _MAX_PAUSE)
        self._started = time.monotonic()
        if not self.stopping.is_set():
            log.warning("database.restarted", seconds=round(self._started - began, 3))
        self._report_space()

    def _wait(self, seconds: float) -> None:
        """Wait before the next attempt: on a full disk, no longer than until there is space."""
        deadline = time.monotonic() + seconds
        was_full = self._server.cluster.is_full
        while (left := deadline - time.monotonic()) > 0:
            if self.stopping.wait(min(left, _INTERVAL)):
                return
            if was_full and not self._server.cluster.is_full:
                return

    def _report_space(self, reason: str | None = None) -> None:
        """Log once that space has run out, and once that there is some again."""
        cluster = self._server.cluster
        path, free = str(cluster.directory), cluster.free_bytes
        if not self._was_full and (reason is not None or cluster.is_full):
            self._was_full = True
            reason = reason or f"less than {readable(MIN_FREE_BYTES)} left"
            log.error("database.no_space", path=path, reason=reason, free_bytes=free)
        # Twice the limit, so that the two lines do not alternate around it.
        elif self._was_full and reason is None and (free or 0) > 2 * MIN_FREE_BYTES:
            self._was_full = False
            log.warning("database.space_available", path=path, free_bytes=free)


def _disappeared(server: Server) -> str:
    return (
        f"the data directory {server.cluster.directory} has disappeared; restore it, for instance "
        "from a backup, and start Duly again"
    )
