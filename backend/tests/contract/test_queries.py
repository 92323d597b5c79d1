"""Queries and repeated headers: nothing that is sent is ignored without a word."""

import re
from typing import Any

import pytest

from duly.core.config import Settings
from duly.main import create_app
from tests.support.accounts import Account, error_code
from tests.support.operations import NOTHING, operations_of

OPERATIONS = [
    pytest.param(item.method, item.path, bool(item.spec["security"]), id=item.id)
    for item in operations_of(create_app(Settings()))
]


def url_of(path: str) -> str:
    return re.sub(r"\{\w+\}", NOTHING, path.replace("{user_id}", "me"))


@pytest.mark.parametrize(("method", "path", "is_guarded"), OPERATIONS)
async def test_unknown_parameter_is_rejected(
    alice: Account, method: str, path: str, *, is_guarded: bool
) -> None:
    body: dict[str, Any] = {"json": {}} if method in {"POST", "PUT", "PATCH"} else {}
    if path.endswith("/auth/token"):
        body = {"data": {"username": alice.email, "password": alice.password}}
    url = url_of(path)

    refused = await alice.client.request(
        method, f"{url}?nonsense=1", headers=alice.headers, **body
    )
    anonymous = await alice.client.request(method, f"{url}?nonsense=1", **body)

    assert (refused.status_code, error_code(refused)) == (400, "VALIDATION_ERROR")
    [fault] = [
        field
        for field in refused.json()["error"]["details"]["fields"]
        if field["path"].startswith("query.")
    ]
    assert (fault["path"], fault["type"]) == ("query.nonsense", "extra_forbidden")
    assert anonymous.status_code == (401 if is_guarded else 400)


@pytest.mark.parametrize("text", ["%ff", "%C3", "%ED%A0%80", "%C0%AF"])
async def test_query_that_is_not_utf_8_is_rejected(alice: Account, text: str) -> None:
    response = await alice.get(f"/tasks?q={text}")

    assert (response.status_code, error_code(response)) == (400, "VALIDATION_ERROR")


async def test_versions_in_several_lines_are_one_list(alice: Account) -> None:
    task = await alice.create_task()
    path = f"/tasks/{task['id']}"

    async def send(method: str, name: str, *values: str, **options: Any) -> int:
        fields = [*alice.headers.items(), *((name, value) for value in values)]
        url = f"/api/v1{path}"
        answer = await alice.client.request(method, url, headers=fields, **options)
        return answer.status_code

    for values in (('"1"', '"9"'), ('"9"', '"1"')):
        assert await send("GET", "If-None-Match", *values) == 304
    assert await send("PATCH", "If-Match", '"8"', '"9"', json={"title": "new"}) == 412
    assert await send("PATCH", "If-Match", '"9"', '"1"', json={"title": "new"}) == 200


@pytest.mark.parametrize("keys", [("one", "other"), ("same", "same")])
async def test_two_idempotency_keys_are_rejected(alice: Account, keys: tuple[str, str]) -> None:
    fields = [*alice.headers.items(), *(("Idempotency-Key", key) for key in keys)]

    response = await alice.client.post("/api/v1/tasks", json={"title": "once"}, headers=fields)

    assert response.status_code == 400
    assert (await alice.get("/tasks")).json()["items"] == []


@pytest.mark.parametrize(
    "query", ["limit=1&limit=2", "limit=1&limit=1", "is_trashed=true&q=a&is_trashed=false"]
)
async def test_repeated_parameter_is_rejected(alice: Account, query: str) -> None:
    response = await alice.get(f"/tasks?{query}")

    assert response.status_code == 400
    [field] = response.json()["error"]["details"]["fields"]
    assert field["type"] == "repeated_parameter"
    assert field["message"] == "Must be sent once"
