"""`If-Match`: nothing is overwritten unseen."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from duly.core.config import Settings
from tests.support.accounts import Account, error_code
from tests.support.direct_sql import execute
from tests.support.instances import running

# Every change of one task: method, what follows its path, body.
Write = tuple[str, str, dict[str, Any] | None]
WRITES: dict[str, Write] = {
    "replace": ("PUT", "", {"title": "new"}),
    "update": ("PATCH", "", {"title": "new"}),
    "update nothing": ("PATCH", "", {}),
    "complete": ("POST", "/complete", None),
    "reopen": ("POST", "/reopen", None),
    "delete": ("DELETE", "", None),
    "delete for good": ("DELETE", "?permanent=true", None),
    "restore": ("POST", "/restore", None),
}
CHANGES = {name: write for name, write in WRITES.items() if name != "update nothing"}


def each(writes: dict[str, Write]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", list(writes))


async def prepare(account: Account, name: str) -> dict[str, Any]:
    """A task that the write called `name` changes."""
    task = await account.create_task(is_completed=name == "reopen")
    await account.patch(f"/tasks/{task['id']}", {"description": "second version"})
    if name == "restore":
        await account.delete(f"/tasks/{task['id']}")
        [task] = (await account.get("/tasks?is_trashed=true")).json()["items"]
        return dict(task)
    return dict((await account.get(f"/tasks/{task['id']}")).json())


async def write(
    account: Account, name: str, task: dict[str, Any], if_match: str | None
) -> httpx.Response:
    method, verb, body = WRITES[name]
    headers = {} if if_match is None else {"If-Match": if_match}
    return await account.request(method, f"/tasks/{task['id']}{verb}", json=body, headers=headers)


async def stored(dsn: str, account: Account) -> list[Any]:
    """All that a change of a task changes."""
    query = """
        SELECT (SELECT revision FROM users WHERE id = %s),
               (SELECT jsonb_agg(to_jsonb(t)) FROM tasks t WHERE user_id = %s),
               (SELECT count(*) FROM tombstones WHERE user_id = %s)
    """
    return list(await execute(dsn, query, account.id, account.id, account.id))


@each(WRITES)
@pytest.mark.parametrize(
    "if_match", ['"{}"', '"1", "{}"', '"{}", "99"', 'W/"1", "{}"', "*"], ids=repr
)
async def test_current_if_match_allows_the_change(
    alice: Account, name: str, if_match: str
) -> None:
    task = await prepare(alice, name)

    answer = await write(alice, name, task, if_match.format(task["version"]))

    assert answer.status_code == (204 if name.startswith("delete") else 200)
    if answer.content:
        step = 0 if name == "update nothing" else 1
        assert answer.json()["version"] == task["version"] + step
        assert answer.headers["etag"] == f'"{answer.json()["version"]}"'


@each(WRITES)
@pytest.mark.parametrize(
    "if_match", ['"1"', '"99"', 'W/"{}"', '"0{}"', "", '"abc"', '"*"'], ids=repr
)
async def test_mismatched_if_match_changes_nothing(
    alice: Account, dsn: str, name: str, if_match: str
) -> None:
    task = await prepare(alice, name)
    before = await stored(dsn, alice)

    answer = await write(alice, name, task, if_match.format(task["version"]))

    assert (answer.status_code, error_code(answer)) == (412, "PRECONDITION_FAILED")
    assert await stored(dsn, alice) == before


@each(WRITES)
@pytest.mark.parametrize(
    "if_match", ["{}", '"{}', '{}"', '"1" "{}"', '*, "{}"', 'w/"{}"', "'{}'"], ids=repr
)
async def test_malformed_if_match_is_rejected(
    alice: Account, dsn: str, name: str, if_match: str
) -> None:
    task = await prepare(alice, name)
    before = await stored(dsn, alice)

    answer = await write(alice, name, task, if_match.format(task["version"]))

    assert (answer.status_code, error_code(answer)) == (400, "VALIDATION_ERROR")
    assert answer.json()["error"]["details"]["fields"] == [
        {
            "path": "header.if-match",
            "message": 'Must be * or entity tags in double quotes, such as "2"',
            "type": "value_error",
        }
    ]
    assert await stored(dsn, alice) == before


@pytest.mark.parametrize(("name", "again"), [("complete", "complete"), ("reopen", "reopen")])
async def test_no_op_still_checks_if_match(alice: Account, name: str, again: str) -> None:
    task = await prepare(alice, name)
    now = (await write(alice, name, task, None)).json()

    stale = await write(alice, again, task, f'"{task["version"]}"')
    fresh = await write(alice, again, task, f'"{now["version"]}"')

    assert error_code(stale) == "PRECONDITION_FAILED"
    assert fresh.json() == now


async def test_restore_of_a_live_task_checks_if_match(
    alice: Account,
) -> None:
    task = await alice.create_task()

    stale = await write(alice, "restore", task, '"99"')
    fresh = await write(alice, "restore", task, '"1"')

    assert error_code(stale) == "PRECONDITION_FAILED"
    assert fresh.json() == task


@each(WRITES)
@pytest.mark.parametrize("if_match", [None, '"1"', "*"])
async def test_missing_task_is_not_found_with_any_if_match(
    alice: Account, name: str, if_match: str | None
) -> None:
    answer = await write(alice, name, {"id": str(uuid4())}, if_match)

    assert (answer.status_code, error_code(answer)) == (404, "NOT_FOUND")


@pytest.mark.parametrize("name", ["replace", "update", "complete", "reopen", "delete"])
async def test_trashed_task_is_not_found_with_any_if_match(alice: Account, name: str) -> None:
    task = await prepare(alice, "restore")

    for if_match in (None, f'"{task["version"]}"', '"1"'):
        assert error_code(await write(alice, name, task, if_match)) == "NOT_FOUND"


@pytest.fixture
async def strict(settings: Settings, address: str, alice: Account) -> AsyncIterator[Account]:
    """Alice, at an instance that changes nothing without `If-Match`."""
    async with running(settings, address, require_if_match=True) as client:
        yield replace(alice, client=client)


@each(WRITES)
async def test_an_operator_may_demand_if_match(
    alice: Account, strict: Account, dsn: str, name: str
) -> None:
    task = await prepare(alice, name)
    before = await stored(dsn, alice)

    answer = await write(strict, name, task, None)

    assert (answer.status_code, error_code(answer)) == (428, "PRECONDITION_REQUIRED")
    assert await stored(dsn, alice) == before
    assert (await write(strict, name, task, f'"{task["version"]}"')).is_success


async def test_request_that_changes_no_task_needs_no_if_match(strict: Account) -> None:
    task = await strict.create_task()

    assert (await strict.get(f"/tasks/{task['id']}")).status_code == 200
    assert (await strict.get("/tasks")).status_code == 200
    assert error_code(await write(strict, "update", {"id": str(uuid4())}, None)) == (
        "PRECONDITION_REQUIRED"
    )


async def test_in_a_batch_each_operation_must_name_a_version(strict: Account) -> None:
    task, new = await strict.create_task(), str(uuid4())
    operations = [
        {"op": "complete", "type": "task", "id": task["id"]},
        {"op": "complete", "type": "task", "id": str(uuid4())},
        {"op": "complete", "type": "task", "id": task["id"], "if_match": 1},
        {"op": "create", "type": "task", "data": {"id": new, "title": "t"}},
        {"op": "delete", "type": "task", "id": new},
    ]

    answer = await strict.post("/batch", {"operations": operations})

    statuses = [result["status"] for result in answer.json()["results"]]
    assert statuses == [428, 428, 200, 201, 204]


async def test_in_a_batch_a_repeated_create_does_not_make_its_task_new(strict: Account) -> None:
    body = {"id": str(uuid4()), "title": "there"}
    task = (await strict.post("/tasks", body)).json()
    create = {"op": "create", "type": "task", "data": body}
    change = {"op": "update", "type": "task", "id": body["id"], "data": {"title": "unseen"}}

    answer = await strict.post(
        "/batch", {"operations": [create, change, {**change, "if_match": 1}]}
    )

    statuses = [result["status"] for result in answer.json()["results"]]
    assert statuses == [200, 428, 200]
    assert (await strict.get(f"/tasks/{task['id']}")).json()["version"] == 2


async def test_creation_in_a_batch_excuses_only_its_own_type_from_if_match(
    strict: Account,
) -> None:
    task = await strict.create_task()
    operations = [
        {"op": "create", "type": "label", "data": {"id": task["id"], "name": "errand"}},
        {"op": "update", "type": "task", "id": task["id"], "data": {"title": "overwritten"}},
    ]

    answer = await strict.post("/batch", {"operations": operations})

    assert [result["status"] for result in answer.json()["results"]] == [201, 428]
    assert (await strict.get(f"/tasks/{task['id']}")).json()["title"] == task["title"]
