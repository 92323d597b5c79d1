"""Duly under 1,000 connections, its memory meanwhile, and how fast a worker starts."""

import os
import signal
import statistics
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import psutil

from bench.suite import pace
from bench.suite.measure import CONNECTIONS, Cost, flood, memory
from bench.suite.messages import Client
from bench.suite.processes import age_seconds, wait_until_quiet
from bench.suite.systems import System

CROWD = 1000
_STARTS = 3
_INTERVAL = 1.0
SENDERS: Mapping[str, str] = {"1,000 users": "crowd list", "100 users": "list"}
"""The scenario of each kind of crowd. Duly runs at most four requests of a user at a time, per worker."""


@dataclass(frozen=True)
class Crowd:
    """What 1,000 connections get, and what they cost."""

    flat_out: Mapping[str, tuple[Cost, Cost]]
    """By who sends: the same requests over 32 connections, and over 1,000."""
    each_second: pace.Timings
    """One request a second on each connection, of the mix."""
    idle_mb: tuple[float, float]
    loaded_mb: tuple[float, float]

    @property
    def errors(self) -> int:
        """Failed requests of all runs."""
        costs = (cost for pair in self.flat_out.values() for cost in pair)
        return self.each_second.errors + sum(cost.run.errors for cost in costs)


class MemoryWatch:
    """Notes the highest memory of a system while the block runs."""

    def __init__(self, system: System) -> None:
        self._system, self._is_over = system, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.highest = memory(system)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(_INTERVAL):
            self.highest = max(self.highest, memory(self._system), key=sum)


def measure(system: System, seconds: int, idle_mb: tuple[float, float]) -> Crowd:
    """Run the crowd. `idle_mb` is the memory before any load."""
    with MemoryWatch(system) as watch:
        flat_out = {}
        for who, scenario in SENDERS.items():
            few = flood(system, scenario, CONNECTIONS, seconds)
            flat_out[who] = few, flood(system, scenario, CROWD, seconds)
            wait_until_quiet(system.roots)
        paced = pace.drive(
            system.port,
            system.requests["crowd mix"],
            connections=CROWD,
            seconds=2 * seconds,
            rate=float(CROWD),
        )
    return Crowd(flat_out, paced, idle_mb, watch.highest)


def worker_start_seconds(system: System) -> float:
    """Kill the only worker; return the time from the fork of the next one to its first response.

    It is the median of three.
    """
    return statistics.median(_start_seconds(system) for _ in range(_STARTS))


def _start_seconds(system: System) -> float:
    supervisor = psutil.Process(system.server)
    before = _workers(supervisor)
    for worker in before:
        os.kill(worker.pid, signal.SIGKILL)
    with Client(system.port) as client:
        client.wait("/health/ready")
    [worker] = _workers(supervisor) - before
    return age_seconds(worker.pid)


def _workers(supervisor: psutil.Process) -> set[psutil.Process]:
    return {child for child in supervisor.children() if child.status() != psutil.STATUS_ZOMBIE}
