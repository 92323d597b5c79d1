"""`ETag` and `If-None-Match`: what has not changed is not sent again."""

from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.records import pages
from tests.support.accounts import Account, error_code
from tests.support.direct_sql import execute
from tests.support.instances import sweep_all
from tests.support.recorder import recording

QUERIES: list[dict[str, Any]] = [
    {},
    {"limit": 1},
    {"offset": 1},
    {"is_completed": "true"},
    {"is_completed": "false"},
    {"q": "milk"},
    {"sort": "title"},
    {"include_total": "true"},
    {"is_trashed": "true"},
]


def if_none_match(tag: str) -> dict[str, Any]:
    return {"headers": {"If-None-Match": tag}}


@pytest.mark.parametrize(
    "tag", ['"{}"', 'W/"{}"', '"99", "{}"', 'W/"99",W/"{}"', "*", " * "], ids=repr
)
async def test_a_task_that_has_not_changed_is_not_sent_again(alice: Account, tag: str) -> None:
    task = await alice.create_task()

    answer = await alice.get(f"/tasks/{task['id']}", **if_none_match(tag.format(task["version"])))

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == f'"{task["version"]}"'
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/tasks", "/tasks/{}", "/users/me/tasks", "/users/me/tasks/{}"])
@pytest.mark.parametrize("tag", ["{}", '"{}', '"1" "{}"', "*, *"], ids=repr)
async def test_malformed_if_none_match_is_rejected(alice: Account, path: str, tag: str) -> None:
    task = await alice.create_task()

    answer = await alice.get(path.format(task["id"]), **if_none_match(tag.format(task["version"])))

    assert (answer.status_code, error_code(answer)) == (400, "VALIDATION_ERROR")
    [field] = answer.json()["error"]["details"]["fields"]
    assert field["path"] == "header.if-none-match"
    assert 'in double quotes, such as "2"' in field["message"]


@pytest.mark.parametrize("tag", ['"99"', "", '"{}x"', '""', 'W/"99"'], ids=repr)
async def test_any_other_tag_gets_the_task(alice: Account, tag: str) -> None:
    task = await alice.create_task()

    answer = await alice.get(f"/tasks/{task['id']}", **if_none_match(tag.format(task["version"])))

    assert (answer.status_code, answer.json()) == (200, task)


async def test_every_answer_that_is_a_task_has_its_version_as_its_tag(alice: Account) -> None:
    made = await alice.post("/tasks", {"title": "t"})
    path = f"/tasks/{made.json()['id']}"
    answers = [
        made,
        await alice.get(path),
        await alice.put(path, {"title": "u"}),
        await alice.patch(path, {"title": "v"}),
        await alice.post(f"{path}/complete"),
        await alice.post(f"{path}/reopen"),
        await alice.post(f"{path}/restore"),
    ]

    for answer in answers:
        assert answer.headers["etag"] == f'"{answer.json()["version"]}"'


@pytest.mark.parametrize("query", QUERIES, ids=urlencode)
async def test_a_list_that_has_not_changed_is_not_sent_again(
    alice: Account, query: dict[str, Any]
) -> None:
    for _ in "12":
        await alice.create_task()
    first = await alice.get("/tasks", params=query)

    for tag in (first.headers["etag"], f"W/{first.headers['etag']}", "*"):
        answer = await alice.get("/tasks", params=query, **if_none_match(tag))
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == first.headers["etag"]


async def test_each_list_has_a_tag_of_its_own(alice: Account) -> None:
    for _ in "12":
        await alice.create_task()
    cursor = (await alice.get("/tasks?limit=1")).json()["next_cursor"]

    answers = [
        await alice.get("/tasks", params=query)
        for query in [*QUERIES, {"limit": 1, "cursor": cursor}]
    ]

    assert len({answer.headers["etag"] for answer in answers}) == len(QUERIES) + 1


async def test_any_change_changes_the_tag_of_every_list(alice: Account) -> None:
    task = await alice.create_task()
    path = f"/tasks/{task['id']}"
    batch = {"operations": [{"op": "create", "type": "task", "data": {"title": "t"}}]}
    steps: list[tuple[str, str, dict[str, Any] | None]] = [
        ("POST", "/tasks", {"title": "t"}),
        ("PATCH", path, {"title": "t"}),
        ("PUT", path, {"title": "t"}),
        ("POST", f"{path}/complete", None),
        ("POST", f"{path}/reopen", None),
        ("DELETE", path, None),
        ("POST", f"{path}/restore", None),
        ("DELETE", f"{path}?permanent=true", None),
        ("POST", "/batch", batch),
    ]
    tags = [(await alice.get("/tasks")).headers["etag"]]

    for method, where, body in steps:
        await alice.request(method, where, json=body)
        answer = await alice.get("/tasks", **if_none_match(tags[-1]))
        assert answer.status_code == 200, (method, where)
        tags.append(answer.headers["etag"])

    assert len(set(tags)) == len(tags)


async def test_request_without_a_change_keeps_the_tag(alice: Account, bob: Account) -> None:
    task = await alice.create_task()
    path = f"/tasks/{task['id']}"
    tag = (await alice.get("/tasks")).headers["etag"]
    fail = {"op": "create", "type": "task", "data": {"title": "t", "id": task["id"]}}
    atomic = {
        "operations": [{"op": "complete", "type": "task", "id": task["id"]}, fail],
        "atomic": True,
    }
    needless = {"operations": [{"op": "reopen", "type": "task", "id": task["id"]}, fail]}

    await alice.patch(path, {})
    await alice.patch(path, {"title": "t"}, headers={"If-Match": '"99"'})
    await alice.post(f"{path}/reopen")
    await alice.post(f"{path}/restore")
    await alice.post("/tasks", {"title": "", "id": task["id"]})
    await alice.post("/batch", atomic)
    await alice.post("/batch", needless)
    await bob.create_task()

    assert (await alice.get("/tasks", **if_none_match(tag))).status_code == 304


async def test_purging_the_trash_changes_the_tag_of_the_trash(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    task = await alice.create_task()
    await alice.delete(f"/tasks/{task['id']}")
    before = await alice.get("/tasks?is_trashed=true")
    past = "UPDATE tasks SET trashed_at = now() - interval '31 days' WHERE user_id = %s"
    await execute(dsn, past, alice.id)
    await sweep_all(app)

    after = await alice.get("/tasks?is_trashed=true", **if_none_match(before.headers["etag"]))

    assert len(before.json()["items"]) == 1
    assert (after.status_code, after.json()["items"]) == (200, [])


async def test_polling_an_unchanged_list_is_one_look_up(
    settings: Settings, alice: Account
) -> None:
    await alice.create_task()
    tag = (await alice.get("/tasks?q=a&include_total=true")).headers["etag"]

    async with recording(settings, alice) as (there, sent):
        answer = await there.get("/tasks?q=a&include_total=true", **if_none_match(tag))

    assert answer.status_code == 304
    assert sent == [pages._READ_STATE.sql]


async def test_that_look_up_is_one_by_the_primary_key(alice: Account, dsn: str) -> None:
    query = pages._READ_STATE.sql
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        # With so few rows, reading them all is as good.
        await connection.execute("SET enable_seqscan = off")
        cursor = await connection.execute(b"EXPLAIN " + query, {"user_id": alice.id})
        plan = "\n".join(row[0] for row in await cursor.fetchall())

    assert "pk_users" in plan
    assert "Index Cond: (id = " in plan
    assert plan.count("Scan") == 1
