"""The cost of traces for a request: `make bench-traces`.

    python -m bench.traces --rounds 100

Runs three applications in this process: one as it ships, in turns with one in which FastAPI looks
for collectors at each request, and then with one that exports traces to a collector that does not
exist. Prints the CPU time of a request in the thread that handles it, and the ratios.
"""

import argparse
import asyncio
import logging
import os
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import orjson
import uvloop
from pydantic import SecretStr

from bench.metrics import _cpu_us
from bench.suite.apis import PASSWORD, new_task
from bench.suite.profiling import Caller
from duly.core.config import Settings
from duly.database import embedded, migrations
from duly.main import create_app
from tests.support.servers import SECRET

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_OFF, _LOOKING, _ON = "off", "FastAPI looks for collectors", "on"


def _apps(dsn: str) -> dict[str, Any]:
    settings = Settings(
        database_url=SecretStr(dsn),
        secret_key=SecretStr(SECRET),
        bcrypt_cost=4,
        rate_limit="off",
        log_level="error",
    )
    apps = {_OFF: create_app(settings), _LOOKING: create_app(settings)}
    apps[_LOOKING]._telemetry |= {"tracing": True, "metrics": True, "logs": True}
    os.environ[_ENDPOINT] = "http://127.0.0.1:9"
    apps[_ON] = create_app(settings)
    logging.getLogger("opentelemetry").setLevel("CRITICAL")
    return apps


async def _run(dsn: str, rounds: int) -> None:
    apps = _apps(dsn)
    off, others = Caller(apps[_OFF]), (_LOOKING, _ON)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(apps[_OFF].router.lifespan_context(apps[_OFF]))
        person = {"email": "traces@example.com", "password": PASSWORD}
        session = await off("POST", "/api/v1/auth/register", orjson.dumps(person))
        off.token = orjson.loads(session)["access_token"]
        for number in range(40):
            task = await off("POST", "/api/v1/tasks", orjson.dumps(new_task(number)))
        one = f"/api/v1/tasks/{orjson.loads(task)['id']}"
        # In this order: the last sets the provider of the process, which FastAPI would use.
        for way in others:
            await stack.enter_async_context(apps[way].router.lifespan_context(apps[way]))
            caller = Caller(apps[way])
            caller.token = off.token
            for name, path in {"get": one, "list": "/api/v1/tasks?limit=20"}.items():
                await _compare(f"{way}, {name}", path, (off, caller), rounds)


async def _compare(name: str, path: str, callers: tuple[Caller, Caller], rounds: int) -> None:
    found: tuple[list[float], list[float]] = ([], [])
    for caller in callers:
        await _cpu_us(caller, path)  # warms up
    for number in range(rounds):
        for way in (0, 1) if number % 2 else (1, 0):
            found[way].append(await _cpu_us(callers[way], path))
    low, ratio, high = quantiles((other / off for off, other in zip(*found, strict=True)), n=4)
    print(
        f"{name}: {median(found[0]):.0f} µs without, ratio {ratio:.3f} "
        f"(half of the rounds from {low:.3f} to {high:.3f})"
    )


def main() -> None:
    """Print a line for each kind of request and each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="duly-bench-") as directory,
        embedded.running(Path(directory)) as dsn,
    ):
        migrations.upgrade(dsn)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(dsn, options.rounds))


if __name__ == "__main__":
    main()
