"""A batch does what the same operations do one by one: both are done, for two users, and compared."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.support.accounts import Account, register
from tests.support.instances import client_at

PLACES = 4
"""How many ids there are to act on. Under the last one there is no task at first."""

titles = st.sampled_from(["a", "b", " c "])
descriptions = st.sampled_from([None, "d"])
places = st.integers(0, PLACES - 1)
versions = st.sampled_from([None, "now", None, "now", "stale"])
changes = st.fixed_dictionaries(
    {}, optional={"title": titles, "description": descriptions, "is_completed": st.booleans()}
)
bodies = st.fixed_dictionaries(
    {"title": titles}, optional={"description": descriptions, "is_completed": st.booleans()}
)
operations = st.one_of(
    st.tuples(st.just("create"), places, bodies),
    st.tuples(st.just("create"), st.none(), bodies),
    st.tuples(st.just("update"), places, versions, changes),
    st.tuples(st.sampled_from(["complete", "reopen", "delete"]), places, versions),
)
CALLS = {"update": "PATCH", "delete": "DELETE", "complete": "POST", "reopen": "POST"}


async def one_by_one(account: Account, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results that a batch of `steps` should have: of its texts, those that a step has set."""
    results = []
    for step in steps:
        if step["op"] == "create":
            response = await account.post("/tasks", step["data"])
        else:
            verb = f"/{step['op']}" if step["op"] in {"complete", "reopen"} else ""
            version = step.get("if_match")
            response = await account.request(
                CALLS[step["op"]],
                f"/tasks/{step['id']}{verb}",
                json=step.get("data"),
                headers={} if version is None else {"If-Match": f'"{version}"'},
            )
        results.append(_result(response, step))
    return results


def _result(response: httpx.Response, step: dict[str, Any]) -> dict[str, Any]:
    body = response.json() if response.content else None
    is_error = response.status_code >= 400
    texts = {"title", "description"}
    sent = step.get("data", {}) if step["op"] == "update" else {}
    unset = set() if response.status_code == 201 else texts - set(sent)
    return {
        "status": response.status_code,
        "type": "task",
        "data": without(unset, body) if body and not is_error else None,
        "error": body["error"] if is_error and body else None,
    }


def without(names: set[str], body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def plain(value: Any, ids: list[str]) -> Any:
    """What must be the same for two users, and at two times."""
    if isinstance(value, list):
        return [plain(item, ids) for item in value]
    if not isinstance(value, dict):
        return value
    times = {name: item is not None for name, item in value.items() if name.endswith("_at")}
    own = {"user_id"} if value.get("id") in ids else {"user_id", "id"}
    rest = {name: plain(item, ids) for name, item in value.items() if name not in own}
    return {**rest, **times}


def sayable(drawn: list[Any], ids: list[str], seen: dict[str, int]) -> list[dict[str, Any]]:
    """The operations as a batch has them, by someone who has seen the tasks in these versions."""
    steps: list[dict[str, Any]] = []
    for op, place, *rest in drawn:
        task_id = None if place is None else ids[place]
        if op == "create":
            steps.append(
                {
                    "op": op,
                    "type": "task",
                    "data": {**rest[0], **({"id": task_id} if task_id else {})},
                }
            )
            continue
        version = {"now": seen.get(task_id or "", 1), "stale": 10**6}.get(rest[0])
        steps.append({"op": op, "type": "task", "id": task_id, "if_match": version})
        if op == "update":
            steps[-1]["data"] = rest[1]
    return steps


async def prepare(account: Account, before: list[Any], ids: list[str]) -> dict[str, int]:
    """Make all tasks but the last, do what is to be done before; gives the versions then."""
    made = [("create", place, {"title": "a"}) for place in range(PLACES - 1)]
    await one_by_one(account, sayable([*made, *before], ids, {}))
    items = []
    for query in ("limit=100", "limit=100&is_trashed=true"):
        items += (await account.get(f"/tasks?{query}")).json()["items"]
    return {task["id"]: task["version"] for task in items}


@settings(
    max_examples=25,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    before=st.lists(operations, max_size=4),
    drawn=st.lists(operations, min_size=4, max_size=15),
)
async def test_a_batch_does_what_its_operations_do(
    app: FastAPI, before: list[Any], drawn: list[Any]
) -> None:
    ids = [str(uuid4()) for _ in range(PLACES)]
    async with client_at(app, f"10.1.{uuid4().int % 256}.{uuid4().int % 256}") as client:
        one, other = await register(client), await register(client)
        seen = [await prepare(account, before, ids) for account in (one, other)]
        steps = sayable(drawn, ids, seen[0])
        note(f"{steps}")

        expected = await one_by_one(one, steps)
        batch = await other.post("/batch", {"operations": steps})

        assert plain(batch.json()["results"], ids) == plain(expected, ids)
        for query in ("sort=title", "is_trashed=true&sort=title"):
            lists = [await account.get(f"/tasks?{query}&limit=100") for account in (one, other)]
            left, right = (plain(answer.json()["items"], ids) for answer in lists)
            assert sorted(left, key=repr) == sorted(right, key=repr)
        # And it took as many numbers.
        after = [await account.create_task(title="last") for account in (one, other)]
        assert after[0]["version"] == after[1]["version"]


async def test_times_in_a_batch_follow_the_order_of_its_operations(alice: Account) -> None:
    task_id = str(uuid4())
    data = {"id": task_id, "title": "t", "is_completed": True}
    create = {"op": "create", "type": "task", "data": data}
    update = {"op": "update", "type": "task", "id": task_id, "data": {"title": "u"}}

    response = await alice.post("/batch", {"operations": [create, update]})

    [created, updated] = [result["data"] for result in response.json()["results"]]
    [at] = {created[name] for name in ("created_at", "updated_at", "completed_at")}
    assert updated["updated_at"] > at
    assert (await alice.get(f"/tasks/{task_id}")).json() == {**created, **updated}


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "x" * 255, "description": "y" * 20_000},
        {"title": "{}\\,\"'NULL", "description": "a\nb\tc"},
        {"title": "NULL", "description": ""},
        {"title": "é🦆", "description": None},
    ],
)
async def test_any_text_is_stored_unchanged(alice: Account, fields: dict[str, Any]) -> None:
    steps = [{"op": "create", "type": "task", "data": fields}]

    response = await alice.post("/batch", {"operations": steps})

    [result] = response.json()["results"]
    stored = (await alice.get(f"/tasks/{result['data']['id']}")).json()
    assert stored == result["data"]
    assert {name: stored[name] for name in fields} == fields
