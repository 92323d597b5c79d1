"""Sections of lists."""

from typing import Any

import pytest

from tests.support.accounts import Account, error_code
from tests.support.invariants import check_rows
from tests.support.resource_calls import (
    body_of,
    create,
    create_task,
    errors_of,
    place_of,
    read,
    titles,
    trash,
)
from tests.support.sync_copies import stored, sync, synced


async def list_with_section(account: Account) -> tuple[dict[str, Any], dict[str, Any]]:
    work = await create(account, "lists", name="Work")
    return work, await create(account, "sections", name="Doing", list_id=work["id"])


async def test_section_is_created_read_and_renamed(alice: Account) -> None:
    work, section = await list_with_section(alice)
    path = f"/sections/{section['id']}"

    assert body_of(await alice.get(path)) == section
    assert section["list_id"] == work["id"]
    assert body_of(await alice.patch(path, {"name": "Done"}))["name"] == "Done"
    assert body_of(await alice.put(path, {"name": "Doing"}))["name"] == "Doing"


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_section_stays_in_its_list(alice: Account, method: str) -> None:
    _, section = await list_with_section(alice)
    other = await create(alice, "lists", name="Other")

    body = {"name": "Doing", "list_id": other["id"]}
    response = await alice.request(method, f"/sections/{section['id']}", json=body)

    assert errors_of(response) == [("body.list_id", "extra_forbidden")]


async def test_sections_may_have_the_same_name(alice: Account) -> None:
    work, _ = await list_with_section(alice)

    await create(alice, "sections", name="Doing", list_id=work["id"])

    assert await titles(alice, plural="sections") == ["Doing", "Doing"]


async def test_sections_of_one_list_are_listed(alice: Account) -> None:
    work, _ = await list_with_section(alice)
    await list_with_section(alice)
    await create(alice, "sections", name="A", list_id=work["id"])

    query = f"list_id={work['id']}"
    assert await titles(alice, query, "sections") == ["Doing", "A"]
    assert await titles(alice, f"{query}&sort=name", "sections") == ["A", "Doing"]
    page = body_of(await alice.get(f"/sections?{query}&include_total=true&limit=1"))
    assert page["total"] == 2
    cursor = page["next_cursor"]
    assert await titles(alice, f"{query}&cursor={cursor}", "sections") == ["A"]
    assert error_code(await alice.get(f"/sections?cursor={cursor}")) == "VALIDATION_ERROR"


async def test_tasks_of_a_deleted_section_stay_in_its_list(alice: Account, dsn: str) -> None:
    work, section = await list_with_section(alice)
    task = await create_task(alice, section_id=section["id"])
    child = await create_task(alice, parent_id=task["id"])
    gone = await create_task(alice, section_id=section["id"])
    await trash(alice, "tasks", gone)
    copy = await synced(alice)

    await trash(alice, "sections", section)

    assert place_of(await read(alice, task)) == (work["id"], None, None)
    assert place_of(await read(alice, child)) == (work["id"], None, task["id"])
    changes = (await sync(alice, copy.token))["changes"]
    assert ("section", "delete", section["id"]) in [
        (one["type"], one["op"], one["id"]) for one in changes
    ]
    await copy.pull(alice)
    assert copy.resources == await stored(alice)
    assert error_code(await alice.get(f"/sections/{section['id']}")) == "NOT_FOUND"
    await check_rows(dsn, alice)


async def test_tasks_of_a_deleted_section_come_last_in_their_order(alice: Account) -> None:
    work, section = await list_with_section(alice)
    tasks = {name: await create_task(alice, name, section_id=section["id"]) for name in "abc"}
    for name in "de":
        await create_task(alice, name, parent_id=tasks["a"]["id"], after_id=None)
    await create_task(alice, "x", list_id=work["id"])
    await alice.post(f"/tasks/{tasks['c']['id']}/move", {"after_id": None})

    await trash(alice, "sections", section)

    query = f"list_id={work['id']}&sort=position"
    assert await titles(alice, f"{query}&parent_id=none") == ["x", "c", "a", "b"]
    assert await titles(alice, f"{query}&parent_id={tasks['a']['id']}") == ["e", "d"]


async def test_stale_deletion_of_a_section_changes_nothing(alice: Account) -> None:
    _, section = await list_with_section(alice)
    task = await create_task(alice, section_id=section["id"])

    response = await alice.delete(f"/sections/{section['id']}", headers={"If-Match": '"99"'})

    assert error_code(response) == "PRECONDITION_FAILED"
    assert await read(alice, task) == task


async def test_sections_follow_their_list_to_the_trash_and_back(alice: Account) -> None:
    work, section = await list_with_section(alice)
    path = f"/sections/{section['id']}"
    await trash(alice, "lists", work)

    for response in (
        await alice.get(path),
        await alice.patch(path, {"name": "new"}),
        await alice.post(f"{path}/move", {"after_id": None}),
        await alice.delete(path),
    ):
        assert error_code(response) == "NOT_FOUND"
    assert await titles(alice, plural="sections") == []
    await alice.post(f"/lists/{work['id']}/restore")
    restored = body_of(await alice.get(path))
    assert restored == {**section, "version": restored["version"]}
