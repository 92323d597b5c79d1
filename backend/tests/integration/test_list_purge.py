"""The purge of lists that were in the trash for 30 days, with their sections and tasks."""

import asyncio
from uuid import uuid4

import pytest
from fastapi import FastAPI

from duly.runtime import maintenance
from tests.support.accounts import Account, error_code
from tests.support.direct_sql import earlier, execute, holding_account, somebody_waits_for
from tests.support.instances import sweep_all
from tests.support.invariants import check_rows
from tests.support.resource_calls import Resource, act, body_of, create, create_task, trash
from tests.support.sync_copies import sync

TABLES = ("tasks", "sections", "lists", "tombstones")


async def age(dsn: str, account: Account, days: float, *tables: str) -> None:
    """Let what is in the trash, and what was deleted, have been so for that much longer."""
    for table in tables or TABLES:
        column = "created_at" if table == "tombstones" else "trashed_at"
        before = earlier(column, "%s * interval '1 day'")
        query = f"UPDATE {table} SET {column} = {before} WHERE user_id = %s"
        await execute(dsn, query, days, account.id)


async def whole_list(account: Account) -> Resource:
    """A list with a section, a task in each, and a subtask with a label."""
    whole = await create(account, "lists", name="Work")
    section = await create(account, "sections", name="Doing", list_id=whole["id"])
    label = await create(account, "labels", name=f"label of {whole['id']}")
    await create_task(account, list_id=whole["id"])
    task = await create_task(account, section_id=section["id"])
    await create_task(account, parent_id=task["id"], label_ids=[label["id"]])
    return whole


async def rows(dsn: str, account: Account) -> list[int]:
    """How many tasks, sections, lists and tombstones there are."""
    counts = ", ".join(f"(SELECT count(*) FROM {one} WHERE user_id = u.id)" for one in TABLES)
    [found] = await execute(dsn, f"SELECT {counts} FROM users u WHERE id = %s", account.id)
    return list(found)


async def test_list_is_purged_with_its_sections_and_tasks_after_thirty_days(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    await trash(alice, "lists", await whole_list(alice))
    young = await whole_list(alice)
    await age(dsn, alice, 30.01)
    await trash(alice, "lists", young)

    await sweep_all(app)

    assert await rows(dsn, alice) == [3, 1, 1, 0]
    await check_rows(dsn, alice)
    assert body_of(await alice.post(f"/lists/{young['id']}/restore"))["name"] == "Work"


async def test_list_stays_until_then_with_all_its_tasks(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    old = await whole_list(alice)
    await trash(alice, "lists", old)
    await age(dsn, alice, 29.99)

    await sweep_all(app)

    assert await rows(dsn, alice) == [3, 1, 1, 0]
    await alice.post(f"/lists/{old['id']}/restore")
    assert len(body_of(await alice.get(f"/tasks?list_id={old['id']}"))["items"]) == 3


async def test_list_waits_for_tasks_and_sections_that_are_not_purged_yet(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    # Between the statements of one sweep, the list can come of age.
    await trash(alice, "lists", await whole_list(alice))
    await age(dsn, alice, 40, "lists")
    await sweep_all(app)
    assert await rows(dsn, alice) == [3, 1, 1, 0]

    await age(dsn, alice, 40, "tasks", "sections")
    await sweep_all(app)

    assert await rows(dsn, alice) == [0, 0, 0, 0]
    await check_rows(dsn, alice)


async def test_list_with_a_task_that_was_added_while_the_purge_waited_stays(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    whole = await create(alice, "lists", name="Work")
    await trash(alice, "lists", whole)
    await age(dsn, alice, 31)

    async with holding_account(dsn, alice.id) as connection:
        sweeping = asyncio.create_task(sweep_all(app))
        await somebody_waits_for(connection)
        await connection.execute(
            "INSERT INTO tasks (user_id, id, title, revision, list_id) "
            "SELECT id, %s, 'late', revision, %s FROM users WHERE id = %s",
            [uuid4(), whole["id"], alice.id],
        )
        await connection.execute(
            "UPDATE users SET task_count = task_count + 1 WHERE id = %s", [alice.id]
        )
    await sweeping

    assert await rows(dsn, alice) == [1, 0, 1, 0]


async def test_trash_of_several_users_is_purged_in_one_sweep(
    app: FastAPI, alice: Account, bob: Account, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "_OWNERS_AT_ONCE", 1)
    for account in (alice, bob):
        await trash(account, "lists", await whole_list(account))
        await age(dsn, account, 31)

    await sweep_all(app)

    for account in (alice, bob):
        assert await rows(dsn, account) == [0, 0, 0, 0]
        await check_rows(dsn, account)


async def test_trash_of_a_disabled_account_is_purged(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    await trash(alice, "lists", await whole_list(alice))
    await age(dsn, alice, 31)
    await execute(dsn, "UPDATE users SET disabled_at = now() WHERE id = %s", alice.id)

    await sweep_all(app)

    assert await rows(dsn, alice) == [0, 0, 0, 0]
    await check_rows(dsn, alice)


async def test_task_in_the_trash_before_its_list_is_purged_before_it(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    whole = await create(alice, "lists", name="Work")
    parent = await create_task(alice, list_id=whole["id"])
    child = await create_task(alice, parent_id=parent["id"])
    await trash(alice, "tasks", child)
    await age(dsn, alice, 10)
    await trash(alice, "lists", whole)
    await age(dsn, alice, 25)

    await sweep_all(app)

    assert await rows(dsn, alice) == [1, 0, 1, 0]
    assert error_code(await alice.post(f"/tasks/{child['id']}/restore")) == "NOT_FOUND"
    assert (await act(alice, parent, "restore"))["list_id"] is None
    await check_rows(dsn, alice)


async def test_subtree_in_the_trash_is_purged_in_one_sweep(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    parent = await create_task(alice)
    for _ in range(3):
        await create_task(alice, parent_id=parent["id"])
    await trash(alice, "tasks", parent)
    await age(dsn, alice, 31)

    await sweep_all(app)

    assert await rows(dsn, alice) == [0, 0, 0, 0]
    await check_rows(dsn, alice)


async def test_device_that_has_not_seen_the_deletion_syncs_fully_after_the_purge(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    whole = await whole_list(alice)
    before = (await sync(alice))["token"]
    await trash(alice, "lists", whole)
    after = (await sync(alice))["token"]
    await age(dsn, alice, 31)

    await sweep_all(app)

    expired = await alice.get("/sync", params={"token": before})
    assert error_code(expired) == "SYNC_TOKEN_EXPIRED"
    assert (await sync(alice, after))["changes"] == []
    left = (await sync(alice))["changes"]
    assert [change["type"] for change in left] == ["user", "label"]


async def test_purge_of_one_user_leaves_the_lists_of_another(
    app: FastAPI, alice: Account, bob: Account, dsn: str
) -> None:
    for account in (alice, bob):
        await trash(account, "lists", await whole_list(account))
    await age(dsn, alice, 31)

    await sweep_all(app)

    assert await rows(dsn, bob) == [3, 1, 1, 0]


async def test_purged_list_changes_the_tag_of_the_trash(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    await trash(alice, "lists", await create(alice, "lists", name="Work"))
    await age(dsn, alice, 31)
    tag = (await alice.get("/lists?is_trashed=true")).headers["ETag"]

    await sweep_all(app)

    response = await alice.get("/lists?is_trashed=true", headers={"If-None-Match": tag})
    assert (response.status_code, response.json()["items"]) == (200, [])


async def test_export_holds_the_sections_in_the_trash(alice: Account) -> None:
    whole = await whole_list(alice)
    kept = await create(alice, "sections", name="Kept", list_id=whole["id"])
    await trash(alice, "sections", kept)
    other = await whole_list(alice)
    await trash(alice, "lists", whole)

    export = body_of(await alice.get("/users/me/export"))

    assert [one["id"] for one in export["lists"]] == [other["id"]]
    assert (len(export["tasks"]), len(export["sections"]), len(export["labels"])) == (3, 1, 2)
    assert sorted(one.get("name", one.get("title")) for one in export["trash"]) == sorted(
        ["Work", "Doing", "task", "task", "task"]
    )


async def test_account_is_deleted_with_lists_subtasks_and_labels(alice: Account, dsn: str) -> None:
    await whole_list(alice)
    await trash(alice, "lists", await whole_list(alice))
    await create(alice, "filters", name="Urgent", query="p1")

    body = {"current_password": alice.password}
    response = await alice.request("DELETE", "/users/me", json=body)

    assert response.status_code == 204
    for table in (*TABLES, "labels", "filters", "task_labels"):
        query = f"SELECT count(*) FROM {table} WHERE user_id = %s"
        assert await execute(dsn, query, alice.id) == [(0,)]
