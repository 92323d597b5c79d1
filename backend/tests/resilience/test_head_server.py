"""HEAD on the server as it ships: over one connection, with nothing after the headers."""

import asyncio

import httpx
import pytest

from tests.support.accounts import register
from tests.support.raw_http import connected, head
from tests.support.servers import serving


@pytest.mark.slow
async def test_head_leaves_the_connection_usable_and_ends_streams(dsn: str) -> None:
    with serving(dsn, workers=1) as server:
        async with httpx.AsyncClient(base_url=server.url) as client:
            ada = await register(client)
            await ada.create_task()
        paths = ["/", "/docs", "/openapi.json", "/health/ready", "/nowhere"]
        paths += [f"/api/v1/{path}" for path in ("tasks", "users/me/export", "events", "tasks")]
        async with connected(server.url) as connection:
            for path in paths:
                connection.send(head("HEAD", path, **ada.headers))
            connection.send(head("GET", "/health/live", Connection="close"))
            assert await connection.read_for(30)

        assert connection.statuses == [200] * 4 + [404] + [200] * 5
        # Only the GET has a body.
        *heads, body = connection.received.decode().split("\r\n\r\n")
        assert len(heads) == len(paths) + 1
        assert body == '{"status":"ok"}'
        assert all(part.startswith("HTTP/1.1 ") for part in heads)

        # The streams of HEAD are over: nothing is left that keeps the server from stopping.
        assert await asyncio.to_thread(server.stop) == 0
