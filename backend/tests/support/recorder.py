"""The statements over owned rows that an instance sends to the database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

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

    app = create_app(settings.model_copy(update={"pool_size": 1}))
    async with app.router.lifespan_context(app), client_at(app, "10.0.0.1") as client:
        there = replace(account, client=client)
        await there.get("/users/me")
        [connection] = app.state.context.pool.connections._idle
        fetch, fetch_many = connection.fetch, connection.fetch_many

        def note(sql: bytes) -> None:
            if b"user_id" in sql:
                sent.append(sql)

        async def noted_fetch(sql: bytes, params: Any, **how: Any) -> Any:
            note(sql)
            return await fetch(sql, params, **how)

        async def noted_fetch_many(calls: Any) -> Any:
            for sql, _ in calls:
                note(sql)
            return await fetch_many(calls)

        connection.fetch, connection.fetch_many = noted_fetch, noted_fetch_many
        yield there, sent
