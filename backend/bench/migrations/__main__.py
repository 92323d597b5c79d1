"""Migrate under load, forward and back: `make migrations`.

The previous release, from the history of the repository, serves clients with two workers. Meanwhile
`duly migrate` brings its database to the newest schema, killed three times; for a while both releases
serve it; then `duly migrate --to` takes it back. Ends with status 1 if a response is a 5xx or takes
longer than the database timeout, or if an acknowledged write is missing afterwards.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import psycopg

from bench.live import live, new_person
from bench.migrations import previous
from bench.migrations.clients import Client, Request, Target, Traffic
from duly.database import embedded, migrations
from tests.support.servers import SECRET

CLIENTS = 30
OTHERS = 1_000
DATABASE_TIMEOUT = 5.0
_COUNTS = """
SELECT id, task_count, (SELECT count(*) FROM tasks WHERE user_id = users.id) FROM users
"""
MIGRATION_TIMEOUT = 1_200.0
KILLED_AFTER = 5.0


async def migrate(dsn: str, *options: str) -> None:
    """Run `duly migrate`, and print what it says and how long it takes."""
    started = time.monotonic()
    process = await _start(dsn, *options)
    try:
        async with asyncio.timeout(MIGRATION_TIMEOUT):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        raise ChildProcessError("the migration failed")
    print(f"{said.decode().strip()} {time.monotonic() - started:.0f} s", flush=True)


async def migrate_and_kill(dsn: str, seconds: float) -> None:
    """Run `duly migrate` for some seconds, then kill it."""
    process = await _start(dsn)
    await asyncio.sleep(seconds)
    if process.returncode is None:
        process.kill()
        print(f"killed after {seconds:.0f} s", flush=True)
    await process.communicate()


async def _start(dsn: str, *options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("duly"),
        "migrate",
        *options,
        env={**os.environ, "DATABASE_URL": dsn, "DULY_SECRET_KEY": SECRET},
        stdout=subprocess.PIPE,
    )


def missing(dsn: str, clients: list[Client]) -> list[str]:
    """Describe acknowledged writes that the database does not have."""
    with psycopg.connect(dsn) as connection:
        found = [
            f"user {user_id}: {counted} tasks counted, {stored} stored"
            for user_id, counted, stored in connection.execute(_COUNTS)
            if counted != stored
        ]
        for client in clients:
            tasks = {
                str(task_id): tuple(state)
                for task_id, *state in connection.execute(
                    "SELECT id, title, completed_at IS NOT NULL, trashed_at IS NOT NULL FROM tasks "
                    "WHERE user_id = %s AND id = ANY(%s)",
                    [client.user_id, [UUID(task_id) for task_id in client.tasks]],
                )
            }
            found_labels = connection.execute(
                "SELECT id::text, name FROM labels WHERE user_id = %s", [client.user_id]
            ).fetchall()
            labels: dict[str, str] = dict(found_labels)
            found += [
                f"task {task_id}: {state} acknowledged, {tasks.get(task_id)} stored"
                for task_id, state in client.tasks.items()
                if tasks.get(task_id) != state
            ]
            found += [
                f"label {label_id}: not as acknowledged"
                for label_id, name in client.labels.items()
                if labels.get(label_id) != name
            ]
    return found


def report(requests: list[Request]) -> list[str]:
    """Print the figures of each phase; return what must not be.

    The times are those without sign-ins, most of which is the hash of the password.
    """
    for phase in dict.fromkeys(request.phase for request in requests):
        some = [request for request in requests if request.phase == phase]
        others = [request for request in some if request.name != "sign in"]
        cuts = statistics.quantiles([request.seconds for request in others], n=100)
        slowest = max(others, key=lambda request: request.seconds)
        statuses = Counter(request.status for request in some)
        print(
            f"{phase:8} {len(some):6} requests   p50 {cuts[49] * 1000:6.1f} ms   "
            f"p99 {cuts[98] * 1000:7.1f} ms   max {slowest.seconds * 1000:7.1f} ms "
            f"({slowest.name})   {dict(sorted(statuses.items()))}"
        )
    return [
        f"{request.phase}: {request.name} got {request.status} after {request.seconds:.1f} s"
        for request in requests
        if not 200 <= request.status < 500 or request.seconds > DATABASE_TIMEOUT
    ]


async def run(dsn: str, old: str, options: argparse.Namespace) -> list[str]:
    """Run all phases; return what must not be."""
    faults: list[str] = []
    with live(dsn, 2, PYTHONPATH=old) as server:
        traffic = Traffic([Target(server, "trashed")])
        emails = [f"client-{number}@example.com" for number in range(CLIENTS)]
        sessions = [await new_person(server, email) for email in emails]
        clients = [
            Client(traffic, email, session, options.seed + number)
            for number, (email, session) in enumerate(zip(emails, sessions, strict=True))
        ]
        # The first user, who has the most tasks, has two devices.
        clients.append(Client(traffic, emails[0], sessions[0], options.seed + CLIENTS))
        users = [client.user_id for client in clients[:CLIENTS]]
        started = time.monotonic()
        await asyncio.to_thread(
            previous.load, dsn, options.tasks, users, OTHERS, options.tasks // 20
        )
        print(f"{options.tasks:,} tasks loaded in {time.monotonic() - started:.0f} s", flush=True)
        interval = len(clients) / options.rate
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(client.run(interval))
            traffic.phase = "before"
            await asyncio.sleep(options.seconds)
            traffic.phase = "forward"
            for number in range(options.kills):
                await migrate_and_kill(dsn, KILLED_AFTER * (number + 1))
            await migrate(dsn)
            new = live(dsn, 2)
            # It starts in a thread, since the clients must not stop meanwhile.
            target = Target(await asyncio.to_thread(new.__enter__), "is_trashed")
            try:
                traffic.phase = "both"
                traffic.targets.append(target)
                await asyncio.sleep(options.seconds)
                await migrate(dsn)  # it repairs what the previous release has written
                traffic.targets.remove(target)
                await asyncio.sleep(DATABASE_TIMEOUT)
            finally:
                await asyncio.to_thread(new.__exit__, None, None, None)
            traffic.phase = "back"
            await migrate(dsn, "--to", previous.REVISION)
            traffic.phase = "after"
            await asyncio.sleep(options.seconds)
            traffic.is_over = True
        faults += report(traffic.requests) + missing(dsn, clients)
        print(f"{sum(len(client.tasks) for client in clients):,} created tasks compared")
        log = server.log.read_text()
    return faults + [line for line in log.splitlines() if '"level":"error"' in line][:3]


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=40, help="requests per second")
    parser.add_argument(
        "--seconds", type=float, default=15, help="of each phase without migration"
    )
    parser.add_argument("--kills", type=int, default=3, help="of the migration, before it ends")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with ExitStack() as stack:
        sources, data = (
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="duly-bench-")))
            for _ in range(2)
        )
        old = previous.unpack(sources)
        dsn = stack.enter_context(embedded.running(data))
        migrations.upgrade(dsn, previous.REVISION)
        faults = asyncio.run(run(dsn, str(old), options))
    for fault in faults[:20]:
        print(f"  {fault}", file=sys.stderr)
    sys.exit(f"{len(faults)} faults" if faults else 0)


if __name__ == "__main__":
    main()
