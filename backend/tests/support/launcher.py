"""A process that has imported Duly, and forks for each program that the tests start.

Importing takes a second of CPU, and a run of all tests starts `duly` hundreds of times. A program
that is forked here is a process as any other: its arguments, environment, directory, account and
files are its own. Only what it imports is there already.

Without `launching` programs are started the ordinary way. So are those whose start is the subject
of a test, since they call `subprocess` themselves.
"""

import array
import atexit
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

_SOCKET = "DULY_TEST_LAUNCHER"
_START_TIMEOUT = 60.0
_POLL_INTERVAL = 0.01


@contextmanager
def launching() -> Iterator[None]:
    """Let `start` and `run` fork, in this process and in those that inherit its environment."""
    with tempfile.TemporaryDirectory(prefix="duly-launcher-") as directory:
        path = f"{directory}/socket"
        with subprocess.Popen(
            [sys.executable, __file__, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            os.environ[_SOCKET] = path
            try:
                yield
            finally:
                del os.environ[_SOCKET]
                process.stdin.close()  # for which it waits
                process.wait(_START_TIMEOUT)


def start(program: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
    """Start a Python script, which is the first of `program`. The options are those of `Popen`.

    Another user's is not forked: what it imports later, only this user may be able to read.
    """
    if _SOCKET in os.environ and "user" not in options:
        return _Forked([str(part) for part in program], **options)
    return subprocess.Popen([sys.executable, *program], **options)


def run(
    program: Sequence[str | Path], timeout: float | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a Python script to its end, and return what it wrote."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with start(program, **pipes, **options) as process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return subprocess.CompletedProcess(program, process.returncode, stdout, stderr)


def write_command(file: Path, program: Path) -> None:
    """Write a shell command that starts `program` as `run` does, for scripts that call it."""
    root = str(Path(__file__).parents[2])
    file.write_text(
        f"#!{sys.executable} -E\n"
        "import os, sys\n"
        f"sys.path.insert(0, {root!r})\n"
        "from tests.support.launcher import start\n"
        f"own = {{k: v for k, v in os.environ.items() if k != {_SOCKET!r}}}\n"
        f"sys.exit(start([{str(program)!r}, *sys.argv[1:]], env=own).wait())\n"
    )
    file.chmod(0o755)


def way() -> dict[str, str]:
    """What a command of `write_command` needs in its environment."""
    return {_SOCKET: os.environ[_SOCKET]} if _SOCKET in os.environ else {}


class _Connection:
    """The way to the launcher, one for each process that starts programs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._owner = 0

    def ask(self, request: dict[str, Any], files: Sequence[int] = ()) -> Any:
        with self._lock:
            if self._socket is None or self._owner != os.getpid():
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                self._socket.connect(os.environ[_SOCKET])
                self._owner = os.getpid()
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
            self._socket.sendmsg([json.dumps(request).encode()], rights if files else [])
            return json.loads(self._socket.recv(_LARGEST))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


_LARGEST = 2**17
_connection = _Connection()
close = _connection.close
"""End the connection of this process, if there is one."""


class _Forked(subprocess.Popen[Any]):
    """`Popen`, except that the launcher forks and waits."""

    def _execute_child(self, *options: Any) -> None:
        arguments, cwd, environment = options[0], options[5], options[6]
        pipes, (gid, gids, uid) = options[10:16], options[17:20]
        self.pid = _connection.ask(
            {
                "program": arguments,
                "cwd": os.fspath(cwd or Path.cwd()),
                "environment": dict(os.environ if environment is None else environment),
                "account": [gid, gids, uid],
            },
            [
                own if given == -1 else given
                for own, given in enumerate((pipes[0], pipes[3], pipes[5]))
            ],
        )
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]  # private, as the rest here

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None:
            self._take(self._try_wait(os.WNOHANG))
        return self.returncode

    def _try_wait(self, flags: int) -> tuple[int, int]:
        while (status := _connection.ask({"wait": self.pid})) is None:
            if flags & os.WNOHANG:
                return 0, 0
            time.sleep(_POLL_INTERVAL)
        return self.pid, status

    def _take(self, waited: tuple[int, int]) -> None:
        pid, status = waited
        if pid == self.pid:
            self.returncode = os.waitstatus_to_exitcode(status)


def _listen(path: str) -> Any:
    """Fork for each request until standard input ends. In a child, return its request."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with (
        selectors.DefaultSelector() as selector,
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener,
        ExitStack() as connections,
    ):
        listener.bind(path)
        listener.listen()
        selector.register(sys.stdin, selectors.EVENT_READ)
        selector.register(listener, selectors.EVENT_READ)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:
                    sys.exit()
                if key.fileobj is listener:
                    connection = connections.enter_context(listener.accept()[0])
                    selector.register(connection, selectors.EVENT_READ)
                elif (request := _receive(key.fileobj)) is None:
                    selector.unregister(key.fileobj)
                elif "wait" in request:
                    _send(key.fileobj, _status_of(request["wait"]))
                elif pid := os.fork():
                    for file in request["files"]:
                        os.close(file)
                    _send(key.fileobj, pid)
                else:
                    return request


def _receive(source: Any) -> Any:
    data, rights, *_ = source.recvmsg(_LARGEST, socket.CMSG_SPACE(3 * array.array("i").itemsize))
    if not data:
        return None
    files = array.array("i")
    for _, _, right in rights:
        files.frombytes(right)
    return {**json.loads(data), "files": list(files)}


def _send(sink: Any, response: int | None) -> None:
    with suppress(BrokenPipeError):
        sink.send(json.dumps(response).encode())


def _status_of(pid: int) -> int | None:
    done, status = os.waitpid(pid, os.WNOHANG)
    return status if done else None


def _become(request: Any) -> None:
    """Take over all that a process of its own would have been given."""
    for target, file in enumerate(request["files"]):
        os.dup2(file, target)
        os.close(file)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gid, gids, uid = request["account"]
    if gids is not None:
        os.setgroups(gids)
    if gid is not None:
        os.setgid(gid)
    if uid is not None:
        os.setuid(uid)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    sys.argv = request["program"]
    sys.path[0] = str(Path(sys.argv[0]).parent)


def _import() -> None:
    """Import what programs import, some of it only when an application is built."""
    import httpx  # noqa: F401  # the example client's
    import uvloop  # noqa: F401

    import duly.cli  # noqa: F401
    from duly.core.config import Settings
    from duly.workers import Loader, Pipes

    Loader(Settings(), Pipes()).prepare()


def _run() -> None:
    """Run the program, and leave without freeing what it shares, which would copy it first."""
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        status = end.code or 0
    else:
        status = 0
    threading._shutdown()  # type: ignore[attr-defined]  # the steps of an interpreter that ends
    atexit._run_exitfuncs()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    _import()
    _become(_listen(sys.argv[1]))
    _run()
