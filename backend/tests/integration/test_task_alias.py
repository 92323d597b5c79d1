"""The same tasks under `/users/{user_id}/tasks`, for the one user who may name themselves there."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.accounts import API, Account, error_code
from tests.support.factories import TaskFactory

# Every route of a list or of one task: what to call and with what body.
ON_THE_LIST: list[tuple[str, dict[str, Any] | None]] = [
    ("GET", None),
    ("POST", {"title": "new"}),
]
ON_A_TASK: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", "", None),
    ("PUT", "", {"title": "new"}),
    ("PATCH", "", {"title": "new"}),
    ("DELETE", "", None),
    ("POST", "/complete", None),
    ("POST", "/reopen", None),
    ("POST", "/restore", None),
    ("DELETE", "?permanent=true", None),
]


@pytest.fixture(params=["own id", "upper-case id", "me"])
def spelling(request: pytest.FixtureRequest, alice: Account) -> str:
    return {"own id": alice.id, "upper-case id": alice.id.upper(), "me": "me"}[request.param]


async def test_all_routes_do_as_the_shorter_ones_do(alice: Account, spelling: str) -> None:
    tasks = f"/users/{spelling}/tasks"

    created = await alice.post(tasks, {"title": "Buy milk"})
    assert created.status_code == 201
    assert created.headers["etag"] == '"1"'
    task, location = created.json(), created.headers["location"]
    assert location == f"{API}{tasks}/{task['id']}"

    found = await alice.client.get(location, headers=alice.headers)
    assert found.json() == task
    assert found.json() == (await alice.get(f"/tasks/{task['id']}")).json()

    path = f"{tasks}/{task['id']}"
    replaced = await alice.put(path, {"title": "Buy bread"})
    assert (replaced.status_code, replaced.json()["title"]) == (200, "Buy bread")
    patched = await alice.patch(path, {"description": "rye"})
    assert (patched.json()["title"], patched.json()["description"]) == ("Buy bread", "rye")
    completed = await alice.post(f"{path}/complete")
    assert completed.json()["is_completed"] is True
    reopened = await alice.post(f"{path}/reopen")
    assert reopened.json()["is_completed"] is False
    assert reopened.headers["etag"] == '"5"'

    page = await alice.get(tasks, params={"include_total": "true", "q": "rye"})
    assert page.json() == {"items": [reopened.json()], "next_cursor": None, "total": 1}

    deleted = await alice.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert error_code(await alice.get(f"/tasks/{task['id']}")) == "NOT_FOUND"

    restored = await alice.post(f"{path}/restore")
    assert (restored.status_code, restored.json()["title"]) == (200, "Buy bread")


async def test_a_cursor_of_one_spelling_leads_on_in_another(alice: Account, spelling: str) -> None:
    tasks = [await alice.create_task() for _ in range(2)]
    page = (await alice.get("/tasks?limit=1")).json()

    following = await alice.get(
        f"/users/{spelling}/tasks", params={"limit": 1, "cursor": page["next_cursor"]}
    )

    assert following.json()["items"] == tasks[:1]


NOT_THE_CALLER = [
    "someone else's id",
    "an id of nobody",
    "ME",
    "me%20",
    "0",
    "not-an-id",
    "%00",
    "%2e%2e",
    "'%20OR%20true--",
    "🦆",
    "a" * 500,
    "nil",
    "without hyphens",
    "urn",
    "with a space",
]


@pytest.fixture(params=NOT_THE_CALLER)
def other_user(request: pytest.FixtureRequest, alice: Account, bob: Account) -> str:
    """What names no one, or someone, but not bob."""
    names: dict[str, str] = {
        "someone else's id": alice.id,
        "an id of nobody": str(uuid4()),
        "nil": "00000000-0000-0000-0000-000000000000",
        "without hyphens": bob.id.replace("-", ""),
        "urn": f"urn:uuid:{bob.id}",
        "with a space": f"{bob.id}%20",
    }
    return names.get(request.param, str(request.param))


async def test_any_other_user_in_the_path_is_forbidden_and_nothing_changes(
    alice: Account, bob: Account, other_user: str
) -> None:
    hers, his = await alice.create_task(), await bob.create_task()
    tasks = f"/users/{other_user}/tasks"

    answers = [await bob.request(method, tasks, json=body) for method, body in ON_THE_LIST]
    for task_id in (hers["id"], his["id"], str(uuid4()), "not-an-id"):
        answers += [
            await bob.request(method, f"{tasks}/{task_id}{verb}", json=body)
            for method, verb, body in ON_A_TASK
        ]

    for answer in answers:
        assert answer.status_code == 403, answer.request.url
        assert error_code(answer) == "FORBIDDEN"
    assert len({answer.content for answer in answers}) == 1
    assert (await alice.get("/tasks")).json()["items"] == [hers]
    assert (await bob.get("/tasks")).json()["items"] == [his]


async def test_request_without_a_token_does_not_reveal_whether_the_user_exists(
    alice: Account,
) -> None:
    for user_id in (alice.id, str(uuid4()), "me", "not-an-id"):
        response = await alice.client.get(f"{API}/users/{user_id}/tasks")

        assert response.status_code == 401
        assert error_code(response) == "UNAUTHENTICATED"


async def test_user_id_in_the_body_is_rejected(alice: Account, bob: Account) -> None:
    response = await bob.post("/users/me/tasks", TaskFactory(user_id=alice.id))

    assert error_code(response) == "VALIDATION_ERROR"
    assert (await alice.get("/tasks")).json()["items"] == []
