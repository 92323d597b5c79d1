"""While writers write, readers sync in a loop: no change is skipped or reported twice."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from duly.core.config import Settings
from duly.services.sync import read_token
from tests.support.accounts import Account, register
from tests.support.instances import running
from tests.support.pooler import pooled
from tests.support.sync_copies import Copy, stored

WRITERS = 6
WRITES = 15


@pytest.fixture(scope="module", params=["direct", "pooled"])
def route(request: pytest.FixtureRequest, dsn: str) -> Iterator[str]:
    if request.param == "direct":
        yield dsn
    else:
        with pooled(dsn) as through:
            yield through


@pytest.fixture
async def clients(
    settings: Settings, route: str, address: str
) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Clients of two instances, as two workers are."""
    changes = {
        "database_url": SecretStr(route),
        "rate_limit": "off",
        "request_timeout": 30.0,
    }
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(running(settings, address, **changes))
            for _ in range(2)
        ]


async def write(account: Account, seed: int) -> None:
    """Change the writer's own tasks, in every way."""
    chance = random.Random(seed)
    mine: list[str] = []
    trashed: list[str] = []
    for number in range(WRITES):
        way = chance.choice(["create", "create", "patch", "trash", "erase", "restore", "batch"])
        if way in ("patch", "trash", "erase") and not mine:
            way = "create"
        if way == "restore" and not trashed:
            way = "create"
        if way == "create":
            mine.append((await account.create_task())["id"])
            continue
        if way == "batch":
            ids = [str(uuid4()) for _ in range(5)]
            operations = [
                {"op": "create", "type": "task", "data": {"title": "b", "id": name}}
                for name in ids
            ]
            answer = await account.post("/batch", {"operations": operations})
            mine += ids
        elif way == "patch":
            answer = await account.patch(f"/tasks/{chance.choice(mine)}", {"title": f"{number}"})
        elif way == "restore":
            mine.append(trashed.pop())
            answer = await account.post(f"/tasks/{mine[-1]}/restore")
        else:
            gone = mine.pop(chance.randrange(len(mine)))
            permanent = way == "erase"
            trashed += [] if permanent else [gone]
            params = {"permanent": str(permanent).lower()}
            answer = await account.delete(f"/tasks/{gone}", params=params)
        assert answer.is_success, answer.text


async def read(account: Account, limit: int, done: asyncio.Event) -> Copy:
    """Sync in a loop, until a sync that began after the last write."""
    copy = Copy()
    while True:
        is_last = done.is_set()
        await copy.pull(account, limit)
        if is_last:
            return copy


@pytest.mark.slow
async def test_copies_of_readers_equal_the_stored_resources(
    clients: list[httpx.AsyncClient],
) -> None:
    writer = await register(clients[0])
    accounts = [Account(client, "", "", writer.session) for client in clients]
    for _ in range(20):
        await writer.create_task()
    done = asyncio.Event()

    readers = [
        asyncio.create_task(read(account, limit, done))
        for account in accounts
        for limit in (1, 7, 500)
    ]
    await asyncio.gather(*(write(accounts[seed % 2], seed) for seed in range(WRITERS)))
    done.set()
    copies = await asyncio.gather(*readers)

    there = await stored(writer)
    for copy in copies:
        assert copy.resources == there


@pytest.mark.slow
async def test_a_reader_never_passes_over_a_write_that_is_not_committed(
    clients: list[httpx.AsyncClient],
) -> None:
    """A reader that goes through revisions one by one is reported each of them."""
    writer = await register(clients[0])
    other = Account(clients[1], "", "", writer.session)
    app = clients[1]._transport.app  # type: ignore[attr-defined]
    keyring = app.state.context.keyring
    user = keyring.read_access(writer.session["access_token"]).user_id
    scope = app.state.context.across_users.user(user)
    done = asyncio.Event()

    async def follow() -> list[int]:
        copy, versions = Copy(), []
        while True:
            is_last = done.is_set()
            for answer in await copy.pull(other, 3):
                data = [change["data"] for change in answer["changes"]]
                versions += [one["version"] for one in data if "version" in one]
                position = read_token(keyring, scope, answer["token"], "")
                assert versions == list(range(1, position.revision + 1))
            if is_last:
                return versions

    reader = asyncio.create_task(follow())
    # Creations only: each number stands for a task, and none is ever replaced by a later one.
    await asyncio.gather(*(writer.create_task() for _ in range(80)))
    await asyncio.gather(*(account.create_task() for account in [writer, other] * 40))
    done.set()

    assert await reader == list(range(1, 161))
