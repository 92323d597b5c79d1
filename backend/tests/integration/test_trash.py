"""The trash: what is deleted is gone from every list, and comes back until it is purged."""

from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from tests.support.accounts import Account, error_code
from tests.support.direct_sql import earlier, execute
from tests.support.instances import sweep_all


@pytest.fixture(params=["/tasks", "/users/me/tasks"], ids=["tasks", "alias"])
def prefix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def items(account: Account, path: str) -> list[dict[str, Any]]:
    response = await account.get(path)
    assert response.status_code == 200
    return list(response.json()["items"])


async def trashed(account: Account, **fields: Any) -> dict[str, Any]:
    """A task that lies in the trash, as the list of the trash shows it."""
    task = await account.create_task(**fields)
    await account.delete(f"/tasks/{task['id']}")
    [found] = [
        one for one in await items(account, "/tasks?is_trashed=true") if one["id"] == task["id"]
    ]
    return found


async def age(dsn: str, account: Account, days: float) -> None:
    """Let what lies in the trash, and what is gone, have been so for that much longer."""
    for table, column in (("tasks", "trashed_at"), ("tombstones", "created_at")):
        before = earlier(column, "%s * interval '1 day'")
        query = f"UPDATE {table} SET {column} = {before} WHERE user_id = %s"
        await execute(dsn, query, days, account.id)


async def test_a_deleted_task_is_gone_from_every_list(alice: Account, prefix: str) -> None:
    kept = await alice.create_task(title="kept milk")
    task = await alice.create_task(title="gone milk", is_completed=True)

    deleted = await alice.delete(f"{prefix}/{task['id']}")

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert error_code(await alice.get(f"{prefix}/{task['id']}")) == "NOT_FOUND"
    for query in ("", "?q=milk", "?sort=title", "?is_trashed=false"):
        assert await items(alice, prefix + query) == [kept]
    assert await items(alice, f"{prefix}?is_completed=true") == []
    page = (await alice.get(f"{prefix}?include_total=true&limit=1")).json()
    assert (page["total"], page["next_cursor"]) == (1, None)


async def test_task_in_the_trash_keeps_its_fields(alice: Account, prefix: str) -> None:
    task = await alice.create_task(title="gone milk", is_completed=True)
    await alice.create_task(title="kept milk")
    await alice.delete(f"{prefix}/{task['id']}")

    [found] = await items(alice, f"{prefix}?is_trashed=true")

    assert found["trashed_at"] > task["created_at"]
    expected = {"version": task["version"] + 2, "trashed_at": found["trashed_at"]}
    assert found == {**task, **expected}
    for query in ("&q=gone", "&is_completed=true", "&sort=-updated_at"):
        assert await items(alice, f"{prefix}?is_trashed=true{query}") == [found]
    for query in ("&q=kept", "&is_completed=false"):
        assert await items(alice, f"{prefix}?is_trashed=true{query}") == []
    page = (await alice.get(f"{prefix}?is_trashed=true&include_total=true")).json()
    assert page["total"] == 1


async def test_the_trash_is_read_page_by_page(alice: Account) -> None:
    tasks = [await trashed(alice) for _ in range(3)]
    page = (await alice.get("/tasks?is_trashed=true&limit=2&sort=created_at")).json()
    query = {"sort": "created_at", "cursor": page["next_cursor"]}

    rest = await alice.get("/tasks", params={**query, "is_trashed": "true"})
    wrong = await alice.get("/tasks", params=query)

    assert page["items"] + rest.json()["items"] == tasks
    assert wrong.status_code == 400


async def test_a_task_is_restored_as_it_was(alice: Account, prefix: str) -> None:
    task = await trashed(alice, is_completed=True)

    restored = await alice.post(f"{prefix}/{task['id']}/restore")

    assert restored.status_code == 200
    assert restored.json() == {**task, "trashed_at": None, "version": task["version"] + 1}
    assert restored.headers["etag"] == f'"{task["version"] + 1}"'
    assert (await alice.get(f"/tasks/{task['id']}")).json() == restored.json()
    assert await items(alice, "/tasks?is_trashed=true") == []


async def test_restoring_twice_changes_nothing(alice: Account) -> None:
    task = await trashed(alice)
    first = await alice.post(f"/tasks/{task['id']}/restore")

    again = await alice.post(f"/tasks/{task['id']}/restore")

    assert again.content == first.content


async def test_second_deletion_is_not_found(alice: Account, prefix: str) -> None:
    task = await trashed(alice)

    assert error_code(await alice.delete(f"{prefix}/{task['id']}")) == "NOT_FOUND"
    assert await items(alice, "/tasks?is_trashed=true") == [task]


@pytest.mark.parametrize("is_trashed", [False, True])
async def test_permanently_deleted_task_is_nowhere(
    alice: Account, dsn: str, prefix: str, *, is_trashed: bool
) -> None:
    task = await trashed(alice) if is_trashed else await alice.create_task()

    deleted = await alice.delete(f"{prefix}/{task['id']}?permanent=true")

    assert (deleted.status_code, deleted.content) == (204, b"")
    for query in ("", "?is_trashed=true"):
        assert await items(alice, prefix + query) == []
    for method, path in (("GET", ""), ("POST", "/restore"), ("DELETE", "?permanent=true")):
        answer = await alice.request(method, f"{prefix}/{task['id']}{path}")
        assert error_code(answer) == "NOT_FOUND"
    query = "SELECT id::text, type, revision FROM tombstones WHERE user_id = %s"
    assert await execute(dsn, query, alice.id) == [(task["id"], "task", task["version"] + 1)]


@pytest.mark.parametrize("value", ["1", "yes", "TRUE", ""])
async def test_permanent_is_true_or_false(alice: Account, value: str) -> None:
    task = await alice.create_task()

    answer = await alice.delete(f"/tasks/{task['id']}?permanent={value}")

    assert error_code(answer) == "VALIDATION_ERROR"
    assert await items(alice, "/tasks") == [task]


async def test_restore_of_an_unknown_task_is_not_found(alice: Account) -> None:
    answer = await alice.post(f"/tasks/{uuid4()}/restore")

    assert error_code(answer) == "NOT_FOUND"


async def test_an_export_holds_the_trash(alice: Account) -> None:
    kept, gone = await alice.create_task(), await trashed(alice)
    erased = await alice.create_task()
    await alice.delete(f"/tasks/{erased['id']}?permanent=true")

    export = (await alice.get("/users/me/export")).json()

    assert (export["tasks"], export["trash"]) == ([kept], [gone])


async def test_the_trash_is_purged_after_thirty_days(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    kept, old = await alice.create_task(), await trashed(alice)
    await age(dsn, alice, 30.01)
    young = await trashed(alice)

    await sweep_all(app)

    assert await items(alice, "/tasks?is_trashed=true") == [young]
    assert await items(alice, "/tasks") == [kept]
    assert error_code(await alice.post(f"/tasks/{old['id']}/restore")) == "NOT_FOUND"
    query = "SELECT revision, horizon FROM users WHERE id = %s"
    # The purge has taken a number: what a list showed is gone.
    assert await execute(dsn, query, alice.id) == [(young["version"] + 1, old["version"])]


async def test_a_list_of_the_trash_has_another_tag_once_it_was_purged(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    await trashed(alice)
    erased = await alice.create_task()
    await alice.delete(f"/tasks/{erased['id']}?permanent=true")
    await age(dsn, alice, 31)
    # The memory of the later deletion is purged before the trash.
    await execute(dsn, "UPDATE users SET horizon = revision WHERE id = %s", alice.id)
    tag = (await alice.get("/tasks?is_trashed=true")).headers["ETag"]

    await sweep_all(app)

    answer = await alice.get("/tasks?is_trashed=true", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.json()["items"]) == (200, [])


async def test_task_can_be_restored_within_30_days(app: FastAPI, alice: Account, dsn: str) -> None:
    task = await trashed(alice)
    await age(dsn, alice, 29.99)

    await sweep_all(app)

    assert (await alice.post(f"/tasks/{task['id']}/restore")).status_code == 200


async def test_task_deleted_again_after_a_restore_has_a_new_deletion_time(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    task = await trashed(alice)
    await age(dsn, alice, 40)
    await alice.post(f"/tasks/{task['id']}/restore")
    await alice.delete(f"/tasks/{task['id']}")

    await sweep_all(app)

    assert len(await items(alice, "/tasks?is_trashed=true")) == 1


async def test_tombstones_are_purged_after_thirty_days(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    for days in (1, 30):
        task = await alice.create_task()
        await alice.delete(f"/tasks/{task['id']}?permanent=true")
        await age(dsn, alice, days)

    await sweep_all(app)

    query = "SELECT revision FROM tombstones WHERE user_id = %s"
    assert await execute(dsn, query, alice.id) == []
    horizon = "SELECT horizon FROM users WHERE id = %s"
    assert await execute(dsn, horizon, alice.id) == [(4,)]
