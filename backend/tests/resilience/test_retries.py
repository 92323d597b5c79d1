"""Requests whose responses never arrive: a client that repeats them creates one resource."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from duly.core.config import Settings
from tests.support.accounts import API, Account, register
from tests.support.direct_sql import execute, holding_account, somebody_waits_for
from tests.support.servers import Server, serving


@pytest.fixture(scope="module", params=["direct", "pooled"])
def server(request: pytest.FixtureRequest, dsn: str) -> Iterator[Server]:
    is_direct = request.param == "direct"
    place = dsn if is_direct else request.getfixturevalue("through_pooler")
    with serving(place, workers=2, DATABASE_DIRECT_URL=dsn) as server:
        yield server


@pytest.fixture
async def ada(server: Server) -> AsyncIterator[Account]:
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        yield await register(client)


@contextmanager
def unanswered(
    server: Server, account: Account, path: str, body: Any, headers: dict[str, str]
) -> Iterator[None]:
    """Send a request, and reset its connection at the end of the block, without a response."""
    content = json.dumps(body).encode()
    lines = {
        "Host": "duly.test",
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        **account.headers,
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    place = urlsplit(server.url)
    with socket.create_connection((str(place.hostname), place.port or 0)) as connection:
        # Without lingering, closing resets the connection.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(f"POST {API}{path} HTTP/1.1\r\n{head}\r\n".encode() + content)
        yield


async def count(dsn: str, account: Account) -> int:
    query = "SELECT count(*) FROM tasks WHERE user_id = %s"
    [(number,)] = await execute(dsn, query, account.id)
    return int(number)


async def has_task(dsn: str, account: Account) -> None:
    """Return once the account has a task."""
    async with asyncio.timeout(8):
        while True:
            if await count(dsn, account):
                return
            await asyncio.sleep(0.01)


def creation(path: str, title: str) -> dict[str, Any]:
    task = {"title": title}
    if path == "/batch":
        return {"operations": [{"op": "create", "type": "task", "data": task}]}
    return task


@pytest.mark.parametrize("path", ["/tasks", "/batch"])
async def test_client_that_dies_after_sending_and_retries_creates_one_task(
    server: Server, ada: Account, dsn: str, path: str
) -> None:
    for number in range(1, 7):
        headers, body = {"Idempotency-Key": uuid4().hex}, creation(path, f"{number}")
        with unanswered(server, ada, path, body, headers):
            pass

        answers = [await ada.post(path, body, headers=headers) for _ in "12"]

        assert {answer.status_code for answer in answers} == {200 if path == "/batch" else 201}
        assert answers[0].content == answers[1].content
        assert await count(dsn, ada) == number


async def test_client_that_dies_after_sending_and_retries_with_its_own_id_creates_one_task(
    server: Server, ada: Account, dsn: str
) -> None:
    for number in range(1, 7):
        body = {"title": f"{number}", "id": str(uuid4())}
        with unanswered(server, ada, "/tasks", body, {}):
            pass

        answer = await ada.post("/tasks", body)

        assert answer.status_code in {200, 201}
        assert answer.json()["id"] == body["id"]
        assert await count(dsn, ada) == number


@pytest.mark.parametrize("path", ["/tasks", "/batch"])
async def test_request_whose_client_dies_during_execution_takes_effect_once(
    server: Server, ada: Account, dsn: str, path: str
) -> None:
    headers, body = {"Idempotency-Key": uuid4().hex}, creation(path, "task")
    async with holding_account(dsn, ada.id) as connection:
        with unanswered(server, ada, path, body, headers):
            await somebody_waits_for(connection)
    await has_task(dsn, ada)

    answer = await ada.post(path, body, headers=headers)

    assert answer.headers["Idempotency-Replayed"] == "true"
    assert await count(dsn, ada) == 1


async def test_request_with_an_id_whose_client_dies_during_execution_takes_effect_once(
    server: Server, ada: Account, dsn: str
) -> None:
    body = {"title": "task", "id": str(uuid4())}
    async with holding_account(dsn, ada.id) as connection:
        with unanswered(server, ada, "/tasks", body, {}):
            await somebody_waits_for(connection)
    await has_task(dsn, ada)

    answer = await ada.post("/tasks", body)

    assert answer.status_code == 200
    assert await count(dsn, ada) == 1


async def test_a_worker_that_dies_at_work_leaves_the_key_unused(
    settings: Settings, client: httpx.AsyncClient, dsn: str
) -> None:
    headers, body = {"Idempotency-Key": "k"}, {"title": "t"}
    assert settings.secret_key is not None
    secret = settings.secret_key.get_secret_value()
    with serving(dsn, workers=1, DULY_SECRET_KEY=secret) as doomed:
        async with httpx.AsyncClient(base_url=doomed.url, timeout=30) as there:
            account = await register(there)
            async with holding_account(dsn, account.id) as connection:
                lost = asyncio.create_task(account.post("/tasks", body, headers=headers))
                await somebody_waits_for(connection)
                workers = doomed.workers
                doomed.process.kill()
                doomed.process.wait()
                for worker in workers:
                    worker.kill()
                with pytest.raises(httpx.HTTPError):
                    await lost

    account.client = client
    answers = [await account.post("/tasks", body, headers=headers) for _ in "12"]

    # What the dead worker had begun is rolled back, or was done and is answered: once, either way.
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert await count(dsn, account) == 1
