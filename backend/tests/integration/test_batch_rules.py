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

TASKS = 4
"""How many ids of tasks there are to act on. Under the last one there is no task at first."""
LISTS, SECTIONS, LABELS = 2, 2, 2
"""Like tasks, the last of each does not exist at first. Sections are in the first list."""

ACTIONS = ["complete", "reopen", "restore"]
CALLS = {"update": "PATCH", "delete": "DELETE"}
TEXTS = {"title", "description", "metadata"}

Ids = dict[str, list[str]]
"""The ids that the client chose, by the type of the resources."""


def one_of(kind: str, count: int) -> st.SearchStrategy[Any]:
    """A reference to one of several resources, which `resolved` turns into its id."""
    return st.tuples(st.just(kind), st.integers(0, count - 1))


titles = st.sampled_from(["a", "b", " c "])
tasks, lists = one_of("task", TASKS), one_of("list", LISTS)
sections, labels = one_of("section", SECTIONS), st.lists(one_of("label", LABELS), max_size=2)
places = {
    "list_id": st.none() | lists,
    "section_id": st.none() | sections,
    "parent_id": st.none() | tasks,
}
anchors = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"after_id": st.none() | tasks}),
    st.fixed_dictionaries({"before_id": st.none() | tasks}),
)
fields = {
    "description": st.sampled_from([None, "d"]),
    "is_completed": st.booleans(),
    "priority": st.sampled_from([None, 1, 4]),
    "due": st.sampled_from(
        [None, {"date": "2026-01-31"}, {"date": "2026-01-31", "time": "09:30"}]
    ),
    "metadata": st.sampled_from([{}, {"a": 1}]),
    "label_ids": labels,
    **places,
}
patched = {
    **fields,
    "title": titles,
    "due": st.sampled_from([None, {"time": None}, {"time": "10:00"}]),
    "add_label_ids": labels,
    "remove_label_ids": labels,
}
names = st.fixed_dictionaries({"name": st.sampled_from(["x", "y"])})


def merged(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """A body that has the fields of all parts."""
    return st.tuples(*parts).map(lambda bodies: {k: v for body in bodies for k, v in body.items()})


versions = st.sampled_from([None, "now", None, "now", "stale"])
bodies = merged(st.fixed_dictionaries({"title": titles}, optional=fields), anchors)
own_ids = st.fixed_dictionaries({}, optional={"id": tasks})
operations = st.one_of(
    st.tuples(st.just("create"), st.just("task"), merged(bodies, own_ids)),
    st.tuples(st.just("update"), tasks, versions, st.fixed_dictionaries({}, optional=patched)),
    st.tuples(
        st.just("move"),
        tasks,
        versions,
        merged(st.fixed_dictionaries({}, optional=places), anchors),
    ),
    st.tuples(st.sampled_from([*ACTIONS, "delete"]), tasks, versions),
    st.tuples(
        st.just("create"),
        st.just("list"),
        merged(names, st.fixed_dictionaries({"id": lists})),
    ),
    st.tuples(
        st.just("create"),
        st.just("section"),
        merged(names, st.fixed_dictionaries({"id": sections, "list_id": lists})),
    ),
    st.tuples(
        st.just("create"),
        st.just("label"),
        merged(names, st.fixed_dictionaries({"id": one_of("label", LABELS)})),
    ),
    st.tuples(st.sampled_from(["delete", "restore"]), lists, versions),
    st.tuples(st.just("delete"), sections | one_of("label", LABELS), versions),
)


async def one_by_one(account: Account, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results that a batch of `steps` should have: of its texts, those that a step has set."""
    results = []
    for step in steps:
        path = f"/{step['type']}s"
        if step["op"] == "create":
            response = await account.post(path, step["data"])
        else:
            is_action = step["op"] not in CALLS
            version = step.get("if_match")
            response = await account.request(
                CALLS.get(step["op"], "POST"),
                f"{path}/{step['id']}" + (f"/{step['op']}" if is_action else ""),
                json=step.get("data"),
                headers={} if version is None else {"If-Match": f'"{version}"'},
            )
        results.append(_result(response, step))
    return results


def _result(response: httpx.Response, step: dict[str, Any]) -> dict[str, Any]:
    body = response.json() if response.content else None
    is_error = response.status_code >= 400
    texts = TEXTS if step["type"] == "task" else {"metadata"}
    sent = step.get("data", {}) if step["op"] == "update" else {}
    unset = set() if response.status_code == 201 else texts - set(sent)
    return {
        "status": response.status_code,
        "type": step["type"],
        "data": without(unset, body) if body and not is_error else None,
        "error": body["error"] if is_error and body else None,
    }


def without(names: set[str], body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def plain(value: Any, ids: Ids) -> Any:
    """What must be the same for two users, and at two times."""
    if isinstance(value, list):
        return [plain(item, ids) for item in value]
    if not isinstance(value, dict):
        return value
    times = {name: item is not None for name, item in value.items() if name.endswith("_at")}
    is_chosen = any(value.get("id") in chosen for chosen in ids.values())
    own = {"user_id"} if is_chosen else {"user_id", "id"}
    rest = {name: plain(item, ids) for name, item in value.items() if name not in own}
    return {**rest, **times}


def resolved(value: Any, ids: Ids) -> Any:
    """The same, with ids for references."""
    match value:
        case (str(kind), int(number)):
            return ids[kind][number]
        case dict():
            return {name: resolved(item, ids) for name, item in value.items()}
        case list():
            return [resolved(item, ids) for item in value]
    return value


def sayable(drawn: list[Any], ids: Ids, seen: dict[str, int]) -> list[dict[str, Any]]:
    """The operations as a batch has them, by someone who has seen resources in these versions."""
    steps: list[dict[str, Any]] = []
    for op, what, *rest in drawn:
        if op == "create":
            steps.append({"op": op, "type": what, "data": resolved(rest[0], ids)})
            continue
        resource_id = resolved(what, ids)
        version = {"now": seen.get(resource_id, 1), "stale": 10**6}.get(rest[0])
        steps.append({"op": op, "type": what[0], "id": resource_id, "if_match": version})
        if len(rest) > 1:
            steps[-1]["data"] = resolved(rest[1], ids)
    return steps


async def prepare(account: Account, before: list[Any], ids: Ids) -> dict[str, int]:
    """Create all but the last of each type, do what is to be done before; return the versions."""
    created: list[Any] = [
        ("create", "list", {"name": "l", "id": ("list", 0)}),
        ("create", "section", {"name": "s", "id": ("section", 0), "list_id": ("list", 0)}),
        ("create", "label", {"name": "x", "id": ("label", 0)}),
        ("create", "task", {"title": "a", "id": ("task", 0), "list_id": ("list", 0)}),
        ("create", "task", {"title": "a", "id": ("task", 1), "parent_id": ("task", 0)}),
        ("create", "task", {"title": "a", "id": ("task", 2), "label_ids": [("label", 0)]}),
    ]
    await one_by_one(account, sayable([*created, *before], ids, {}))
    return {one["id"]: one["version"] for one in await everything(account)}


async def everything(account: Account) -> list[dict[str, Any]]:
    """All resources of an account, in the trash or not."""
    found: list[dict[str, Any]] = []
    for path in (
        "tasks",
        "tasks?is_trashed=true",
        "lists",
        "lists?is_trashed=true",
        "sections",
        "labels",
    ):
        found += (await account.get(f"/{path}")).json()["items"]
    return found


@pytest.mark.slow
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
    counts = {"task": TASKS, "list": LISTS, "section": SECTIONS, "label": LABELS}
    ids = {kind: [str(uuid4()) for _ in range(count)] for kind, count in counts.items()}
    async with client_at(app, f"10.1.{uuid4().int % 256}.{uuid4().int % 256}") as client:
        one, other = await register(client), await register(client)
        seen = [await prepare(account, before, ids) for account in (one, other)]
        steps = sayable(drawn, ids, seen[0])
        note(f"{steps}")

        expected = await one_by_one(one, steps)
        batch = await other.post("/batch", {"operations": steps})

        assert batch.status_code == 200, batch.text
        assert plain(batch.json()["results"], ids) == plain(expected, ids)
        left, right = [plain(await everything(account), ids) for account in (one, other)]
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
