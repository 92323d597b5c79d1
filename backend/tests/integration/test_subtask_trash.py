"""Subtasks in the trash: what is deleted together comes back together, as far as it can."""

from tests.support.accounts import Account, error_code
from tests.support.direct_sql import execute
from tests.support.invariants import check_rows
from tests.support.resource_calls import (
    Resource,
    act,
    body_of,
    chain_of,
    create,
    create_task,
    patch,
    place_of,
    read,
    trash,
)
from tests.support.sync_copies import stored, sync, synced


async def in_trash(account: Account) -> set[str]:
    page = body_of(await account.get("/tasks?is_trashed=true&limit=100"))
    return {task["id"] for task in page["items"]}


def ids(*tasks: Resource) -> set[str]:
    return {task["id"] for task in tasks}


async def restore_list(account: Account, resource: Resource) -> None:
    body_of(await account.post(f"/lists/{resource['id']}/restore"))


async def test_task_is_deleted_and_restored_with_its_subtasks(alice: Account, dsn: str) -> None:
    tasks = await chain_of(alice, 5)
    copy = await synced(alice)

    await trash(alice, "tasks", tasks[1])

    assert await in_trash(alice) == ids(*tasks[1:])
    await copy.pull(alice)
    assert copy.resources == await stored(alice)
    await act(alice, tasks[1], "restore")
    found = [await read(alice, task) for task in tasks]
    assert [place_of(task) for task in found] == [place_of(task) for task in tasks]
    assert [task["updated_at"] for task in found] == [task["updated_at"] for task in tasks]
    await copy.pull(alice)
    assert copy.resources == await stored(alice)
    await check_rows(dsn, alice)


async def test_task_deleted_by_the_previous_release_is_restored_alone(
    alice: Account, dsn: str
) -> None:
    parent, child = await chain_of(alice, 2)
    await trash(alice, "tasks", parent)
    # That release does not know what was deleted together.
    await execute(dsn, "UPDATE tasks SET trashed_with = NULL WHERE user_id = %s", alice.id)

    await act(alice, parent, "restore")

    assert await in_trash(alice) == ids(child)


async def test_subtask_deleted_before_its_parent_stays_in_the_trash(alice: Account) -> None:
    parent, early, late = await chain_of(alice, 3)
    await trash(alice, "tasks", late)
    await trash(alice, "tasks", parent)

    await act(alice, parent, "restore")

    assert await in_trash(alice) == ids(late)
    assert place_of(await act(alice, late, "restore"))[2] == early["id"]


async def test_part_restored_alone_has_no_parent(alice: Account, dsn: str) -> None:
    work = await create(alice, "lists", name="Work")
    tasks = await chain_of(alice, 4, list_id=work["id"])
    await trash(alice, "tasks", tasks[0])

    restored = await act(alice, tasks[2], "restore")

    assert place_of(restored) == (work["id"], None, None)
    assert place_of(await read(alice, tasks[3])) == (work["id"], None, tasks[2]["id"])
    await act(alice, tasks[0], "restore")
    assert await in_trash(alice) == set()
    assert place_of(await read(alice, tasks[2])) == (work["id"], None, None)
    await check_rows(dsn, alice)


async def test_restored_task_is_in_the_inbox_if_its_list_is_in_the_trash(
    alice: Account, dsn: str
) -> None:
    work = await create(alice, "lists", name="Work")
    section = await create(alice, "sections", name="Doing", list_id=work["id"])
    parent = await create_task(alice, section_id=section["id"])
    child = await create_task(alice, parent_id=parent["id"])
    await trash(alice, "lists", work)

    await act(alice, parent, "restore")

    assert place_of(await read(alice, child)) == (None, None, parent["id"])
    await restore_list(alice, work)
    assert place_of(await read(alice, parent)) == (None, None, None)
    await check_rows(dsn, alice)


async def test_restored_subtask_follows_its_parent_out_of_the_list(
    alice: Account, dsn: str
) -> None:
    work = await create(alice, "lists", name="Work")
    parent, child, grandchild = await chain_of(alice, 3, list_id=work["id"])
    await trash(alice, "tasks", child)
    await trash(alice, "lists", work)
    await act(alice, parent, "restore")
    await restore_list(alice, work)

    restored = await act(alice, child, "restore")

    assert place_of(restored) == (None, None, parent["id"])
    assert place_of(await read(alice, grandchild)) == (None, None, child["id"])
    await check_rows(dsn, alice)


async def test_restored_subtask_follows_its_parent_to_another_list(
    alice: Account, dsn: str
) -> None:
    parent, child = await chain_of(alice, 2)
    await trash(alice, "tasks", child)
    work = await create(alice, "lists", name="Work")
    await patch(alice, parent, list_id=work["id"])

    restored = await act(alice, child, "restore")

    assert place_of(restored) == (work["id"], None, parent["id"])
    await check_rows(dsn, alice)


async def test_restored_task_has_lost_a_section_and_a_label_that_are_gone(
    alice: Account, dsn: str
) -> None:
    work = await create(alice, "lists", name="Work")
    section = await create(alice, "sections", name="Doing", list_id=work["id"])
    label = await create(alice, "labels", name="errand")
    task = await create_task(alice, section_id=section["id"], label_ids=[label["id"]])
    await trash(alice, "tasks", task)
    await trash(alice, "sections", section)
    await trash(alice, "labels", label)

    restored = await act(alice, task, "restore")

    assert (place_of(restored), restored["label_ids"]) == ((work["id"], None, None), [])
    await check_rows(dsn, alice)


async def test_completion_survives_the_trash(alice: Account) -> None:
    parent, child = await chain_of(alice, 2)
    await act(alice, parent, "complete")
    await trash(alice, "tasks", parent)
    await act(alice, parent, "restore")

    await act(alice, parent, "reopen")

    assert (await read(alice, child))["is_completed"] is False


async def test_permanent_deletion_takes_the_whole_subtree(alice: Account, dsn: str) -> None:
    tasks = await chain_of(alice, 4)
    token = (await sync(alice))["token"]
    await trash(alice, "tasks", tasks[3])

    response = await alice.delete(f"/tasks/{tasks[1]['id']}?permanent=true")

    assert response.status_code == 204
    assert await in_trash(alice) == set()
    changes = (await sync(alice, token))["changes"]
    assert {(one["op"], one["id"]) for one in changes} == {
        ("delete", task["id"]) for task in tasks[1:]
    }
    assert error_code(await alice.post(f"/tasks/{tasks[2]['id']}/restore")) == "NOT_FOUND"
    await check_rows(dsn, alice)


async def test_permanent_deletion_of_a_parent_in_the_trash_spares_a_restored_part(
    alice: Account, dsn: str
) -> None:
    parent, child = await chain_of(alice, 2)
    await trash(alice, "tasks", parent)
    await act(alice, child, "restore")

    await alice.delete(f"/tasks/{parent['id']}?permanent=true")

    assert (await read(alice, child))["parent_id"] is None
    await check_rows(dsn, alice)


async def test_if_match_of_a_restore_names_the_version_in_the_trash(alice: Account) -> None:
    parent, child = await chain_of(alice, 2)
    await trash(alice, "tasks", parent)
    [found] = [
        task
        for task in body_of(await alice.get("/tasks?is_trashed=true"))["items"]
        if task["id"] == parent["id"]
    ]
    path = f"/tasks/{parent['id']}/restore"

    stale = await alice.post(path, headers={"If-Match": f'"{parent["version"]}"'})
    restored = await alice.post(path, headers={"If-Match": f'"{found["version"]}"'})

    assert (error_code(stale), restored.status_code) == ("PRECONDITION_FAILED", 200)
    assert (await read(alice, child))["parent_id"] == parent["id"]
