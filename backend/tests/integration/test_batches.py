"""Batches: each operation with a status of its own, all or nothing where that is asked for."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from duly.core.config import Settings
from duly.database.pool import Transaction
from duly.services import batches
from tests.support.accounts import Account, error_code
from tests.support.direct_sql import execute
from tests.support.recorder import recording

Operation = dict[str, Any]
CREATE: Operation = {"op": "create", "type": "task", "data": {"title": "new"}}


async def run(
    account: Account, *operations: Operation, atomic: bool = False
) -> list[dict[str, Any]]:
    """The results of a batch that is applied."""
    body = {"operations": operations, "atomic": atomic}
    response = await account.post("/batch", body)
    assert response.status_code == 200, response.text
    assert response.json()["applied"] is True
    results = response.json()["results"]
    assert len(results) == len(operations)
    for result in results:
        assert (result["error"] is None) == (result["status"] < 400)
        assert (result["data"] is None) == (result["status"] not in {200, 201})
    return list(results)


def statuses(results: list[dict[str, Any]]) -> list[int]:
    return [result["status"] for result in results]


def codes(results: list[dict[str, Any]]) -> list[str | None]:
    return [result["error"] and result["error"]["code"] for result in results]


def without_texts(task: dict[str, Any]) -> dict[str, Any]:
    """A task as the result of an operation that sets no text and no metadata."""
    texts = {"title", "description", "metadata"}
    return {name: task[name] for name in task if name not in texts}


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
        {"op": "update", "type": "task", **this, "data": {"title": "new", "description": None}},
        {"op": "complete", "type": "task", **this},
        {"op": "reopen", "type": "task", **this},
        {"op": "delete", "type": "task", **this},
        {"op": "restore", "type": "task", **this},
        {"op": "move", "type": "task", **this, "data": {"after_id": None}},
        {"op": "delete", "type": "task", **this},
    )

    assert statuses(results) == [201, 200, 200, 200, 204, 200, 200, 204]
    created, updated, completed, reopened, _, restored, moved, _ = (
        result["data"] for result in results
    )
    assert (await alice.get(f"/tasks/{created['id']}")).json() == created
    assert (updated["title"], updated["description"]) == ("new", None)
    assert completed["is_completed"] is True
    assert completed["completed_at"] == completed["updated_at"]
    assert (reopened["is_completed"], reopened["completed_at"]) == (False, None)
    assert restored == {**reopened, "version": 7}
    assert moved["position"] < created["position"]
    results_in_order = (created, updated, completed, reopened, restored, moved)
    assert [one["version"] for one in results_in_order] == [2, 3, 4, 5, 7, 8]
    [trashed] = (await alice.get("/tasks?is_trashed=true")).json()["items"]
    own = {"trashed_at": trashed["trashed_at"], "metadata": task["metadata"], "version": 9}
    assert trashed == {**updated, **moved, **own}


async def test_failed_operation_does_not_affect_the_others(alice: Account) -> None:
    task = await alice.create_task()

    results = await run(
        alice,
        {"op": "complete", "type": "task", "id": str(uuid4())},
        {"op": "create", "type": "task", "data": {"title": "other", "id": task["id"]}},
        {
            "op": "update",
            "type": "task",
            "id": task["id"],
            "if_match": 9,
            "data": {"title": "lost"},
        },
        {"op": "delete", "type": "task", "id": task["id"], "if_match": 1},
        {"op": "reopen", "type": "task", "id": task["id"]},
        {"op": "create", "type": "task", "data": {"title": "other", "id": task["id"]}},
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
    assert results[-1]["data"]["version"] == 3


async def test_later_operation_can_name_what_an_earlier_one_creates(alice: Account) -> None:
    milk, bread = str(uuid4()), str(uuid4())
    results = await run(
        alice,
        {"op": "create", "type": "task", "data": {"title": "milk", "id": milk}},
        {"op": "create", "type": "task", "data": {"title": "rye", "id": bread}},
        {"op": "complete", "type": "task", "id": milk},
        {"op": "update", "type": "task", "id": bread, "data": {"title": "bread"}},
        {"op": "complete", "type": "task", "id": bread},
        {"op": "delete", "type": "task", "id": milk},
        {"op": "reopen", "type": "task", "id": milk},
        {"op": "restore", "type": "task", "id": milk},
        {"op": "delete", "type": "task", "id": milk, "data": {"permanent": True}},
        {"op": "restore", "type": "task", "id": milk},
    )

    assert statuses(results) == [201, 201, 200, 200, 200, 204, 404, 200, 204, 404]
    assert results[7]["data"]["is_completed"] is True
    [left] = (await alice.get("/tasks")).json()["items"]
    assert (left["id"], left["title"], left["is_completed"]) == (bread, "bread", True)
    assert left == {**results[1]["data"], **results[3]["data"], **results[4]["data"]}


async def test_operations_on_all_resource_types_share_one_batch(alice: Account) -> None:
    label, task = str(uuid4()), str(uuid4())
    results = await run(
        alice,
        {"op": "create", "type": "label", "data": {"name": "errand", "id": label}},
        {"op": "create", "type": "task", "data": {"title": "milk", "id": task}},
        {"op": "update", "type": "label", "id": label, "data": {"color": "#4f46e5"}},
        {"op": "complete", "type": "task", "id": label},
        {"op": "delete", "type": "label", "id": task},
        {"op": "delete", "type": "label", "id": label},
    )

    assert statuses(results) == [201, 201, 200, 404, 404, 204]
    assert [result["type"] for result in results] == ["label", "task", "label", "task"] + [
        "label"
    ] * 2
    assert results[2]["data"] == {
        **results[0]["data"],
        "color": "#4f46e5",
        "version": 3,
        "updated_at": results[2]["data"]["updated_at"],
    }
    assert (await alice.get("/labels")).json()["items"] == []


async def test_task_is_created_in_a_list_section_and_label_of_the_same_batch(
    alice: Account,
) -> None:
    ids = {name: str(uuid4()) for name in ("list", "section", "label", "task")}
    place = {"list_id": ids["list"], "section_id": ids["section"]}
    section = {"name": "s", "id": ids["section"], "list_id": ids["list"]}
    task = {"title": "t", "id": ids["task"], "label_ids": [ids["label"]], **place}
    results = await run(
        alice,
        {"op": "create", "type": "list", "data": {"name": "l", "id": ids["list"]}},
        {"op": "create", "type": "section", "data": section},
        {"op": "create", "type": "label", "data": {"name": "errand", "id": ids["label"]}},
        {"op": "create", "type": "filter", "data": {"name": "f", "query": "#l & @errand"}},
        {"op": "create", "type": "task", "data": task},
        {"op": "create", "type": "task", "data": {"title": "sub", "parent_id": ids["task"]}},
        {"op": "delete", "type": "label", "id": ids["label"]},
        {"op": "delete", "type": "section", "id": ids["section"]},
    )

    assert statuses(results) == [201] * 6 + [204] * 2
    assert {name: results[5]["data"][name] for name in place} == place
    left = (await alice.get(f"/tasks?list_id={ids['list']}")).json()["items"]
    assert [(one["section_id"], one["label_ids"]) for one in left] == [(None, [])] * 2


async def test_quota_that_a_later_deletion_frees_is_still_reached(
    settings: Settings, alice: Account
) -> None:
    async with recording(settings.model_copy(update={"max_tasks": 1}), alice) as (there, _):
        task = await there.create_task()
        results = await run(
            there,
            CREATE,
            {"op": "delete", "type": "task", "id": task["id"], "data": {"permanent": True}},
            CREATE,
            CREATE,
        )

    assert statuses(results) == [403, 204, 201, 403]


async def test_if_match_can_name_a_version_created_by_the_same_batch(alice: Account) -> None:
    task = await alice.create_task()
    this = {"op": "update", "type": "task", "id": task["id"]}

    results = await run(
        alice,
        {**this, "if_match": 1, "data": {"title": "a"}},
        {**this, "if_match": 1, "data": {"title": "b"}},
        {**this, "if_match": 2, "data": {"title": "c"}},
    )

    assert statuses(results) == [200, 412, 200]
    assert results[2]["data"]["title"] == "c"


async def test_an_atomic_batch_is_done_whole(alice: Account) -> None:
    task = await alice.create_task()

    results = await run(
        alice, CREATE, {"op": "complete", "type": "task", "id": task["id"]}, atomic=True
    )

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
        {"op": "delete", "type": "task", "id": task["id"]},
        {"op": "complete", "type": "task", "id": str(uuid4())},
        {"op": "complete", "type": "task", "id": task["id"]},
    ]
    body = {"operations": operations, "atomic": True}
    headers = {"Idempotency-Key": "k"} if has_key else {}

    response = await alice.post("/batch", body, headers=headers)

    assert (response.status_code, response.json()["applied"]) == (200, False)
    results = response.json()["results"]
    assert statuses(results) == [424, 424, 404, 404]
    assert codes(results)[:2] == ["BATCH_NOT_APPLIED"] * 2
    assert all(result["data"] is None for result in results)
    assert await stored(dsn, alice) == before
    if has_key:
        again = await alice.post("/batch", body, headers=headers)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.content == response.content


async def test_a_batch_that_changes_nothing_takes_no_revision(alice: Account, dsn: str) -> None:
    task = await alice.create_task()
    before = await stored(dsn, alice)

    results = await run(
        alice,
        {"op": "reopen", "type": "task", "id": task["id"]},
        {"op": "update", "type": "task", "id": task["id"], "data": {}},
        {"op": "delete", "type": "task", "id": str(uuid4())},
    )

    assert statuses(results) == [200, 200, 404]
    assert results[0]["data"] == results[1]["data"] == without_texts(task)
    assert await stored(dsn, alice) == before


@pytest.mark.parametrize(
    ("operation", "texts"),
    [
        ({"op": "update", "type": "task", "data": {"title": "new"}}, {"title": "new"}),
        ({"op": "update", "type": "task", "data": {"description": None}}, {"description": None}),
        (
            {"op": "update", "type": "task", "data": {"metadata": {"a": 1}}},
            {"metadata": {"a": 1, "b": 2}},
        ),
        ({"op": "update", "type": "task", "data": {"is_completed": True}}, {}),
        ({"op": "update", "type": "task", "data": {"priority": 1}}, {}),
        ({"op": "move", "type": "task", "data": {}}, {}),
        ({"op": "complete", "type": "task"}, {}),
        ({"op": "reopen", "type": "task"}, {}),
    ],
)
async def test_result_has_only_the_texts_that_its_operation_has_set(
    alice: Account, operation: Operation, texts: dict[str, Any]
) -> None:
    task = await alice.create_task(title="old", description="old", metadata={"b": 2})

    [result] = await run(alice, {**operation, "id": task["id"]})

    stored_task = (await alice.get(f"/tasks/{task['id']}")).json()
    assert result["data"] == {**without_texts(stored_task), **texts}


OTHER = str(uuid4())


@pytest.mark.parametrize(
    ("operations", "path"),
    [
        ([], "body.operations"),
        ([CREATE] * 101, "body.operations"),
        ([{**CREATE, "op": "replace"}], "body.operations.0"),
        ([CREATE, {"op": "create", "type": "task"}], "body.operations.1.data"),
        (
            [{"op": "create", "type": "task", "data": {"title": ""}}],
            "body.operations.0.data.title",
        ),
        ([{"op": "complete", "type": "task"}], "body.operations.0.id"),
        ([{"op": "complete", "id": OTHER}], "body.operations.0"),
        ([{"op": "complete", "type": "user", "id": OTHER}], "body.operations.0"),
        ([{"op": "complete", "type": "label", "id": OTHER}], "body.operations.0"),
        ([{"op": "restore", "type": "section", "id": OTHER}], "body.operations.0"),
        ([{"op": "move", "type": "task", "id": OTHER}], "body.operations.0.data"),
        ([{"op": "complete", "type": "task", "id": "x"}], "body.operations.0.id"),
        (
            [{"op": "complete", "type": "task", "id": OTHER, "if_match": "1"}],
            "body.operations.0.if_match",
        ),
        (
            [{"op": "delete", "type": "task", "id": OTHER, "permanent": True}],
            "body.operations.0.permanent",
        ),
        ([{"op": "update", "type": "task", "id": OTHER}], "body.operations.0.data"),
        ([{**CREATE, "ref": "x"}], "body.operations.0.ref"),
    ],
)
async def test_invalid_batch_is_rejected(
    alice: Account, operations: list[Operation], path: str
) -> None:
    response = await alice.post("/batch", {"operations": operations})

    assert error_code(response) == "VALIDATION_ERROR"
    assert path in [field["path"] for field in response.json()["error"]["details"]["fields"]]
    assert (await alice.get("/tasks")).json()["items"] == []


async def test_other_requests_run_between_operations_that_fail(
    alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns, seen = 0, []
    command_of = batches._command

    def noting(*args: Any) -> Any:
        seen.append(turns)
        return command_of(*args)

    async def others() -> None:
        nonlocal turns
        while len(seen) < 20:
            turns += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(batches, "_command", noting)
    rule = {"rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}
    create = {"title": "never", "due": {"date": "2026-11-27"}, "recurrence": rule}
    operations = [{"op": "create", "type": "task", "data": create}] * 20

    results, _ = await asyncio.gather(run(alice, *operations), others())

    assert statuses(results) == [400] * 20
    assert len(set(seen)) == 20


async def test_hundred_operations_take_as_many_round_trips_as_one(
    alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips = 0

    def counted(method: Any) -> Any:
        async def count(*args: Any) -> Any:
            nonlocal trips
            trips += 1
            return await method(*args)

        return count

    for name in ("fetch", "fetch_many"):
        monkeypatch.setattr(Transaction, name, counted(getattr(Transaction, name)))
    counts = []
    for size in (1, 100):
        ids = [str(uuid4()) for _ in range(size)]
        for operations in (
            [{"op": "create", "type": "task", "data": {"title": "t", "id": one}} for one in ids],
            [{"op": "complete", "type": "task", "id": one} for one in ids],
            [{"op": "complete", "type": "task", "id": one} for one in ids],  # changes nothing
        ):
            trips = 0
            assert max(statuses(await run(alice, *operations))) <= 201
            counts.append(trips)

    assert counts == [1, 2, 2] * 2
