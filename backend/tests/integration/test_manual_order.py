"""The manual order: where resources are inserted and moved, and what their keys become."""

import asyncio
import json
import random
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import BigInteger, bindparam, literal, select

from duly.database.scope import UserScope
from duly.database.statements import USER_ID, owned
from duly.models import User
from duly.records import revisions
from duly.records.order import appended
from duly.utils.tables import table_of
from tests.support.accounts import Account, error_code
from tests.support.direct_sql import execute
from tests.support.invariants import check_rows
from tests.support.resource_calls import (
    Resource,
    body_of,
    create,
    create_task,
    errors_of,
    titles,
    trash,
)
from tests.support.sync_copies import stored, sync, synced
from tests.support.two_users import two_people

PLURALS = ("tasks", "lists", "sections", "labels", "filters")
EACH_PLURAL = pytest.mark.parametrize("plural", PLURALS)
MAX_LENGTH = 64
ROUNDS = 25
"""Moves of each of eight clients; `make race` makes a thousand in all."""


async def shared_fields(account: Account, plural: str) -> dict[str, Any]:
    """The fields that all siblings need."""
    if plural == "sections":
        return {"list_id": (await create(account, "lists", name="List"))["id"]}
    return {"query": "p1"} if plural == "filters" else {}


async def some(account: Account, plural: str, names: str = "abcd") -> dict[str, Resource]:
    """Siblings, one for each letter, in this order."""
    shared = await shared_fields(account, plural)
    field = "title" if plural == "tasks" else "name"
    return {name: await create(account, plural, **{field: name}, **shared) for name in names}


async def order(account: Account, plural: str = "tasks") -> str:
    return "".join(await titles(account, plural=plural))


async def move(account: Account, plural: str, resource: Resource, **anchor: Any) -> Resource:
    return body_of(await account.post(f"/{plural}/{resource['id']}/move", anchor))


@EACH_PLURAL
async def test_new_resources_come_last(alice: Account, plural: str) -> None:
    await some(alice, plural)

    assert await order(alice, plural) == "abcd"
    assert await titles(alice, "sort=-position", plural) == list("dcba")


@EACH_PLURAL
@pytest.mark.parametrize(
    ("name", "anchor", "expected"),
    [
        ("d", {"after_id": "a"}, "adbc"),
        ("a", {"after_id": "c"}, "bcad"),
        ("a", {"after_id": "d"}, "bcda"),
        ("d", {"after_id": None}, "dabc"),
        ("d", {"before_id": "b"}, "adbc"),
        ("a", {"before_id": "d"}, "bcad"),
        ("d", {"before_id": "a"}, "dabc"),
        ("a", {"before_id": None}, "bcda"),
        ("a", {}, "bcda"),
        ("b", {"after_id": "a"}, "abcd"),
        ("b", {"after_id": "b"}, "abcd"),
        ("b", {"before_id": "b"}, "abcd"),
        ("a", {"after_id": "nothing"}, "bcda"),
        ("a", {"before_id": "nothing"}, "bcda"),
    ],
)
async def test_resource_moves_beside_its_anchor(
    alice: Account, *, plural: str, name: str, anchor: dict[str, str | None], expected: str
) -> None:
    found = await some(alice, plural)
    ids = {key: one["id"] for key, one in found.items()} | {"nothing": str(uuid4())}

    moved = await move(
        alice, plural, found[name], **{key: one and ids[one] for key, one in anchor.items()}
    )

    assert await order(alice, plural) == expected
    assert body_of(await alice.get(f"/{plural}/{moved['id']}")) == moved


@EACH_PLURAL
@pytest.mark.parametrize(
    ("anchor", "expected"),
    [
        ({"after_id": "a"}, "axb"),
        ({"after_id": "b"}, "abx"),
        ({"after_id": None}, "xab"),
        ({"before_id": "a"}, "xab"),
        ({"before_id": None}, "abx"),
        ({"after_id": "nothing"}, "abx"),
    ],
)
async def test_new_resource_is_inserted_beside_its_anchor(
    alice: Account, *, plural: str, anchor: dict[str, str | None], expected: str
) -> None:
    found = await some(alice, plural, "ab")
    ids = {key: one["id"] for key, one in found.items()} | {"nothing": str(uuid4())}
    fields = {"title" if plural == "tasks" else "name": "x", "id": str(uuid4())}
    fields |= {"list_id": found["a"]["list_id"]} if plural == "sections" else {}
    fields |= {"query": "p1"} if plural == "filters" else {}
    body = {**fields, **{key: one and ids[one] for key, one in anchor.items()}}

    new = body_of(await alice.post(f"/{plural}", body), 201)

    assert await order(alice, plural) == expected
    assert body_of(await alice.post(f"/{plural}", body)) == new


@EACH_PLURAL
async def test_move_next_to_itself_changes_nothing(alice: Account, plural: str) -> None:
    found = await some(alice, plural, "abc")

    for name in ("after_id", "before_id"):
        assert await move(alice, plural, found["b"], **{name: found["b"]["id"]}) == found["b"]


@EACH_PLURAL
async def test_two_anchors_are_rejected(alice: Account, plural: str) -> None:
    found = await some(alice, plural, "a")
    path = f"/{plural}/{found['a']['id']}/move"

    for anchors in (
        {"after_id": None, "before_id": None},
        {"after_id": str(uuid4()), "before_id": None},
    ):
        assert errors_of(await alice.post(path, anchors)) == [("body", "contradiction")]


@EACH_PLURAL
async def test_move_changes_one_resource(alice: Account, plural: str) -> None:
    found = await some(alice, plural)
    token = (await sync(alice))["token"]

    moved = await move(alice, plural, found["d"], after_id=None)

    [change] = (await sync(alice, token))["changes"]
    assert change["data"] == moved


@EACH_PLURAL
async def test_move_checks_if_match(alice: Account, plural: str) -> None:
    found = await some(alice, plural, "ab")
    path, version = f"/{plural}/{found['b']['id']}/move", found["b"]["version"]

    stale = await alice.post(path, {"after_id": None}, headers={"If-Match": f'"{version + 1}"'})
    moved = await alice.post(path, {"after_id": None}, headers={"If-Match": f'"{version}"'})

    assert (stale.status_code, moved.status_code) == (412, 200)


@EACH_PLURAL
async def test_another_users_resource_is_no_anchor(
    alice: Account, bob: Account, plural: str
) -> None:
    mine, theirs = await some(alice, plural, "abc"), await some(bob, plural, "abc")

    await move(alice, plural, mine["a"], before_id=theirs["b"]["id"])

    assert (await order(alice, plural), await order(bob, plural)) == ("bca", "abc")
    path = f"/{plural}/{theirs['a']['id']}/move"
    assert (await alice.post(path, {"after_id": None})).status_code == 404


async def test_tasks_in_other_places_and_in_the_trash_are_no_anchors(alice: Account) -> None:
    found = await some(alice, "tasks")
    work = await create(alice, "lists", name="Work")
    await move(alice, "tasks", found["b"], list_id=work["id"])
    await move(alice, "tasks", found["c"], parent_id=found["d"]["id"])
    gone = await create_task(alice, "gone", after_id=None)
    await trash(alice, "tasks", gone)

    for anchor in (found["b"], found["c"], gone):
        await move(alice, "tasks", found["a"], before_id=anchor["id"])
        assert await titles(alice, "list_id=inbox&parent_id=none&sort=position") == ["d", "a"]
        await move(alice, "tasks", found["d"], after_id=found["a"]["id"])
        assert await titles(alice, "list_id=inbox&parent_id=none&sort=position") == ["a", "d"]


async def test_task_moves_beside_a_sibling_in_its_new_place(alice: Account) -> None:
    found = await some(alice, "tasks", "ab")
    work = await create(alice, "lists", name="Work")
    for name in "xyz":
        found[name] = await create_task(alice, name, list_id=work["id"])

    await move(alice, "tasks", found["a"], list_id=work["id"], after_id=found["x"]["id"])
    await move(alice, "tasks", found["b"], parent_id=found["z"]["id"], after_id=None)

    query = f"list_id={work['id']}&parent_id=none&sort=position"
    assert "".join(await titles(alice, query)) == "xayz"


@pytest.mark.slow
async def test_moves_into_one_gap_keep_keys_short(pair: tuple[Account, Account], dsn: str) -> None:
    account, _ = pair
    found = await some(account, "tasks", "abcdefgh")
    copy = await synced(account)
    names = list("abcdefgh")
    draw = random.Random(1)
    for number in range(600):
        # Between the fourth and the fifth, each time nearer to the same point.
        name = names.pop(0) if number % 2 else names.pop()
        anchor = names[2 + draw.randint(0, 1)]
        await move(account, "tasks", found[name], after_id=found[anchor]["id"])
        names.insert(names.index(anchor) + 1, name)

    assert await titles(account) == names
    query = "SELECT max(length(position)) FROM tasks WHERE user_id = %s"
    [(longest,)] = await execute(dsn, query, account.id)
    assert longest <= MAX_LENGTH
    await copy.pull(account)
    assert copy.resources == await stored(account)
    await check_rows(dsn, account)


async def test_inserts_into_one_gap_keep_keys_short(
    pair: tuple[Account, Account], dsn: str
) -> None:
    account, _ = pair
    first, last = await create_task(account, "first"), await create_task(account, "last")
    names, ids = ["first", "last"], {"first": first["id"], "last": last["id"]}
    place = 1
    for number in range(10):
        operations = []
        for inner in range(45):
            name, task_id = f"{number}.{inner}", str(uuid4())
            data = {"id": task_id, "title": name, "before_id": ids[names[place]]}
            operations.append({"op": "create", "type": "task", "data": data})
            names.insert(place, name)
            ids[name] = task_id
            place += inner % 2
        results = body_of(await account.post("/batch", {"operations": operations}))["results"]
        assert {one["status"] for one in results} == {201}

    query = "SELECT title, length(position) FROM tasks WHERE user_id = %s ORDER BY position, id"
    rows = await execute(dsn, query, account.id)
    assert [title for title, _ in rows] == names
    assert max(length for _, length in rows) <= MAX_LENGTH
    await check_rows(dsn, account)


@pytest.mark.parametrize("count", [3, 150])
async def test_siblings_with_the_same_key_are_told_apart(
    alice: Account, dsn: str, count: int
) -> None:
    await execute(
        dsn,
        "INSERT INTO tasks (user_id, id, title, revision) "
        "SELECT %s, gen_random_uuid(), n::text, n FROM generate_series(1, %s) AS n",
        alice.id,
        count,
    )
    query = "UPDATE users SET revision = %s, task_count = %s WHERE id = %s"
    await execute(dsn, query, count, count, alice.id)
    query = "SELECT title, id::text FROM tasks WHERE user_id = %s ORDER BY position, id"
    rows = await execute(dsn, query, alice.id)
    middle = count // 2
    expected = [title for title, _ in rows[:-1]]
    expected.insert(middle, rows[-1][0])

    await move(alice, "tasks", {"id": rows[-1][1]}, before_id=rows[middle][1])

    assert [title for title, _ in await execute(dsn, query, alice.id)] == expected
    await check_rows(dsn, alice)


async def test_move_that_would_give_too_many_siblings_new_keys_is_rejected(
    alice: Account, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = [await create_task(alice) for _ in range(6)]
    query = "UPDATE tasks SET position = 'a5' WHERE user_id = %s AND id <> %s"
    await execute(dsn, query, alice.id, tasks[0]["id"])
    monkeypatch.setattr(revisions, "MAX_CHANGES", 4)

    body = {"after_id": tasks[3]["id"]}
    refused = await alice.post(f"/tasks/{tasks[0]['id']}/move", body)

    assert (refused.status_code, error_code(refused)) == (409, "TOO_MANY_CHANGES")


@pytest.mark.slow
@pytest.mark.parametrize("plural", ["tasks", "lists"])
async def test_concurrent_moves_of_two_devices_end_in_one_order(
    pair: tuple[Account, Account],
    dsn: str,
    plural: str,
    run_seed: int,
    pytestconfig: pytest.Config,
) -> None:
    rounds = int(pytestconfig.getoption("rounds") or ROUNDS)
    found = list((await some(pair[0], plural, "abcdefghij")).values())
    copies = [await synced(device) for device in pair]
    draw = random.Random(run_seed)

    async def live(device: Account, count: int) -> None:
        for _ in range(count):
            resource, anchor = draw.sample(found, 2)
            side = draw.choice(["after_id", "before_id"])
            await move(device, plural, resource, **{side: anchor["id"]})

    await asyncio.gather(*(live(device, rounds) for device in pair for _ in range(4)))

    for copy, device in zip(copies, pair, strict=True):
        await copy.pull(device)
        assert copy.resources == await stored(device)
    keys = [(one["position"], one["id"]) for one in copies[0].resources.values()]
    assert len({position for position, _ in keys}) == len(found)
    page = body_of(await pair[1].get(f"/{plural}?sort=position"))["items"]
    assert [one["id"] for one in page] == [one for _, one in sorted(keys)]
    await check_rows(dsn, pair[0])


async def test_sql_makes_the_appended_keys_of_the_vectors(dsn: str) -> None:
    path = Path(__file__).parents[3] / "vectors" / "order_keys.json"
    vectors = json.loads(path.read_text())["appended"]
    users = table_of(User)
    revision = literal(0, BigInteger()) + bindparam("at", type_=BigInteger())
    statement = owned(select(appended(revision).label("key")).where(users.c.id == USER_ID))

    async with two_people(dsn) as people:
        scope = UserScope(people.pool, people.mine)
        rows = [await scope.one(statement, at=one["revision"]) for one in vectors]

    assert rows == [{"key": one["key"]} for one in vectors]
