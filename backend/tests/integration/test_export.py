"""The export: all data of a user in one document."""

from uuid import UUID

import httpx
import pytest

from duly.records.types import ResourceType
from duly.services.resource_types import RESOURCE_TYPES
from tests.support.accounts import API, Account, error_code
from tests.support.direct_sql import execute
from tests.support.resources import EACH_TYPE, create_one, path_of


async def test_an_export_holds_the_user_the_sessions_and_the_tasks(alice: Account) -> None:
    await alice.sign_in_again()
    tasks = [await alice.create_task() for _ in range(3)]
    done = (await alice.post(f"/tasks/{tasks[0]['id']}/complete")).json()

    response = await alice.get("/users/me/export")

    assert response.status_code == 200
    export = response.json()
    plurals = {kind.plural for kind in RESOURCE_TYPES}
    whole = {"user", "identities", "sessions", "factors", "api_tokens", "security_events", "trash"}
    assert set(export) == {*whole, *plurals}
    assert export["user"] == (await alice.get("/users/me")).json()
    assert export["sessions"] == (await alice.get("/auth/sessions")).json()["items"]
    by_id = {task["id"]: task for task in export["tasks"]}
    assert len(export["tasks"]) == 3
    assert by_id == {task["id"]: task for task in [done, *tasks[1:]]}
    assert {name for name in (*plurals, "trash") if export[name]} == {"tasks"}


@EACH_TYPE
async def test_export_contains_every_resource_of_a_type(
    alice: Account, bob: Account, kind: ResourceType
) -> None:
    kept, trashed = [await create_one(alice, kind, text) for text in ("one", "two")]
    await create_one(bob, kind)
    await alice.delete(path_of(kind, trashed["id"]))

    export = (await alice.get("/users/me/export")).json()

    assert export[kind.plural] == [kept]
    if not kind.has_trash:
        assert export["trash"] == []
        return
    [in_trash] = export["trash"]
    assert in_trash["trashed_at"] > trashed["created_at"]
    expected = {"version": trashed["version"] + 1, "trashed_at": in_trash["trashed_at"]}
    assert in_trash == {**trashed, **expected}


async def test_an_export_of_nothing_is_complete(alice: Account) -> None:
    export = (await alice.get("/users/me/export")).json()

    assert export["tasks"] == []
    assert export["trash"] == []
    assert len(export["sessions"]) == 1


async def test_an_export_is_a_download_that_is_not_kept(alice: Account) -> None:
    headers = (await alice.get("/users/me/export")).headers

    assert headers["content-type"] == "application/json"
    assert headers["content-disposition"].startswith("attachment")
    assert headers["cache-control"] == "no-store"


async def test_export_contains_no_rows_of_other_users(alice: Account, bob: Account) -> None:
    theirs = await bob.create_task()

    response = await alice.get("/users/me/export")

    for given in (bob.id, bob.email, theirs["id"]):
        assert given not in response.text


async def test_an_export_holds_no_secret(alice: Account, dsn: str) -> None:
    [(hashed,)] = await execute(dsn, "SELECT password_hash FROM users WHERE id = %s", alice.id)

    response = await alice.get("/users/me/export")

    for secret in (
        hashed,
        alice.password,
        *(alice.session[f"{x}_token"] for x in ("access", "refresh")),
    ):
        assert secret not in response.text
    assert "hash" not in response.text


@pytest.mark.parametrize("count", [499, 500, 501, 1203])
async def test_an_export_has_every_task_once_however_many(
    alice: Account, dsn: str, count: int
) -> None:
    await execute(
        dsn,
        "INSERT INTO tasks (user_id, id, title, revision) "
        "SELECT %s, gen_random_uuid(), 'Task ' || n, n FROM generate_series(1, %s) n",
        alice.id,
        count,
    )

    tasks = (await alice.get("/users/me/export")).json()["tasks"]

    assert sorted(task["version"] for task in tasks) == list(range(1, count + 1))


@pytest.mark.parametrize("task_id", [UUID(int=0), UUID(int=2**128 - 1)])
async def test_an_export_has_tasks_under_any_id(alice: Account, task_id: UUID) -> None:
    await alice.create_task(id=str(task_id))

    tasks = (await alice.get("/users/me/export")).json()["tasks"]

    assert [task["id"] for task in tasks] == [str(task_id)]


async def test_an_export_needs_a_token(client: httpx.AsyncClient) -> None:
    response = await client.get(f"{API}/users/me/export")

    assert response.status_code == 401
    assert error_code(response) == "UNAUTHENTICATED"


async def test_an_export_of_an_account_just_gone_is_refused_in_the_envelope(
    alice: Account, dsn: str
) -> None:
    # As an operator would in SQL: the token itself has not been revoked.
    await execute(dsn, "DELETE FROM users WHERE id = %s", alice.id)

    response = await alice.get("/users/me/export")

    assert response.status_code == 401
    assert error_code(response) == "UNAUTHENTICATED"
