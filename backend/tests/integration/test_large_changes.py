"""Changes of thousands of tasks in one request."""

import pytest
from pydantic import SecretStr

from duly.core.config import Settings
from tests.support.accounts import Account, error_code, register
from tests.support.databases import migrated_database
from tests.support.direct_sql import execute
from tests.support.instances import running
from tests.support.invariants import check_rows
from tests.support.resource_calls import (
    Resource,
    act,
    body_of,
    create,
    create_task,
    patch,
    place_of,
    read,
    titles,
    trash,
)

LIMIT = 10_000


async def restore_list(account: Account, resource: Resource) -> None:
    body_of(await account.post(f"/lists/{resource['id']}/restore"))


async def add_subtasks(dsn: str, account: Account, parent: Resource, count: int) -> None:
    """Add subtasks behind the back of the application, and of PostgreSQL's statistics."""
    await execute(
        dsn,
        "INSERT INTO tasks (user_id, id, title, parent_id, list_id, revision) "
        "SELECT user_id, gen_random_uuid(), 'subtask', id, list_id, revision + n "
        "FROM tasks, generate_series(1, %s) AS n WHERE user_id = %s AND id = %s",
        count,
        account.id,
        parent["id"],
    )
    await execute(
        dsn,
        "UPDATE users SET revision = revision + %s, task_count = task_count + %s WHERE id = %s",
        count,
        count,
        account.id,
    )


WRITES = [
    ("POST", "/complete", None),
    ("PATCH", "", {"is_completed": True}),
    ("DELETE", "", None),
    ("DELETE", "?permanent=true", None),
    ("POST", "/move", {"list_id": "LIST"}),
    ("PATCH", "", {"list_id": "LIST"}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "suffix", "body"), WRITES)
async def test_more_than_ten_thousand_changes_are_rejected(
    alice: Account, dsn: str, *, method: str, suffix: str, body: dict[str, object] | None
) -> None:
    work = await create(alice, "lists", name="Work")
    parent = await create_task(alice)
    await add_subtasks(dsn, alice, parent, LIMIT)
    if body and "list_id" in body:
        body = {"list_id": work["id"]}

    response = await alice.request(method, f"/tasks/{parent['id']}{suffix}", json=body)

    assert (response.status_code, error_code(response)) == (409, "TOO_MANY_CHANGES")
    assert response.json()["error"]["details"] == {"limit": LIMIT, "count": LIMIT + 1}
    assert await read(alice, parent) == parent
    query = "SELECT revision FROM users WHERE id = %s"
    assert await execute(dsn, query, alice.id) == [(parent["version"] + LIMIT,)]


@pytest.mark.slow
@pytest.mark.parametrize("query", ["", "?permanent=true", "?move_tasks_to=inbox"])
async def test_list_with_too_many_tasks_is_not_deleted(
    alice: Account, dsn: str, query: str
) -> None:
    work = await create(alice, "lists", name="Work")
    parent = await create_task(alice, list_id=work["id"])
    await add_subtasks(dsn, alice, parent, LIMIT - 1)

    response = await alice.delete(f"/lists/{work['id']}{query}")

    assert response.json()["error"]["details"] == {"limit": LIMIT, "count": LIMIT + 1}
    assert await titles(alice, plural="lists") == ["Work"]
    await check_rows(dsn, alice)


@pytest.mark.slow
async def test_ten_thousand_changes_are_made(alice: Account, dsn: str) -> None:
    work = await create(alice, "lists", name="Work")
    parent = await create_task(alice, list_id=work["id"])
    await add_subtasks(dsn, alice, parent, LIMIT - 2)

    await trash(alice, "lists", work)
    await restore_list(alice, work)
    await act(alice, parent, "complete")
    await act(alice, parent, "reopen")
    await patch(alice, parent, list_id=None)

    assert place_of(await read(alice, parent)) == (None, None, None)
    page = body_of(await alice.get("/tasks?list_id=inbox&include_total=true"))
    assert page["total"] == LIMIT - 1
    await check_rows(dsn, alice)
    await alice.delete(f"/tasks/{parent['id']}?permanent=true")
    await check_rows(dsn, alice)


@pytest.mark.slow
async def test_large_trees_are_changed_in_time_if_other_users_have_few_tasks(
    dsn: str, settings: Settings, address: str
) -> None:
    # By its statistics, PostgreSQL expects few tasks of this user, too.
    with migrated_database(dsn) as empty:
        own = {"database_url": SecretStr(empty), "rate_limit": "off"}
        async with running(settings, address, **own) as client:
            account = await register(client)
            parent = await create_task(account)
            await execute(empty, "ANALYZE")
            await add_subtasks(empty, account, parent, LIMIT - 5)

            for verb in ("complete", "reopen"):
                await act(account, parent, verb)
            await patch(account, parent, is_completed=True)
            await trash(account, "tasks", parent)
            await act(account, parent, "restore")

            await check_rows(empty, account)


async def test_completion_with_too_many_tasks_below_its_copy_is_not_taken_back(
    alice: Account, dsn: str
) -> None:
    due = {"date": "2099-01-01"}
    task = await create_task(alice, due=due, recurrence={"rule": "FREQ=DAILY"})
    moved = await act(alice, task, "complete", occurrence="2099-01-01")
    [copy] = body_of(await alice.get("/tasks?is_completed=true"))["items"]
    await add_subtasks(dsn, alice, copy, LIMIT)

    response = await alice.post(f"/tasks/{copy['id']}/reopen")

    assert (response.status_code, error_code(response)) == (409, "TOO_MANY_CHANGES")
    assert await read(alice, moved) == moved
    assert await read(alice, copy) == copy


@pytest.mark.slow
@pytest.mark.parametrize(
    "operation",
    [
        {"op": "complete"},
        {"op": "delete"},
        {"op": "update", "data": {"is_completed": True}},
        {"op": "delete", "data": {"permanent": True}},
    ],
    ids=str,
)
@pytest.mark.parametrize("is_atomic", [True, False])
async def test_operations_of_a_batch_change_ten_thousand_resources_at_most(
    alice: Account, dsn: str, *, operation: Resource, is_atomic: bool
) -> None:
    parents = [await create_task(alice, f"parent {number}") for number in range(3)]
    for parent in parents:
        await add_subtasks(dsn, alice, parent, LIMIT // 3)
    operations = [{"type": "task", "id": parent["id"], **operation} for parent in parents]

    refused = await alice.post("/batch", {"operations": operations, "atomic": is_atomic})
    done = body_of(await alice.post("/batch", {"operations": operations[:2]}))

    assert (refused.status_code, error_code(refused)) == (409, "TOO_MANY_CHANGES")
    assert refused.json()["error"]["details"]["limit"] == LIMIT
    assert {result["error"] for result in done["results"]} == {None}
    assert await read(alice, parents[2]) == parents[2]
    await check_rows(dsn, alice)
