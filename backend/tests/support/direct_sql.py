"""The database behind the application's back: to let time pass, and to look at what is stored."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.rows import TupleRow

Connection = psycopg.AsyncConnection[TupleRow]


async def execute(dsn: str, sql: str, *params: Any) -> list[TupleRow]:
    """Run and commit one statement, and return its rows."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        cursor = await connection.execute(sql.encode(), params)
        return await cursor.fetchall() if cursor.description else []


def earlier(column: str, interval: str) -> str:
    """The SQL of the time that is `interval` before that of `column`.

    An UPDATE on Citus cannot contain the plain difference, which depends on the time zone.
    """
    return f"({column} AT TIME ZONE 'UTC' - {interval}) AT TIME ZONE 'UTC'"


async def age(dsn: str, user_id: str, seconds: float) -> None:
    """Let a user's sessions have been used that much earlier."""
    interval = "make_interval(secs => %s)"
    await execute(
        dsn,
        f"UPDATE sessions SET spent_at = ARRAY(SELECT {earlier('at', interval)} "
        "FROM unnest(spent_at) WITH ORDINALITY AS spent (at, n) ORDER BY n), "
        f"expires_at = {earlier('expires_at', interval)} WHERE user_id = %s",
        seconds,
        seconds,
        user_id,
    )


@asynccontextmanager
async def holding_account(dsn: str, user_id: str) -> AsyncIterator[Connection]:
    """Hold a user's row, so that changes to it wait; what the block does is then committed."""
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("SELECT FROM users WHERE id = %s FOR UPDATE", [user_id])
        yield connection


_WAITING = b"""
    WITH RECURSIVE waiting AS (
        SELECT pid FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))
        UNION
        SELECT other.pid FROM pg_stat_activity other
        JOIN waiting ON waiting.pid = ANY(pg_blocking_pids(other.pid))
    )
    SELECT count(*) FROM waiting
"""


async def somebody_waits_for(connection: Connection, count: int = 1) -> None:
    """Return once others wait for a lock that this one holds, or for each other behind it."""
    async with asyncio.timeout(8):
        while True:
            [(waiting,)] = await (await connection.execute(_WAITING)).fetchall()
            if waiting >= count:
                return
            await asyncio.sleep(0.01)
