"""Open streams of events: of an application in this process, or of a server."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from tests.support.accounts import API

PATIENCE = 12.0
"""Seconds to wait for what must come, less than the 15 after which a stream looks by itself."""


@dataclass
class Event:
    name: str
    id: str | None
    data: dict[str, Any]


@dataclass
class Stream:
    """What has arrived. `port` is that of the client's end, where there is a socket."""

    port: int = 0
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    heartbeats: int = 0
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    is_stalled: bool = False
    _events: asyncio.Queue[Event] = field(default_factory=asyncio.Queue)
    _lines: list[str] = field(default_factory=list)
    _rest: str = ""

    def feed(self, piece: bytes) -> None:
        """Take what arrived, be it half an event."""
        assert b"\r" not in piece
        *lines, self._rest = (self._rest + piece.decode()).split("\n")
        for line in lines:
            if line:
                self._lines.append(line)
                continue
            self._take(dict(part.split(": ", 1) for part in self._lines))
            self._lines = []

    def _take(self, fields: dict[str, str]) -> None:
        if "event" in fields:
            event = Event(fields["event"], fields.get("id"), json.loads(fields["data"]))
            self._events.put_nowait(event)
        else:
            self.heartbeats += 1

    async def next(self, within: float = PATIENCE) -> Event:
        """The next event."""
        return await asyncio.wait_for(self._events.get(), within)

    async def change(self) -> dict[str, Any]:
        """The next event, which must be a change."""
        event = await self.next()
        assert event.name == "change", event
        return event.data

    async def ready(self) -> str:
        """Await the first event, and return its id."""
        event = await self.next()
        assert (event.name, event.data) == ("ready", {})
        assert event.id
        return event.id

    async def end(self) -> None:
        """Wait for the end."""
        await asyncio.wait_for(self.is_over.wait(), PATIENCE)

    def is_silent(self) -> bool:
        """Whether no event waits to be read."""
        return self._events.empty()


@asynccontextmanager
async def stream_of(app: FastAPI, headers: dict[str, str], **query: str) -> AsyncIterator[Stream]:
    """A stream of an application in this process; the client goes away with the block."""
    stream = Stream()
    gone = asyncio.Event()
    requested = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not requested.is_set():
            requested.set()
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if stream.is_stalled:
            await asyncio.Event().wait()
        if message["type"] == "http.response.start":
            stream.status = message["status"]
            stream.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            stream.feed(message["body"])

    request = httpx.Request("GET", f"http://duly.test{API}/events", params=query, headers=headers)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": request.url.path,
        "raw_path": request.url.raw_path,
        "root_path": "",
        "query_string": request.url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 50_000),
        "server": ("duly.test", 80),
        "state": {},
    }
    serving = asyncio.create_task(app(scope, receive, send))
    serving.add_done_callback(lambda _: stream.is_over.set())
    try:
        yield stream
    finally:
        gone.set()
        await asyncio.wait_for(serving, PATIENCE)


@asynccontextmanager
async def server_stream(url: str, headers: dict[str, str], **query: str) -> AsyncIterator[Stream]:
    """A stream of a server, over a connection of its own."""
    async with (
        httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(PATIENCE, read=None)) as client,
        client.stream("GET", f"{API}/events", params=query, headers=headers) as response,
    ):
        network = response.extensions["network_stream"]
        stream = Stream(network.get_extra_info("client_addr")[1], response.status_code)

        async def read() -> None:
            with suppress(httpx.HTTPError):
                async for piece in response.aiter_bytes():
                    stream.feed(piece)
            stream.is_over.set()

        reading = asyncio.create_task(read())
        try:
            yield stream
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110  # it may be anything
            await asyncio.sleep(0.02)
