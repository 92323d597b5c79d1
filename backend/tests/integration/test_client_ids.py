"""Ids that clients choose: the same create again is the same task, another one is refused."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from tests.support.accounts import API, Account, error_code
from tests.support.direct_sql import execute
from tests.support.factories import TaskFactory
from tests.support.instances import sweep_all
from tests.support.resource_calls import create


@pytest.fixture
def body() -> dict[str, Any]:
    return dict(TaskFactory(id=str(uuid4())))


async def revision(dsn: str, account: Account) -> int:
    [(number,)] = await execute(dsn, "SELECT revision FROM users WHERE id = %s", account.id)
    return int(number)


@pytest.mark.parametrize("prefix", ["/tasks", "/users/me/tasks"])
async def test_the_same_create_again_gives_the_task(
    alice: Account, body: dict[str, Any], prefix: str, dsn: str
) -> None:
    first = await alice.post(prefix, body)
    again = await alice.post(prefix, body)

    assert [first.status_code, again.status_code] == [201, 200]
    assert again.content == first.content
    assert again.headers["etag"] == first.headers["etag"]
    assert first.headers["location"] == f"{API}{prefix}/{body['id']}"
    assert await revision(dsn, alice) == 1


async def test_the_same_create_may_be_written_differently(alice: Account) -> None:
    task_id = str(uuid4())
    first = await alice.post("/tasks", {"title": "Buy milk", "id": task_id})
    spelled = {
        "id": task_id.upper(),
        "is_completed": False,
        "description": None,
        "title": " Buy milk\n",
    }

    again = await alice.post("/tasks", spelled)

    assert again.status_code == 200
    assert again.json() == first.json()


@pytest.mark.parametrize("plural", ["tasks", "lists"])
async def test_order_of_members_does_not_make_another_create(alice: Account, plural: str) -> None:
    name = "title" if plural == "tasks" else "name"
    body = {name: "Milk", "metadata": {"b": {"d": 1, "c": [{"f": 1, "e": 2}]}, "a": 2}}
    reordered = {"metadata": {"a": 2, "b": {"c": [{"e": 2, "f": 1}], "d": 1}}, name: "Milk"}
    same_id = {"id": str(uuid4())}
    first = await alice.post(f"/{plural}", {**body, **same_id})

    again = await alice.post(f"/{plural}", {**same_id, **reordered})

    assert again.status_code == 200
    assert again.json() == first.json()


async def test_order_of_elements_makes_another_create(alice: Account) -> None:
    body = {"id": str(uuid4()), "title": "Milk", "metadata": {"a": [1, 2]}}
    await alice.post("/tasks", body)

    refused = await alice.post("/tasks", {**body, "metadata": {"a": [2, 1]}})

    assert error_code(refused) == "ID_TAKEN"


@pytest.mark.parametrize("change", ["PUT", "PATCH", "complete", "batch"])
async def test_it_is_found_even_after_it_was_changed(
    alice: Account, body: dict[str, Any], change: str
) -> None:
    await alice.post("/tasks", body)
    path = f"/tasks/{body['id']}"
    if change == "complete":
        await alice.post(f"{path}/complete")
    elif change == "batch":
        operation = {"op": "update", "type": "task", "id": body["id"], "data": {"title": "other"}}
        await alice.post("/batch", {"operations": [operation]})
    else:
        await alice.request(change, path, json={"title": "other"})

    again = await alice.post("/tasks", body)

    assert again.status_code == 200
    assert again.json() == (await alice.get(path)).json()
    assert again.json()["version"] == 2


async def test_it_is_found_after_it_was_restored(alice: Account, body: dict[str, Any]) -> None:
    await alice.post("/tasks", body)
    await alice.delete(f"/tasks/{body['id']}")
    await alice.post(f"/tasks/{body['id']}/restore")

    assert (await alice.post("/tasks", body)).status_code == 200


@pytest.mark.parametrize(
    "other", [{"title": "other"}, {"description": None}, {"is_completed": True}], ids=repr
)
async def test_another_create_under_the_id_is_refused(
    alice: Account, body: dict[str, Any], other: dict[str, Any], dsn: str
) -> None:
    first = await alice.post("/tasks", body)

    refused = await alice.post("/tasks", {**body, **other})

    assert (refused.status_code, error_code(refused)) == (409, "ID_TAKEN")
    assert (await alice.get("/tasks")).json()["items"] == [first.json()]
    assert await revision(dsn, alice) == 1


async def test_an_id_that_the_service_made_is_taken_by_any_create(alice: Account) -> None:
    made = await alice.create_task(title="t", description=None)

    refused = await alice.post("/tasks", {"title": "t", "id": made["id"]})

    assert error_code(refused) == "ID_TAKEN"


async def test_id_of_another_users_task_is_free_and_reveals_nothing(
    alice: Account, bob: Account, body: dict[str, Any]
) -> None:
    hers = await alice.post("/tasks", body)

    same = await bob.post("/tasks", body)
    different = await bob.post("/tasks", {**body, "title": "his"})

    assert same.status_code == 201
    assert same.json()["user_id"] == bob.id
    assert different.status_code == 409
    assert (await alice.get(f"/tasks/{body['id']}")).json() == hers.json()


async def test_an_id_in_the_trash_is_taken(alice: Account, body: dict[str, Any]) -> None:
    await alice.post("/tasks", body)
    await alice.delete(f"/tasks/{body['id']}")

    refused = await alice.post("/tasks", {**body, "title": "another"})

    assert (refused.status_code, error_code(refused)) == (409, "ID_TAKEN")
    assert (await alice.get("/tasks")).json()["items"] == []


@pytest.mark.parametrize("plural", ["tasks", "lists"])
async def test_repeated_create_of_a_trashed_resource_returns_it(
    alice: Account, plural: str
) -> None:
    body = {"id": str(uuid4()), "title" if plural == "tasks" else "name": "Work"}
    await alice.post(f"/{plural}", body)
    await alice.delete(f"/{plural}/{body['id']}")

    again = await alice.post(f"/{plural}", body)

    assert again.status_code == 200
    assert again.json()["trashed_at"] is not None
    assert (await alice.get(f"/{plural}")).json()["items"] == []


@pytest.mark.parametrize("reference", ["section_id", "label_ids"])
async def test_repeated_create_of_a_trashed_task_returns_it_without_its_references(
    alice: Account, reference: str
) -> None:
    whole = await create(alice, "lists", name="Work")
    section = await create(alice, "sections", name="Doing", list_id=whole["id"])
    label = await create(alice, "labels", name="errand")
    sent = {"section_id": section["id"], "label_ids": [label["id"]]}[reference]
    body = {"id": str(uuid4()), "title": "Tea", reference: sent}
    await alice.post("/tasks", body)
    for path in (f"tasks/{body['id']}", f"lists/{whole['id']}", f"labels/{label['id']}"):
        await alice.delete(f"/{path}")

    again = await alice.post("/tasks", body)

    assert again.status_code == 200
    assert again.json()["trashed_at"] is not None


@pytest.mark.parametrize("reference", ["list_id", "section_id", "parent_id", "label_ids"])
async def test_another_create_under_a_taken_id_is_refused_whatever_it_refers_to(
    alice: Account, body: dict[str, Any], reference: str
) -> None:
    await alice.post("/tasks", body)
    gone = str(uuid4())

    refused = await alice.post(
        "/tasks", {**body, reference: [gone] if reference == "label_ids" else gone}
    )

    assert (refused.status_code, error_code(refused)) == (409, "ID_TAKEN")


async def test_another_create_under_a_taken_id_is_refused_wherever_it_would_be(
    alice: Account, body: dict[str, Any]
) -> None:
    await alice.post("/tasks", body)

    refused = await alice.post("/tasks", {**body, "parent_id": body["id"]})

    assert (refused.status_code, error_code(refused)) == (409, "ID_TAKEN")


async def test_another_section_under_a_taken_id_is_refused_whatever_its_list_is(
    alice: Account,
) -> None:
    whole = await create(alice, "lists", name="Work")
    section = await create(alice, "sections", name="Doing", list_id=whole["id"])

    refused = await alice.post(
        "/sections", {"id": section["id"], "name": "Done", "list_id": str(uuid4())}
    )

    assert (refused.status_code, error_code(refused)) == (409, "ID_TAKEN")


async def test_repeated_create_of_a_trashed_section_reports_its_list(alice: Account) -> None:
    whole = await create(alice, "lists", name="Work")
    body = {"id": str(uuid4()), "name": "Doing", "list_id": whole["id"]}
    await alice.post("/sections", body)
    await alice.delete(f"/lists/{whole['id']}")

    refused = await alice.post("/sections", body)

    assert refused.status_code == 400
    [field] = refused.json()["error"]["details"]["fields"]
    assert (field["path"], field["type"]) == ("body.list_id", "unknown_reference")


@pytest.mark.parametrize("is_trashed", [False, True])
async def test_id_is_free_once_its_task_is_permanently_deleted(
    alice: Account, body: dict[str, Any], *, is_trashed: bool
) -> None:
    await alice.post("/tasks", body)
    token = (await alice.get("/sync")).json()["token"]
    if is_trashed:
        await alice.delete(f"/tasks/{body['id']}")
    await alice.delete(f"/tasks/{body['id']}?permanent=true")

    again = await alice.post("/tasks", {**body, "title": "another"})

    assert again.status_code == 201
    assert again.json()["version"] == (4 if is_trashed else 3)
    # Who synced before learns of the task as it is now, not of its former deletion.
    changes = (await alice.get("/sync", params={"token": token})).json()["changes"]
    assert [change["op"] for change in changes] == ["upsert"]
    assert changes[0]["data"] == again.json()


async def test_an_id_is_free_once_the_trash_is_purged(
    app: FastAPI, alice: Account, body: dict[str, Any], dsn: str
) -> None:
    await alice.post("/tasks", body)
    await alice.delete(f"/tasks/{body['id']}")
    old = "UPDATE tasks SET trashed_at = now() - interval '31 days' WHERE user_id = %s"
    await execute(dsn, old, alice.id)
    await sweep_all(app)

    assert (await alice.post("/tasks", body)).status_code == 201


async def test_many_at_once_under_one_id_make_one_task(
    pair: tuple[Account, Account], body: dict[str, Any]
) -> None:
    answers = await asyncio.gather(*(pair[n % 2].post("/tasks", body) for n in range(40)))

    assert sorted(answer.status_code for answer in answers) == [200] * 39 + [201]
    assert len({answer.content for answer in answers}) == 1
    assert (await pair[0].get("/tasks")).json()["items"] == [answers[0].json()]


async def test_creates_and_permanent_deletions_under_one_id_keep_the_session(
    pair: tuple[Account, Account], body: dict[str, Any]
) -> None:
    path = f"/tasks/{body['id']}?permanent=true"
    calls = [
        pair[n % 2].delete(path) if n % 3 == 2 else pair[n % 2].post("/tasks", body)
        for n in range(60)
    ]

    answers = await asyncio.gather(*calls)

    assert {answer.status_code for answer in answers} <= {200, 201, 204, 404}
    made = sum(answer.status_code == 201 for answer in answers)
    gone = sum(answer.status_code == 204 for answer in answers)
    assert made >= 1
    assert made - gone == len((await pair[0].get("/tasks")).json()["items"])
