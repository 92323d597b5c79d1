"""The server ends a response when nothing refers to it, which must not wait for the collector."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from duly.api.middleware import RequestMiddleware
from duly.api.routing import RouteTable
from duly.core.logging import configure_logging
from tests.support.asgi import http_scope


class Server:
    """The server's side of a response."""

    async def receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, _: Any) -> None:
        """Send nothing anywhere."""


@pytest.fixture
def no_collection() -> Iterator[None]:
    configure_logging("critical", "json")
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def respond(app: Any) -> "weakref.ref[Server]":
    """Let an application respond, and return a reference to the response that keeps nothing."""
    server = Server()
    middleware = RequestMiddleware(RouteTable([]), app, timeout=1)
    await middleware(http_scope("GET", "/"), server.receive, server.send)
    return weakref.ref(server)


async def begin(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})


async def fail_in_a_task(_: Any, __: Any, send: Any) -> None:
    """Fail as an export does whose connection to the database is lost."""
    await begin(send)

    async def work() -> None:
        raise ConnectionError("the other half is missing") from ValueError("a cause")

    task = asyncio.create_task(work())
    await asyncio.wait({task})
    task.result()


async def end_early(_: Any, __: Any, send: Any) -> None:
    await begin(send)


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("app", [fail_in_a_task, end_early])
async def test_response_is_released_when_its_application_has_ended(app: Any) -> None:
    assert (await respond(app))() is None
