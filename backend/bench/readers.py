"""Event-stream readers and users for the benchmarks."""

import asyncio
import time

import httpx

from tests.support.accounts import API


class Reader(asyncio.Protocol):
    """Count events with as little work as possible, and note when each arrived."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.events: asyncio.Queue[float] = asyncio.Queue()
        self.received = 0
        self.seen = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Note when events arrived."""
        self.received += len(data)
        for _ in range(data.count(b"event: ")):
            self.events.put_nowait(time.perf_counter())
            self.seen += 1

    @property
    def port(self) -> int:
        """Our port of the connection."""
        assert self.transport is not None
        return int(self.transport.get_extra_info("sockname")[1])


async def open_stream(url: httpx.URL, token: str) -> Reader:
    """Open a stream and wait for its `ready` event."""
    loop = asyncio.get_running_loop()
    _, reader = await loop.create_connection(Reader, url.host, url.port or 80)
    request = (
        f"GET {API}/events HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    assert reader.transport is not None
    reader.transport.write(request.encode())
    await asyncio.wait_for(reader.events.get(), 60)
    return reader


async def sign_up(client: httpx.AsyncClient) -> str:
    """Register a user and return the access token."""
    body = {"email": f"{time.time_ns()}@example.com", "password": "a password of no one else"}
    answer = await client.post(f"{API}/auth/register", json=body)
    return str(answer.raise_for_status().json()["access_token"])


async def create(client: httpx.AsyncClient, token: str, text: str = "") -> None:
    """Create a task."""
    headers = {"Authorization": f"Bearer {token}"}
    body = {"title": "a change", "description": text}
    (await client.post(f"{API}/tasks", json=body, headers=headers)).raise_for_status()
