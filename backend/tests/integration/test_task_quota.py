"""`DULY_MAX_TASKS`: a user has at most so many tasks, whatever races, and each is counted once."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from tests.support.accounts import Account, error_code
from tests.support.direct_sql import execute
from tests.support.factories import TaskFactory
from tests.support.instances import client_at, running, sweep_all
from tests.support.quotas import counted, quota_of

LIMIT = 5


@pytest.fixture
async def limited(settings: Settings, address: str, alice: Account) -> AsyncIterator[Account]:
    """Alice at an instance with a low limit."""
    async with running(settings, address, max_tasks=LIMIT, rate_limit="off") as client:
        yield replace(alice, client=client)


def creates(count: int) -> list[dict[str, Any]]:
    return [{"op": "create", "type": "task", "data": TaskFactory()} for _ in range(count)]


async def run(
    account: Account, operations: list[Any], *, atomic: bool = False
) -> list[dict[str, Any]]:
    body = {"operations": operations, "atomic": atomic}
    response = await account.post("/batch", body)
    assert response.status_code == 200, response.text
    return list(response.json()["results"])


async def test_create_at_the_limit_is_quota_exceeded(limited: Account, dsn: str) -> None:
    tasks = [await limited.create_task() for _ in range(LIMIT)]

    for body in (TaskFactory(), TaskFactory(id=str(uuid4()))):
        refused = await limited.post("/tasks", body)
        assert refused.status_code == 403
        assert error_code(refused) == "QUOTA_EXCEEDED"
        assert refused.json()["error"]["details"] == {"limit": LIMIT, "what": "tasks"}

    assert (await counted(dsn, limited.id))["tasks"] == LIMIT
    # Neither was anything changed: the next change takes the next revision.
    changed = await limited.patch(f"/tasks/{tasks[0]['id']}", {"title": "t"})
    assert changed.json()["version"] == LIMIT + 1


async def test_trashed_tasks_count_until_they_are_deleted_permanently(
    limited: Account, dsn: str
) -> None:
    tasks = [await limited.create_task() for _ in range(LIMIT)]
    path = f"/tasks/{tasks[0]['id']}"

    await limited.delete(path)
    assert (await limited.post("/tasks", TaskFactory())).status_code == 403
    assert (await limited.post(f"{path}/restore")).status_code == 200
    await limited.delete(f"{path}?permanent=true")

    assert (await limited.post("/tasks", TaskFactory())).status_code == 201
    assert (await counted(dsn, limited.id))["tasks"] == LIMIT


async def test_purge_of_the_trash_frees_the_quota(
    app: FastAPI, limited: Account, dsn: str
) -> None:
    tasks = [await limited.create_task() for _ in range(LIMIT)]
    for task in tasks[:2]:
        await limited.delete(f"/tasks/{task['id']}")
    old = "UPDATE tasks SET trashed_at = now() - interval '31 days' WHERE user_id = %s AND id = %s"
    await execute(dsn, old, limited.id, tasks[0]["id"])

    await sweep_all(app)

    assert (await counted(dsn, limited.id))["tasks"] == LIMIT - 1
    assert (await limited.post("/tasks", TaskFactory())).status_code == 201


async def test_repeated_create_at_the_limit_still_gets_the_task(limited: Account) -> None:
    own = TaskFactory(id=str(uuid4()))
    keyed = TaskFactory()
    key = {"headers": {"Idempotency-Key": "k"}}
    first = [await limited.post("/tasks", own), await limited.post("/tasks", keyed, **key)]
    for _ in range(LIMIT - 2):
        await limited.create_task()

    again = [await limited.post("/tasks", own), await limited.post("/tasks", keyed, **key)]
    [in_batch] = await run(limited, [{"op": "create", "type": "task", "data": own}])

    assert [answer.status_code for answer in again] == [200, 201]
    assert [answer.json() for answer in again] == [answer.json() for answer in first]
    assert (in_batch["status"], in_batch["data"]["id"]) == (200, own["id"])


async def test_key_of_a_create_over_the_quota_stays_unused(limited: Account, dsn: str) -> None:
    tasks = [await limited.create_task() for _ in range(LIMIT)]
    key = {"headers": {"Idempotency-Key": "k"}}
    body = TaskFactory()

    refused = await limited.post("/tasks", body, **key)
    await limited.delete(f"/tasks/{tasks[0]['id']}?permanent=true")
    accepted = await limited.post("/tasks", body, **key)

    assert (refused.status_code, accepted.status_code) == (403, 201)
    assert "idempotency-replayed" not in accepted.headers
    await counted(dsn, limited.id)


async def test_batch_over_the_quota_fails_operation_by_operation(
    limited: Account, dsn: str
) -> None:
    task = await limited.create_task()

    results = await run(
        limited,
        [*creates(LIMIT + 1), {"op": "complete", "type": "task", "id": task["id"]}, *creates(1)],
    )

    statuses = [result["status"] for result in results]
    assert statuses == [201] * (LIMIT - 1) + [403] * 2 + [200, 403]
    for result in results:
        if result["status"] == 403:
            assert quota_of(result["error"]) == {"limit": LIMIT, "what": "tasks"}
    assert (await counted(dsn, limited.id))["tasks"] == LIMIT


async def test_atomic_batch_over_the_quota_is_not_applied(limited: Account, dsn: str) -> None:
    await limited.create_task()

    results = await run(limited, creates(LIMIT), atomic=True)

    assert [result["status"] for result in results] == [424] * (LIMIT - 1) + [403]
    assert (await counted(dsn, limited.id))["tasks"] == 1


async def test_changed_setting_applies_to_the_next_create(
    settings: Settings, address: str, alice: Account
) -> None:
    tasks = [await alice.create_task() for _ in range(3)]
    statuses = []
    for limit in (2, 3, 4):
        async with running(settings, address, max_tasks=limit) as client:
            there = replace(alice, client=client)
            statuses.append((await there.post("/tasks", TaskFactory())).status_code)
            # Existing tasks stay, and can be changed.
            changed = await there.patch(f"/tasks/{tasks[0]['id']}", {"title": "t"})
            assert changed.status_code == 200

    assert statuses == [403, 403, 201]


@pytest.fixture
async def limited_pair(
    instances: tuple[FastAPI, FastAPI], settings: Settings, address: str, pair: tuple[Account, ...]
) -> AsyncIterator[list[Account]]:
    """One user at two instances with a low limit, directly or through a pooler."""
    url = instances[0].state.context.settings.database_url
    changes: dict[str, Any] = {"database_url": url, "max_tasks": 20, "rate_limit": "off"}
    async with (
        running(settings, address, **changes) as one,
        running(settings, address, **changes) as other,
    ):
        yield [replace(pair[0], client=client) for client in (one, other)]


async def test_racing_creates_end_at_exactly_the_limit(
    limited_pair: list[Account], dsn: str
) -> None:
    async def create(number: int) -> list[int]:
        account = limited_pair[number % 2]
        if number % 3 == 0:
            return [result["status"] for result in await run(account, creates(3))]
        fields = {"id": str(uuid4())} if number % 3 == 1 else {}
        headers = {"Idempotency-Key": str(number)} if number % 4 == 0 else {}
        answer = await account.post("/tasks", TaskFactory(**fields), headers=headers)
        return [answer.status_code]

    answers = await asyncio.gather(*(create(number) for number in range(40)))

    statuses = [status for answer in answers for status in answer]
    assert sorted(set(statuses)) == [201, 403]
    assert statuses.count(201) == 20
    assert (await counted(dsn, limited_pair[0].id))["tasks"] == 20


@pytest.mark.parametrize("is_keyed", [False, True])
async def test_racing_creates_under_one_id_count_one_task(
    pair: tuple[Account, Account], dsn: str, *, is_keyed: bool
) -> None:
    for number in range(10):
        body = TaskFactory(id=str(uuid4()))
        answers = await asyncio.gather(
            *(
                pair[n % 2].post(
                    "/tasks",
                    body,
                    headers={"Idempotency-Key": f"{number}-{n}"} if is_keyed else {},
                )
                for n in range(12)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]

    assert (await counted(dsn, pair[0].id))["tasks"] == 10


async def test_counters_are_exact_after_a_random_history(
    app: FastAPI, pair: tuple[Account, Account], dsn: str
) -> None:
    seed = random.randrange(2**32)
    print(f"seed: {seed}")  # noqa: T201
    rng = random.Random(seed)
    ids = [str(uuid4()) for _ in range(8)]
    bodies = {one: TaskFactory(id=one) for one in ids}

    async def act(number: int) -> None:
        account, one = rng.choice(pair), rng.choice(ids)
        headers = {"Idempotency-Key": f"k{rng.randrange(60)}"} if rng.random() < 0.5 else {}
        operations = [
            {"op": "create", "type": "task", "data": bodies[one]},
            {"op": "delete", "type": "task", "id": rng.choice(ids)},
            *creates(1),
        ]
        batch = {"atomic": number % 2 == 0, "operations": operations}
        calls: list[tuple[str, str, Any]] = [
            ("POST", "/tasks", bodies[one]),
            ("POST", "/tasks", TaskFactory()),
            ("POST", "/batch", batch),
            ("DELETE", f"/tasks/{one}", None),
            ("DELETE", f"/tasks/{one}?permanent=true", None),
            ("DELETE", f"/tasks/{one}?permanent=true", None),
            ("PATCH", f"/tasks/{one}", {"title": f"{number}"}),
            ("POST", f"/tasks/{one}/restore", None),
        ]
        method, path, body = rng.choice(calls)
        await account.request(method, path, json=body, headers=headers)

    for part in "abc":
        # A share of the rows; `random()` cannot be in an UPDATE on Citus.
        share = "abs(hashtext(id::text || %s)) %% 10"
        await asyncio.gather(*(act(number) for number in range(40)))
        aged = (
            "UPDATE idempotency_keys SET expires_at = now() - interval '1 s' "
            f"WHERE user_id = %s AND {share} < 3"
        )
        await execute(dsn, aged, pair[0].id, part)
        old = (
            "UPDATE tasks SET trashed_at = now() - interval '31 days' "
            f"WHERE user_id = %s AND trashed_at IS NOT NULL AND {share} < 5"
        )
        await execute(dsn, old, pair[0].id, part)
        await asyncio.gather(sweep_all(app), *(act(number) for number in range(20)))
        await counted(dsn, pair[0].id)


async def test_another_users_tasks_do_not_count(limited: Account, bob: Account) -> None:
    async with client_at(limited.client._transport.app, "10.0.0.9") as client:  # type: ignore[attr-defined]
        other = replace(bob, client=client)
        for _ in range(LIMIT):
            await other.create_task()

    assert (await limited.post("/tasks", TaskFactory())).status_code == 201
