"""Whether the time of a search grows with the tasks of other users: `make bench-search`.

One user has thousands of tasks, a few of them with a common word; others then create thousands with
the same word. Prints the time of the one user's search after each step.
"""

import argparse
import asyncio

from bench.live import API, Wire, bearer, database, live, new_person, percentiles, wire
from tests.support.direct_sql import execute
from tests.support.servers import Server

OWN_TASKS = 10_000
OWN_MATCHES = 20
PER_BATCH = 100
PER_USER = 500


async def create(connection: Wire, headers: dict[str, str], count: int, word: str) -> None:
    """Create `count` tasks with a word in the title."""
    for first in range(0, count, PER_BATCH):
        operations = [
            {
                "op": "create",
                "data": {"title": f"Buy {word} {number}", "description": "two litres"},
            }
            for number in range(first, min(first + PER_BATCH, count))
        ]
        batch = {"operations": operations}
        answer = await connection.ask("POST", f"{API}/batch", batch, headers)
        assert answer.status == 200, answer


async def search(connection: Wire, headers: dict[str, str], times: int) -> list[float]:
    """Search again and again; return the seconds that each search took."""
    taken = []
    for _ in range(times):
        answer = await connection.ask("GET", f"{API}/tasks?q=milk", headers=headers)
        assert len(answer.json()["items"]) == OWN_MATCHES, answer
        taken.append(answer.seconds)
    return taken


async def measure(server: Server, dsn: str, steps: list[int], times: int) -> None:
    """Let others create tasks, and time one user's search after each step."""
    headers = bearer(await new_person(server, "searcher@example.com"))
    others = 0
    async with wire(server) as connection:
        await create(connection, headers, OWN_TASKS, "bread")
        await create(connection, headers, OWN_MATCHES, "milk")
        await search(connection, headers, times)
        for step in steps:
            while others < step:
                other = await new_person(server, f"other{others}@example.com")
                count = min(PER_USER, step - others)
                await create(connection, bearer(other), count, "milk")
                others += count
            # Without statistics, PostgreSQL chooses between the index of words and the user's own by
            # chance.
            await execute(dsn, "ANALYZE tasks")
            taken = await search(connection, headers, times)
            print(f"  {others:6} tasks of others hold the word  {percentiles(taken)}")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--others", type=int, nargs="+", default=[0, 2000, 10_000])
    parser.add_argument("--times", type=int, default=500, help="searches after each step")
    options = parser.parse_args()
    with database() as dsn, live(dsn, workers=1) as server:
        asyncio.run(measure(server, dsn, options.others, options.times))


if __name__ == "__main__":
    main()
