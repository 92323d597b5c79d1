"""Times batches of 100 operations, with the database on the same machine and 5 ms away."""

import argparse
import asyncio
import statistics
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

from psycopg.conninfo import conninfo_to_dict

from bench.live import API, bearer, database, live, new_person, wire

OPERATIONS = 100


def creates(ids: list[str]) -> list[dict[str, Any]]:
    """Operations that create a task each."""
    return [{"op": "create", "type": "task", "data": {"id": one, "title": "t"}} for one in ids]


def updates(ids: list[str]) -> list[dict[str, Any]]:
    """Operations that change a task each."""
    data = {"title": "changed"}
    return [{"op": "update", "type": "task", "id": one, "data": data} for one in ids]


def mixed(ids: list[str]) -> list[dict[str, Any]]:
    """Operations of which some change the same tasks, and some change nothing."""
    ops = ("complete", "reopen", "complete", "delete")
    return [{"op": ops[n % 4], "type": "task", "id": ids[n // 2]} for n in range(OPERATIONS)]


@asynccontextmanager
async def delayed(dsn: str, seconds: float) -> AsyncIterator[str]:
    """A DSN that leads to the same database, with a delay in each direction."""
    parts = conninfo_to_dict(dsn)
    path = f"{parts['host']}/.s.PGSQL.{parts.get('port', 5432)}"

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError, asyncio.CancelledError):
            while piece := await reader.read(65536):
                loop.call_later(seconds, writer.write, piece)
        loop.call_later(seconds, writer.close)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_unix_connection(path)
        with suppress(asyncio.CancelledError):  # at the end; asyncio would report it as an error
            await asyncio.gather(forward(reader, forth), forward(back, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"postgresql://{parts['user']}@127.0.0.1:{port}/{parts['dbname']}?gssencmode=disable"


async def measure(dsn: str, rounds: int) -> dict[str, float]:
    """The median of each kind of batch, in milliseconds."""
    with ExitStack() as stack:
        # In a thread, since the way to the database may be a task of this loop.
        server = await asyncio.to_thread(stack.enter_context, live(dsn, 1))
        headers = bearer(await new_person(server, f"{uuid4()}@example.com"))
        times: dict[str, list[float]] = {"create": [], "update": [], "mixed": []}
        async with wire(server) as connection:
            for _ in range(rounds):
                ids = [str(uuid4()) for _ in range(OPERATIONS)]
                for name, make in (("create", creates), ("update", updates), ("mixed", mixed)):
                    body = {"operations": make(ids)}
                    answer = await connection.ask("POST", f"{API}/batch", body, headers)
                    assert answer.status == 200, answer
                    times[name].append(answer.seconds * 1000)
                await asyncio.sleep(1)  # so that no share of a worker is exceeded
    return {name: statistics.median(some) for name, some in times.items()}


async def main() -> None:
    """Print a line for each distance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with database() as dsn:
        for distance in (0.0, 5.0):
            async with delayed(dsn, distance / 2000) as far:
                found = await measure(far if distance else dsn, rounds)
            figures = ", ".join(f"{name} {value:.1f} ms" for name, value in found.items())
            print(f"database {distance:g} ms away, {OPERATIONS} operations: {figures}")


if __name__ == "__main__":
    asyncio.run(main())
