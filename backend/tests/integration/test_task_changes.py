"""Tasks as they are changed, completed and deleted, and the versions that count it."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.support.accounts import Account, error_code
from tests.support.direct_sql import execute
from tests.support.factories import TaskFactory
from tests.support.resource_calls import create


async def count_tasks(dsn: str, owner: Account) -> int:
    rows = await execute(dsn, "SELECT count(*) FROM tasks WHERE user_id = %s", owner.id)
    return int(rows[0][0])


async def place_for_a_task(owner: Account) -> dict[str, Any]:
    """A list, a section of it, and a completed task there."""
    of_list = await create(owner, "lists", name="list")
    section = await create(owner, "sections", name="section", list_id=of_list["id"])
    place = {"list_id": of_list["id"], "section_id": section["id"]}
    parent = await owner.create_task(is_completed=True, **place)
    return {**place, "parent_id": parent["id"]}


async def read(owner: Account, task: dict[str, Any]) -> dict[str, Any]:
    """The task as it is now."""
    response = await owner.get(f"/tasks/{task['id']}")
    assert response.status_code == 200, response.text
    return dict(response.json())


async def test_replaced_task_keeps_its_place_completion_and_creation(alice: Account) -> None:
    place = await place_for_a_task(alice)
    task = await alice.create_task(is_completed=True, priority=1, metadata={"a": 1}, **place)

    replaced = await alice.put(f"/tasks/{task['id']}", {"title": "Buy oat milk"})

    assert replaced.status_code == 200
    assert replaced.headers["etag"] == f'"{replaced.json()["version"]}"'
    assert replaced.json() == {
        "id": task["id"],
        "user_id": alice.id,
        "title": "Buy oat milk",
        "description": None,
        "is_completed": True,
        "completed_at": task["completed_at"],
        "trashed_at": None,
        **place,
        "position": task["position"],
        "priority": None,
        "start": None,
        "due": None,
        "duration_minutes": None,
        "recurrence": None,
        "occurrence_of": None,
        "occurrence": None,
        "label_ids": [],
        "metadata": {},
        "created_at": task["created_at"],
        "updated_at": replaced.json()["updated_at"],
        "version": task["version"] + 1,
    }
    assert await read(alice, task) == replaced.json()


async def test_replacement_can_clear_what_it_keeps_if_it_is_left_out(alice: Account) -> None:
    task = await alice.create_task(is_completed=True, **await place_for_a_task(alice))
    cleared = {"is_completed": False, "list_id": None, "section_id": None, "parent_id": None}

    replaced = await alice.put(f"/tasks/{task['id']}", {"title": "Buy milk", **cleared})

    assert replaced.status_code == 200
    new = replaced.json()
    assert {name: new[name] for name in cleared} == cleared
    assert new["completed_at"] is None
    assert await read(alice, task) == new


async def test_a_replacement_that_says_completed_keeps_the_time_of_completion(
    alice: Account,
) -> None:
    task = await alice.create_task(is_completed=True)

    body = TaskFactory(is_completed=True)
    replaced = (await alice.put(f"/tasks/{task['id']}", body)).json()

    assert replaced["completed_at"] == task["completed_at"]
    assert replaced["updated_at"] > task["updated_at"]


@pytest.mark.parametrize("body", [{}, {"description": "no title"}, {"title": None}], ids=repr)
async def test_a_replacement_without_a_title_is_refused(
    alice: Account, body: dict[str, Any]
) -> None:
    task = await alice.create_task()

    response = await alice.put(f"/tasks/{task['id']}", body)

    assert error_code(response) == "VALIDATION_ERROR"
    assert await read(alice, task) == task


async def test_a_replacement_can_not_change_the_id(alice: Account) -> None:
    task = await alice.create_task()

    body = TaskFactory(id=str(uuid4()))
    response = await alice.put(f"/tasks/{task['id']}", body)

    assert error_code(response) == "VALIDATION_ERROR"
    assert await read(alice, task) == task


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Buy oat milk"},
        {"description": "Two litres"},
        {"description": None},
        {"title": "Buy oat milk", "description": None},
    ],
    ids=repr,
)
async def test_patch_changes_the_sent_fields_and_keeps_the_others(
    alice: Account, changes: dict[str, Any]
) -> None:
    task = await alice.create_task(is_completed=True)

    patched = await alice.patch(f"/tasks/{task['id']}", changes)

    assert patched.status_code == 200
    new = patched.json()
    assert new == {
        **task,
        **changes,
        "version": task["version"] + 1,
        "updated_at": new["updated_at"],
    }
    assert new["updated_at"] > task["updated_at"]
    assert patched.headers["etag"] == f'"{new["version"]}"'
    assert await read(alice, task) == new


async def test_a_patch_completes_and_reopens(alice: Account) -> None:
    task = await alice.create_task()

    completed = (await alice.patch(f"/tasks/{task['id']}", {"is_completed": True})).json()
    reopened = (await alice.patch(f"/tasks/{task['id']}", {"is_completed": False})).json()

    assert completed["is_completed"] is True
    assert completed["completed_at"] == completed["updated_at"]
    assert (reopened["is_completed"], reopened["completed_at"]) == (False, None)
    assert reopened["version"] == completed["version"] + 1


async def test_an_empty_patch_changes_nothing(alice: Account) -> None:
    task = await alice.create_task()

    response = await alice.patch(f"/tasks/{task['id']}", {})

    assert response.status_code == 200
    assert response.json() == task


@pytest.mark.parametrize(
    "changes", [{"title": None}, {"is_completed": None}, {"id": None}, {"titel": "x"}], ids=repr
)
async def test_a_patch_that_leaves_no_valid_task_is_refused(
    alice: Account, changes: dict[str, Any]
) -> None:
    task = await alice.create_task()

    response = await alice.patch(f"/tasks/{task['id']}", changes)

    assert error_code(response) == "VALIDATION_ERROR"
    assert await read(alice, task) == task


async def test_a_task_is_completed_and_reopened(alice: Account) -> None:
    task = await alice.create_task()

    completed = await alice.post(f"/tasks/{task['id']}/complete")
    reopened = await alice.post(f"/tasks/{task['id']}/reopen")

    done = completed.json()
    assert completed.status_code == 200
    assert completed.headers["etag"] == '"2"'
    assert done == {
        **task,
        "is_completed": True,
        "completed_at": done["updated_at"],
        "updated_at": done["updated_at"],
        "version": 2,
    }
    assert done["updated_at"] > task["updated_at"]
    assert reopened.status_code == 200
    assert reopened.headers["etag"] == '"3"'
    assert reopened.json() == {**task, "updated_at": reopened.json()["updated_at"], "version": 3}


async def test_completing_twice_changes_nothing(alice: Account) -> None:
    task = await alice.create_task()
    first = await alice.post(f"/tasks/{task['id']}/complete")

    second = await alice.post(f"/tasks/{task['id']}/complete")

    assert second.status_code == 200
    assert second.json() == first.json()
    assert second.headers["etag"] == first.headers["etag"]


async def test_reopening_an_open_task_changes_nothing(alice: Account) -> None:
    task = await alice.create_task()

    reopened = await alice.post(f"/tasks/{task['id']}/reopen")

    assert reopened.status_code == 200
    assert reopened.json() == task


async def test_request_without_a_change_takes_no_version(alice: Account) -> None:
    task = await alice.create_task(is_completed=True)
    await alice.post(f"/tasks/{task['id']}/complete")
    await alice.patch(f"/tasks/{task['id']}", {})
    await alice.post("/tasks", {"title": ""})

    following = await alice.create_task()

    assert following["version"] == task["version"] + 1


async def test_versions_grow_over_all_tasks_of_a_user(alice: Account) -> None:
    first = await alice.create_task()
    second = await alice.create_task()
    replaced = (await alice.put(f"/tasks/{first['id']}", TaskFactory())).json()
    patched = (await alice.patch(f"/tasks/{second['id']}", {"title": "new"})).json()
    completed = (await alice.post(f"/tasks/{first['id']}/complete")).json()

    changes = [first, second, replaced, patched, completed]
    assert [change["version"] for change in changes] == [1, 2, 3, 4, 5]


async def test_versions_of_one_user_do_not_depend_on_another(alice: Account, bob: Account) -> None:
    await alice.create_task()
    await alice.create_task()

    task = await bob.create_task()

    assert task["version"] == 1


async def test_a_deleted_task_is_gone(alice: Account) -> None:
    task = await alice.create_task()
    other = await alice.create_task()

    deleted = await alice.delete(f"/tasks/{task['id']}")

    assert deleted.status_code == 204
    assert deleted.content == b""
    assert error_code(await alice.get(f"/tasks/{task['id']}")) == "NOT_FOUND"
    assert error_code(await alice.delete(f"/tasks/{task['id']}")) == "NOT_FOUND"
    assert (await alice.get("/tasks")).json()["items"] == [other]


async def test_a_path_takes_an_id_in_either_case(alice: Account) -> None:
    task = await alice.create_task()

    response = await alice.get(f"/tasks/{task['id'].upper()}")

    assert response.json() == task


@pytest.mark.parametrize(
    "task_id", ["1", "me", "%00", "%F0%9F%A6%86", "a" * 4000, "'--"], ids=repr
)
async def test_invalid_id_is_a_bad_request(alice: Account, task_id: str) -> None:
    response = await alice.get(f"/tasks/{task_id}")

    assert response.status_code == 400
    assert error_code(response) == "VALIDATION_ERROR"
    assert response.json()["error"]["details"]["fields"][0]["path"] == "path.task_id"


@pytest.mark.parametrize(
    ("how", "statement"),
    [
        ("disabled", "UPDATE users SET disabled_at = now() WHERE id = %s"),
        ("deleted", "DELETE FROM users WHERE id = %s"),
    ],
    ids=["disabled", "deleted"],
)
async def test_a_write_for_a_user_who_is_gone_inserts_nothing(
    alice: Account, dsn: str, how: str, statement: str
) -> None:
    # Past the API, so that the access token is still good: the statement itself must refuse.
    await execute(dsn, statement, alice.id)

    response = await alice.post("/tasks", TaskFactory())

    assert response.status_code == 401, how
    assert error_code(response) == "UNAUTHENTICATED"
    assert await count_tasks(dsn, alice) == 0


async def test_a_write_for_a_disabled_user_changes_no_task(alice: Account, dsn: str) -> None:
    task = await alice.create_task()
    await execute(dsn, "UPDATE users SET disabled_at = now() WHERE id = %s", alice.id)
    path = f"/tasks/{task['id']}"

    refused = [
        await alice.put(path, TaskFactory()),
        await alice.patch(path, {"title": "new"}),
        await alice.delete(path),
    ]
    completed = await alice.post(f"{path}/complete")

    assert {error_code(response) for response in refused} == {"UNAUTHENTICATED"}
    assert completed.json().get("is_completed") is not True
    await execute(dsn, "UPDATE users SET disabled_at = NULL WHERE id = %s", alice.id)
    assert (await alice.get(path)).json() == task


async def test_a_write_that_races_with_the_deletion_of_its_user_leaves_no_row(
    alice: Account, dsn: str
) -> None:
    writes = [alice.post("/tasks", TaskFactory()) for _ in range(10)]
    deletion = alice.request("DELETE", "/users/me", json={"current_password": alice.password})

    *answers, deleted = await asyncio.gather(*writes, deletion)

    assert deleted.status_code == 204
    assert {response.status_code for response in answers} <= {201, 401}
    assert await count_tasks(dsn, alice) == 0
