"""`duly` as a process: started, talked to, stopped, and looked for afterwards."""

import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.support import launcher
from tests.support.launcher import start

DULY = Path(sys.executable).with_name("duly")
PATIENCE = 60.0
"""Seconds that a slow machine gets before a test gives up."""


def environment(**settings: str) -> dict[str, str]:
    """The environment of the run without what is set of Duly, save for `settings`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DULY_", "DATABASE_"))}
    return {**kept, "DULY_BCRYPT_COST": "4", **settings}


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def until(condition: Callable[[], Any]) -> Any:
    """The first true answer of `condition`."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := condition()):
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.02)
    return answer


def postmaster_of(data_dir: Path) -> int:
    """The process id of the embedded PostgreSQL."""
    lines = (data_dir / "postgres" / "postmaster.pid").read_text().splitlines()
    return int(lines[0])


class Server:
    """One `duly serve` that has said that it serves."""

    def __init__(self, process: subprocess.Popen[str], data_dir: Path) -> None:
        self.process = process
        self.data_dir = data_dir
        assert process.stdout is not None
        self.lines = [process.stdout.readline().rstrip("\n") for _ in range(3)]
        assert self.lines[2], process.communicate(timeout=PATIENCE)
        self.url = self.lines[0].split()[-1]

    def workers(self) -> list[psutil.Process]:
        """Its processes that run Python."""
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if "postgres" not in child.name()]

    def stop(self, signal_number: int) -> tuple[int, str, str]:
        """Send a signal and wait for the end; return the status and the rest of the output."""
        self.process.send_signal(signal_number)
        stdout, stderr = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, stdout, stderr

    def register(self, email: str) -> httpx.Response:
        body = {"email": email, "password": "a long pass phrase"}
        return httpx.post(f"{self.url}/api/v1/auth/register", json=body, timeout=PATIENCE)

    def login(self, email: str) -> httpx.Response:
        body = {"email": email, "password": "a long pass phrase"}
        return httpx.post(f"{self.url}/api/v1/auth/login", json=body, timeout=PATIENCE)


@contextmanager
def started(*arguments: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command that can be interrupted. It is killed in the end."""
    with subprocess.Popen(
        [DULY, *arguments],
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell that runs the tests in the background lets them ignore SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def serving(data_dir: Path, *, user: str | None = None, **settings: str) -> Iterator[Server]:
    """A server on a free port. Remaining processes are killed in the end."""
    given = {"DULY_PORT": free_port(), "DULY_DATA_DIR": str(data_dir), **settings}
    with start(
        [DULY, "serve"],
        env=environment(**given),
        cwd=data_dir.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **as_user(user),
    ) as process:
        try:
            yield Server(process, data_dir)
        finally:
            left = [process.pid, *processes_of(data_dir)]
            if process.poll() is None:
                process.terminate()
                try:
                    process.communicate(timeout=PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()
            for pid in left:
                if pid != process.pid and psutil.pid_exists(pid):
                    psutil.Process(pid).kill()


def run(*arguments: str, data_dir: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `duly` to its end."""
    return launcher.run(
        [DULY, *arguments],
        env=environment(**{"DULY_DATA_DIR": str(data_dir), **settings}),
        cwd=data_dir.parent if data_dir.parent.is_dir() else None,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE,
    )


def the_line(result: subprocess.CompletedProcess[str]) -> str:
    """The one line with which a command failed, after the one that may name the database."""
    assert result.returncode not in {0, None}, result
    assert result.stderr.endswith("\n"), result.stderr
    lines = result.stderr.splitlines()
    if lines[0].startswith("Database: "):
        del lines[0]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    return lines[0]


def processes_of(data_dir: Path) -> list[int]:
    """The PostgreSQL processes over a data directory."""
    cluster = str(data_dir / "postgres")
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if cluster in (process.info["cmdline"] or [])
    ]


def as_user(name: str | None) -> dict[str, Any]:
    """Options to run a process under another account."""
    if name is None:
        return {}
    account = pwd.getpwnam(name)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
