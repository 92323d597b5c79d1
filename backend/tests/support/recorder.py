"""The statements over owned rows that an instance sends to the database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from psycopg import AsyncCursor

from duly.core.config import Settings
from duly.main import create_app
from tests.support.accounts import Account
from tests.support.instances import client_at


@asynccontextmanager
async def recording(
    settings: Settings, account: Account
) -> AsyncIterator[tuple[Account, list[bytes]]]:
    """The account at an instance of its own, and what that sends on its one connection."""
    sent: list[bytes] = []

    class Cursor(AsyncCursor[Any]):
        async def execute(self, query: Any, *args: Any, **options: Any) -> "Cursor":
            if b"user_id" in query:
                sent.append(query)
            await super().execute(query, *args, **options)
            return self

    app = create_app(settings.model_copy(update={"pool_size": 1}))
    async with app.router.lifespan_context(app), client_at(app, "10.0.0.1") as client:
        there = replace(account, client=client)
        await there.get("/users/me")
        [connection] = app.state.context.pool.connections._idle
        connection.cursor_factory = Cursor
        yield there, sent
