"""Limits and bytes of event streams, over real sockets."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from tests.support.accounts import API, Account, error_code, register
from tests.support.servers import Server, serving
from tests.support.streams import PATIENCE, server_stream

LIMIT = 3


@pytest.fixture(scope="module")
def strict(dsn: str) -> Iterator[Server]:
    """A server that allows three streams per user."""
    with serving(dsn, workers=1, DULY_MAX_STREAMS=str(LIMIT)) as server:
        yield server


@pytest.fixture
async def ada(strict: Server) -> AsyncIterator[Account]:
    async with httpx.AsyncClient(base_url=strict.url, timeout=30) as client:
        yield await register(client)


def connect(server: Server, account: Account, version: str = "1.1") -> socket.socket:
    """Open a stream; return its socket once the response has begun."""
    stream = socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), PATIENCE)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stream.sendall(
        f"GET {API}/events HTTP/{version}\r\nHost: duly.test\r\n"
        f"Authorization: {account.headers['Authorization']}\r\n\r\n".encode()
    )
    assert b" 200 OK" in stream.recv(15)
    return stream


async def fill(streams: AsyncExitStack, server: Server, account: Account) -> None:
    """Open all streams that are allowed, as soon as those before have been noticed to be gone."""
    for _ in range(LIMIT):
        async with asyncio.timeout(PATIENCE):
            while True:
                attempt = AsyncExitStack()
                stream = await attempt.enter_async_context(
                    server_stream(server.url, account.headers)
                )
                if stream.status == 200:
                    break
                await attempt.aclose()
                await asyncio.sleep(0.05)
        streams.push_async_exit(attempt)
        await stream.ready()
    refused = await account.get("/events")
    assert (refused.status_code, error_code(refused)) == (429, "RATE_LIMITED")
    assert refused.headers["retry-after"].isdigit()


async def close(_: Account, streams: list[socket.socket]) -> None:
    for stream in streams:
        stream.close()


async def reset(_: Account, streams: list[socket.socket]) -> None:
    for stream in streams:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.close()


async def end_sessions(account: Account, _: list[socket.socket]) -> None:
    again = await account.sign_in_again()
    await account.post("/auth/logout")
    account.session = again.session


async def stall(account: Account, _: list[socket.socket]) -> None:
    """Write more than the kernel buffers, to readers that take nothing."""
    operations = [
        {"op": "create", "type": "task", "data": {"title": "x", "description": "x" * 9_000}}
    ] * 100
    for _batch in range(8):
        response = await account.post("/batch", {"operations": operations})
        assert response.status_code == 200
    await asyncio.sleep(10)


@pytest.mark.slow
@pytest.mark.parametrize("end", [close, reset, end_sessions, stall])
async def test_streams_count_until_they_end_in_whatever_way(
    strict: Server, ada: Account, end: Any
) -> None:
    async with AsyncExitStack() as streams:
        opened = [connect(strict, ada) for _ in range(LIMIT)]
        refused = await ada.get("/events")
        assert refused.status_code == 429

        await end(ada, opened)
        await fill(streams, strict, ada)
        for stream in opened:
            stream.close()


async def test_requests_that_open_no_stream_do_not_count(strict: Server, ada: Account) -> None:
    for _ in range(LIMIT + 2):
        response = await ada.get("/events", headers={"Last-Event-ID": "nonsense"})
        assert response.status_code == 400
        response = await ada.get("/events", params={"unknown": "1"})
        assert response.status_code == 400

    async with AsyncExitStack() as streams:
        await fill(streams, strict, ada)


async def test_streams_of_another_user_do_not_count(strict: Server, ada: Account) -> None:
    async with AsyncExitStack() as streams:
        await fill(streams, strict, ada)
        other = await register(ada.client)
        await fill(streams, strict, other)


async def test_the_body_of_a_stream_has_no_carriage_return(strict: Server, ada: Account) -> None:
    # HTTP/1.0 has no chunks, so that what follows the head is the body itself.
    with connect(strict, ada, version="1.0") as stream:
        await ada.create_task(title="one")
        received = b""
        while received.count(b"event: change") < 1 or not received.endswith(b"\n\n"):
            received += await asyncio.to_thread(stream.recv, 65_536)

    _, _, body = received.partition(b"\r\n\r\n")
    assert b"\r" not in body
    ready, change, rest = body.split(b"\n\n")
    assert ready.split(b"\n")[1:] == [b"event: ready", b"data: {}"]
    assert change.split(b"\n")[1] == b"event: change"
    assert rest == b""
