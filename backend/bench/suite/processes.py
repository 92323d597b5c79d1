"""Process trees from /proc: their CPU time and their memory. Linux only."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
_STOP_TIMEOUT = 20.0


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat after the name, the parent's id at index 1."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None


def tree(root: int) -> set[int]:
    """Return the process and all below it."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))) is not None:
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, new = {root}, [root]
    while new:
        new = [child for parent in new for child in children.get(parent, [])]
        found.update(new)
    return found


def cpu_ms(root: int | None) -> float:
    """Return the CPU time of a tree in milliseconds, with that of children that have ended."""
    if root is None:
        return 0.0
    fields = [stat for pid in tree(root) if (stat := _stat(pid)) is not None]
    return sum(int(ticks) for stat in fields for ticks in stat[11:15]) * _TICK_MS


def busy_ms() -> float:
    """Return the CPU time of all processes of the machine so far."""
    user, nice, system = (_PROC / "stat").read_text().split()[1:4]
    return (int(user) + int(nice) + int(system)) * _TICK_MS


def age_seconds(pid: int) -> float:
    """Return the time since a process was forked, which psutil knows only to the second."""
    fields = _stat(pid)
    if fields is None:
        raise ProcessLookupError(pid)
    started_at = int(fields[19]) * _TICK_MS / 1000
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_at


@dataclass(frozen=True, slots=True)
class Memory:
    """The proportional set size of a process in MB: shared pages are divided by their users."""

    shared: float = 0.0
    own: float = 0.0
    """Pages that no other process has."""


def memory_of(pid: int) -> Memory:
    """Return the memory of one process; none if it has ended."""
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return Memory()
    fields = dict(line.split(":", 1) for line in text.splitlines()[1:])
    size = {name: int(value.split()[0]) * 1.024e-3 for name, value in fields.items()}
    own = size["Private_Clean"] + size["Private_Dirty"]
    return Memory(shared=size["Pss"] - own, own=own)


def memory_mb(root: int | None) -> float:
    """Return the proportional set size of a tree in MB."""
    if root is None:
        return 0.0
    found = map(memory_of, tree(root))
    return sum(size.shared + size.own for size in found)


@contextmanager
def running(
    command: Sequence[str | Path], log: Path, cwd: Path, **environment: str
) -> Iterator[int]:
    """Run a server and yield its process id. It and its children have ended after the block."""
    variables: Mapping[str, str] = {**os.environ, **environment}
    with (
        log.open("ab") as output,
        subprocess.Popen(command, stdout=output, stderr=output, cwd=cwd, env=variables) as process,
    ):
        try:
            yield process.pid
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    below = _processes(tree(process.pid) - {process.pid})
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
    _, left = psutil.wait_procs(below, timeout=2)
    for one in left:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(left, timeout=2)


def _processes(pids: Iterable[int]) -> list[psutil.Process]:
    found = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    return found


def wait_until_quiet(roots: Sequence[int | None], limit: float = 5.0) -> None:
    """Wait until the trees use less than a twentieth of a core, for `limit` seconds at most."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        before = sum(map(cpu_ms, roots))
        time.sleep(0.2)
        if sum(map(cpu_ms, roots)) - before <= _TICK_MS:
            return
