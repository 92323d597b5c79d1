"""Subtasks: levels, completing and reopening, and what moves with a task."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.accounts import Account
from tests.support.invariants import check_rows
from tests.support.resource_calls import (
    Resource,
    act,
    body_of,
    chain_of,
    create,
    create_task,
    errors_of,
    patch,
    place_of,
    read,
    trash,
)
from tests.support.sync_copies import sync

TOO_DEEP = [("body.parent_id", "too_deep")]
CIRCLE = [("body.parent_id", "circle")]


async def are_completed(account: Account, tasks: list[Resource]) -> list[bool]:
    return [(await read(account, task))["is_completed"] for task in tasks]


async def family(account: Account) -> tuple[Resource, list[Resource]]:
    """A task, and two subtasks of it."""
    parent = await create_task(account, "parent")
    return parent, [await create_task(account, name, parent_id=parent["id"]) for name in "ab"]


async def test_tasks_have_at_most_five_levels(alice: Account) -> None:
    tasks = await chain_of(alice, 5)

    response = await alice.post("/tasks", {"title": "six", "parent_id": tasks[-1]["id"]})

    assert errors_of(response) == TOO_DEEP


@pytest.mark.parametrize("method", ["patch", "put", "move"])
async def test_move_of_a_subtree_counts_the_levels_below(alice: Account, method: str) -> None:
    target = await chain_of(alice, 3)
    short, long = await chain_of(alice, 2), await chain_of(alice, 3)

    async def put_below(task: Resource) -> Any:
        path, body = f"/tasks/{task['id']}", {"parent_id": target[-1]["id"]}
        if method == "move":
            return await alice.post(f"{path}/move", body)
        if method == "put":
            return await alice.put(path, {"title": "task", **body})
        return await alice.patch(path, body)

    assert errors_of(await put_below(long[0])) == TOO_DEEP
    assert body_of(await put_below(short[0]))["parent_id"] == target[-1]["id"]


async def test_levels_of_subtasks_in_the_trash_count(alice: Account, dsn: str) -> None:
    target = await chain_of(alice, 4)
    task, child = await chain_of(alice, 2)
    await trash(alice, "tasks", child)

    response = await alice.patch(f"/tasks/{task['id']}", {"parent_id": target[-1]["id"]})

    assert errors_of(response) == TOO_DEEP
    await act(alice, child, "restore")
    await check_rows(dsn, alice)


async def test_task_cannot_be_below_itself(alice: Account) -> None:
    tasks = await chain_of(alice, 3)

    for parent in tasks:
        path, body = f"/tasks/{tasks[0]['id']}", {"parent_id": parent["id"]}
        assert errors_of(await alice.patch(path, body)) == CIRCLE
        assert errors_of(await alice.post(f"{path}/move", body)) == CIRCLE


async def test_new_task_cannot_name_itself_as_parent(alice: Account) -> None:
    task_id = str(uuid4())

    response = await alice.post("/tasks", {"id": task_id, "title": "t", "parent_id": task_id})

    assert errors_of(response) == [("body.parent_id", "unknown_reference")]


async def test_completing_a_task_completes_its_open_subtasks(alice: Account, dsn: str) -> None:
    tasks = await chain_of(alice, 5)
    done = await create_task(alice, parent_id=tasks[0]["id"], is_completed=True)
    before = await read(alice, tasks[0])

    await act(alice, tasks[1], "complete")

    assert await are_completed(alice, tasks) == [False, True, True, True, True]
    assert await read(alice, tasks[0]) == before
    assert await read(alice, done) == done
    await check_rows(dsn, alice)


async def test_all_that_is_completed_together_has_the_same_time(alice: Account) -> None:
    parent, children = await family(alice)
    monday = "2026-01-05T08:00:00Z"

    await act(alice, parent, "complete", completed_at=monday)

    found = [await read(alice, task) for task in (parent, *children)]
    assert {task["completed_at"] for task in found} == {monday}
    assert len({task["version"] for task in found}) == 3


async def test_completing_twice_changes_nothing(alice: Account) -> None:
    parent, _ = await family(alice)
    first = await act(alice, parent, "complete")
    late = await create_task(alice, parent_id=parent["id"])

    assert await act(alice, parent, "complete") == first
    assert await read(alice, late) == late


async def test_reopening_opens_what_was_completed_with_it(alice: Account) -> None:
    parent, (early, together) = await family(alice)
    await act(alice, early, "complete")
    await act(alice, parent, "complete")

    await act(alice, parent, "reopen")

    assert await are_completed(alice, [parent, early, together]) == [False, True, False]


async def test_reopening_a_subtask_opens_the_tasks_above_and_no_others(alice: Account) -> None:
    tasks = await chain_of(alice, 4)
    sibling = await create_task(alice, parent_id=tasks[2]["id"])
    await act(alice, tasks[0], "complete")

    await act(alice, tasks[2], "reopen")

    assert await are_completed(alice, tasks) == [False] * 4
    # It was completed with the subtask.
    assert await are_completed(alice, [sibling]) == [False]


async def test_reopening_a_subtask_leaves_its_siblings_completed(alice: Account) -> None:
    parent, (one, other) = await family(alice)
    await act(alice, parent, "complete")

    await act(alice, one, "reopen")

    assert await are_completed(alice, [parent, one, other]) == [False, False, True]


async def test_subtask_completed_again_after_its_parent_is_not_reopened_with_it(
    alice: Account,
) -> None:
    parent, (one, other) = await family(alice)
    await act(alice, parent, "complete")
    await act(alice, one, "reopen")
    await act(alice, one, "complete")
    await act(alice, parent, "complete")

    await act(alice, parent, "reopen")

    # Each was completed by another act than the parent's last one.
    assert await are_completed(alice, [parent, one, other]) == [False, True, True]


async def test_reopening_twice_changes_nothing(alice: Account) -> None:
    parent, _ = await family(alice)

    assert await act(alice, parent, "reopen") == await read(alice, parent)


@pytest.mark.parametrize("method", ["patch", "put"])
async def test_is_completed_in_a_body_acts_on_the_subtasks_too(
    alice: Account, method: str
) -> None:
    parent, children = await family(alice)
    path = f"/tasks/{parent['id']}"

    async def send(*, is_completed: bool) -> None:
        body = {"title": "parent", "is_completed": is_completed}
        body_of(await alice.request(method.upper(), path, json=body))

    await send(is_completed=True)
    assert await are_completed(alice, [parent, *children]) == [True] * 3

    await send(is_completed=False)
    assert await are_completed(alice, [parent, *children]) == [False] * 3


async def test_subtasks_in_the_trash_are_not_completed(alice: Account) -> None:
    parent, (gone, _) = await family(alice)
    await trash(alice, "tasks", gone)

    await act(alice, parent, "complete")
    await act(alice, parent, "reopen")

    assert (await act(alice, gone, "restore"))["is_completed"] is False


async def test_task_moves_with_its_subtree_the_trash_included(alice: Account, dsn: str) -> None:
    work = await create(alice, "lists", name="Work")
    section = await create(alice, "sections", name="Doing", list_id=work["id"])
    tasks = await chain_of(alice, 4)
    await trash(alice, "tasks", tasks[2])

    await patch(alice, tasks[0], section_id=section["id"])

    found = await read(alice, tasks[1])
    assert place_of(found) == (work["id"], section["id"], tasks[0]["id"])
    restored = await act(alice, tasks[2], "restore")
    assert place_of(restored) == (work["id"], section["id"], tasks[1]["id"])
    await check_rows(dsn, alice)


async def test_sync_reports_each_task_of_a_cascade_once(alice: Account) -> None:
    tasks = await chain_of(alice, 5)
    token = (await sync(alice))["token"]
    await act(alice, tasks[0], "complete")
    await patch(alice, tasks[0], title="new", is_completed=False)

    changes = (await sync(alice, token))["changes"]

    assert sorted(one["id"] for one in changes) == sorted(task["id"] for task in tasks)
    assert [one["data"]["version"] for one in changes] == sorted(
        one["data"]["version"] for one in changes
    )


async def test_if_match_names_the_version_of_the_named_task_only(alice: Account) -> None:
    parent, (child, _) = await family(alice)
    child = await patch(alice, child, title="changed meanwhile")
    path = f"/tasks/{parent['id']}/complete"

    stale = await alice.post(path, headers={"If-Match": f'"{child["version"]}"'})
    done = await alice.post(path, headers={"If-Match": f'"{parent["version"]}"'})

    assert (stale.status_code, done.status_code) == (412, 200)
    assert (await read(alice, child))["is_completed"] is True
