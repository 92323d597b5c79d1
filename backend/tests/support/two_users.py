"""Two users whose rows look alike, to see whether anything reaches from one to the other."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from duly.database.pool import Pool
from duly.database.scope import UserScope
from duly.utils.identifiers import new_id
from tests.support.direct_sql import execute

STORED = """
    SELECT to_jsonb(u) AS account, to_jsonb(t) AS task, to_jsonb(s) AS session
    FROM users u LEFT JOIN tasks t ON t.user_id = u.id LEFT JOIN sessions s ON s.user_id = u.id
    WHERE u.id = %(user_id)s ORDER BY t.id, s.id
"""


@dataclass(frozen=True)
class People:
    """Two users with rows under the same ids, and the scope of the first."""

    dsn: str
    pool: Pool
    mine: UUID
    theirs: UUID

    @property
    def scope(self) -> UserScope:
        return UserScope(self.pool, self.mine)

    async def stored(self, user_id: UUID) -> list[tuple[Any, ...]]:
        """All that is stored of a user."""
        async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
            cursor = await connection.execute(STORED, {"user_id": user_id})
            return await cursor.fetchall()


@asynccontextmanager
async def two_people(dsn: str) -> AsyncIterator[People]:
    pool = Pool(dsn, size=2, timeout=5)
    await pool.open()
    people = People(dsn, pool, new_id(), new_id())
    shared_task, shared_session = new_id(), new_id()
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        for user_id in (people.mine, people.theirs):
            await connection.execute(ADD_PERSON, (user_id, f"{user_id}@example.com"))
            for task_id in (shared_task, new_id()):
                await connection.execute(ADD_TASK, (user_id, task_id, f"task of {user_id}"))
            await connection.execute(
                "INSERT INTO sessions (user_id, id, refresh_hash, user_agent, expires_at) "
                "VALUES (%s, %s, sha256(%s), %s, now() + interval '1 day')",
                (user_id, shared_session, user_id.bytes, f"agent of {user_id}"),
            )
        try:
            yield people
        finally:
            await pool.close()
            await connection.execute(
                "DELETE FROM users WHERE id = ANY(%s)", [[people.mine, people.theirs]]
            )


ADD_PERSON = "INSERT INTO users (id, email, password_hash) VALUES (%s, %s, 'x')"
ADD_TASK = "INSERT INTO tasks (user_id, id, title, revision) VALUES (%s, %s, %s, 1)"


async def add_person(dsn: str, user_id: UUID) -> None:
    await execute(dsn, ADD_PERSON, user_id, f"{user_id}@example.com")


async def add_task(dsn: str, user_id: UUID, task_id: UUID) -> None:
    await execute(dsn, ADD_TASK, user_id, task_id, f"task of {user_id}")
