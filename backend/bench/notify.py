"""What NOTIFY within each write would cost: commits a second with it, without it, and bundled.

.venv/bin/python bench/notify.py
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg

from duly.database import embedded, migrations
from duly.utils.identifiers import new_id

WRITERS = 32
SECONDS = 8.0

_WRITE = """
    WITH owner AS (UPDATE users SET revision = revision + 1 WHERE id = %(user)s RETURNING revision)
    INSERT INTO tasks (user_id, id, title, revision)
    SELECT %(user)s, gen_random_uuid(), 'a task', revision FROM owner
"""
_NOTIFYING = _WRITE + " RETURNING pg_notify('bench', %(user)s::text)"


async def count(dsn: str, sql: str, *, is_bundled: bool = False) -> int:
    """How many writes of many users are committed in a second."""
    ends_at = time.perf_counter() + SECONDS
    written = 0

    async def write() -> None:
        nonlocal written
        user = new_id()
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            values = [user, f"{user}@example.com"]
            insert = "INSERT INTO users (id, email, password_hash) VALUES (%s, %s, 'x')"
            await connection.execute(insert, values)
            while time.perf_counter() < ends_at:
                await connection.execute(sql.encode(), {"user": user})
                written += 1

    async def announce() -> None:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            while time.perf_counter() < ends_at:
                await asyncio.sleep(0.02)
                await connection.execute("SELECT pg_notify('bench', %s)", ["x" * 1000])

    others = [announce()] if is_bundled else []
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as listener:
        await listener.execute("LISTEN bench")
        await asyncio.gather(*(write() for _ in range(WRITERS)), *others)
    return round(written / SECONDS)


def main() -> None:
    """Measure each way twice, and print the better."""
    ways = {
        "no NOTIFY": (_WRITE, False),
        "one every 20 ms": (_WRITE, True),
        "NOTIFY in each write": (_NOTIFYING, False),
    }
    with (
        tempfile.TemporaryDirectory(prefix="duly-bench-") as directory,
        embedded.running(Path(directory)) as dsn,
    ):
        migrations.upgrade(dsn)
        for name, (sql, is_bundled) in ways.items():
            best = max(asyncio.run(count(dsn, sql, is_bundled=is_bundled)) for _ in range(2))
            print(f"{name:22} {best:6} commits/s, {WRITERS} writers")


if __name__ == "__main__":
    main()
