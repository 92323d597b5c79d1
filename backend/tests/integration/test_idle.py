"""A worker that nobody asks anything leaves the database alone, so that it can sleep."""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest
from pydantic import SecretStr

from duly.core.config import Settings
from duly.runtime import maintenance
from tests.support.databases import migrated_database
from tests.support.direct_sql import execute
from tests.support.instances import running


@pytest.fixture
def own_dsn(dsn: str) -> Iterator[str]:
    """A database that nobody else sweeps."""
    with migrated_database(dsn) as own:
        yield own


async def test_an_idle_worker_does_not_sweep(
    settings: Settings, own_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "INTERVAL", 0.02)

    async def is_swept(session_id: str) -> bool:
        sql = "SELECT 1 FROM revoked_sessions WHERE session_id = %s"
        return not await execute(own_dsn, sql, session_id)

    async def expire() -> str:
        session_id = str(uuid4())
        sql = "INSERT INTO revoked_sessions VALUES (%s, now() - interval '1 hour')"
        await execute(own_dsn, sql, session_id)
        return session_id

    place = SecretStr(own_dsn)
    async with running(settings, "10.0.0.2", database_url=place) as client:
        pool = client._transport.app.state.context.pool  # type: ignore[attr-defined]
        expired = await expire()
        await asyncio.sleep(0.3)  # some fifteen rounds
        assert not await is_swept(expired)

        await client.get("/health/ready")
        async with asyncio.timeout(10):
            while not await is_swept(expired):  # noqa: ASYNC110  # it is the database's word
                await asyncio.sleep(0.02)
        # Its own sweep is no traffic.
        await asyncio.sleep(0.1)
        used = pool.used
        await asyncio.sleep(0.3)
        assert pool.used == used
