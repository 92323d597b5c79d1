"""Requests straight into the application: no client library that tidies them up, or takes time."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlencode

from fastapi import FastAPI

_STREAM = b"text/event-stream"
_PATIENCE = 30.0


@dataclass(slots=True)
class Request:
    """What is sent. From a stream, so many events are read before the client hangs up."""

    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    events: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, byte for byte."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def header(self, name: bytes) -> str | None:
        return next((value.decode() for key, value in self.headers if key == name), None)


async def call(app: FastAPI, request: Request, address: str) -> Answer:
    """Send a request as a server would, and return the whole response."""
    gone = asyncio.Event()
    body: list[bytes | None] = [request.body or b""]
    started: dict[str, Any] = {}
    pieces: list[bytes] = []

    async def receive() -> dict[str, Any]:
        if body:
            return {"type": "http.request", "body": body.pop(), "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
            return
        pieces.append(message.get("body", b""))
        is_stream = any(value.startswith(_STREAM) for _, value in started["headers"])
        if is_stream and b"".join(pieces).count(b"event:") >= request.events:
            gone.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(request.path),
        "raw_path": quote(request.path, safe="/%").encode(),
        "query_string": urlencode(request.query).encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in _headers(request)],
        "client": (address, 50_000),
        "server": ("duly.test", 80),
    }
    async with asyncio.timeout(_PATIENCE):
        await app(scope, receive, send)
    whole = b"".join(pieces)
    if gone.is_set():
        # What else was on its way when the client hung up is chance.
        whole = b"\r\n\r\n".join(whole.split(b"\r\n\r\n")[: request.events])
    return Answer(started["status"], tuple(started["headers"]), whole)


def _headers(request: Request) -> list[tuple[str, str]]:
    headers = [("host", "duly.test"), *request.headers.items()]
    if request.body is not None:
        headers.append(("content-length", str(len(request.body))))
    return headers
