"""Batches: each operation with a status of its own, all or nothing where that is asked for."""

from typing import Any
from uuid import uuid4

import pytest

from duly.core.config import Settings
from tests.support.accounts import Account, error_code
from tests.support.direct_sql import execute
from tests.support.recorder import recording

Operation = dict[str, Any]
CREATE: Operation = {"op": "create", "task": {"title": "new"}}


async def run(
    account: Account, *operations: Operation, atomic: bool = False
) -> list[dict[str, Any]]:
    """The results of a batch that is applied."""
    body = {"operations": operations, "atomic": atomic}
    response = await account.post("/tasks/batch", body)
    assert response.status_code == 200, response.text
    assert response.json()["applied"] is True
    results = response.json()["results"]
    assert len(results) == len(operations)
    for result in results:
        assert (result["error"] is None) == (result["status"] < 400)
        assert (result["task"] is None) == (result["status"] not in {200, 201})
    return list(results)


def statuses(results: list[dict[str, Any]]) -> list[int]:
    return [result["status"] for result in results]


def codes(results: list[dict[str, Any]]) -> list[str | None]:
    return [result["error"] and result["error"]["code"] for result in results]


def without_texts(task: dict[str, Any]) -> dict[str, Any]:
    """A task as the result of an operation that sets no text."""
    return {name: task[name] for name in task if name not in {"title", "description"}}


async def stored(dsn: str, account: Account) -> list[Any]:
    """The rows of a user, but for the count of what its keys store."""
    query = """
        SELECT (SELECT to_jsonb(u) - 'stored_response_bytes' FROM users u WHERE id = %s),
               (SELECT jsonb_agg(to_jsonb(t) ORDER BY id) FROM tasks t WHERE user_id = %s)
    """
    return list(await execute(dsn, query, account.id, account.id))


async def test_every_operation_does_as_its_route_does(alice: Account) -> None:
    task = await alice.create_task(title="old", description="d")
    this = {"id": task["id"]}

    results = await run(
        alice,
        CREATE,
        {"op": "update", **this, "changes": {"title": "new", "description": None}},
        {"op": "complete", **this},
        {"op": "reopen", **this},
        {"op": "delete", **this},
    )

    assert statuses(results) == [201, 200, 200, 200, 204]
    created, updated, completed, reopened, _ = (result["task"] for result in results)
    assert (await alice.get(f"/tasks/{created['id']}")).json() == created
    assert (updated["title"], updated["description"]) == ("new", None)
    assert completed["is_completed"] is True
    assert completed["completed_at"] == completed["updated_at"]
    assert (reopened["is_completed"], reopened["completed_at"]) == (False, None)
    assert [one["version"] for one in (created, updated, completed, reopened)] == [2, 3, 4, 5]
    [trashed] = (await alice.get("/tasks?trashed=true")).json()["items"]
    assert trashed == {**updated, **reopened, "version": 6}


async def test_one_that_fails_fails_alone(alice: Account) -> None:
    task = await alice.create_task()

    results = await run(
        alice,
        {"op": "complete", "id": str(uuid4())},
        {"op": "create", "task": {"title": "other", "id": task["id"]}},
        {"op": "update", "id": task["id"], "if_match": 9, "changes": {"title": "lost"}},
        {"op": "delete", "id": task["id"], "if_match": 1},
        {"op": "reopen", "id": task["id"]},
        {"op": "create", "task": {"title": "other", "id": task["id"]}},
        CREATE,
    )

    assert statuses(results) == [404, 409, 412, 204, 404, 409, 201]
    assert codes(results) == [
        "NOT_FOUND",
        "ID_TAKEN",
        "PRECONDITION_FAILED",
        None,
        "NOT_FOUND",
        "ID_TAKEN",
        None,
    ]
    # Only what changed something took a number.
    assert results[-1]["task"]["version"] == 3


async def test_a_later_operation_can_name_what_an_earlier_one_creates(alice: Account) -> None:
    mine = str(uuid4())
    results = await run(
        alice,
        {"op": "create", "ref": "milk", "task": {"title": "milk"}},
        {"op": "create", "ref": "own", "task": {"title": "own", "id": mine}},
        {"op": "complete", "ref": "milk"},
        {"op": "update", "ref": "own", "changes": {"title": "bread"}},
        {"op": "complete", "id": mine},
        {"op": "delete", "ref": "milk"},
        {"op": "reopen", "ref": "milk"},
    )

    assert statuses(results) == [201, 201, 200, 200, 200, 204, 404]
    assert results[2]["task"]["id"] == results[0]["task"]["id"]
    [left] = (await alice.get("/tasks")).json()["items"]
    assert (left["id"], left["title"], left["is_completed"]) == (mine, "bread", True)
    assert left == {**results[1]["task"], **results[3]["task"], **results[4]["task"]}


async def test_a_ref_to_what_could_not_be_created_finds_nothing(alice: Account) -> None:
    taken = await alice.create_task()

    results = await run(
        alice,
        {"op": "create", "ref": "x", "task": {"title": "t", "id": taken["id"]}},
        {"op": "complete", "ref": "x"},
    )

    assert statuses(results) == [409, 404]


async def test_a_ref_names_what_the_same_create_made_before(alice: Account) -> None:
    create = {"op": "create", "ref": "x", "task": {"title": "t", "id": str(uuid4())}}
    [first] = await run(alice, create)

    results = await run(alice, create, {"op": "complete", "ref": "x"})

    assert statuses(results) == [200, 200]
    assert results[0]["task"] == without_texts(first["task"])
    assert results[1]["task"]["id"] == first["task"]["id"]


async def test_a_version_may_be_one_that_the_batch_itself_makes(alice: Account) -> None:
    task = await alice.create_task()
    this = {"op": "update", "id": task["id"]}

    results = await run(
        alice,
        {**this, "if_match": 1, "changes": {"title": "a"}},
        {**this, "if_match": 1, "changes": {"title": "b"}},
        {**this, "if_match": 2, "changes": {"title": "c"}},
    )

    assert statuses(results) == [200, 412, 200]
    assert results[2]["task"]["title"] == "c"


async def test_an_atomic_batch_is_done_whole(alice: Account) -> None:
    task = await alice.create_task()

    results = await run(alice, CREATE, {"op": "complete", "id": task["id"]}, atomic=True)

    assert statuses(results) == [201, 200]
    assert len((await alice.get("/tasks")).json()["items"]) == 2


@pytest.mark.parametrize("has_key", [False, True])
async def test_an_atomic_batch_that_fails_leaves_nothing(
    alice: Account, dsn: str, *, has_key: bool
) -> None:
    task = await alice.create_task()
    before = await stored(dsn, alice)
    operations = [
        CREATE,
        {"op": "delete", "id": task["id"]},
        {"op": "complete", "id": str(uuid4())},
        {"op": "complete", "id": task["id"]},
    ]
    body = {"operations": operations, "atomic": True}
    headers = {"Idempotency-Key": "k"} if has_key else {}

    response = await alice.post("/tasks/batch", body, headers=headers)

    assert (response.status_code, response.json()["applied"]) == (200, False)
    results = response.json()["results"]
    assert statuses(results) == [424, 424, 404, 404]
    assert codes(results)[:2] == ["BATCH_NOT_APPLIED"] * 2
    assert all(result["task"] is None for result in results)
    assert await stored(dsn, alice) == before
    if has_key:
        again = await alice.post("/tasks/batch", body, headers=headers)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.content == response.content


async def test_a_batch_that_changes_nothing_takes_no_revision(alice: Account, dsn: str) -> None:
    task = await alice.create_task()
    before = await stored(dsn, alice)

    results = await run(
        alice,
        {"op": "reopen", "id": task["id"]},
        {"op": "update", "id": task["id"], "changes": {}},
        {"op": "delete", "id": str(uuid4())},
    )

    assert statuses(results) == [200, 200, 404]
    assert results[0]["task"] == results[1]["task"] == without_texts(task)
    assert await stored(dsn, alice) == before


@pytest.mark.parametrize(
    ("operation", "texts"),
    [
        ({"op": "update", "changes": {"title": "new"}}, {"title": "new"}),
        ({"op": "update", "changes": {"description": None}}, {"description": None}),
        ({"op": "update", "changes": {"is_completed": True}}, {}),
        ({"op": "complete"}, {}),
        ({"op": "reopen"}, {}),
    ],
)
async def test_result_has_only_the_texts_that_its_operation_has_set(
    alice: Account, operation: Operation, texts: dict[str, Any]
) -> None:
    task = await alice.create_task(title="old", description="old")

    [result] = await run(alice, {**operation, "id": task["id"]})

    stored_task = (await alice.get(f"/tasks/{task['id']}")).json()
    assert result["task"] == {**without_texts(stored_task), **texts}


OTHER = str(uuid4())


@pytest.mark.parametrize(
    ("operations", "path"),
    [
        ([], "body.operations"),
        ([CREATE] * 101, "body.operations"),
        ([{**CREATE, "op": "replace"}], "body.operations.0"),
        ([CREATE, {"op": "create"}], "body.operations.1.create.task"),
        ([{"op": "create", "task": {"title": ""}}], "body.operations.0.create.task.title"),
        ([{"op": "complete"}], "body.operations.0.complete"),
        ([{"op": "complete", "id": OTHER, "ref": "x"}], "body.operations.0.complete"),
        ([{"op": "complete", "id": "x"}], "body.operations.0.complete.id"),
        (
            [{"op": "complete", "id": OTHER, "if_match": "1"}],
            "body.operations.0.complete.if_match",
        ),
        ([{"op": "delete", "id": OTHER, "permanent": True}], "body.operations.0.delete.permanent"),
        ([{"op": "update", "id": OTHER}], "body.operations.0.update.changes"),
        ([{"op": "complete", "ref": "x"}], "body"),
        ([{"op": "complete", "ref": "x"}, {**CREATE, "ref": "x"}], "body"),
        ([{**CREATE, "ref": "x"}] * 2, "body"),
        ([{**CREATE, "ref": "x y"}], "body.operations.0.create.ref"),
    ],
)
async def test_a_batch_that_makes_no_sense_is_refused_whole(
    alice: Account, operations: list[Operation], path: str
) -> None:
    response = await alice.post("/tasks/batch", {"operations": operations})

    assert error_code(response) == "VALIDATION_ERROR"
    assert path in [field["path"] for field in response.json()["error"]["details"]["fields"]]
    assert (await alice.get("/tasks")).json()["items"] == []


async def test_a_hundred_operations_cost_no_more_statements_than_one(
    settings: Settings, alice: Account
) -> None:
    counts = []
    async with recording(settings, alice) as (there, sent):
        for size in (1, 100):
            ids = [str(uuid4()) for _ in range(size)]
            creates = [{"op": "create", "task": {"title": "t", "id": one}} for one in ids]
            changes = [{"op": "complete", "id": one} for one in ids]
            for operations in (creates, changes):
                sent.clear()
                assert max(statuses(await run(there, *operations))) <= 201
                counts.append(len(sent))

    assert counts[:2] == counts[2:]
    assert max(counts) <= 4
