"""Measure what the event streams of one user cost another user.

    make bench-events            runs this after the rest of bench/events.py
    python bench/crowd.py        runs it alone

One user writes at the rate that the default rate limit allows. Another user lists tasks, one
request after the other, from a process of its own. This is timed twice in one run: with no
stream open, and with many streams of the first user open at the same worker.
"""

import argparse
import asyncio
import http.client
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx

from bench.readers import Reader, create, open_stream, sign_up
from duly.database import embedded, migrations
from tests.support.accounts import API
from tests.support.servers import Server, serving


def time_requests(url: str, token: str, seconds: float) -> list[float]:
    """List tasks for that long; return what each request took, in milliseconds."""
    place = httpx.URL(url)
    connection = http.client.HTTPConnection(place.host, place.port or 80, timeout=60)
    headers = {"Authorization": f"Bearer {token}"}
    took: list[float] = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        connection.request("GET", f"{API}/tasks?limit=20", headers=headers)
        response = connection.getresponse()
        response.read()
        assert response.status == 200, response.status
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(0.005)
    connection.close()
    return took


async def write(client: httpx.AsyncClient, token: str, rate: float) -> None:
    """Create tasks until cancelled."""
    while True:
        began = time.perf_counter()
        await create(client, token)
        await asyncio.sleep(max(0, 1 / rate - (time.perf_counter() - began)))


async def measure(server: Server, count: int, rate: float, seconds: float) -> None:
    """Time the other user's requests without and with `count` streams, and print both."""
    url = httpx.URL(server.url)
    loop = asyncio.get_running_loop()
    streams: list[Reader] = []
    medians: list[float] = []
    with ProcessPoolExecutor(1) as process:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            writer, other = await sign_up(client), await sign_up(client)
            for token in (writer, other):
                for _ in range(20):
                    await create(client, token)
            for wanted in (0, count):
                while len(streams) < wanted:
                    some = min(50, wanted - len(streams))
                    streams += await asyncio.gather(
                        *(open_stream(url, writer) for _ in range(some))
                    )
                received = sum(reader.seen for reader in streams)
                writing = asyncio.create_task(write(client, writer, rate))
                took = await loop.run_in_executor(
                    process, time_requests, server.url, other, seconds
                )
                writing.cancel()
                with suppress(asyncio.CancelledError):
                    await writing
                received = sum(reader.seen for reader in streams) - received
                ordered = sorted(took)
                medians.append(statistics.median(ordered))
                print(
                    f"  another user, {wanted} streams open: median {medians[-1]:.1f} ms, "
                    f"99 % {ordered[int(len(ordered) * 0.99)]:.1f} ms, most {ordered[-1]:.1f} ms "
                    f"({len(ordered)} requests, {received / seconds:.0f} events/s received)"
                )
    print(f"  ratio of the medians: {medians[1] / medians[0]:.2f}")


def run(count: int, rate: float = 10, seconds: float = 15) -> None:
    """Measure against a server of its own with one worker."""
    with (
        tempfile.TemporaryDirectory(prefix="duly-bench-") as directory,
        embedded.running(Path(directory)) as dsn,
    ):
        migrations.upgrade(dsn)
        print(f"{count} streams of one user who writes {rate:g} times a second, one worker")
        with serving(dsn, workers=1, DULY_MAX_STREAMS=str(count)) as server:
            asyncio.run(measure(server, count, rate, seconds))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--rate", type=float, default=10)
    parser.add_argument("--seconds", type=float, default=15)
    given = parser.parse_args()
    run(given.streams, given.rate, given.seconds)
