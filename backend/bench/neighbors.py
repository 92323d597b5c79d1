"""What one hostile user costs another user: `make bench-neighbors`.

Each attack runs from a process of its own, over 16 connections. Meanwhile another user, in another
process, lists, reads and creates tasks, one request after the other. Prints the medians alone and
beside the attack, and their ratio. Ends with status 1 if a ratio exceeds the limit, or if a request
of the other user fails.
"""

import argparse
import asyncio
import multiprocessing
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from multiprocessing.synchronize import Event
from typing import Any
from urllib.parse import quote

import orjson

from bench.live import API, PASSWORD, bearer, database, live, new_person, wire
from tests.support.pooler import pooled
from tests.support.servers import Server

CONNECTIONS = 16
LIMIT = 2.0
_WORDS = [f"word{number:05}" for number in range(20_000)]


def ordinary(length: int, seed: int = 1) -> str:
    """Text of words that are all different, as a long note has them; `length` in bytes."""
    chosen = random.Random(seed).sample(_WORDS, length // 10)  # not a secret
    return " ".join(chosen)[:length]


def _create(description: str, title: str = "attack") -> tuple[str, str, Any]:
    return "POST", f"{API}/tasks", {"title": title, "description": description}


def _batch(description: str, size: int) -> tuple[str, str, Any]:
    task = {"title": "attack", "description": description}
    operations = [{"op": "create", "type": "task", "data": task}] * size
    return "POST", f"{API}/batch", {"operations": operations}


def _search(query: str) -> tuple[str, str, Any]:
    return "GET", f"{API}/tasks?q={quote(query)}&{_LONG_LIST}", None


_LONG_LIST = "include_total=true&sort=title&limit=100"
ATTACKS: dict[str, Callable[[], tuple[str, str, Any]]] = {
    "ordinary": lambda: _create(ordinary(20_000)),
    "one-letter": lambda: _create("a b " * 5_000),
    "expanding": lambda: _create("\ufdfa" * 20_000),
    "marks": lambda: _create("\u0301\u0323" * 10_000),
    "hangul": lambda: _create("".join(map(chr, range(0xAC00, 0xAC00 + 11_172)))),
    "cjk": lambda: _create("".join(map(chr, range(0x4E00, 0x4E00 + 20_000)))),
    "escapes": lambda: _create('"\\' * 10_000),
    "batch": lambda: _batch(ordinary(10_000), 100),
    "batch-cjk": lambda: _batch("".join(map(chr, range(0x4E00, 0x4E00 + 3_300))), 100),
    "search": lambda: _search("common"),
    "search-many": lambda: _search(" ".join(f"c{number}" for number in range(40))),
    "flood": lambda: ("GET", f"{API}/tasks", None),
    "invalid": lambda: ("GET", f"{API}/tasks?limit=0", None),
    "list": lambda: ("GET", f"{API}/tasks?{_LONG_LIST}", None),
    "anonymous-sign-in": lambda: (
        "POST",
        f"{API}/auth/login",
        {"email": "hostile-anonymous-sign-in@example.com", "password": PASSWORD},
    ),
    "anonymous": lambda: _create(ordinary(20_000)),
    "anonymous-mib": lambda: ("POST", f"{API}/tasks", {"title": [[]] * 340_000}),
    "json-mib": lambda: ("POST", f"{API}/tasks", {"title": [[]] * 340_000}),
}
_WITH_TASKS = {"search", "search-many", "list"}


def _tasks(words: int) -> Iterator[dict[str, Any]]:
    """Long tasks that all searches of the attacks find."""
    common = " ".join(f"c{number}" for number in range(60))
    for number in count():
        text = ordinary(words * 10, seed=number)[: words * 10]
        yield {"title": f"common {number}", "description": f"{common} {text}"}


async def fill(server: Server, headers: dict[str, str], total: int, words: int) -> None:
    """Create the tasks that searches find."""
    tasks = _tasks(words)
    async with wire(server) as connection:
        for _ in range(total // 50):
            operations = [{"op": "create", "type": "task", "data": next(tasks)} for _ in range(50)]
            answer = await connection.ask(
                "POST", f"{API}/batch", {"operations": operations}, headers
            )
            assert answer.status == 200, answer


def press(server: Server, attack: str, headers: dict[str, str], over: Event, results: Any) -> None:
    """Send the attack's request again and again until it is over, in this process."""
    method, path, body = ATTACKS[attack]()
    raw = b"" if body is None else orjson.dumps(body)

    async def one(seen: Counter[int]) -> None:
        async with wire(server) as connection:
            while not over.is_set():
                answer = await connection.ask_raw(method, path, raw, headers)
                seen[answer.status] += 1
                if answer.status in {429, 503}:
                    await asyncio.sleep(0.2)

    async def run() -> Counter[int]:
        seen: Counter[int] = Counter()
        results.put("ready")
        await asyncio.gather(*(one(seen) for _ in range(CONNECTIONS)))
        return seen

    results.put(asyncio.run(run()))


async def watch(
    server: Server, headers: dict[str, str], seconds: float
) -> tuple[dict[str, float], Counter[int]]:
    """Use the service as another user does; return the median of each kind, and the statuses."""
    taken: dict[str, list[float]] = {"list": [], "get": [], "post": []}
    statuses: Counter[int] = Counter()
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        # A new connection now and then, so that each of several workers is asked.
        async with wire(server) as connection:
            body = {"title": "Buy milk", "description": "Two litres"}
            for _ in range(5):
                posted = await connection.ask("POST", f"{API}/tasks", body, headers)
                task = posted.json().get("id") if posted.status == 201 else ""
                read = await connection.ask("GET", f"{API}/tasks/{task}", headers=headers)
                listed = await connection.ask("GET", f"{API}/tasks", headers=headers)
                for kind, answer in (("post", posted), ("get", read), ("list", listed)):
                    taken[kind].append(answer.seconds)
                    statuses[answer.status] += 1
                await asyncio.sleep(0.15)  # within the default rate limit
    return {kind: statistics.median(times) for kind, times in taken.items()}, statuses


async def measure(server: Server, attack: str, seconds: float, tasks: int, words: int) -> bool:
    """Run one attack; return whether the limit held."""
    bystander = bearer(await new_person(server, f"bystander-{attack}@example.com"))
    hostile = bearer(await new_person(server, f"hostile-{attack}@example.com"))
    if attack in _WITH_TASKS:
        await fill(server, hostile, tasks, words)
    await watch(server, bystander, 1)
    alone, _ = await watch(server, bystander, seconds)
    context = multiprocessing.get_context("spawn")
    over, results = context.Event(), context.Queue()
    headers = {} if attack.startswith("anonymous") else hostile
    place = Server(None, server.url, server.log)  # type: ignore[arg-type]  # only its URL is used
    process = context.Process(target=press, args=(place, attack, headers, over, results))
    process.start()
    try:
        results.get(timeout=30)
        await asyncio.sleep(1)
        beside, statuses = await watch(server, bystander, seconds)
    finally:
        over.set()
        seen = results.get(timeout=90)
        process.join(10)
    ratios = {kind: beside[kind] / alone[kind] for kind in alone}
    figures = "   ".join(
        f"{kind} {alone[kind] * 1000:5.1f} -> {beside[kind] * 1000:6.1f} ms ({ratios[kind]:4.1f})"
        for kind in alone
    )
    print(f"{attack:14} {figures}   {dict(statuses)}; attack: {dict(seen)}", flush=True)
    return max(ratios.values()) <= LIMIT and set(statuses) <= {200, 201}


async def measure_all(server: Server, options: argparse.Namespace) -> bool:
    """Run the attacks one after the other."""
    held = [
        await measure(server, attack, options.seconds, options.tasks, options.words)
        for attack in options.attacks
    ]
    return all(held)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attacks", nargs="+", choices=ATTACKS, default=list(ATTACKS))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--pooler", action="store_true", help="through PgBouncer")
    parser.add_argument("--rate-limit", default="off")
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--tasks", type=int, default=1_000, help="of the hostile user, to search")
    parser.add_argument("--words", type=int, default=700, help="in each of them")
    options = parser.parse_args()
    with database() as dsn, ExitStack() as stack:
        through = stack.enter_context(pooled(dsn)) if options.pooler else dsn
        extra = {"DATABASE_DIRECT_URL": dsn} if options.pooler else {}
        server = stack.enter_context(
            live(through, options.workers, DULY_RATE_LIMIT=options.rate_limit, **extra)
        )
        held = asyncio.run(measure_all(server, options))
    sys.exit(None if held else "a hostile user slowed another user's requests too much")


if __name__ == "__main__":
    main()
