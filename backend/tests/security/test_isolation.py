"""What one user can learn of another, and do to them: nothing."""

import base64
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.accounts import Account, error_code

# Every route of one task, with bodies good and bad.
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "", {}),
    ("PUT", "", {"json": {"title": "taken over"}}),
    ("PUT", "", {"json": {"title": ""}}),
    ("PUT", "", {"content": b"{", "headers": {"Content-Type": "application/json"}}),
    ("PUT", "", {"content": b"x", "headers": {"Content-Type": "text/plain"}}),
    ("PATCH", "", {"json": {"title": "taken over"}}),
    ("PATCH", "", {"json": {"description": None, "is_completed": True}}),
    ("PATCH", "", {"json": {}}),
    ("PATCH", "", {"json": {"title": None}}),
    ("PATCH", "", {}),
    ("DELETE", "", {}),
    ("POST", "/complete", {}),
    ("POST", "/reopen", {}),
    ("POST", "/restore", {}),
    ("DELETE", "?permanent=true", {}),
    ("GET", "", {"headers": {"If-None-Match": '"1"'}}),
    ("GET", "", {"headers": {"If-None-Match": "*"}}),
    ("PATCH", "", {"json": {"title": "taken over"}, "headers": {"If-Match": '"1"'}}),
    ("PATCH", "", {"json": {"title": "taken over"}, "headers": {"If-Match": '"2"'}}),
    ("DELETE", "", {"headers": {"If-Match": "*"}}),
    ("POST", "/complete", {"headers": {"If-Match": '"7"'}}),
    ("POST", "", {}),
    ("GET", "/complete", {}),
    ("HEAD", "", {}),
    ("OPTIONS", "", {}),
]


def seen(response: httpx.Response) -> tuple[int, list[tuple[str, str]], bytes]:
    """All that a client sees of an answer, but for the request's name and the caller's budget."""
    own = {"x-request-id", "ratelimit"}
    headers = [(name, value) for name, value in response.headers.items() if name not in own]
    return response.status_code, headers, response.content


@pytest.fixture(
    params=["/tasks", "/users/me/tasks", "/users/{own_id}/tasks", "/users/{alice}/tasks"]
)
def prefix(request: pytest.FixtureRequest, alice: Account, bob: Account) -> str:
    return str(request.param.format(own_id=bob.id, alice=alice.id))


@pytest.mark.parametrize("is_completed", [False, True], ids=["open", "completed"])
async def test_another_users_task_and_an_unknown_one_get_the_same_response(
    alice: Account, bob: Account, prefix: str, *, is_completed: bool
) -> None:
    hers = await alice.create_task(is_completed=is_completed)
    never = str(uuid4())

    for method, verb, options in CALLS:
        of_hers = await bob.request(method, f"{prefix}/{hers['id']}{verb}", **options)
        of_none = await bob.request(method, f"{prefix}/{never}{verb}", **options)

        assert seen(of_hers) == seen(of_none), (method, verb)
        assert 400 <= of_hers.status_code < 500
        assert hers["title"] not in of_hers.text

    assert (await alice.get("/tasks")).json()["items"] == [hers]
    assert (await bob.get("/tasks")).json()["items"] == []
    # Nor did it cost either of them a version.
    assert (await alice.create_task())["version"] == hers["version"] + 1
    assert (await bob.create_task())["version"] == 1


@pytest.mark.parametrize("verb", ["update", "delete", "complete", "reopen"])
@pytest.mark.parametrize("version", [None, 1, 7])
async def test_another_users_task_and_an_unknown_one_get_the_same_result_in_a_batch(
    alice: Account, bob: Account, verb: str, version: int | None
) -> None:
    hers = await alice.create_task()
    answers = []
    for task_id in (hers["id"], str(uuid4())):
        operation = {"op": verb, "type": "task", "id": task_id, "if_match": version}
        if verb == "update":
            operation["data"] = {"title": "taken over"}
        answers.append(await bob.post("/batch", {"operations": [operation]}))

    assert seen(answers[0]) == seen(answers[1])
    assert [result["status"] for result in answers[0].json()["results"]] == [404]
    assert (await alice.get("/tasks")).json()["items"] == [hers]


async def test_trash_of_another_user_is_out_of_reach(alice: Account, bob: Account) -> None:
    hers = await alice.create_task()
    await alice.delete(f"/tasks/{hers['id']}")

    for method, path in (("POST", "/restore"), ("DELETE", "?permanent=true")):
        of_hers = await bob.request(method, f"/tasks/{hers['id']}{path}")
        of_none = await bob.request(method, f"/tasks/{uuid4()}{path}")
        assert of_hers.status_code == 404
        assert seen(of_hers) == seen(of_none)

    assert (await bob.get("/tasks?is_trashed=true")).json()["items"] == []
    assert (await alice.post(f"/tasks/{hers['id']}/restore")).status_code == 200


async def test_idempotency_keys_of_two_users_are_independent(alice: Account, bob: Account) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    hers = await alice.post("/tasks", {"title": "hers"}, headers=key)

    same = await bob.post("/tasks", {"title": "hers"}, headers=key)

    assert same.status_code == 201
    assert "idempotency-replayed" not in same.headers
    assert same.json()["user_id"] == bob.id
    assert same.json()["id"] != hers.json()["id"]


async def test_entity_tags_of_two_users_lists_differ(alice: Account, bob: Account) -> None:
    await alice.create_task()
    await bob.create_task()

    hers, his = await alice.get("/tasks"), await bob.get("/tasks")

    assert hers.headers["etag"] != his.headers["etag"]


async def test_deleted_task_of_another_user_gets_the_same_response(
    alice: Account, bob: Account
) -> None:
    hers = await alice.create_task()
    before = seen(await bob.get(f"/tasks/{hers['id']}"))
    await alice.delete(f"/tasks/{hers['id']}")

    assert seen(await bob.get(f"/tasks/{hers['id']}")) == before


@pytest.mark.parametrize("sort", ["created_at", "-updated_at", "title"])
async def test_cursor_of_another_user_is_rejected(alice: Account, bob: Account, sort: str) -> None:
    for _ in range(2):
        await alice.create_task()
        await bob.create_task()
    cursor = (await alice.get(f"/tasks?limit=1&sort={sort}")).json()["next_cursor"]

    theirs = await bob.get("/tasks", params={"sort": sort, "cursor": cursor})
    made_up = await bob.get("/tasks", params={"sort": sort, "cursor": "A" * len(cursor)})

    assert theirs.status_code == 400
    assert error_code(theirs) == "VALIDATION_ERROR"
    assert seen(theirs) == seen(made_up)


async def test_edited_cursor_is_rejected(alice: Account) -> None:
    for _ in range(2):
        await alice.create_task()
    cursor = (await alice.get("/tasks?limit=1")).json()["next_cursor"]

    edited = [cursor[:-1], cursor + "A", cursor + "=", cursor[1:], cursor.swapcase(), f" {cursor}"]
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    for position in range(len(raw)):
        flipped = raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]
        edited.append(base64.urlsafe_b64encode(flipped).decode().rstrip("="))

    for other in edited:
        response = await alice.get("/tasks", params={"cursor": other})
        assert response.status_code == 400, other
        assert error_code(response) == "VALIDATION_ERROR"


async def test_an_id_that_one_user_has_is_free_for_another(alice: Account, bob: Account) -> None:
    hers = await alice.create_task(title="hers")

    his = await bob.create_task(id=hers["id"], title="his")
    await bob.patch(f"/tasks/{his['id']}", {"title": "still his"})
    await bob.post(f"/tasks/{his['id']}/complete")
    deleted = await bob.delete(f"/tasks/{his['id']}")

    assert deleted.status_code == 204
    assert (await alice.get(f"/tasks/{hers['id']}")).json() == hers


async def test_lists_counts_searches_and_exports_contain_no_tasks_of_another_user(
    alice: Account, bob: Account
) -> None:
    secret = uuid4().hex
    await alice.create_task(title=secret, description=secret)

    answers = [
        await bob.get("/tasks?include_total=true"),
        await bob.get(f"/tasks?include_total=true&q={secret}"),
        await bob.get("/tasks?include_total=true&q=-nothing&sort=title"),
        await bob.get("/users/me/tasks?include_total=true"),
        await bob.get("/users/me/export"),
    ]

    for answer in answers:
        assert answer.status_code == 200
        assert secret not in answer.text
        assert answer.json().get("total", 0) == 0


async def test_deleting_an_account_leaves_the_others_tasks(alice: Account, bob: Account) -> None:
    hers = await alice.create_task()
    await bob.create_task(id=hers["id"])

    gone = await bob.delete("/users/me", json={"current_password": bob.password})

    assert gone.status_code == 204
    assert (await alice.get("/tasks")).json()["items"] == [hers]
