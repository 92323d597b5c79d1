"""Lists of tasks: archived, deleted and restored."""

import pytest

from tests.support.accounts import Account, error_code
from tests.support.invariants import check_rows
from tests.support.resource_calls import (
    Resource,
    act,
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

PERMANENTLY = pytest.mark.parametrize("suffix", ["", "&permanent=true"])


async def work_list(account: Account) -> tuple[Resource, Resource, dict[str, Resource]]:
    """A list, a section of it, and tasks: `plain`, `parent` and its `child`, and one that is `gone`."""
    work = await create(account, "lists", name="Work")
    section = await create(account, "sections", name="Doing", list_id=work["id"])
    tasks = {
        "plain": await create_task(account, "plain", list_id=work["id"]),
        "parent": await create_task(account, "parent", section_id=section["id"]),
        "gone": await create_task(account, "gone", list_id=work["id"]),
    }
    tasks["child"] = await create_task(account, "child", parent_id=tasks["parent"]["id"])
    await trash(account, "tasks", tasks["gone"])
    return work, section, tasks


async def restore(account: Account, work: Resource) -> Resource:
    return body_of(await account.post(f"/lists/{work['id']}/restore"))


async def test_list_is_created_changed_and_replaced(alice: Account) -> None:
    work = await create(alice, "lists", name=" Work ", color="#4f46e5")
    path = f"/lists/{work['id']}"

    assert (work["name"], work["is_archived"], work["trashed_at"]) == ("Work", False, None)
    assert body_of(await alice.patch(path, {"is_archived": True}))["color"] == "#4f46e5"
    replaced = body_of(await alice.put(path, {"name": "Home"}))
    assert (replaced["name"], replaced["color"], replaced["is_archived"]) == ("Home", None, False)
    assert body_of(await alice.get(path)) == replaced
    assert (await synced(alice)).resources == await stored(alice)


async def test_list_goes_to_the_trash_with_its_sections_and_tasks(
    alice: Account, dsn: str
) -> None:
    work, section, tasks = await work_list(alice)
    inbox = await create_task(alice, "inbox")
    copy = await synced(alice)

    await trash(alice, "lists", work)

    assert await titles(alice) == ["inbox"]
    assert await titles(alice, plural="sections") == await titles(alice, plural="lists") == []
    assert await titles(alice, "is_trashed=true", "lists") == ["Work"]
    assert sorted(await titles(alice, "is_trashed=true")) == sorted(tasks)
    changes = (await sync(alice, copy.token))["changes"]
    deleted = {(one["type"], one["id"]) for one in changes if one["op"] == "delete"}
    assert deleted == {("list", work["id"]), ("section", section["id"])} | {
        ("task", tasks[name]["id"]) for name in ("plain", "parent", "child")
    }
    await copy.pull(alice)
    assert copy.resources == await stored(alice)
    assert await read(alice, inbox) == inbox
    await check_rows(dsn, alice)


async def test_restored_list_brings_back_what_was_deleted_with_it(
    alice: Account, dsn: str
) -> None:
    work, section, tasks = await work_list(alice)
    copy = await synced(alice)
    await trash(alice, "lists", work)

    restored = await restore(alice, work)

    assert restored == {**work, "version": restored["version"]}
    for name in ("plain", "parent", "child"):
        found = await read(alice, tasks[name])
        assert found == {**tasks[name], "version": found["version"]}
    assert await titles(alice, plural="sections") == ["Doing"]
    assert await titles(alice, "is_trashed=true") == ["gone"]
    assert place_of(await act(alice, tasks["gone"], "restore")) == place_of(tasks["gone"])
    await copy.pull(alice)
    assert copy.resources == await stored(alice)
    assert section["id"] in {resource_id for _, resource_id in copy.resources}
    await check_rows(dsn, alice)


async def test_restoring_twice_changes_nothing(alice: Account) -> None:
    work, _, _ = await work_list(alice)
    await trash(alice, "lists", work)
    first = await restore(alice, work)

    assert await restore(alice, work) == first


async def test_second_deletion_of_a_list_is_not_found(alice: Account) -> None:
    work, _, _ = await work_list(alice)
    await trash(alice, "lists", work)

    assert error_code(await alice.delete(f"/lists/{work['id']}")) == "NOT_FOUND"
    response = await alice.delete(f"/lists/{work['id']}?move_tasks_to=inbox")
    assert error_code(response) == "NOT_FOUND"


async def test_part_restored_from_a_deleted_list_is_in_the_inbox(alice: Account, dsn: str) -> None:
    work, _, tasks = await work_list(alice)
    await trash(alice, "lists", work)

    await act(alice, tasks["child"], "restore")
    await act(alice, tasks["gone"], "restore")
    await restore(alice, work)

    assert place_of(await read(alice, tasks["child"])) == (None, None, None)
    assert place_of(await read(alice, tasks["gone"])) == (None, None, None)
    assert place_of(await read(alice, tasks["parent"])) == place_of(tasks["parent"])
    await check_rows(dsn, alice)


async def test_list_deleted_twice_restores_what_went_the_second_time(
    alice: Account, dsn: str
) -> None:
    work, _, tasks = await work_list(alice)
    await trash(alice, "lists", work)
    await restore(alice, work)
    await trash(alice, "tasks", tasks["plain"])
    await trash(alice, "lists", work)

    await restore(alice, work)

    assert sorted(await titles(alice, "is_trashed=true")) == ["gone", "plain"]
    await check_rows(dsn, alice)


async def test_permanently_deleted_list_takes_all_with_it(alice: Account, dsn: str) -> None:
    work, section, tasks = await work_list(alice)
    token = (await sync(alice))["token"]

    response = await alice.delete(f"/lists/{work['id']}?permanent=true")

    assert response.status_code == 204
    assert await titles(alice, "is_trashed=true") == await titles(alice) == []
    assert error_code(await alice.post(f"/lists/{work['id']}/restore")) == "NOT_FOUND"
    changes = (await sync(alice, token))["changes"]
    assert {(one["op"], one["id"]) for one in changes} == {
        ("delete", one["id"]) for one in (work, section, *tasks.values())
    }
    await check_rows(dsn, alice)


async def test_list_in_the_trash_is_deleted_permanently(alice: Account, dsn: str) -> None:
    work, _, _ = await work_list(alice)
    await trash(alice, "lists", work)

    response = await alice.delete(f"/lists/{work['id']}?permanent=true")

    assert response.status_code == 204
    assert await titles(alice, "is_trashed=true") == []
    await check_rows(dsn, alice)


@PERMANENTLY
@pytest.mark.parametrize("target", ["inbox", "list"])
async def test_deletion_keeps_the_tasks_if_it_says_where(
    alice: Account, dsn: str, target: str, suffix: str
) -> None:
    home = await create(alice, "lists", name="Home")
    work, _, tasks = await work_list(alice)
    copy = await synced(alice)
    list_id = None if target == "inbox" else home["id"]

    query = f"move_tasks_to={list_id or 'inbox'}{suffix}"
    response = await alice.delete(f"/lists/{work['id']}?{query}")

    assert response.status_code == 204
    assert place_of(await read(alice, tasks["plain"])) == (list_id, None, None)
    child = await read(alice, tasks["child"])
    assert place_of(child) == (list_id, None, tasks["parent"]["id"])
    assert place_of(await act(alice, tasks["gone"], "restore")) == (list_id, None, None)
    await copy.pull(alice)
    assert copy.resources == await stored(alice)
    await check_rows(dsn, alice)


async def test_kept_tasks_come_last_in_their_order(alice: Account) -> None:
    home, work = [await create(alice, "lists", name=name) for name in ("Home", "Work")]
    tasks = {name: await create_task(alice, name, list_id=work["id"]) for name in "abc"}
    await create_task(alice, "x", list_id=home["id"])
    await alice.post(f"/tasks/{tasks['c']['id']}/move", {"after_id": None})

    await alice.delete(f"/lists/{work['id']}?move_tasks_to={home['id']}")

    assert await titles(alice, f"list_id={home['id']}&sort=position") == ["x", "c", "a", "b"]


async def test_restored_list_is_empty_if_its_tasks_were_kept(alice: Account, dsn: str) -> None:
    work, _, _ = await work_list(alice)
    await alice.delete(f"/lists/{work['id']}?move_tasks_to=inbox")

    await restore(alice, work)

    assert await titles(alice, f"list_id={work['id']}") == []
    assert await titles(alice, plural="sections") == ["Doing"]
    await check_rows(dsn, alice)


async def test_tasks_cannot_be_kept_in_a_list_that_is_not_there(
    alice: Account, bob: Account
) -> None:
    work, _, tasks = await work_list(alice)
    gone = await create(alice, "lists", name="Gone")
    await trash(alice, "lists", gone)
    foreign = await create(bob, "lists", name="Theirs")
    missing = "01936d5e-8f1c-7000-8000-000000000001"

    responses = [
        await alice.delete(f"/lists/{work['id']}?move_tasks_to={target}")
        for target in (missing, gone["id"], foreign["id"], work["id"])
    ]

    assert len({response.content for response in responses}) == 1
    assert errors_of(responses[0]) == [("query.move_tasks_to", "unknown_reference")]
    assert await read(alice, tasks["plain"]) == tasks["plain"]


@pytest.mark.parametrize("target", ["none", "INBOX", "", "x"])
async def test_invalid_target_is_one_error(alice: Account, target: str) -> None:
    work, _, _ = await work_list(alice)

    response = await alice.delete(f"/lists/{work['id']}?move_tasks_to={target}")

    assert errors_of(response) == [("query.move_tasks_to", "value_error")]


async def test_if_match_is_checked_when_a_list_is_deleted_and_restored(alice: Account) -> None:
    work, _, tasks = await work_list(alice)
    path = f"/lists/{work['id']}"
    # A change of a task is no change of its list.
    await alice.patch(f"/tasks/{tasks['plain']['id']}", {"title": "new"})

    def matching(version: int) -> dict[str, str]:
        return {"If-Match": f'"{version}"'}

    stale = await alice.delete(path, headers=matching(work["version"] + 1))
    deleted = await alice.delete(path, headers=matching(work["version"]))
    [found] = body_of(await alice.get("/lists?is_trashed=true"))["items"]
    too_early = await alice.post(f"{path}/restore", headers=matching(work["version"]))
    restored = await alice.post(f"{path}/restore", headers=matching(found["version"]))

    statuses = [one.status_code for one in (stale, deleted, too_early, restored)]
    assert statuses == [412, 204, 412, 200]


async def test_list_in_the_trash_cannot_be_changed(alice: Account) -> None:
    work, _, _ = await work_list(alice)
    path = f"/lists/{work['id']}"
    await trash(alice, "lists", work)

    for response in (
        await alice.get(path),
        await alice.patch(path, {"name": "new"}),
        await alice.put(path, {"name": "new"}),
        await alice.post(f"{path}/move", {"after_id": None}),
    ):
        assert error_code(response) == "NOT_FOUND"


async def test_list_of_another_user_is_not_found(alice: Account, bob: Account) -> None:
    work, _, tasks = await work_list(alice)
    path = f"/lists/{work['id']}"

    for response in (
        await bob.get(path),
        await bob.patch(path, {"name": "new"}),
        await bob.delete(path),
        await bob.delete(f"{path}?permanent=true&move_tasks_to=inbox"),
        await bob.post(f"{path}/move", {}),
        await bob.post(f"{path}/restore"),
    ):
        assert error_code(response) == "NOT_FOUND"
    assert await read(alice, tasks["plain"]) == tasks["plain"]
