"""The files of the embedded PostgreSQL: created with `initdb`, and checked before each start."""

import contextlib
import re
import shutil
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import psutil

from duly.core.errors import StartupError
from duly.database.accounts import Account
from duly.utils.files import sync

ROLE = "duly"
UPGRADED = "postgres.upgraded"
RESTORE = "restore"
"""The directory that has a new database until it is restored completely."""
"""A complete copy that is about to become `postgres`."""
_UNFINISHED = "postgres.new"
_STOP_TIMEOUT = 30.0
# Not what a server that is still starting replies to its clients.
_ERROR = re.compile(r"\b(?:error|FATAL|PANIC): +(?!the database system is)(.+)")
_MAX_REASON = 300
_FULL = re.compile("No space left on device|Disk quota exceeded", re.IGNORECASE)
MIN_FREE_BYTES = 32 * 2**20
"""Two segments of the write-ahead log. With less, PostgreSQL may be unable to start."""


class Cluster:
    """The directory `postgres` in the data directory. The caller holds the latter's lock."""

    def __init__(self, data_dir: Path, binaries: Path, account: Account | None = None) -> None:
        self._data_dir = data_dir
        self._bin = binaries
        self.directory = data_dir / "postgres"
        self.upgraded = data_dir / UPGRADED
        self.account = account or Account(self.directory)
        self._identity: tuple[int, int] | None = None

    def prepare(self) -> None:
        """Create the files on first use.

        Raises `StartupError` if that fails, or if this PostgreSQL cannot use the files.
        """
        self.finish_exchange()
        if (found := self.version) is not None:
            self._check_version(found)
        elif self.directory.exists() and any(self.directory.iterdir()):
            raise self.incomplete()
        elif (work := self.directory.parent / RESTORE).exists():
            raise StartupError(
                f"a restore was interrupted, so {self.directory.parent} has no database: run "
                f"`duly restore` again, or delete {work} to begin with an empty one"
            )
        else:
            self._create()
        self._identity = _identity(self.directory)

    @property
    def version(self) -> str | None:
        """The major version of the PostgreSQL that created the files; None without any."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return (self.directory / "PG_VERSION").read_text().strip()
        return None

    def incomplete(self) -> StartupError:
        """The error for files without a version."""
        return StartupError(
            f"{self.directory} has no file PG_VERSION, so its data is incomplete; restore it "
            f"from a backup made with PostgreSQL {self.major_version()}, which is the one in "
            f"Duly {version('duly')}, or move it away to start with an empty database"
        )

    def exchange(self, copy: Path, kept: Path) -> None:
        """Put the files of `copy` in place of these, which become `kept`.

        If this is interrupted between the two renames, the next start does the second one.
        """
        sync(copy)
        copy.rename(self.upgraded)
        sync(self._data_dir)
        self.directory.rename(kept)
        self.finish_exchange()

    def finish_exchange(self) -> None:
        """Give the files of a complete copy their name, if there are no others of that name."""
        if self.upgraded.exists() and not self.directory.exists():
            self.upgraded.rename(self.directory)
            sync(self._data_dir)

    def discard(self) -> None:
        """Remove the files, whatever still works in them."""
        self._stop_creation()
        with contextlib.suppress(FileNotFoundError):
            self._identity = _identity(self.directory)
            self.stop_leftovers()
            shutil.rmtree(self.directory)

    @property
    def has_disappeared(self) -> bool:
        """Whether the files were removed, renamed or replaced since `prepare`."""
        try:
            (self.directory / "PG_VERSION").stat()
            return _identity(self.directory) != self._identity
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:  # the file system fails, perhaps only for the moment
            return False

    @property
    def free_bytes(self) -> int | None:
        """The space left on the file system; None if that cannot be found out."""
        return _free_bytes(self.directory)

    @property
    def is_full(self) -> bool:
        """Whether the file system has too little space for PostgreSQL to start and to write."""
        return is_full(self.directory)

    def stop_leftovers(self) -> bool:
        """Stop what a killed PostgreSQL left running, or a PostgreSQL whose Duly was killed.

        Returns whether there was any.
        """
        pid_file = self.directory / "postmaster.pid"
        named = _first_number(pid_file)
        found = self._processes()
        for process in found:
            if process.pid == named:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(signal.SIGINT)
                psutil.wait_procs(found, timeout=_STOP_TIMEOUT)
        _kill(self._processes())
        # The number may belong to another program already, which PostgreSQL would take for a
        # server of its own and refuse to start.
        if named is not None and psutil.pid_exists(named):
            pid_file.unlink(missing_ok=True)
        return bool(found)

    def _processes(self) -> list[psutil.Process]:
        """The PostgreSQL processes that work in this directory."""
        return [one for one in psutil.process_iter() if _works_in(one, self._identity)]

    def _stop_creation(self) -> None:
        """Stop an `initdb` whose Duly was killed, and its server: they would go on writing."""
        unfinished = self._data_dir / _UNFINISHED
        with contextlib.suppress(FileNotFoundError):
            identity = _identity(unfinished)
            _kill([one for one in psutil.process_iter() if _creates(one, unfinished)])
            _kill([one for one in psutil.process_iter() if _works_in(one, identity)])

    def _check_version(self, found: str) -> None:
        expected = self.major_version()
        if found == expected:
            return
        if found.isdecimal() and int(found) < int(expected):
            advice = "stop Duly and run `duly upgrade-data`, which keeps the former data, too"
        else:
            advice = f"start a release of Duly that includes PostgreSQL {found}"
        raise StartupError(
            f"{self.directory} was created by PostgreSQL {found}, but Duly {version('duly')} "
            f"includes PostgreSQL {expected}; {advice}"
        )

    def major_version(self) -> str:
        """The major version of the programs."""
        return self._run("postgres", "--version").split()[-1].split(".")[0]

    def _create(self) -> None:
        # Under another name until it is complete, so that an interrupted start does no harm.
        unfinished = self._data_dir / _UNFINISHED
        self._stop_creation()
        shutil.rmtree(unfinished, ignore_errors=True)
        self.account.make_private(unfinished)
        self._run(
            "initdb",
            f"--pgdata={unfinished}",
            f"--username={ROLE}",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
        )
        unfinished.rename(self.directory)

    def _run(self, program: str, *arguments: str) -> str:
        result: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603  # our own program
            [self._bin / program, *arguments],
            stdin=subprocess.DEVNULL,
            check=False,
            capture_output=True,
            text=True,
            cwd=self._data_dir,
            **self.account.options,
        )
        if result.returncode != 0:
            reason = first_error(result.stderr) or "it wrote no reason"
            raise StartupError(f"{program} failed in {self._data_dir}: {reason}")
        return result.stdout


def _identity(directory: Path) -> tuple[int, int]:
    found = directory.stat()
    return found.st_dev, found.st_ino


def first_error(output: str) -> str | None:
    """Return the reason in the output of a PostgreSQL program that failed; None if it has none.

    It is the first error: later ones follow from it, and the last lines report the cleaning up.
    """
    found = _ERROR.search(output)
    reason = found[1] if found else " ".join(output.split())[:_MAX_REASON]
    return reason.strip() or None


def is_full(directory: Path) -> bool:
    """Whether a file system has too little space for PostgreSQL to start and to write."""
    free = _free_bytes(directory)
    return free is not None and free < MIN_FREE_BYTES


def _free_bytes(directory: Path) -> int | None:
    with contextlib.suppress(OSError):
        return shutil.disk_usage(directory).free
    return None


def is_out_of_space(reason: str | None) -> bool:
    """Whether an error says that the file system, or a quota, is full."""
    return reason is not None and _FULL.search(reason) is not None


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _first_number(file: Path) -> int | None:
    try:
        return int(file.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def _works_in(process: psutil.Process, identity: object) -> bool:
    """Whether this is a PostgreSQL that works in the directory of an identity."""
    try:
        if process.name() != "postgres":
            return False
        # Not by its path, which in another container can be that of another directory.
        where = f"/proc/{process.pid}/cwd" if sys.platform == "linux" else process.cwd()
        return identity == _identity(Path(where))
    except (psutil.Error, OSError):
        return False


def _creates(process: psutil.Process, directory: Path) -> bool:
    try:
        return process.name() == "initdb" and f"--pgdata={directory}" in process.cmdline()
    except psutil.Error:
        return False


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=_STOP_TIMEOUT)
