"""A thousand misbehaving clients and a hundred huge bodies against a real server: `make bench-misbehaving-clients`.

Each must be dropped within ten seconds while others are answered with a p99 under 100 ms; the
bodies get 413, and the worker's memory grows by less than 20 MB. Ends with status 1 otherwise.
"""

import argparse
import asyncio
import itertools
import sys
import time

from bench.live import API, bearer, database, live, new_person, p99, percentiles, wire
from tests.resilience.test_misbehaving_clients import FIFTY_MB, MISBEHAVIOURS, Misbehaviour, begun
from tests.support.raw_http import chunk, connected
from tests.support.servers import Server

LIMIT = 10.0
P99 = 0.100
GROWTH = 20 * 1024 * 1024


def memory(server: Server) -> int:
    """The resident memory of all workers."""
    return sum(worker.memory_info().rss for worker in server.workers)


async def stall(server: Server, misbehaviour: Misbehaviour) -> float:
    """Misbehave; return the seconds until the server closed, or infinity."""
    async with connected(server.url) as connection:
        started = time.perf_counter()
        connection.send(misbehaviour.first)
        bound = LIMIT + 5
        closed = (
            connection.drip(misbehaviour.drip, bound, every=1)
            if misbehaviour.drip
            else connection.read_for(bound)
        )
        if not await closed or tuple(connection.statuses) != misbehaviour.gets:
            return float("inf")
        return time.perf_counter() - started


async def upload(server: Server, opening: bytes, piece: bytes) -> bool:
    """Send 50 MB; tells whether the answer was 413."""
    async with connected(server.url) as connection:
        reading = asyncio.ensure_future(connection.read_for(30))
        connection.send(opening)
        for _ in range(FIFTY_MB // 65_536):
            if connection.statuses:
                break
            await connection.send_all(piece)
        return await reading and connection.statuses == [413]


async def others(server: Server, over: asyncio.Event) -> list[float]:
    """Read tasks until it is over; gives how long each answer took."""
    session = await new_person(server, f"other{time.perf_counter_ns()}@example.com")
    taken = []
    async with wire(server) as connection:
        while not over.is_set():
            answer = await connection.ask("GET", f"{API}/tasks", headers=bearer(session))
            assert answer.status == 200, answer
            taken.append(answer.seconds)
            await asyncio.sleep(0.02)
    return taken


async def measure(server: Server, sockets: int, bodies: int) -> bool:
    """Tells whether all limits held."""
    over = asyncio.Event()
    calm = asyncio.ensure_future(others(server, over))
    await asyncio.sleep(8)
    over.set()
    print(f"  others, alone              {percentiles(await calm)}")

    over = asyncio.Event()
    felt = [asyncio.ensure_future(others(server, over)) for _ in range(4)]
    chosen = itertools.islice(itertools.cycle(MISBEHAVIOURS), sockets)
    closed = await asyncio.gather(*(stall(server, one) for one in chosen))
    over.set()
    taken = list(itertools.chain(*await asyncio.gather(*felt)))
    print(f"  others, among {sockets:5} misbehaving  {percentiles(taken)}")
    print(f"  the last misbehaving client was dropped after {max(closed):.1f} s")

    before = memory(server)
    length = begun(Content_Length=str(FIFTY_MB)), b" " * 65_536
    chunked = begun(Transfer_Encoding="chunked"), chunk(b" " * 65_536)
    kinds = itertools.islice(itertools.cycle((length, chunked)), bodies)
    refused = await asyncio.gather(*(upload(server, *kind) for kind in kinds))
    grown = memory(server) - before
    print(f"  {sum(refused)} of {bodies} bodies of 50 MB got 413; memory grew by {grown >> 20} MB")
    return p99(taken) < P99 and max(closed) <= LIMIT and all(refused) and grown < GROWTH


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--bodies", type=int, default=100)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    held = []
    for workers in options.workers:
        with database() as dsn, live(dsn, workers) as server:
            print(f"{workers} worker(s)")
            held.append(asyncio.run(measure(server, options.sockets, options.bodies)))
    sys.exit(None if all(held) else "a limit did not hold")


if __name__ == "__main__":
    main()
