"""Batches over several types, whose operations refer to what others in the batch create."""

from typing import Any
from uuid import uuid4

import pytest

from duly.records import creation
from tests.support.accounts import Account
from tests.support.invariants import check_rows
from tests.support.resource_calls import body_of, create, create_task, place_of, read


async def run(account: Account, *operations: dict[str, Any], atomic: bool = False) -> list[Any]:
    """The results of a batch."""
    body = {"operations": operations, "atomic": atomic}
    return list(body_of(await account.post("/batch", body))["results"])


def op(verb: str, type_: str, resource_id: str | None = None, **data: Any) -> dict[str, Any]:
    operation: dict[str, Any] = {"op": verb, "type": type_}
    if resource_id is not None:
        operation["id"] = resource_id
    return {**operation, "data": data} if data or verb == "create" else operation


def statuses(results: list[Any]) -> list[int]:
    return [result["status"] for result in results]


def tree() -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Creates of all types, each of which refers to those before it."""
    ids = {name: str(uuid4()) for name in ("list", "section", "label", "filter", "task", "sub")}
    return ids, [
        op("create", "list", id=ids["list"], name="Work"),
        op("create", "section", id=ids["section"], name="Doing", list_id=ids["list"]),
        op("create", "label", id=ids["label"], name="errand"),
        op("create", "filter", id=ids["filter"], name="Urgent", query="p1"),
        op("create", "task", id=ids["task"], title="Task", section_id=ids["section"]),
        op(
            "create",
            "task",
            id=ids["sub"],
            title="Subtask",
            parent_id=ids["task"],
            label_ids=[ids["label"]],
        ),
    ]


@pytest.mark.parametrize("atomic", [False, True])
async def test_operations_refer_to_resources_created_before_them(
    alice: Account, dsn: str, *, atomic: bool
) -> None:
    ids, operations = tree()

    results = await run(alice, *operations, atomic=atomic)

    assert statuses(results) == [201] * 6
    sub = results[5]["data"]
    assert place_of(sub) == (ids["list"], ids["section"], ids["task"])
    assert sub["label_ids"] == [ids["label"]]
    await check_rows(dsn, alice)


@pytest.mark.parametrize("atomic", [False, True])
async def test_repeated_batch_returns_the_resources_with_200(
    alice: Account, *, atomic: bool
) -> None:
    _, operations = tree()
    first = await run(alice, *operations, atomic=atomic)

    again = await run(alice, *operations, atomic=atomic)

    assert statuses(again) == [200] * 6
    assert [one["data"]["version"] for one in again] == [one["data"]["version"] for one in first]


async def test_reference_to_a_resource_created_later_fails_alone(alice: Account) -> None:
    list_id = str(uuid4())

    results = await run(
        alice,
        op("create", "task", title="Too early", list_id=list_id),
        op("create", "list", id=list_id, name="Work"),
        op("create", "task", title="In time", list_id=list_id),
    )

    assert statuses(results) == [400, 201, 201]
    [field] = results[0]["error"]["details"]["fields"]
    assert (field["path"], field["type"]) == ("body.list_id", "unknown_reference")


async def test_atomic_batch_with_an_unknown_reference_changes_nothing(
    alice: Account, dsn: str
) -> None:
    _, operations = tree()

    results = await run(
        alice, *operations, op("create", "task", title="Lost", parent_id=str(uuid4())), atomic=True
    )

    assert statuses(results) == [424] * 6 + [400]
    for plural in ("tasks", "lists", "sections", "labels", "filters"):
        assert body_of(await alice.get(f"/{plural}"))["items"] == []
    await check_rows(dsn, alice)


async def test_no_op_followed_by_a_cascade_that_would_allow_it_stays_a_no_op(
    alice: Account,
) -> None:
    parent = await create_task(alice)
    child = await create_task(alice, parent_id=parent["id"])
    await alice.post(f"/tasks/{parent['id']}/complete")

    results = await run(
        alice, op("complete", "task", child["id"]), op("reopen", "task", parent["id"])
    )

    assert statuses(results) == [200, 200]
    assert results[0]["data"]["is_completed"] is True
    assert (await read(alice, child))["is_completed"] is False


async def test_completion_before_the_parent_is_deleted_succeeds(alice: Account) -> None:
    parent = await create_task(alice)
    child = await create_task(alice, parent_id=parent["id"], is_completed=True)

    results = await run(
        alice,
        op("complete", "task", child["id"]),
        op("delete", "task", parent["id"]),
        op("complete", "task", child["id"]),
    )

    assert statuses(results) == [200, 204, 404]


async def test_label_renamed_to_a_name_that_is_freed_later_is_rejected(alice: Account) -> None:
    first = await create(alice, "labels", name="first")
    second = await create(alice, "labels", name="second")

    results = await run(
        alice,
        op("update", "label", first["id"], name="SECOND"),
        op("update", "label", second["id"], name="third"),
        op("update", "label", first["id"], name="second"),
    )

    assert statuses(results) == [409, 200, 200]
    assert results[0]["error"]["code"] == "NAME_TAKEN"


async def test_label_name_is_free_after_its_deletion_in_the_same_batch(alice: Account) -> None:
    label = await create(alice, "labels", name="errand")

    results = await run(
        alice,
        op("create", "label", name="Errand"),
        op("delete", "label", label["id"]),
        op("create", "label", name="Errand"),
        op("create", "label", name="errand"),
    )

    assert statuses(results) == [409, 204, 201, 409]


async def test_completion_in_the_future_fails_alone(alice: Account) -> None:
    task = await create_task(alice)
    future = "2999-01-01T00:00:00Z"

    results = await run(
        alice,
        op("create", "task", title="before"),
        op("create", "task", title="future", is_completed=True, completed_at=future),
        op("complete", "task", task["id"], completed_at=future),
        op("complete", "task", task["id"]),
    )

    assert statuses(results) == [201, 400, 400, 200]
    assert results[1]["error"]["details"]["fields"][0]["path"] == "body.completed_at"


async def test_list_and_its_tasks_are_moved_deleted_and_restored_in_one_batch(
    alice: Account, dsn: str
) -> None:
    ids, operations = tree()
    other = await create(alice, "lists", name="Other")

    results = await run(
        alice,
        *operations,
        op("move", "task", ids["task"], list_id=other["id"]),
        op("delete", "list", ids["list"]),
        op("delete", "list", other["id"]),
        op("restore", "list", other["id"]),
        op("delete", "list", ids["list"], permanent=True),
        op("delete", "label", ids["label"]),
        atomic=True,
    )

    assert statuses(results) == [201] * 6 + [200, 204, 204, 200, 204, 204]
    sub = body_of(await alice.get(f"/tasks/{ids['sub']}"))
    assert place_of(sub) == (other["id"], None, ids["task"])
    assert sub["label_ids"] == []
    await check_rows(dsn, alice)


async def test_statements_of_creates_are_compiled_once(alice: Account) -> None:
    for _ in range(2):
        ids, operations = tree()
        operations[2]["data"]["name"] = ids["label"]
        await run(alice, *operations)
        await create_task(alice, list_id=ids["list"])
        await create_task(alice, parent_id=ids["task"])
        await create_task(alice)
        compiled = creation._insert.cache_info().misses

    await run(alice, *operations)
    await create_task(alice, parent_id=ids["task"])
    await create_task(alice, list_id=ids["list"])
    await create_task(alice)

    assert creation._insert.cache_info().misses == compiled
