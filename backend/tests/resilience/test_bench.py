"""A short form of `make bench`: each scenario, on Duly and on the plain application."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from bench.suite import pace, systems
from bench.suite.__main__ import errors_of
from bench.suite.scenarios import SCENARIOS, Size
from bench.suite.systems import System

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

SIZE = Size(readers=3, writers=2, quiet=2, signers=2, tasks=25, crowd=2)

STARTS: dict[str, Callable[[Path], AbstractContextManager[System]]] = {
    "duly": lambda _: systems.duly(SIZE, workers=1),
    "plain": lambda directory: systems.plain(directory, SIZE),
}
LACKING = {"duly": set[str](), "plain": {"batch", "sync", "304"}}


@pytest.mark.slow
@pytest.mark.parametrize("name", STARTS)
def test_every_scenario_runs_without_an_error(name: str, tmp_path: Path) -> None:
    with STARTS[name](tmp_path) as system:
        runs = {
            scenario: pace.drive(system.port, requests, connections=2, seconds=0.2, rate=50)
            for scenario, requests in system.requests.items()
        }
        logged = errors_of(system)

    assert set(SCENARIOS) - runs.keys() == LACKING[name]
    assert {scenario: run.errors for scenario, run in runs.items() if run.errors} == {}
    assert all(run.latencies for run in runs.values())
    assert logged == []
    assert min(system.idle_mb) > 0
