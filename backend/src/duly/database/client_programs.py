"""PostgreSQL's own client programs, which back up and restore: those that Duly includes, or others.

A program must be at least as new as the server. Those that Duly includes cannot encrypt their
connection, so they are for servers that are reached without.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from duly.core.errors import StartupError
from duly.database import embedded
from duly.utils.processes import describe_exit

NAMES = ("pg_dump", "pg_restore", "psql")


@dataclass(frozen=True, slots=True)
class Server:
    """What decides which programs can be used with a server."""

    major: int
    is_encrypted: bool


@dataclass(frozen=True, slots=True)
class Programs:
    """A directory with the three programs, and their version."""

    directory: Path
    major: int

    def command(self, name: str, *arguments: str) -> list[str]:
        """The arguments that run a program."""
        return [str(self.directory / name), *arguments]


def server_of(connection: psycopg.Connection[Any]) -> Server:
    """Describe the server of a connection.

    Raises `StartupError` if a pooler is in between: the programs change settings of their session,
    which it would pass on to others.
    """
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    if row is None or row[0] != connection.info.backend_pid:
        raise StartupError(
            "DATABASE_URL leads through a pooler; set DATABASE_DIRECT_URL to a connection past it"
        )
    return Server(connection.info.server_version // 10_000, connection.pgconn.ssl_in_use)


def find_programs(server: Server) -> Programs:
    """Return programs that work with a server. Raises `StartupError` if there are none."""
    own, others = own_programs(), programs_on_path()
    if own is not None and own.major >= server.major and not server.is_encrypted:
        return own
    if others is not None and others.major >= server.major:
        return others
    is_own_usable = own is not None and not server.is_encrypted
    found = [f"Duly includes version {own.major}"] if own is not None and is_own_usable else []
    found.append(f"PATH has version {others.major}" if others else "PATH has none")
    why = (
        " over an encrypted connection, which the programs in Duly do not support"
        if server.is_encrypted
        else ""
    )
    raise StartupError(
        f"the database is PostgreSQL {server.major}{why}: install pg_dump, pg_restore and psql of "
        f"version {server.major} or newer ({', '.join(found)})"
    )


def find_reader(programs: Programs) -> Programs:
    """Return the programs whose `pg_restore` reads a file: it does not connect, so the newest."""
    own = own_programs()
    return programs if own is None or own.major < programs.major else own


def own_programs() -> Programs | None:
    """The programs that Duly includes, if it does on this system."""
    directory = embedded.own_binaries()
    return None if directory is None else _programs_in(directory)


def programs_on_path() -> Programs | None:
    """The programs that the shell would find."""
    found = shutil.which(NAMES[0])
    return None if found is None else _programs_in(Path(found).parent)


def _programs_in(directory: Path) -> Programs | None:
    if any(shutil.which(name, path=str(directory)) is None for name in NAMES):
        return None
    with suppress(OSError, ValueError, IndexError, subprocess.TimeoutExpired):
        shown = subprocess.run(  # noqa: S603  # the operator's own program
            [directory / NAMES[0], "--version"],
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
        )
        # Such as "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)" or "… 19beta1".
        number = shown.stdout.split(") ", 1)[1].split(".")[0]
        return Programs(directory, int(number[:2]))
    return None


def connection_options(dsn: str) -> tuple[str, dict[str, str]]:
    """Return the `--dbname` of a DSN, without its password, and the environment that has it.

    Other users can read the arguments of a program, and not its environment.
    """
    parts = conninfo_to_dict(dsn)
    if parts.get("sslpassword"):
        raise StartupError(
            "DATABASE_URL has the option sslpassword, which would be visible to other users of "
            "this machine; use a client key without a password for backups"
        )
    password = parts.pop("password", None)
    parts.pop("application_name", None)
    environment = {**os.environ, "LC_ALL": "C", "PGCLIENTENCODING": "UTF8"}
    environment.setdefault("PGCONNECT_TIMEOUT", "10")
    if password is not None:
        environment["PGPASSWORD"] = str(password)
    return make_conninfo("", **parts), environment


class Running:
    """A program that runs in the block, and is ended with it."""

    def __init__(
        self, command: Sequence[str], environment: dict[str, str], **options: Any
    ) -> None:
        # A file, since nobody reads a pipe while the program runs.
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed below
        try:
            self.process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603  # see above
                command, env=environment, stderr=self._errors, **options
            )
        except OSError as error:
            self._errors.close()
            raise StartupError(f"cannot run {command[0]}: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what is left to be written
                    pipe.close()
        self._errors.close()

    def reason(self) -> str:
        """Its first error, in one line."""
        self._errors.seek(0)
        errors = self._errors.read(2**16).decode(errors="replace")
        return reason_in(errors, self.process.returncode)


def reason_in(errors: str, status: int) -> str:
    """Return why a program failed, in one line.

    That is the first error in what it wrote, without the program's name before it.
    """
    for line in errors.splitlines():
        for sign in ("ERROR: ", "FATAL: ", "PANIC: ", "error: "):
            if sign in line:
                return line.rpartition(sign)[2].strip()
    written = " ".join(errors.split())[:300]
    return written or f"it ended without a reason ({describe_exit(status)})"
