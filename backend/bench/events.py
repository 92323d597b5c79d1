"""Measure what open streams cost: memory of each worker, and the delay of a change.

    make bench-events            1,000 streams, two workers, an embedded PostgreSQL of its own

It opens the streams of many users, then changes tasks through one worker at a time and measures
when the streams of the *other* worker receive the change. Then it lets one reader stop reading, and
checks that it is dropped. Last it runs bench/crowd.py. All on the loopback interface; everything it
starts it ends.
"""

import argparse
import asyncio
import contextlib
import platform
import socket
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
import psutil

from bench import crowd
from bench.readers import Reader, create, open_stream, sign_up
from duly.database import embedded, migrations
from tests.support.accounts import API
from tests.support.servers import Server, serving

USERS = 50


def memory(server: Server) -> dict[int, float]:
    """Megabytes of each worker that are its own."""
    return {worker.pid: worker.memory_full_info().uss / 1e6 for worker in server.workers}


def workers_by_port(server: Server) -> dict[int, int]:
    """Which worker holds the connection from each of our ports."""
    return {
        connection.raddr.port: worker.pid
        for worker in server.workers
        for connection in worker.net_connections(kind="tcp")
        if connection.raddr
    }


async def measure(server: Server, count: int, rounds: int) -> None:
    """Open the streams, and look what they cost."""
    url = httpx.URL(server.url)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        tokens = [await sign_up(client) for _ in range(USERS)]
        for token in tokens:  # warm: each worker has compiled and connected what it needs
            await create(client, token)
        warm = [await open_stream(url, tokens[0]) for _ in range(20)]
        for reader in warm:
            assert reader.transport is not None
            reader.transport.close()
        await asyncio.sleep(2)
        before = memory(server)
        began = time.perf_counter()
        streams: list[tuple[str, Reader]] = []
        for start in range(0, count, 100):
            some = [tokens[number % USERS] for number in range(start, min(start + 100, count))]
            readers = await asyncio.gather(*(open_stream(url, token) for token in some))
            streams += zip(some, readers, strict=True)
        print(f"{count} streams of {USERS} users, open in {time.perf_counter() - began:.1f} s")
        await asyncio.sleep(5)
        after = memory(server)
        cpu = {worker.pid: sum(worker.cpu_times()[:2]) for worker in server.workers}
        await asyncio.sleep(10)
        busy = {w.pid: (sum(w.cpu_times()[:2]) - cpu[w.pid]) / 10 for w in server.workers}
        places = workers_by_port(server)
        shares = Counter(places[reader.port] for _, reader in streams)
        for pid, megabytes in after.items():
            print(
                f"  worker {pid}: {shares[pid]} streams, {megabytes:.1f} MB, "
                f"{megabytes - before[pid]:+.1f} MB for them, {busy[pid]:.1%} of a core while idle"
            )
        print(f"  all: {sum(after.values()) - sum(before.values()):+.1f} MB for {count} streams")
        await latency(server, tokens, streams, rounds)


async def latency(
    server: Server, tokens: list[str], streams: list[tuple[str, Reader]], rounds: int
) -> None:
    """From the moment that a write is sent to the event at the other worker's streams."""
    took: dict[str, list[float]] = {"same worker": [], "other worker": []}
    for number in range(rounds):
        token = tokens[number % USERS]
        mine = [reader for owner, reader in streams if owner == token]
        for reader in mine:
            while not reader.events.empty():
                reader.events.get_nowait()
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            headers = {"Authorization": f"Bearer {token}"}
            async with client.stream("GET", f"{API}/tasks?limit=1", headers=headers) as answer:
                port = answer.extensions["network_stream"].get_extra_info("client_addr")[1]
                places = workers_by_port(server)
            began = time.perf_counter()
            await create(client, token)
            for reader in mine:
                heard = await asyncio.wait_for(reader.events.get(), 30)
                where = "same" if places[reader.port] == places[port] else "other"
                took[f"{where} worker"].append((heard - began) * 1000)
    for place, times in took.items():
        ordered = sorted(times)
        print(
            f"  a change at a stream of the {place}: median {statistics.median(ordered):.0f} ms, "
            f"99 % {ordered[int(len(ordered) * 0.99)]:.0f} ms, most {ordered[-1]:.0f} ms "
            f"({len(ordered)} events)"
        )


async def stall(server: Server) -> None:
    """A reader that stops reading while many large changes are made."""
    url = httpx.URL(server.url)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        token = await sign_up(client)
        with socket.create_connection((url.host, url.port)) as stalled:
            stalled.sendall(
                f"GET {API}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
            )
            await asyncio.to_thread(stalled.recv, 15)
            worker = psutil.Process(workers_by_port(server)[stalled.getsockname()[1]])
            before = worker.memory_info().rss
            began = time.perf_counter()
            for _ in range(3000):
                await create(client, token, "x" * 15_000)
            growth = (worker.memory_info().rss - before) / 1e6
            await asyncio.sleep(max(0, 15 - (time.perf_counter() - began)))
            stalled.settimeout(20)
            got = 0
            # It was dropped with bytes still unsent, so the end may come as a reset.
            with contextlib.suppress(ConnectionResetError):
                while piece := await asyncio.to_thread(stalled.recv, 1 << 20):
                    got += len(piece)
    print(
        f"A reader that stopped: 45 MB of changes were made, its worker grew by {growth:.1f} MB; "
        f"it was dropped, {got / 1e6:.1f} MB lay in the kernel's and the server's buffers"
    )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=100)
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, {psutil.cpu_count()} cores")
    with (
        tempfile.TemporaryDirectory(prefix="duly-bench-") as directory,
        embedded.running(Path(directory)) as dsn,
    ):
        migrations.upgrade(dsn)
        with serving(dsn, workers=2, DULY_MAX_STREAMS=str(given.streams)) as server:
            asyncio.run(measure(server, given.streams, given.rounds))
            asyncio.run(stall(server))
    crowd.run(500)


if __name__ == "__main__":
    main()
