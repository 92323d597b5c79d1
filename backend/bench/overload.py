"""What a server does with more requests than it can serve: `make bench-overload`.

Offers one server half to three times the requests that it can serve, at constant rates, from 1,000
users, and prints what each rate got. Ends with status 1 if at three times the load it serves less
than 80 % of the most that it served at any rate, if the 99th percentile of what it serves is more
than a second, or if a response is anything but a success or a 503.

The load generator has half of the cores to itself. It needs more at a higher rate, and would take
them from the server, so that the curve would show the generator's own limit.
"""

import argparse
import os
import sys
from collections import Counter
from dataclasses import replace

from bench.suite import crowd, pace, systems
from bench.suite.processes import wait_until_quiet
from bench.suite.scenarios import Size
from duly.core.errors import ServiceUnavailable

SCENARIO = "crowd mix"
SHARES = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
CONNECTIONS = 64
"""With as many, and no pause, the server does the most that it can."""
CROWD = 4_000
"""Connections over which a rate is offered: none waits for another request, unless all are busy."""
_MOST_IDLE = 4.0
"""Seconds for which a connection waits for its first request: the server closes it after 8."""
_EXPECTED = {200, 201, 304, 503}
MIN_GOODPUT = 0.8
MAX_P99_MS = 1_000.0


def failures(runs: list[pace.Timings]) -> list[str]:
    """Return which promises the last run, the one at the highest rate, breaks."""
    last, most = runs[-1], max(run.per_second for run in runs)
    statuses = sum((run.statuses for run in runs), Counter())
    other = {status: n for status, n in statuses.items() if status not in _EXPECTED}
    p99 = pace.percentile(last.served, 0.99)
    return [
        *(
            [f"served {last.per_second / most:.0%} of the most"]
            * (last.per_second < MIN_GOODPUT * most)
        ),
        *([f"the p99 is {p99:,.0f} ms"] * (p99 > MAX_P99_MS)),
        *([f"unexpected statuses, and how many: {other}"] * bool(other)),
    ]


def main() -> None:
    """Print a line for each rate."""
    parser = argparse.ArgumentParser(prog="make bench-overload", description=__doc__)
    parser.add_argument("--seconds", type=int, default=8, help="of each rate")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    half = max(1, len(cores) // 2)
    os.sched_setaffinity(0, cores[:half])  # what is started from here inherits it
    with systems.duly(replace(Size(), crowd=crowd.CROWD), workers=half) as duly:
        os.sched_setaffinity(0, cores[half:] or cores)
        requests = duly.requests[SCENARIO]
        for _ in range(2):  # the first run warms it up
            peak = pace.drive(
                duly.port, requests, connections=CONNECTIONS, seconds=options.seconds, rate=None
            )
            wait_until_quiet(duly.roots)
        print(
            f"{half} of {len(cores)} cores, {half} workers; {CONNECTIONS} connections without a "
            f"pause: {peak.per_second:,.0f} served a second"
        )
        print("offered/s | of capacity | served/s | refused | lost | p50 ms | p95 ms | p99 ms")
        runs = []
        for share in SHARES:
            rate = peak.per_second * share
            run = pace.drive(
                duly.port,
                requests,
                connections=min(CROWD, int(rate * _MOST_IDLE)),
                seconds=options.seconds,
                rate=rate,
            )
            runs.append(run)
            refused = run.statuses[ServiceUnavailable.status] / max(1, len(run.latencies))
            latencies = " | ".join(
                f"{pace.percentile(run.served, one):6.0f}" for one in (0.5, 0.95, 0.99)
            )
            print(
                f"{rate:9,.0f} | {share:11.2f} | {run.per_second:8,.0f} | "
                f"{refused:7.0%} | {run.statuses[0]:4} | {latencies}",
                flush=True,
            )
            wait_until_quiet(duly.roots)
    sys.exit("; ".join(failures(runs)) or None)


if __name__ == "__main__":
    main()
