"""Repairs of tasks that the previous release has changed while it served beside the newest one."""

import asyncio

from duly.database import migrations
from tests.support.accounts import Account
from tests.support.direct_sql import execute
from tests.support.resource_calls import (
    chain_of,
    create,
    create_task,
    patch,
    read,
    trash,
)
from tests.support.sync_copies import stored, synced


async def complete(dsn: str) -> None:
    await asyncio.to_thread(migrations.complete, dsn)


async def test_subtask_of_a_task_that_was_deleted_alone_becomes_a_task(
    alice: Account, dsn: str
) -> None:
    parent, child, grandchild = await chain_of(alice, 3)
    copy = await synced(alice)
    await execute(
        dsn,
        "UPDATE tasks SET trashed_at = now(), revision = revision + 100 WHERE id = %s",
        parent["id"],
    )
    await execute(dsn, "UPDATE users SET revision = revision + 100 WHERE id = %s", alice.id)

    await complete(dsn)

    assert (await read(alice, child))["parent_id"] is None
    assert (await read(alice, grandchild))["parent_id"] == child["id"]
    await copy.pull(alice)
    assert copy.resources == await stored(alice)


async def test_task_that_was_restored_in_a_trashed_list_is_in_the_inbox(
    alice: Account, dsn: str
) -> None:
    work = await create(alice, "lists", name="Work")
    section = await create(alice, "sections", name="Doing", list_id=work["id"])
    task = await create_task(alice, list_id=work["id"], section_id=section["id"])
    other = await create_task(alice, list_id=work["id"])
    await trash(alice, "lists", work)
    await execute(dsn, "UPDATE tasks SET trashed_at = NULL WHERE id = %s", task["id"])

    await complete(dsn)

    found = await read(alice, task)
    assert (found["list_id"], found["section_id"]) == (None, None)
    rows = await execute(dsn, "SELECT list_id::text FROM tasks WHERE id = %s", other["id"])
    assert rows == [(work["id"],)]


async def test_label_that_was_deleted_alone_is_taken_off_its_tasks(
    alice: Account, dsn: str
) -> None:
    home, errand = [await create(alice, "labels", name=name) for name in ("home", "errand")]
    task = await create_task(alice, label_ids=[home["id"], errand["id"]])
    untouched = await create_task(alice, label_ids=[errand["id"]])
    await execute(dsn, "DELETE FROM labels WHERE id = %s", home["id"])

    await complete(dsn)

    found = await read(alice, task)
    assert found["label_ids"] == [errand["id"]]
    assert found["version"] > task["version"]
    assert (await read(alice, untouched))["version"] == untouched["version"]
    await patch(alice, found, remove_label_ids=[errand["id"]])
