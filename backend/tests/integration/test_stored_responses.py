"""Stored responses of idempotency keys are bounded, for each key and for each user."""

import json
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from duly.services import idempotency
from tests.support.accounts import Account, error_code
from tests.support.direct_sql import execute
from tests.support.factories import TaskFactory
from tests.support.instances import sweep_all
from tests.support.quotas import counted, quota_of, stored_bytes

LONG = "é" * 20_000
MULTIPLE = 8
"""How much more a key may store than its request has, both in bytes."""


def key(value: str | None = None) -> dict[str, Any]:
    return {"headers": {"Idempotency-Key": value or uuid4().hex}}


async def fill(dsn: str, account: Account, count: int) -> list[str]:
    """The ids of new tasks of the greatest length."""
    rows = await execute(
        dsn,
        "INSERT INTO tasks (user_id, id, title, description, revision, completed_at) "
        "SELECT %s, gen_random_uuid(), repeat('é', 255), %s, n, now() "
        "FROM generate_series(1, %s) n RETURNING id",
        account.id,
        LONG,
        count,
    )
    return [str(row[0]) for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize(
    "operation",
    [
        {"op": "complete", "type": "task"},  # changes nothing
        {"op": "update", "type": "task", "data": {}},  # changes nothing
        {"op": "reopen", "type": "task"},
        {"op": "update", "type": "task", "data": {"title": "t"}},
        {"op": "delete", "type": "task"},
    ],
    ids=str,
)
async def test_keyed_batches_store_a_small_multiple_of_their_requests(
    alice: Account, dsn: str, operation: dict[str, Any]
) -> None:
    ids = await fill(dsn, alice, 100)
    body = {"operations": [{**operation, "id": one} for one in ids]}
    sent = 0

    for _ in range(5):
        answer = await alice.post("/batch", body, **key())
        assert answer.status_code == 200
        sent += len(json.dumps(body))

    assert 0 < await stored_bytes(dsn, alice.id) < MULTIPLE * sent


async def test_repeated_creates_in_keyed_batches_store_a_small_multiple_of_their_requests(
    alice: Account, dsn: str
) -> None:
    task = await alice.create_task(id=str(uuid4()), title="t", description=None)
    create = {"op": "create", "type": "task", "data": {"id": task["id"], "title": "t"}}
    await alice.patch(f"/tasks/{task['id']}", {"description": LONG})
    body = {"operations": [create] * 100}

    answer = await alice.post("/batch", body, **key())

    assert {result["status"] for result in answer.json()["results"]} == {200}
    assert 0 < await stored_bytes(dsn, alice.id) < MULTIPLE * len(json.dumps(body))


async def test_keyed_create_of_a_task_that_has_grown_stores_no_body(
    pair: tuple[Account, Account], dsn: str
) -> None:
    here, there = pair
    body = {"id": str(uuid4()), "title": "t"}
    await here.post("/tasks", body)
    await here.patch(f"/tasks/{body['id']}", {"description": LONG})
    same = key()

    first = await here.post("/tasks", body, **same)
    again = await there.post("/tasks", body, **same)

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == first.content
    assert again.headers["etag"] == first.headers["etag"]
    assert await stored_bytes(dsn, here.id) < 1024
    assert (await here.post("/tasks", {**body, "title": "u"}, **same)).status_code == 422


async def test_repeat_of_an_unstored_response_never_creates_the_task_again(
    alice: Account,
) -> None:
    body = {"id": str(uuid4()), "title": "t"}
    path = f"/tasks/{body['id']}"
    await alice.post("/tasks", body)
    await alice.patch(path, {"description": LONG})
    same = key()
    await alice.post("/tasks", body, **same)
    await alice.delete(f"{path}?permanent=true")

    again = await alice.post("/tasks", body, **same)

    assert (again.status_code, error_code(again)) == (404, "NOT_FOUND")
    assert (await alice.get("/tasks")).json()["items"] == []


@pytest.fixture
def small_store(monkeypatch: pytest.MonkeyPatch) -> int:
    """A user's keys store little."""
    monkeypatch.setattr(idempotency, "MAX_STORED_BYTES", 2048)
    return 2048


async def use_keys(account: Account) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Keys and bodies of creates, until no more can be stored."""
    used: list[tuple[dict[str, Any], dict[str, Any]]] = []
    while True:
        same, body = key(), TaskFactory(description=None)
        answer = await account.post("/tasks", body, **same)
        if answer.status_code != 201:
            assert answer.status_code == 403
            assert quota_of(answer.json()["error"])["what"] == "stored_response_bytes"
            return used
        used.append((same, body))


async def test_new_keys_are_refused_when_too_much_is_stored_and_old_ones_stay_good(
    alice: Account, bob: Account, dsn: str, small_store: int
) -> None:
    used = await use_keys(alice)

    assert len(used) > 1
    assert (await counted(dsn, alice.id))["stored_bytes"] <= small_store
    # No key that was acknowledged runs twice, and nothing of a refused request was done.
    for same, body in used:
        again = await alice.post("/tasks", body, **same)
        assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert len((await alice.get("/tasks?limit=100")).json()["items"]) == len(used)
    assert (await alice.post("/tasks", TaskFactory())).status_code == 201
    assert (await bob.post("/tasks", TaskFactory(), **key())).status_code == 201


async def test_expired_keys_free_their_stored_bytes(
    app: FastAPI, alice: Account, dsn: str, small_store: int
) -> None:
    used = await use_keys(alice)
    before = await counted(dsn, alice.id)
    expire = "UPDATE idempotency_keys SET expires_at = now() - interval '1 s' WHERE user_id = %s"
    await execute(dsn, expire, alice.id)

    # Taken over before it is swept, a key counts once. Another test may sweep at any moment.
    same, body = used[0]
    assert (await alice.post("/tasks", body, **same)).status_code == 201
    await sweep_all(app)
    after = await counted(dsn, alice.id)

    assert after["stored_bytes"] * len(used) == pytest.approx(before["stored_bytes"], rel=0.2)
    assert (await alice.post("/tasks", TaskFactory(), **key())).status_code == 201
    assert small_store


async def test_refused_batch_leaves_its_key_unused(
    alice: Account, dsn: str, small_store: int
) -> None:
    same, body = (
        key(),
        {"operations": [{"op": "create", "type": "task", "data": TaskFactory()}] * 20},
    )

    refused = await alice.post("/batch", body, **same)

    assert quota_of(refused.json()["error"]) == {
        "limit": small_store,
        "what": "stored_response_bytes",
    }
    assert set((await counted(dsn, alice.id)).values()) == {0}
