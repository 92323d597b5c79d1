"""Whether requests that wait before they begin need less CPU time: `make bench-waiting`.

    python -m bench.waiting --rounds 5

Runs an application in this process, 16 and 500 requests at a time, and lets work wait before it
begins or not, in turns. Prints the CPU time of the application per request.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median

import orjson
import uvloop

from bench.suite.apis import PASSWORD, new_task
from bench.suite.profiling import Caller, application
from duly.database import connections, embedded, migrations

_USERS = 100
_TASKS = 25
_AT_ONCE = (16, 500)
_SECONDS = 1.0
_MANY = 1_000_000
_LIMITS = {"waits in the middle": _MANY, "waits before": connections._MAX_WAITING}


async def _sign_up(caller: Caller, number: int) -> str:
    """Register a user with tasks, and return the id of one."""
    person = {"email": f"waiting{number}@example.com", "password": PASSWORD}
    session = await caller("POST", "/api/v1/auth/register", orjson.dumps(person))
    caller.token = orjson.loads(session)["access_token"]
    tasks = [
        await caller("POST", "/api/v1/tasks", orjson.dumps(new_task(one))) for one in range(_TASKS)
    ]
    return str(orjson.loads(tasks[-1])["id"])


async def _cpu_ms(requests: list[tuple[Caller, str]]) -> float:
    """Repeat each request at the same time as the others; return the CPU time of one."""
    done, until = 0, time.perf_counter() + _SECONDS

    async def repeat(caller: Caller, path: str) -> None:
        nonlocal done
        while time.perf_counter() < until:
            await caller("GET", path)
            done += 1

    began = time.thread_time()
    await asyncio.gather(*(repeat(*request) for request in requests))
    return (time.thread_time() - began) / done * 1000


async def _measure(dsn: str, rounds: int) -> None:
    async with application(dsn) as app:
        callers = [Caller(app) for _ in range(_USERS)]
        ids = [await _sign_up(caller, number) for number, caller in enumerate(callers)]
        paths = {
            "get": [f"/api/v1/tasks/{one}" for one in ids],
            "list": ["/api/v1/tasks?limit=20"] * _USERS,
        }
        for name, of_users in paths.items():
            for at_once in _AT_ONCE:
                requests = (list(zip(callers, of_users, strict=True)) * at_once)[:at_once]
                found: dict[str, list[float]] = {how: [] for how in _LIMITS}
                for _ in range(rounds):
                    for how, limit in _LIMITS.items():
                        connections._MAX_WAITING = limit
                        found[how].append(await _cpu_ms(requests))
                figures = (f"{how} {median(each):.3f} ms" for how, each in found.items())
                print(f"{name}, {at_once} at a time: {', '.join(figures)}", flush=True)


def main() -> None:
    """Print a line for each kind of request and number of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="duly-bench-") as directory,
        embedded.running(Path(directory)) as dsn,
    ):
        migrations.upgrade(dsn)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_measure(dsn, options.rounds))


if __name__ == "__main__":
    main()
