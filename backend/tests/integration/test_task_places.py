"""Where a task is: list, section and parent, on create, PUT, PATCH and move."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.accounts import Account
from tests.support.invariants import check_rows
from tests.support.resource_calls import (
    Resource,
    body_of,
    chain_of,
    create,
    create_task,
    errors_of,
    place_of,
    read,
    trash,
)
from tests.support.sync_copies import stored, sync, synced

METHODS = pytest.mark.parametrize("method", ["patch", "put", "move"])
NOWHERE = (None, None, None)


class Places:
    """Two lists with a section and a task in each of them."""

    work: Resource
    home: Resource
    doing: Resource
    garden: Resource
    task: Resource
    in_doing: Resource
    in_home: Resource


@pytest.fixture
async def places(alice: Account) -> Places:
    found = Places()
    found.work = await create(alice, "lists", name="Work")
    found.home = await create(alice, "lists", name="Home")
    found.doing = await create(alice, "sections", name="Doing", list_id=found.work["id"])
    found.garden = await create(alice, "sections", name="Garden", list_id=found.home["id"])
    found.task = await create_task(alice, list_id=found.work["id"])
    found.in_doing = await create_task(alice, section_id=found.doing["id"])
    found.in_home = await create_task(alice, list_id=found.home["id"])
    return found


async def put_in(
    account: Account, method: str, task: Resource, version: int | None = None, **place: Any
) -> httpx.Response:
    path = f"/tasks/{task['id']}"
    headers = {} if version is None else {"If-Match": f'"{version}"'}
    if method == "move":
        return await account.post(f"{path}/move", place, headers=headers)
    if method == "put":
        return await account.put(path, {"title": "task", **place}, headers=headers)
    return await account.patch(path, place, headers=headers)


async def test_new_task_takes_the_list_of_its_section(places: Places) -> None:
    assert place_of(places.in_doing) == (places.work["id"], places.doing["id"], None)


async def test_new_subtask_takes_the_list_and_section_of_its_parent(
    alice: Account, places: Places
) -> None:
    task = await create_task(alice, parent_id=places.in_doing["id"])

    assert place_of(task) == (*place_of(places.in_doing)[:2], places.in_doing["id"])


async def test_new_task_may_name_what_agrees(alice: Account, places: Places) -> None:
    place = {
        "list_id": places.work["id"],
        "section_id": places.doing["id"],
        "parent_id": places.in_doing["id"],
    }

    assert place_of(await create_task(alice, **place)) == tuple(place.values())


@METHODS
async def test_new_list_alone_clears_section_and_parent(
    alice: Account, places: Places, method: str, dsn: str
) -> None:
    child = await create_task(alice, parent_id=places.in_doing["id"])

    moved = body_of(await put_in(alice, method, child, list_id=places.home["id"]))

    assert place_of(moved) == (places.home["id"], None, None)
    await check_rows(dsn, alice)


@METHODS
async def test_inbox_is_a_list_of_its_own(alice: Account, places: Places, method: str) -> None:
    moved = body_of(await put_in(alice, method, places.in_doing, list_id=None))

    assert place_of(moved) == NOWHERE


@METHODS
async def test_same_list_keeps_section_and_parent(
    alice: Account, places: Places, method: str
) -> None:
    child = await create_task(alice, parent_id=places.in_doing["id"])

    moved = body_of(await put_in(alice, method, child, list_id=places.work["id"]))

    assert place_of(moved) == place_of(child)


@METHODS
async def test_new_section_alone_takes_its_list_and_clears_the_parent(
    alice: Account, places: Places, method: str
) -> None:
    child = await create_task(alice, parent_id=places.in_doing["id"])

    moved = body_of(await put_in(alice, method, child, section_id=places.garden["id"]))

    assert place_of(moved) == (places.home["id"], places.garden["id"], None)


@METHODS
async def test_no_section_leaves_the_task_in_its_list(
    alice: Account, places: Places, method: str
) -> None:
    moved = body_of(await put_in(alice, method, places.in_doing, section_id=None))

    assert place_of(moved) == (places.work["id"], None, None)


@METHODS
async def test_new_parent_alone_takes_its_list_and_section(
    alice: Account, places: Places, method: str, dsn: str
) -> None:
    moved = body_of(await put_in(alice, method, places.in_home, parent_id=places.in_doing["id"]))

    assert place_of(moved) == (places.work["id"], places.doing["id"], places.in_doing["id"])
    await check_rows(dsn, alice)


@METHODS
async def test_no_parent_leaves_the_task_in_its_section(
    alice: Account, places: Places, method: str
) -> None:
    child = await create_task(alice, parent_id=places.in_doing["id"])

    moved = body_of(await put_in(alice, method, child, parent_id=None))

    assert place_of(moved) == (places.work["id"], places.doing["id"], None)


@METHODS
async def test_contradictions_are_rejected(alice: Account, places: Places, method: str) -> None:
    child = await create_task(alice, parent_id=places.in_doing["id"])
    work, home = places.work["id"], places.home["id"]
    doing, garden = places.doing["id"], places.garden["id"]
    contradictions: list[tuple[dict[str, Any], str]] = [
        ({"list_id": work, "section_id": garden}, "list_id"),
        ({"list_id": None, "section_id": doing}, "list_id"),
        ({"list_id": home, "parent_id": places.in_doing["id"]}, "list_id"),
        ({"section_id": None, "parent_id": places.in_doing["id"]}, "section_id"),
        ({"section_id": garden, "parent_id": places.in_doing["id"]}, "section_id"),
    ]
    for place, path in contradictions:
        response = await put_in(alice, method, child, **place)
        assert errors_of(response) == [(f"body.{path}", "contradiction")]
        created = await alice.post("/tasks", {"title": "task", **place})
        assert errors_of(created) == [(f"body.{path}", "contradiction")]

    assert await read(alice, child) == child


async def test_put_without_a_place_keeps_it(alice: Account, places: Places) -> None:
    replaced = body_of(await alice.put(f"/tasks/{places.in_doing['id']}", {"title": "new"}))

    assert place_of(replaced) == place_of(places.in_doing)
    assert replaced["position"] == places.in_doing["position"]


@METHODS
async def test_task_in_a_new_place_comes_last(alice: Account, places: Places, method: str) -> None:
    newest = await create_task(alice, list_id=places.home["id"])

    moved = body_of(await put_in(alice, method, places.task, list_id=places.home["id"]))

    assert moved["position"] > newest["position"]


@METHODS
@pytest.mark.parametrize("kind", ["list", "section", "parent"])
async def test_missing_trashed_and_foreign_references_look_the_same(  # noqa: PLR0917  # fixtures
    alice: Account, bob: Account, places: Places, dsn: str, method: str, kind: str
) -> None:
    plural = {"parent": "tasks"}.get(kind, f"{kind}s")
    theirs = await create(bob, "lists", name="Theirs")
    foreign = {
        "list": theirs,
        "section": await create(bob, "sections", name="s", list_id=theirs["id"]),
        "parent": await create_task(bob),
    }[kind]
    trashed = {"list": places.home, "section": places.garden, "parent": places.in_home}[kind]
    await trash(alice, "lists", places.home)
    field = f"{kind}_id"

    responses = []
    for reference in (str(uuid4()), trashed["id"], foreign["id"], places.task["id"]):
        if reference == places.task["id"] and kind == "parent":
            continue
        place: dict[str, Any] = {field: reference}
        responses += [
            await put_in(alice, method, places.task, **place),
            await alice.post("/tasks", {"title": "task", **place}),
        ]

    assert len({response.content for response in responses}) == 1
    assert errors_of(responses[0]) == [(f"body.{field}", "unknown_reference")]
    assert (await bob.get(f"/{plural}/{foreign['id']}")).status_code == 200
    assert await read(alice, places.task) == places.task
    await check_rows(dsn, alice)


async def test_section_needs_a_list_that_exists(
    alice: Account, bob: Account, places: Places
) -> None:
    foreign = await create(bob, "lists", name="Theirs")
    await trash(alice, "lists", places.home)

    responses = [
        await alice.post("/sections", {"name": "s", "list_id": list_id})
        for list_id in (str(uuid4()), places.home["id"], foreign["id"])
    ]

    assert len({response.content for response in responses}) == 1
    assert errors_of(responses[0]) == [("body.list_id", "unknown_reference")]


async def test_repeated_create_is_known_after_its_references_are_gone(
    alice: Account, places: Places
) -> None:
    label = await create(alice, "labels", name="errand")
    bodies: list[dict[str, Any]] = [
        {"section_id": places.garden["id"]},
        {"label_ids": [label["id"]]},
        {"parent_id": places.in_home["id"]},
        {"list_id": places.home["id"]},
    ]
    bodies = [{"id": str(uuid4()), "title": "task", **body} for body in bodies]
    for body in bodies:
        body_of(await alice.post("/tasks", body), 201)
    await trash(alice, "labels", label)
    response = await alice.delete(f"/lists/{places.home['id']}?permanent=true&move_tasks_to=inbox")
    assert response.status_code == 204
    await alice.post(f"/tasks/{bodies[2]['id']}/move", {"parent_id": None})
    await trash(alice, "tasks", places.in_home)

    again = [await alice.post("/tasks", body) for body in bodies]

    assert [response.status_code for response in again] == [200] * 4


@METHODS
async def test_if_match_is_checked_before_a_task_moves(
    alice: Account, places: Places, method: str
) -> None:
    version = places.task["version"]
    place = {"list_id": places.home["id"]}

    stale = await put_in(alice, method, places.task, version + 1, **place)
    moved = await put_in(alice, method, places.task, version, **place)
    again = await put_in(alice, method, places.task, version, **place)

    assert [one.status_code for one in (stale, moved, again)] == [412, 200, 412]
    assert moved.headers["ETag"] == f'"{moved.json()["version"]}"'


@METHODS
async def test_each_moved_task_has_a_version_of_its_own(
    alice: Account, places: Places, method: str
) -> None:
    tasks = await chain_of(alice, 4)
    copy = await synced(alice)

    body_of(await put_in(alice, method, tasks[0], section_id=places.doing["id"]))

    changes = (await sync(alice, copy.token))["changes"]
    assert sorted(one["id"] for one in changes) == sorted(task["id"] for task in tasks)
    assert len({one["data"]["version"] for one in changes}) == 4
    await copy.pull(alice)
    assert copy.resources == await stored(alice)


@pytest.mark.parametrize("method", ["patch", "put"])
async def test_task_that_is_there_already_keeps_its_place_among_its_siblings(
    alice: Account, places: Places, method: str
) -> None:
    await create_task(alice, list_id=places.work["id"])
    kept = body_of(await put_in(alice, method, places.task, list_id=places.work["id"]))

    assert kept["position"] == places.task["position"]


@pytest.mark.parametrize("method", ["patch", "move"])
async def test_task_in_the_trash_cannot_be_moved(
    alice: Account, places: Places, method: str
) -> None:
    await trash(alice, "tasks", places.task)

    response = await put_in(alice, method, places.task, list_id=places.home["id"])

    assert response.status_code == 404


async def test_move_to_a_new_place_beside_itself_comes_last(
    alice: Account, places: Places
) -> None:
    for anchor in ("after_id", "before_id"):
        task = await create_task(alice)

        place = {"list_id": places.home["id"], anchor: task["id"]}
        moved = body_of(await alice.post(f"/tasks/{task['id']}/move", place))

        assert moved == await read(alice, task)
        assert place_of(moved) == (places.home["id"], None, None)


async def test_one_patch_changes_the_place_and_other_fields(
    alice: Account, places: Places, dsn: str
) -> None:
    label = await create(alice, "labels", name="errand")
    child = await create_task(alice, parent_id=places.task["id"])

    body = {
        "title": "new",
        "due": {"date": "2026-12-01"},
        "section_id": places.garden["id"],
        "label_ids": [label["id"]],
        "is_completed": True,
    }
    changed = body_of(await alice.patch(f"/tasks/{places.task['id']}", body))

    assert changed == await read(alice, places.task)
    assert (changed["title"], changed["label_ids"]) == ("new", [label["id"]])
    assert place_of(changed) == (places.home["id"], places.garden["id"], None)
    found = await read(alice, child)
    assert (found["is_completed"], found["section_id"]) == (True, places.garden["id"])
    await check_rows(dsn, alice)
