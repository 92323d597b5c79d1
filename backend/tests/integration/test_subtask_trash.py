"""Subtasks in the trash: what is deleted together comes back together, as far as it can."""

import pytest
from pydantic import SecretStr

from duly.core.config import Settings
from tests.support.accounts import Account, error_code, register
from tests.support.databases import migrated_database
from tests.support.direct_sql import execute
from tests.support.instances import running
from tests.support.rich_tasks import (
    Resource,
    act,
    body_of,
    chain_of,
    check_rows,
    create,
    create_task,
    patch,
    place_of,
    read,
    titles,
    trash,
)
from tests.support.sync_copies import stored, sync, synced

LIMIT = 10_000


async def in_trash(account: Account) -> set[str]:
    page = body_of(await account.get("/tasks?is_trashed=true&limit=100"))
    return {task["id"] for task in page["items"]}


def ids(*tasks: Resource) -> set[str]:
    return {task["id"] for task in tasks}


async def restore_list(account: Account, resource: Resource) -> None:
    body_of(await account.post(f"/lists/{resource['id']}/restore"))


async def add_subtasks(
    dsn: str, account: Account, parent: Resource, count: int, *, is_analyzed: bool = True
) -> None:
    """Add subtasks behind the application's back, and let PostgreSQL know how many there are."""
    await execute(
        dsn,
        "INSERT INTO tasks (user_id, id, title, parent_id, list_id, revision) "
        "SELECT user_id, gen_random_uuid(), 'subtask', id, list_id, revision + n "
        "FROM tasks, generate_series(1, %s) AS n WHERE user_id = %s AND id = %s",
        count,
        account.id,
        parent["id"],
    )
    await execute(
        dsn,
        "UPDATE users SET revision = revision + %s, task_count = task_count + %s WHERE id = %s",
        count,
        count,
        account.id,
    )
    if is_analyzed:
        await execute(dsn, "ANALYZE tasks")


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


WRITES = [
    ("POST", "/complete", None),
    ("PATCH", "", {"is_completed": True}),
    ("DELETE", "", None),
    ("DELETE", "?permanent=true", None),
    ("POST", "/move", {"list_id": "LIST"}),
    ("PATCH", "", {"list_id": "LIST"}),
]


@pytest.mark.parametrize(("method", "suffix", "body"), WRITES)
async def test_more_than_ten_thousand_changes_are_rejected(
    alice: Account, dsn: str, *, method: str, suffix: str, body: dict[str, object] | None
) -> None:
    work = await create(alice, "lists", name="Work")
    parent = await create_task(alice)
    await add_subtasks(dsn, alice, parent, LIMIT)
    token = (await sync(alice, limit=1))["token"]
    if body and "list_id" in body:
        body = {"list_id": work["id"]}

    response = await alice.request(method, f"/tasks/{parent['id']}{suffix}", json=body)

    assert (response.status_code, error_code(response)) == (409, "TOO_MANY_CHANGES")
    assert response.json()["error"]["details"] == {"limit": LIMIT, "count": LIMIT + 1}
    assert await read(alice, parent) == parent
    query = "SELECT revision FROM users WHERE id = %s"
    assert await execute(dsn, query, alice.id) == [(parent["version"] + LIMIT,)]
    assert token


@pytest.mark.parametrize("query", ["", "?permanent=true", "?move_tasks_to=inbox"])
async def test_list_with_too_many_tasks_is_not_deleted(
    alice: Account, dsn: str, query: str
) -> None:
    work = await create(alice, "lists", name="Work")
    parent = await create_task(alice, list_id=work["id"])
    await add_subtasks(dsn, alice, parent, LIMIT - 1)

    response = await alice.delete(f"/lists/{work['id']}{query}")

    assert response.json()["error"]["details"] == {"limit": LIMIT, "count": LIMIT + 1}
    assert await titles(alice, plural="lists") == ["Work"]
    await check_rows(dsn, alice)


async def test_ten_thousand_changes_are_made(alice: Account, dsn: str) -> None:
    work = await create(alice, "lists", name="Work")
    parent = await create_task(alice, list_id=work["id"])
    await add_subtasks(dsn, alice, parent, LIMIT - 2)

    await trash(alice, "lists", work)
    await restore_list(alice, work)
    await act(alice, parent, "complete")
    await act(alice, parent, "reopen")
    await patch(alice, parent, list_id=None)

    assert place_of(await read(alice, parent)) == (None, None, None)
    page = body_of(await alice.get("/tasks?list_id=inbox&include_total=true"))
    assert page["total"] == LIMIT - 1
    await check_rows(dsn, alice)
    await alice.delete(f"/tasks/{parent['id']}?permanent=true")
    await check_rows(dsn, alice)


async def test_large_trees_are_changed_in_time_if_other_users_have_few_tasks(
    dsn: str, settings: Settings, address: str
) -> None:
    # By its statistics, PostgreSQL expects few tasks of this user, too.
    with migrated_database(dsn) as empty:
        own = {"database_url": SecretStr(empty), "rate_limit": "off"}
        async with running(settings, address, **own) as client:
            account = await register(client)
            parent = await create_task(account)
            await execute(empty, "ANALYZE")
            await add_subtasks(empty, account, parent, LIMIT - 5, is_analyzed=False)

            for verb in ("complete", "reopen"):
                await act(account, parent, verb)
            await patch(account, parent, is_completed=True)
            await trash(account, "tasks", parent)
            await act(account, parent, "restore")

            await check_rows(empty, account)
