"""How long a sign-in takes beside 120 sign-ins of another account from the same address:
`make bench-sign-in`.

Ends with status 1 if the median is more than twice that of an idle service, or if it gets an error.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections import Counter

from bench.live import API, PASSWORD, database, live, new_person, wire
from tests.support.servers import Server

CROWD = 120
ADDRESS = {"X-Forwarded-For": "198.51.100.7"}
LIMIT = 2.2
"""Times the idle median; a tenth is for the spread of a hash's own time."""


async def sign_in(server: Server, name: str) -> tuple[int, float]:
    """Sign in once; return the status and the seconds that it took."""
    body = {"email": f"{name}@example.com", "password": PASSWORD}
    started = time.perf_counter()
    async with wire(server) as connection:
        answer = await connection.ask("POST", f"{API}/auth/login", body, ADDRESS)
    return answer.status, time.perf_counter() - started


async def crowd(server: Server, seen: Counter[int], until: float) -> None:
    """Sign in again and again; wait a little after a refusal, as Retry-After says."""
    while time.perf_counter() < until:
        status, _ = await sign_in(server, "crowd")
        seen[status] += 1
        if status != 200:
            await asyncio.sleep(1)


async def measure(dsn: str, workers: int, tries: int, seconds: float) -> bool:
    """One server; return whether the limit held."""
    with live(dsn, workers) as server:
        for name in ("crowd", "other"):
            await new_person(server, f"{name}@example.com")
        idle = [await sign_in(server, "other") for _ in range(tries)]
        seen: Counter[int] = Counter()
        until = time.perf_counter() + seconds
        pressing = [asyncio.create_task(crowd(server, seen, until)) for _ in range(CROWD)]
        await asyncio.sleep(1)
        busy: list[tuple[int, float]] = []
        while time.perf_counter() < until and len(busy) < tries:
            busy.append(await sign_in(server, "other"))
        await asyncio.gather(*pressing)
    alone, beside = (statistics.median(taken for _, taken in one) for one in (idle, busy))
    statuses = Counter(status for status, _ in busy)
    print(f"alone   median {alone * 1000:6.0f} ms")
    print(
        f"beside  median {beside * 1000:6.0f} ms, slowest {max(t for _, t in busy) * 1000:6.0f} ms, "
        f"responses {dict(statuses)}; the crowd's {dict(seen)}"
    )
    return beside <= alone * LIMIT and set(statuses) == {200}


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=30, help="of the crowd")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    with database() as dsn:
        held = asyncio.run(measure(dsn, options.workers, options.tries, options.seconds))
    sys.exit(None if held else "a sign-in beside the crowd took too long, or failed")


if __name__ == "__main__":
    main()
