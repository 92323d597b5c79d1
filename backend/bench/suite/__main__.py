"""Measure Duly beside other systems: `make bench`.

Starts each system on a database of its own, runs the scenarios on them in turns, and writes
docs/performance.md with its plots. Ends with status 1 if a request failed, or if Duly's log has an
error.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench.suite import (
    crowd,
    measure,
    pocketbase,
    processes,
    profiling,
    report,
    statements,
    systems,
)
from bench.suite.scenarios import SCENARIOS, Size
from bench.suite.systems import BACKEND, System

_ERRORS = ('"level":"error"', '"level":"critical"', "Traceback")
_MAX_SHOWN = 3


def errors_of(system: System) -> list[str]:
    """Return the lines of a log that report errors."""
    text = system.log.read_text(errors="replace") if system.log is not None else ""
    return [line for line in text.splitlines() if any(mark in line for mark in _ERRORS)]


def run(options: argparse.Namespace) -> report.Report:
    """Measure everything."""
    began, busy, own = time.monotonic(), processes.busy_ms(), processes.cpu_ms(os.getpid())
    size, notes = Size(), []
    with ExitStack() as stack:
        enter = stack.enter_context
        directory = Path(enter(tempfile.TemporaryDirectory(prefix="duly-bench-")))
        duly = enter(systems.duly(replace(size, crowd=crowd.CROWD)))
        running = [duly, enter(systems.plain(directory, size))]
        if (program := pocketbase.program(options.pocketbase)) is not None:
            running.append(enter(systems.pocketbase(directory, size, program)))
        else:
            notes.append("PocketBase is not among them: Go is not installed here.")
        running.append(enter(systems.floor(directory, duly.sizes)))
        say(f"seeded after {time.monotonic() - began:.0f} s")
        results = measure.measure(
            running, options.scenarios, rounds=options.rounds, seconds=options.seconds, say=say
        )
        loaded = {system.name: measure.memory(system) for system in running}
        bare = statements.measure(duly, options.seconds)
        say("pgbench")
        many = crowd.measure(duly, options.seconds, duly.idle_mb)
        say(f"{crowd.CROWD} connections")
        problems = [
            f"{system.title}: {len(lines)} errors in its log, such as `{lines[0][:300]}`"
            for system in running
            if (lines := errors_of(system))
        ]
        for system in running:
            for line in errors_of(system)[:_MAX_SHOWN]:
                say(f"{system.name}: {line}")
    with systems.duly(Size(1, 1, 1, 1, 5), workers=1) as small:
        start = crowd.worker_start_seconds(small)
    profiles = profiling.measure(2 * options.seconds)
    others = processes.busy_ms() - busy - (processes.cpu_ms(os.getpid()) - own)
    elapsed = time.monotonic() - began
    return report.Report(
        titles={system.name: system.title for system in running},
        results=results,
        bare=bare,
        crowd=many,
        idle={system.name: system.idle_mb for system in running},
        loaded=loaded,
        start_seconds=start,
        profiles=profiles,
        size=size,
        rounds=options.rounds,
        seconds=options.seconds,
        minutes=elapsed / 60,
        others=max(0.0, others / elapsed / 1000 / (os.cpu_count() or 1)),
        problems=problems,
        notes=notes,
    )


def say(text: str) -> None:
    """Print how far the run is."""
    print(text, flush=True)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--seconds", type=int, default=3, help="of each run")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument(
        "--pocketbase",
        default=os.environ.get("DULY_BENCH_POCKETBASE"),
        help="a PocketBase that is built already",
    )
    parser.add_argument("--docs", type=Path, default=BACKEND.parent / "docs")
    options = parser.parse_args()
    if sys.platform != "linux":
        sys.exit("make bench reads /proc: it needs Linux")
    if shutil.which("wrk") is None:
        say("wrk is not installed: a slower load generator in Python is used (Debian: wrk)")
    found = run(options)
    report.write(found, options.docs)
    say(f"docs/performance.md is written, after {found.minutes:.1f} minutes")
    failed = found.crowd.errors + sum(figures.errors for figures in found.results.values())
    sys.exit(1 if failed or found.problems else None)


if __name__ == "__main__":
    main()
