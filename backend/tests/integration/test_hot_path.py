"""The cost of a request in counts, not in time: statements, exchanges with the server, calls.

Timing depends on the machine. These numbers do not, and each of them grows before a request
becomes slower.
"""

import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.database.connection import Connection
from duly.database.pool import Pool
from duly.runtime import revocations
from tests.support.accounts import API, Account
from tests.support.api_tokens import program_of
from tests.support.asgi import http_scope
from tests.support.instances import running

REQUESTS: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "get": ("GET", "/tasks/{id}", None),
    "list": ("GET", "/tasks?limit=20", None),
    "filtered list": ("GET", "/tasks?limit=20&is_completed=false", None),
    "search": ("GET", "/tasks?q=milk", None),
    "create": ("POST", "/tasks", {"title": "Water the plants"}),  # each word costs calls
    "update": ("PATCH", "/tasks/{id}", {"title": "changed"}),
    "complete": ("POST", "/tasks/{id}/complete", None),
    "reopen": ("POST", "/tasks/{id}/reopen", None),
    "delete": ("DELETE", "/tasks/{id}", None),
    "sync": ("GET", "/sync", None),
    "labels": ("GET", "/labels", None),
    "account": ("GET", "/users/me", None),
}

CALLS = {"get": 200, "list": 360, "create": 340}
"""Calls of Python functions that a request may make; a tenth more than it makes today."""

_is_of_request: ContextVar[bool] = ContextVar("is_of_request", default=False)
"""Set in the request and in the tasks that it starts, and not in those of the background."""


@pytest.fixture
async def quiet(settings: Settings, address: str, alice: Account) -> AsyncIterator[Account]:
    """Alice at an instance that logs no requests, with one connection to the database."""
    options = {"log_level": "warning", "pool_size": 1, "rate_limit": "off"}
    async with running(settings, address, **options) as client:
        yield replace(alice, client=client)


async def respond(app: FastAPI, account: Account, name: str, task_id: str) -> int:
    """Send a request to the application itself, without a client that costs as much again."""
    method, target, body = REQUESTS[name]
    content = b"" if body is None else json.dumps(body).encode()
    headers = [
        (b"host", b"duly.test"),
        (b"authorization", account.headers["Authorization"].encode()),
        *([] if body is None else [(b"content-type", b"application/json")]),
        *([] if body is None else [(b"content-length", str(len(content)).encode())]),
    ]
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if "status" in message:
            statuses.append(message["status"])

    scope = http_scope(method, f"{API}{target.format(id=task_id)}", headers)
    await app(scope, receive, send)  # type: ignore[arg-type]
    return statuses[0]


def app_of(account: Account) -> FastAPI:
    app: FastAPI = account.client._transport.app  # type: ignore[attr-defined]
    return app


@pytest.mark.parametrize("token", ["access token", "API token"])
@pytest.mark.parametrize("name", REQUESTS)
async def test_ordinary_request_is_one_statement_in_one_exchange(
    quiet: Account, monkeypatch: pytest.MonkeyPatch, name: str, token: str
) -> None:
    if token == "API token":
        quiet = await program_of(quiet)
    task = await quiet.create_task(is_completed=name == "reopen")
    statements, exchanges = 0, 0
    fetch, exchange = Pool.fetch, Connection._exchange

    async def counted_fetch(pool: Pool, *arguments: Any, **options: Any) -> Any:
        nonlocal statements
        statements += _is_of_request.get()
        return await fetch(pool, *arguments, **options)

    async def counted_exchange(connection: Connection, *arguments: Any) -> Any:
        nonlocal exchanges
        exchanges += _is_of_request.get()
        return await exchange(connection, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(revocations, "MAX_AGE", 3600.0)  # read once a second, for all requests
        patch.setattr(Pool, "fetch", counted_fetch)
        patch.setattr(Connection, "_exchange", counted_exchange)
        outside = _is_of_request.set(True)
        assert await respond(app_of(quiet), quiet, name, task["id"]) < 300
        _is_of_request.reset(outside)

    assert (statements, exchanges) == (1, 1)


@contextmanager
def counting_calls(seen: list[str]) -> Iterator[None]:
    """Record the calls of Python functions for a request, and none of the background tasks.

    On a busy machine, these run during each request.
    """

    def note(frame: Any, event: str, _: Any) -> None:
        if event == "call" and _is_of_request.get():
            seen.append(frame.f_code.co_qualname)

    former = sys.getprofile()
    outside = _is_of_request.set(True)
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(former)
        _is_of_request.reset(outside)


@pytest.mark.parametrize("token", ["access token", "API token"])
@pytest.mark.parametrize("name", CALLS)
async def test_calls_of_a_request_stay_within_their_limit(
    quiet: Account, name: str, token: str
) -> None:
    if token == "API token":
        quiet = await program_of(quiet)
    tasks = [await quiet.create_task() for _ in range(20)]
    app = app_of(quiet)
    fewest: list[str] | None = None
    for _ in range(10):
        seen: list[str] = []
        with counting_calls(seen):
            assert await respond(app, quiet, name, tasks[0]["id"]) < 300
        fewest = seen if fewest is None or len(seen) < len(fewest) else fewest

    assert fewest is not None
    assert len(fewest) <= CALLS[name]
