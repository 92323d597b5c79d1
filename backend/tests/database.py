"""The database behind the application's back: to let time pass, and to look at what is stored."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.rows import TupleRow

Connection = psycopg.AsyncConnection[TupleRow]


async def execute(dsn: str, sql: str, *params: Any) -> list[TupleRow]:
    """Run one statement, committed at once; gives its rows."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        cursor = await connection.execute(sql.encode(), params)
        return await cursor.fetchall() if cursor.description else []


async def age(dsn: str, user_id: str, seconds: float) -> None:
    """Let a user's sessions have been used that much earlier."""
    await execute(
        dsn,
        "UPDATE sessions SET rotated_at = rotated_at - make_interval(secs => %s), "
        "expires_at = expires_at - make_interval(secs => %s) WHERE user_id = %s",
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


async def somebody_waits_for(connection: Connection) -> None:
    """Return once another connection waits for a lock that this one holds."""
    async with asyncio.timeout(4):
        while True:
            cursor = await connection.execute(
                "SELECT 1 FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if await cursor.fetchone():
                return
            await asyncio.sleep(0.01)
