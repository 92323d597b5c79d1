"""Measure the memory of a server with two workers, idle and under load: `make bench-memory`.

Prints the proportional set size of each process and how much of it no other process shares: after
the start, after each scenario of `make bench` over 32 connections, and after 1,000 connections.
Ends with status 1 if the total was ever above 256 MB, or if a request failed. Linux only.
"""

import argparse
import sys
from dataclasses import replace

from bench.suite import crowd, measure, processes, systems
from bench.suite.scenarios import SCENARIOS, Size

LIMIT_MB = 256


def show(title: str, root: int) -> None:
    """Print the memory of a server's processes, the supervisor first."""
    print(f"{title}: {processes.memory_mb(root):.0f} MB")
    for pid in sorted(processes.tree(root), key=lambda pid: (pid != root, pid)):
        size = processes.memory_of(pid)
        name = "supervisor" if pid == root else "worker"
        print(f"  {name:10} {size.shared + size.own:4.0f} MB, {size.own:4.0f} MB of it its own")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="make bench-memory", description=__doc__)
    parser.add_argument("--seconds", type=int, default=3, help="of each run")
    options = parser.parse_args()
    if sys.platform != "linux":
        sys.exit("make bench-memory reads /proc: it needs Linux")
    with systems.duly(replace(Size(), crowd=crowd.CROWD)) as duly:
        print(f"after the start: {duly.idle_mb[0]:.0f} MB")
        with crowd.MemoryWatch(duly) as watch:
            costs = [
                measure.flood(duly, scenario, measure.CONNECTIONS, options.seconds)
                for scenario in SCENARIOS
            ]
        show("after all scenarios", duly.server)
        found = crowd.measure(duly, options.seconds, duly.idle_mb)
        show(f"after {crowd.CROWD:,} connections", duly.server)
    highest = max(watch.highest[0], found.loaded_mb[0])
    requests = sum(cost.run.requests for cost in costs)
    errors = found.errors + sum(cost.run.errors for cost in costs)
    print(f"at most {highest:.0f} MB; {requests:,} requests and a crowd; {errors} errors")
    sys.exit(1 if errors or highest > LIMIT_MB else None)


if __name__ == "__main__":
    main()
