"""One user, or one address without a user, leaves room for the others."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.runtime.context import Context
from tests.support.accounts import API, Account
from tests.support.factories import TaskFactory
from tests.support.instances import client_at, running

JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def small(settings: Settings, address: str, alice: Account) -> AsyncIterator[Account]:
    """Alice at an instance with four connections."""
    async with running(settings, address, pool_size=4, request_timeout=3.0) as client:
        yield replace(alice, client=client)


def context_of(account: Account) -> Context:
    context: Context = account.client._transport.app.state.context  # type: ignore[attr-defined]
    return context


async def test_requests_of_one_user_leave_connections_to_others(
    small: Account, bob: Account, dsn: str
) -> None:
    bob = replace(bob, client=small.client)
    async with await psycopg.AsyncConnection.connect(dsn) as holder:
        await holder.execute("SELECT 1 FROM users WHERE id = %s FOR UPDATE", (small.id,))
        stuck = [asyncio.create_task(small.post("/tasks", TaskFactory())) for _ in range(12)]
        await asyncio.sleep(0.3)

        created = await bob.post("/tasks", TaskFactory())
        listed = await bob.get("/tasks")

        assert (created.status_code, listed.status_code) == (201, 200)
        assert not any(task.done() for task in stuck)
        assert context_of(small).shares.waiting(UUID(small.id)) == 10
        await holder.rollback()
    # The others waited for a turn, which costs none of their database time.
    assert [(await task).status_code for task in stuck] == [201] * 12


async def test_large_bodies_of_one_user_are_handled_one_after_the_other(
    small: Account, dsn: str
) -> None:
    body = {
        "operations": [
            {"op": "create", "type": "task", "data": {"title": "t", "description": "a" * 20_000}}
        ]
    }
    body["operations"] *= 5
    async with await psycopg.AsyncConnection.connect(dsn) as holder:
        await holder.execute("SELECT 1 FROM users WHERE id = %s FOR UPDATE", (small.id,))
        stuck = [asyncio.create_task(small.post("/batch", body)) for _ in range(3)]
        await asyncio.sleep(0.3)

        assert context_of(small).large_shares.waiting(UUID(small.id)) == 2
        assert (await small.get("/tasks")).status_code == 200
        await holder.rollback()
    assert [(await task).status_code for task in stuck] == [200] * 3


async def test_turn_ends_with_an_error_and_with_a_cancelled_request(small: Account) -> None:
    for _ in range(10):
        refused = await small.request("POST", "/tasks", content="{", headers=JSON)
        assert refused.status_code == 400
        request = asyncio.create_task(small.get("/tasks"))
        await asyncio.sleep(0)
        request.cancel()
        with suppress(asyncio.CancelledError):
            await request

    assert (await small.get("/tasks")).status_code == 200


async def test_invalid_body_counts_against_the_general_budget(
    settings: Settings, address: str, alice: Account
) -> None:
    async with running(settings, address, rate_limit="2/minute") as client:
        account = replace(alice, client=client)
        statuses = [
            (await account.request("POST", "/tasks", content="{", headers=JSON)).status_code
            for _ in range(3)
        ]

    assert statuses == [400, 400, 429]


async def use_up_errors(client: httpx.AsyncClient, other: Account) -> None:
    """Get so many errors that further ones are delayed, now that somebody else is active."""
    for _ in range(80):
        assert (await client.get(f"{API}/tasks")).status_code == 401
    assert (await other.get("/tasks")).status_code == 200


async def end(flood: list[asyncio.Task[httpx.Response]]) -> None:
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)


async def test_flood_of_rejected_requests_is_slowed_while_others_are_active(
    app: FastAPI, alice: Account
) -> None:
    async with client_at(app, "203.0.113.77") as stranger:
        await use_up_errors(stranger, alice)
        began = time.monotonic()
        flood = [asyncio.create_task(stranger.get(f"{API}/tasks")) for _ in range(40)]
        await asyncio.sleep(0.05)

        # 10 ms each: a lower bound, however slow the machine is.
        assert not all(task.done() for task in flood)
        assert {(await task).status_code for task in flood} == {401}
        assert time.monotonic() - began > 0.3


async def test_flood_beyond_the_queue_of_delayed_responses_is_delayed_too(
    app: FastAPI, alice: Account
) -> None:
    async with client_at(app, "203.0.113.78") as stranger:
        await use_up_errors(stranger, alice)
        flood = [asyncio.create_task(stranger.get(f"{API}/tasks")) for _ in range(290)]
        await asyncio.sleep(0.3)

        # At most 10 ms each, or 30 in this time. The queue has room for 200 of them.
        assert sum(task.done() for task in flood) < 60
        await end(flood)


async def test_errors_of_a_user_do_not_wait_for_those_of_strangers_at_the_same_address(
    app: FastAPI, alice: Account
) -> None:
    async with client_at(app, "203.0.113.79") as client:
        user = replace(alice, client=client)
        await use_up_errors(client, user)
        flood = [asyncio.create_task(client.get(f"{API}/tasks")) for _ in range(100)]
        await asyncio.sleep(0.05)

        assert (await user.get(f"/tasks/{UUID(int=1)}")).status_code == 404

        assert not all(task.done() for task in flood)
        await end(flood)
