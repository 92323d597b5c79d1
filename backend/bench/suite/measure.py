"""Measure scenarios on several systems in turns, so that a slow moment affects them all."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.suite import pace, wrk
from bench.suite.processes import cpu_ms, memory_mb, wait_until_quiet
from bench.suite.systems import System

CONNECTIONS = 32
_SHARE = 0.5
_MAX_RATE = 1000.0
_WARM_UP_SECONDS = 1


@dataclass(frozen=True)
class Cost:
    """One run at full speed, with the CPU milliseconds per request."""

    run: wrk.Throughput
    server: float
    database: float


@dataclass
class Figures:
    """The measurements of one scenario on one system."""

    costs: list[Cost] = field(default_factory=list)
    rate: float = 0.0
    paced: pace.Timings | None = None

    def median(self, value: Callable[[Cost], float]) -> float:
        """Return the median over the rounds."""
        return statistics.median(map(value, self.costs))

    @property
    def per_second(self) -> float:
        """Requests a second at full speed."""
        return self.median(lambda cost: cost.run.per_second)

    @property
    def server(self) -> float:
        """CPU milliseconds of the server per request."""
        return self.median(lambda cost: cost.server)

    @property
    def database(self) -> float:
        """CPU milliseconds of the database per request."""
        return self.median(lambda cost: cost.database)

    @property
    def cpu(self) -> float:
        """CPU milliseconds of both per request."""
        return self.server + self.database

    def percentile(self, share: float) -> float:
        """Return a latency at the constant rate."""
        return self.paced.percentile(share) if self.paced is not None else 0.0

    @property
    def errors(self) -> int:
        """Failed requests of all runs."""
        paced = self.paced.errors if self.paced is not None else 0
        return paced + sum(cost.run.errors for cost in self.costs)


Results = dict[tuple[str, str], Figures]
"""The figures by scenario and name of the system."""


def flood(system: System, scenario: str, connections: int, seconds: int) -> Cost:
    """Run one scenario at full speed."""
    before = [cpu_ms(root) for root in system.roots]
    run = wrk.flood(system.port, system.requests[scenario], connections, seconds)
    after = [cpu_ms(root) for root in system.roots]
    server, database = (
        (late - early) / max(run.requests, 1) for early, late in zip(before, after, strict=True)
    )
    return Cost(run, server, database)


def measure(
    systems: Sequence[System],
    names: Sequence[str],
    *,
    rounds: int,
    seconds: int,
    say: Callable[[str], None],
) -> Results:
    """Run each scenario on each system that has it: at full speed, then at an equal rate."""
    results: Results = {
        (name, system.name): Figures()
        for name in names
        for system in systems
        if name in system.requests
    }
    roots = [root for system in systems for root in system.roots]
    for name, system_name in results:
        system = next(one for one in systems if one.name == system_name)
        wrk.flood(system.port, system.requests[name], CONNECTIONS, _WARM_UP_SECONDS)
    for turn in range(rounds):
        for name in names:
            for system in _turned(systems, turn):
                if (figures := results.get((name, system.name))) is not None:
                    wait_until_quiet(roots)
                    cost = flood(system, name, CONNECTIONS, seconds)
                    figures.costs.append(cost)
                    say(
                        f"{name:9} {system.name:11} {cost.run.per_second:7.0f}/s  CPU ms "
                        f"{cost.server:.3f} + {cost.database:.3f}  errors {cost.run.errors}"
                    )
    for name in names:
        _pace(systems, name, results, roots, seconds)
        say(f"{name:9} at a constant rate")
    return results


def _turned(systems: Sequence[System], turn: int) -> Sequence[System]:
    """Return the systems in another order in each round."""
    first = turn % len(systems)
    return [*systems[first:], *systems[:first]]


def _pace(
    systems: Sequence[System],
    name: str,
    results: Mapping[tuple[str, str], Figures],
    roots: Sequence[int | None],
    seconds: int,
) -> None:
    """Send requests at half of the speed of the slowest system, to each."""
    having = [system for system in systems if (name, system.name) in results]
    # The floor is not among those: it only shows what the load generator itself adds.
    slowest = min(results[name, system.name].per_second for system in having)
    rate = min(slowest * _SHARE, _MAX_RATE)
    for system in having:
        wait_until_quiet(roots)
        figures = results[name, system.name]
        figures.rate = rate
        figures.paced = pace.drive(
            system.port,
            system.requests[name],
            connections=CONNECTIONS,
            seconds=seconds,
            rate=rate,
        )


def memory(system: System) -> tuple[float, float]:
    """Return the memory of the server and of its database in MB."""
    return memory_mb(system.server), memory_mb(system.database)
