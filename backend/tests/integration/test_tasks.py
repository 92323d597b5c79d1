"""Tasks as they are created."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from duly.services.task_type import TYPE as TASK
from tests.support.accounts import Account, error_code

# RFC 3339 in UTC, to the microsecond where there is one.
INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z")


async def test_a_created_task_is_found_where_the_answer_says(alice: Account) -> None:
    created = await alice.post("/tasks", {"title": "Buy milk"})

    assert created.status_code == 201
    assert created.headers["etag"] == '"1"'
    found = await alice.client.get(created.headers["location"], headers=alice.headers)
    assert found.status_code == 200
    assert found.json() == created.json()


async def test_a_task_of_another_user_is_not_found(alice: Account, bob: Account) -> None:
    task = await alice.create_task()

    response = await bob.get(f"/tasks/{task['id']}")

    assert response.status_code == 404
    assert error_code(response) == "NOT_FOUND"


async def test_invisible_title_is_rejected(alice: Account) -> None:
    task = (await alice.post("/tasks", {"title": "Buy milk"})).json()

    for title in (
        "\u200b",
        "\ufeff\ufeff",
        "\u202e\u200f",
        "\u2800",
        "\u3164",
        "\U000e0020",
        "\uffff",
    ):
        for response in (
            await alice.post("/tasks", {"title": title}),
            await alice.patch(f"/tasks/{task['id']}", {"title": title}),
        ):
            assert response.status_code == 400, ascii(title)
            assert response.json()["error"]["details"]["fields"][0]["path"] == "body.title"
    assert (await alice.get("/tasks")).json()["items"] == [task]


async def test_a_task_that_has_only_a_title_gets_the_defaults(alice: Account) -> None:
    task = (await alice.post("/tasks", {"title": "Buy milk"})).json()

    assert task == {
        "id": task["id"],
        "user_id": alice.id,
        "title": "Buy milk",
        "description": None,
        "is_completed": False,
        "completed_at": None,
        "trashed_at": None,
        "list_id": None,
        "section_id": None,
        "parent_id": None,
        "position": "g0000001",
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
        "updated_at": task["created_at"],
        "version": 1,
    }


async def test_an_id_that_the_service_makes_is_a_uuid_of_version_7(alice: Account) -> None:
    task = await alice.create_task()

    assert UUID(task["id"]).version == 7


@pytest.mark.parametrize("name", TASK.rare)
async def test_task_with_a_single_rare_field_has_it(alice: Account, name: str) -> None:
    section_list = (await alice.post("/lists", {"name": "Work"})).json()
    section = {"name": "Soon", "list_id": section_list["id"]}
    due = {"date": "2030-01-01", "time": None, "timezone": None}
    value = {
        "section_id": (await alice.post("/sections", section)).json()["id"],
        "parent_id": (await alice.create_task())["id"],
        "priority": 1,
        "start": due,
        "due": due,
        "duration_minutes": 30,
        "recurrence": {"rule": "FREQ=DAILY"},
        "label_ids": [(await alice.post("/labels", {"name": "home"})).json()["id"]],
        "metadata": {"number": 1e5},
    }[name]
    others = {"due": due} if name == "recurrence" else {}

    created = await alice.post("/tasks", {"title": "Buy milk", name: value, **others})

    found = await alice.get(f"/tasks/{created.json()['id']}")
    assert found.content == created.content
    shown = found.json()[name]
    assert shown == ({**shown, **value} if name == "recurrence" else value)


async def test_a_task_can_be_created_completed(alice: Account) -> None:
    task = await alice.create_task(is_completed=True)

    assert task["is_completed"] is True
    assert task["completed_at"] == task["created_at"]


async def test_times_are_rfc_3339_in_utc(alice: Account) -> None:
    before = datetime.now(UTC)
    task = await alice.create_task(is_completed=True)

    for name in ("created_at", "updated_at", "completed_at"):
        assert INSTANT.fullmatch(task[name]), task[name]
        # One machine, one clock: the zone is right, not only the letter.
        assert before <= datetime.fromisoformat(task[name]) <= datetime.now(UTC)


async def test_text_is_trimmed_and_normalised_and_otherwise_kept(alice: Account) -> None:
    task = await alice.create_task(
        title="  Cafe\u0301 <b>&amp;</b> ", description="\u00a0one\n\ttwo\u2003"
    )

    assert task["title"] == "Caf\u00e9 <b>&amp;</b>"
    assert task["description"] == "one\n\ttwo"
    assert (await alice.get(f"/tasks/{task['id']}")).json() == task


@pytest.mark.parametrize(
    "body",
    [
        {"title": "🦆" * 255},
        {"title": " " * 300 + "t" * 255 + " " * 300},
        {"title": "t", "description": "🦆" * 20_000},
        {"title": "t", "description": ""},
        {"title": "t", "description": None},
    ],
    ids=["title", "title in spaces", "description", "empty description", "null description"],
)
async def test_text_may_be_as_long_as_the_contract_says(
    alice: Account, body: dict[str, Any]
) -> None:
    response = await alice.post("/tasks", body)

    assert response.status_code == 201, response.text
    assert response.json()["title"] == body["title"].strip()
    assert response.json()["description"] == body.get("description")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "body.title"),
        ({"title": ""}, "body.title"),
        ({"title": "   "}, "body.title"),
        ({"title": "t" * 256}, "body.title"),
        ({"title": 7}, "body.title"),
        ({"title": None}, "body.title"),
        ({"title": ["t"]}, "body.title"),
        ({"title": "a\u0000b"}, "body.title"),
        ({"title": "a\u0007b"}, "body.title"),
        ({"title": "a\nb"}, "body.title"),
        ({"title": "t", "description": "d" * 20_001}, "body.description"),
        ({"title": "t", "description": "a\u0000b"}, "body.description"),
        ({"title": "t", "description": False}, "body.description"),
        ({"title": "t", "is_completed": "true"}, "body.is_completed"),
        ({"title": "t", "is_completed": 1}, "body.is_completed"),
        ({"title": "t", "is_completed": None}, "body.is_completed"),
        ({"title": "t", "id": "not-an-id"}, "body.id"),
        ({"title": "t", "id": 1}, "body.id"),
        ({"title": "t", "colour": "red"}, "body.colour"),
        ({"title": "t", "user_id": "00000000-0000-0000-0000-000000000000"}, "body.user_id"),
        ({"title": "t", "version": 9}, "body.version"),
    ],
    ids=repr,
)
async def test_a_body_that_the_contract_does_not_allow_creates_nothing(
    alice: Account, body: dict[str, Any], path: str
) -> None:
    response = await alice.post("/tasks", body)

    assert response.status_code == 400
    assert error_code(response) == "VALIDATION_ERROR"
    assert [field["path"] for field in response.json()["error"]["details"]["fields"]] == [path]
    assert (await alice.get("/tasks")).json()["items"] == []


@pytest.mark.parametrize("version", ["4", "7", "nil", "max"])
async def test_a_client_may_choose_the_id(alice: Account, version: str) -> None:
    task_id = {
        "4": str(uuid4()),
        "7": "01936d5e-8f1c-7000-8000-000000000001",
        "nil": "00000000-0000-0000-0000-000000000000",
        "max": "ffffffff-ffff-ffff-ffff-ffffffffffff",
    }[version]

    created = await alice.post("/tasks", {"title": "mine", "id": task_id})

    assert created.status_code == 201
    assert created.json()["id"] == task_id
    assert created.headers["location"].endswith(f"/tasks/{task_id}")
    assert (await alice.get(f"/tasks/{task_id}")).json() == created.json()
    export = (await alice.get("/users/me/export")).json()
    assert export["tasks"] == [created.json()]


async def test_an_id_that_is_the_callers_already_is_taken(alice: Account) -> None:
    first = await alice.create_task()

    again = await alice.post("/tasks", {"title": "another", "id": first["id"]})

    assert again.status_code == 409
    assert error_code(again) == "ID_TAKEN"
    assert (await alice.get("/tasks")).json()["items"] == [first]


async def test_id_of_a_permanently_deleted_task_is_free_again(alice: Account) -> None:
    task = await alice.create_task()
    await alice.delete(f"/tasks/{task['id']}?permanent=true")

    again = await alice.post("/tasks", {"title": "another", "id": task["id"]})

    assert again.status_code == 201
    assert again.json()["version"] > task["version"]


async def test_id_of_another_users_task_is_free(alice: Account, bob: Account) -> None:
    hers = await alice.create_task()

    his = await bob.create_task(id=hers["id"])

    assert (his["id"], his["user_id"]) == (hers["id"], bob.id)
    assert (await alice.get(f"/tasks/{hers['id']}")).json() == hers
