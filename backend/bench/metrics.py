"""The cost of counting a request for the metrics: `make bench-metrics`.

    python -m bench.metrics --rounds 100

Runs an application with metrics in this process, and counts its requests or not, in turns. Prints
the CPU time of a request, and the ratio of the two ways.
"""

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import orjson
import uvloop
from pydantic import SecretStr

from bench.suite.apis import PASSWORD, new_task
from bench.suite.profiling import Caller
from duly.api.exchange import Exchange
from duly.core.config import Settings
from duly.database import embedded, migrations
from duly.main import create_app
from tests.support.asgi import http_scope
from tests.support.servers import SECRET

_REQUESTS = 200
_RECORDS = 200_000
_AT_ONCE = 8


async def _cpu_us(caller: Caller, path: str) -> float:
    """Return the CPU time of one request in microseconds."""

    async def repeat() -> None:
        for _ in range(_REQUESTS // _AT_ONCE):
            await caller("GET", path)

    began = time.thread_time()
    await asyncio.gather(*(repeat() for _ in range(_AT_ONCE)))
    return (time.thread_time() - began) / _REQUESTS * 1e6


async def _measure(app: Any, rounds: int) -> None:
    caller = Caller(app)
    person = {"email": "metrics@example.com", "password": PASSWORD}
    session = await caller("POST", "/api/v1/auth/register", orjson.dumps(person))
    caller.token = orjson.loads(session)["access_token"]
    for number in range(40):
        task = await caller("POST", "/api/v1/tasks", orjson.dumps(new_task(number)))
    paths = {"get": f"/api/v1/tasks/{orjson.loads(task)['id']}", "list": "/api/v1/tasks?limit=20"}
    middleware = app.middleware_stack.app
    ways = {"not counted": None, "counted": middleware._on_outcome}
    for name, path in paths.items():
        await _cpu_us(caller, path)  # warms up
        found: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(rounds):
            for way in sorted(ways, reverse=number % 2 == 1):
                middleware._on_outcome = ways[way]
                found[way].append(await _cpu_us(caller, path))
        # Of neighbors in time: the machine is not equally fast throughout.
        pairs = zip(found["counted"], found["not counted"], strict=True)
        low, ratio, high = quantiles((counted / plain for counted, plain in pairs), n=4)
        print(
            f"{name}: {median(found['not counted']):.0f} µs, ratio if counted {ratio:.3f} "
            f"(half of the rounds from {low:.3f} to {high:.3f})"
        )


def _record_us(middleware: Any) -> float:
    """Return the time in which one request is counted, in microseconds."""
    scope = http_scope("GET", "/api/v1/tasks", [(b"host", b"bench")], "127.0.0.1")
    exchange = Exchange(scope, never, never, ())  # type: ignore[arg-type]
    began = time.perf_counter()
    for _ in range(_RECORDS):
        middleware._on_outcome(exchange.outcome)
    return (time.perf_counter() - began) / _RECORDS * 1e6


def never() -> None:
    """Be in the place of a function that is not called."""


async def _run(dsn: str, rounds: int) -> None:
    settings = Settings(
        database_url=SecretStr(dsn),
        secret_key=SecretStr(SECRET),
        bcrypt_cost=4,
        rate_limit="off",
        log_level="warning",
        metrics_port=1,  # this process listens on none
    )
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        await _measure(app, rounds)
        stack: Any = app.middleware_stack
        print(f"counting alone: {_record_us(stack.app):.2f} µs")


def main() -> None:
    """Print a line for each kind of request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="duly-bench-") as directory,
        tempfile.TemporaryDirectory(prefix="duly-metrics-", dir="/dev/shm") as values,
        embedded.running(Path(directory)) as dsn,
    ):
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = values  # before the application imports it
        migrations.upgrade(dsn)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(dsn, options.rounds))


if __name__ == "__main__":
    main()
