"""A serverless database sleeps, wakes up late, and loses connections: Neon, played by a proxy."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from duly.core.config import Settings
from tests.support.accounts import API, Account
from tests.support.instances import running
from tests.support.sleepy_proxy import Lost, SleepyProxy, sleepy_proxy

WAKES_UP_IN = 1.5


@dataclass(frozen=True)
class Behind:
    """An instance whose database is behind a proxy, and a user of it."""

    proxy: SleepyProxy
    client: httpx.AsyncClient
    headers: dict[str, str]

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(API + path, headers=self.headers)

    async def post(self, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        return await self.client.post(API + path, json=body, headers={**self.headers, **headers})

    async def titles(self) -> list[str]:
        return [task["title"] for task in (await self.get("/tasks")).json()["items"]]


@pytest.fixture
async def behind(
    settings: Settings, address: str, dsn: str, alice: Account
) -> AsyncIterator[Behind]:
    async with sleepy_proxy(dsn) as proxy:
        changes = {"database_url": SecretStr(proxy.dsn), "request_timeout": 5.0}
        async with running(settings, address, **changes) as client:
            yield Behind(proxy, client, alice.headers)


@pytest.mark.slow
@pytest.mark.parametrize("refuses", [False, True], ids=["connections wait", "connections refused"])
async def test_requests_wait_until_the_database_has_woken_up(
    behind: Behind, refuses: bool
) -> None:
    await behind.get("/tasks")
    behind.proxy.sleep(WAKES_UP_IN, refuses=refuses)

    read, write = await behind.get("/tasks"), await behind.post("/tasks", {"title": "early"})

    assert (read.status_code, write.status_code) == (200, 201)


@pytest.mark.slow
async def test_a_database_that_wakes_up_too_late_is_unavailable_until_then(
    settings: Settings, address: str, dsn: str, alice: Account
) -> None:
    async with sleepy_proxy(dsn) as proxy:
        changes = {"database_url": SecretStr(proxy.dsn), "request_timeout": 1.0}
        async with running(settings, address, **changes) as client:
            behind = Behind(proxy, client, alice.headers)
            await behind.get("/tasks")
            proxy.sleep(needs=2.5)

            early = await behind.get("/tasks")
            while (late := await behind.get("/tasks")).status_code == 503:
                pass

    assert (early.status_code, early.headers["retry-after"]) == (503, "2")
    assert late.status_code == 200


@pytest.mark.parametrize("lost", ["request", "response"])
async def test_a_read_whose_connection_is_lost_is_repeated(behind: Behind, lost: Lost) -> None:
    title = f"kept {uuid4()}"
    await behind.post("/tasks", {"title": title})
    await behind.get("/tasks")
    behind.proxy.lose(lost, b"FROM tasks")

    response = await behind.get("/tasks")

    assert behind.proxy.losses == 1
    assert response.status_code == 200
    assert title in [task["title"] for task in response.json()["items"]]


@pytest.mark.parametrize("lost", ["request", "response"])
@pytest.mark.parametrize("by", ["key", "id"])
async def test_a_create_that_can_be_repeated_safely_is_made_once(
    behind: Behind, lost: Lost, by: str
) -> None:
    title = f"once {uuid4()}"
    body = {"title": title} | ({"id": str(uuid4())} if by == "id" else {})
    headers = {"Idempotency-Key": str(uuid4())} if by == "key" else {}
    behind.proxy.lose(lost, b"INSERT INTO tasks")

    response = await behind.post("/tasks", body, **headers)

    assert behind.proxy.losses == 1
    assert response.status_code in {200, 201}
    assert response.json()["title"] == title
    assert (await behind.titles()).count(title) == 1


@pytest.mark.parametrize(("lost", "made"), [("request", 0), ("response", 1)])
async def test_a_create_in_doubt_is_not_repeated_without_key_and_id(
    behind: Behind, lost: Lost, made: int
) -> None:
    title = f"in doubt {uuid4()}"
    behind.proxy.lose(lost, b"INSERT INTO tasks")

    response = await behind.post("/tasks", {"title": title})

    assert response.status_code == 503
    assert "may or may not have been made" in response.json()["error"]["message"]
    assert (await behind.titles()).count(title) == made


async def test_a_change_in_doubt_is_not_repeated(behind: Behind) -> None:
    task = (await behind.post("/tasks", {"title": "before"})).json()
    path = f"{API}/tasks/{task['id']}"
    behind.proxy.lose("response", b"UPDATE tasks")

    response = await behind.client.patch(
        path, json={"title": "after"}, headers={**behind.headers, "If-Match": '"1"'}
    )

    assert response.status_code == 503
    assert (await behind.get(f"/tasks/{task['id']}")).json()["title"] == "after"


async def test_a_slow_network_changes_nothing(behind: Behind) -> None:
    behind.proxy.delay = 0.05
    title = f"far {uuid4()}"

    created = await behind.post("/tasks", {"title": title}, **{"Idempotency-Key": str(uuid4())})

    assert created.status_code == 201
    assert title in await behind.titles()
