"""The faults. Each returns the moment at which the part that it hit was back."""

import asyncio
import random
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import psycopg

from bench.chaos.load import Load
from bench.chaos.systems import POOLED, System

SERVER_GOAL = 1.5
"""Seconds until service is back, after a part of Duly is."""
DATABASE_GOAL = 3.0
"""The same after the database, or what is in front of it, is back."""
_LOOK = 0.01
_LIMIT = 60.0
_STOPPED = 3.0
"""Seconds that the database is stopped for; once in four times, longer than a request may take."""
_LONG_STOP = 12.0
_FULL = 2.0
_JUMP = 3600
_JUMPED = 3.0
_MEBIBYTE = 2**20


@dataclass(frozen=True)
class Fault:
    """A fault, and how long service may take to return."""

    name: str
    goal: float
    inject: Callable[[System, Load, random.Random], Awaitable[float]]


async def kill_worker(system: System, _: Load, chance: random.Random) -> float:
    """Kill one of the workers. The other one serves, so the time counts from here."""
    chance.choice(system.workers()).kill()
    return time.monotonic()


async def kill_server(system: System, _: Load, __: random.Random) -> float:
    """Kill the supervisor. The service manager starts the service again."""
    system.server.process.kill()
    died = time.monotonic()
    await _until(lambda: system.manager.started_at > died)
    return await _until(partial(_listens, system.manager.port))


async def kill_backend(system: System, _: Load, chance: random.Random) -> float:
    """Kill a process of PostgreSQL that serves Duly. PostgreSQL restarts the others."""
    postmaster = await asyncio.to_thread(_postmaster, system.dsn)
    # After another fault, Duly may have to connect again first.
    await _until(lambda: bool(_backends(system.dsn)))
    backends = await asyncio.to_thread(_backends, system.dsn)
    psutil.Process(chance.choice(backends)).kill()
    return await _until(lambda: _postmaster(system.dsn) not in {None, postmaster})


async def kill_postmaster(system: System, _: Load, __: random.Random) -> float:
    """Kill the main process of PostgreSQL. Its supervisor starts it again."""
    died = system.postmaster()
    died.kill()
    await _until(lambda: not died.is_running())
    return await _until(lambda: _postmaster(system.dsn))


async def kill_pooler(system: System, _: Load, __: random.Random) -> float:
    """Kill PgBouncer. The service manager starts it again."""
    assert system.pooler
    system.pooler.kill()
    dsn = system.pooler.dsn
    return await _until(lambda: _postmaster(dsn))


async def stop_database(system: System, _: Load, chance: random.Random) -> float:
    """Stop all processes of PostgreSQL for a while."""
    postmaster = system.postmaster()
    processes = [postmaster, *postmaster.children()]
    _signal(processes, signal.SIGSTOP)
    await asyncio.sleep(_LONG_STOP if chance.random() < 0.25 else _STOPPED)
    _signal(processes, signal.SIGCONT)
    return time.monotonic()


async def fill_disk(system: System, load: Load, chance: random.Random) -> float:
    """Fill the disk until writes fail, and every second time until PostgreSQL stops; then free it."""
    assert system.disk
    ballast = system.disk / "ballast"
    is_fatal = chance.random() < 0.5
    deadline, since = time.monotonic() + _LIMIT, None
    try:
        while since is None or time.monotonic() < since + _FULL:
            await asyncio.to_thread(_fill, ballast)
            stops = is_fatal and not await asyncio.to_thread(_write_log, system.dsn)
            if since is None and (stops or (not is_fatal and _fails(load))):
                since = time.monotonic()
            if time.monotonic() > deadline:
                raise TimeoutError("a full disk has no effect")
            await asyncio.sleep(0.1)
    finally:
        ballast.unlink()
    return time.monotonic()


async def jump_clock(system: System, _: Load, chance: random.Random) -> float:
    """Set the clock an hour forward or back for a while, and then right."""
    assert system.clock
    system.clock.set(chance.choice([-_JUMP, _JUMP]))
    await asyncio.sleep(_JUMPED)
    system.clock.set(0)
    return time.monotonic()


WORKER = Fault("worker killed", SERVER_GOAL, kill_worker)
SERVER = Fault("server killed", SERVER_GOAL, kill_server)
BACKEND = Fault("backend killed", DATABASE_GOAL, kill_backend)
POSTMASTER = Fault("postmaster killed", DATABASE_GOAL, kill_postmaster)
POOLER = Fault("PgBouncer killed", DATABASE_GOAL, kill_pooler)
STOPPED = Fault("database stopped", DATABASE_GOAL, stop_database)
DISK = Fault("disk full", DATABASE_GOAL, fill_disk)
CLOCK = Fault("clock jumps", SERVER_GOAL, jump_clock)
ALL = [WORKER, SERVER, BACKEND, POSTMASTER, POOLER, STOPPED, DISK, CLOCK]


def ordinary(way: str) -> list[Fault]:
    """The faults that need nothing special of the system."""
    pooled = [POOLER] if way == POOLED else []
    return [WORKER, SERVER, BACKEND, POSTMASTER, *pooled, STOPPED]


async def _until(condition: Callable[[], object]) -> float:
    """Wait for a condition, looked at in a thread, and return when it came about."""
    deadline = time.monotonic() + _LIMIT
    while not await asyncio.to_thread(condition):
        if time.monotonic() > deadline:
            raise TimeoutError("a part did not come back")
        await asyncio.sleep(_LOOK)
    return time.monotonic()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _postmaster(dsn: str) -> str | None:
    """When PostgreSQL began to accept what it accepts now; None if it accepts nothing."""
    with (
        suppress(psycopg.Error),
        psycopg.connect(dsn, autocommit=True, connect_timeout=2, prepare_threshold=None) as one,
    ):
        row = one.execute(
            "SELECT min(backend_start)::text FROM pg_stat_activity "
            "WHERE backend_type = 'checkpointer'"
        ).fetchone()
        return str(row[0]) if row else None
    return None


def _backends(dsn: str) -> list[int]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' "
            "AND datname = 'duly' AND pid <> pg_backend_pid()"
        )
        return [pid for (pid,) in rows]


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _fill(ballast: Path) -> None:
    """Use up all space, also what was freed meanwhile."""
    with ballast.open("ab", buffering=0) as file:
        for size in (_MEBIBYTE, 4096):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))


def _write_log(dsn: str) -> bool:
    """Use up a segment of the log of PostgreSQL. Returns whether it could."""
    with suppress(psycopg.Error), psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_logical_emit_message(false, 'duly', '')")
        connection.execute("SELECT pg_switch_wal()")
        return True
    return False


def _fails(load: Load) -> bool:
    return any(one.is_failure for one in load.samples)
