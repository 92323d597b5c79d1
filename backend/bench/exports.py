"""Exports of 100,000 tasks, and clients that hang up on them, beside another account.

It prints how long an export takes, what memory the worker needs for it, and how long the other
account's requests take meanwhile.
"""

import argparse
import asyncio
import time
from typing import Any

import psycopg

from bench.live import API, bearer, database, live, new_person, percentiles, wire
from bench.misbehaving_clients import memory, others
from tests.support.raw_http import connected, head
from tests.support.servers import Server

PATH = f"{API}/users/me/export"
EXPORTERS = 20
_GAP = 0.05


def fill(dsn: str, user_id: str, tasks: int) -> None:
    """Many tasks of an ordinary length."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO tasks (user_id, id, title, description, revision) "
            "SELECT %s, gen_random_uuid(), 'Task number ' || n, repeat('some words ', 10), n "
            "FROM generate_series(1, %s) n",
            [user_id, tasks],
        )


async def timed_export(server: Server, session: dict[str, Any]) -> tuple[float, int]:
    """How long an export takes, and its length. Waits for its turn."""
    async with wire(server) as connection:
        began = time.perf_counter()
        while True:
            answer = await connection.ask("GET", PATH, headers=bearer(session))
            if answer.status == 200:
                return time.perf_counter() - began, len(answer.body)
            assert answer.status == 429, answer
            await asyncio.sleep(0.2)


async def hang_up(server: Server, session: dict[str, Any], times: int) -> None:
    """Ask for exports, read the beginning of half of them, and hang up."""
    for number in range(times):
        async with connected(server.url) as connection:
            connection.send(head("GET", PATH, **bearer(session)))
            if number % 2:
                await connection.read_for(0.05)
        await asyncio.sleep(_GAP)


async def measure(server: Server, dsn: str, tasks: int) -> None:
    """Print all figures."""
    people = [await new_person(server, f"exporter{n}@example.com") for n in range(EXPORTERS)]
    for person in people:
        fill(dsn, person["user"]["id"], tasks)

    over = asyncio.Event()
    calm = asyncio.ensure_future(others(server, over))
    await asyncio.sleep(8)
    over.set()
    print(f"  others, alone                   {percentiles(await calm)}")

    before = memory(server)
    for beside in (1, 3):
        over = asyncio.Event()
        felt = asyncio.ensure_future(others(server, over))
        peak = before
        running = [
            asyncio.ensure_future(timed_export(server, person)) for person in people[:beside]
        ]
        while not all(one.done() for one in running):  # memory is looked at
            peak = max(peak, memory(server))
            await asyncio.sleep(0.05)
        taken = [one.result() for one in running]
        over.set()
        print(f"  others, beside {beside} export(s)       {percentiles(await felt)}")
        durations = ", ".join(f"{one:.1f}" for one, _ in taken)
        size, growth = taken[0][1] >> 20, (peak - before) >> 20
        print(f"  {durations} s for {size} MB each; memory grew by {growth} MB")

    over = asyncio.Event()
    felt = asyncio.ensure_future(others(server, over))
    await asyncio.gather(*(hang_up(server, person, 20) for person in people))
    over.set()
    print(f"  others, beside {EXPORTERS} that hang up    {percentiles(await felt)}")
    await asyncio.sleep(1)
    seconds, _ = await timed_export(server, people[0])
    print(f"  an honest export a second later: {seconds:.1f} s")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    for workers in options.workers:
        with database() as dsn, live(dsn, workers) as server:
            print(f"{workers} worker(s), {options.tasks} tasks")
            asyncio.run(measure(server, dsn, options.tasks))


if __name__ == "__main__":
    main()
