"""Each reason in `explained.py` holds: the removal of a predicate has no effect, or only one that a
test of its own shows.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.database.scope import UserScope
from duly.records import commands
from duly.runtime.context import Client
from duly.services import exports, users
from duly.services.resource_types import RESOURCE_TYPES
from duly.services.sections import TYPE as SECTION
from duly.services.sessions import open_session
from tests.attack.explained import EXPLAINED, LOOKUPS, TOO_MANY, shown_by
from tests.attack.predicates import broken, mutant_of
from tests.support.accounts import API, Account
from tests.support.api_tokens import program_of
from tests.support.direct_sql import execute
from tests.support.instances import running
from tests.support.resource_calls import create, create_task
from tests.support.resources import body_for, erase_of, prepare


@pytest.mark.slow
@pytest.mark.parametrize("name", shown_by("test_number_of_too_many_changes_is_that_of_own_tasks"))
async def test_number_of_too_many_changes_is_that_of_own_tasks(
    alice: Account, bob: Account, dsn: str, name: str
) -> None:
    ids = [str(uuid4()) for _ in range(2)]
    for account in (alice, bob):
        await create_task(account, id=ids[0])
    await create_task(bob, id=ids[1], parent_id=ids[0])
    await execute(
        dsn,
        "INSERT INTO tasks (user_id, id, title, parent_id, revision) "
        "SELECT %s, gen_random_uuid(), 'subtask', %s, 1 FROM generate_series(1, 10000)",
        alice.id,
        ids[0],
    )
    state = {"REOPEN": "completed", "RESTORE": "trashed"}.get(name.split(".")[2])
    if state is not None:
        await execute(
            dsn,
            f"UPDATE tasks SET {state}_at = now(), {state}_with = 7 WHERE user_id = ANY(%s)",
            [alice.id, bob.id],
        )
    method, path = TOO_MANY[name]

    async def reported() -> Any:
        response = await alice.request(method, path.format(ids[0]))
        return response.status_code, response.json()["error"]["details"].get("count")

    assert await reported() == (409, 10_001)
    with broken(mutant_of(name)):
        assert await reported() != (409, 10_001)


@pytest.mark.slow
@pytest.mark.parametrize("name", shown_by("test_task_of_another_user_is_not_used_as_an_anchor"))
async def test_task_of_another_user_is_not_used_as_an_anchor(
    alice: Account, bob: Account, name: str
) -> None:
    ids = {"list": str(uuid4()), "anchor": str(uuid4())}
    for account in (bob, alice):
        await create(account, "lists", name="of both", id=ids["list"])
    # In the list of both, the anchor is another user's; the own one is in the inbox.
    await create_task(bob, id=ids["anchor"], list_id=ids["list"])
    await create_task(alice, id=ids["anchor"])
    first, second = [await create_task(alice, list_id=ids["list"]) for _ in range(2)]

    async def order() -> list[str]:
        """The order after the second task is moved after the anchor."""
        await alice.post(f"/tasks/{second['id']}/move", {"after_id": ids["anchor"]})
        listed = await alice.get("/tasks", params={"list_id": ids["list"], "sort": "position"})
        return [task["id"] for task in listed.json()["items"]]

    assert await order() == [first["id"], second["id"]]
    with broken(mutant_of(name)):
        assert await order() == [second["id"], first["id"]]


@pytest.mark.parametrize(
    "name", shown_by("test_deletion_is_reported_if_another_user_has_the_same_id")
)
async def test_deletion_is_reported_if_another_user_has_the_same_id(
    alice: Account, bob: Account, name: str
) -> None:
    kind = RESOURCE_TYPES[int(name[-1]) - 4]
    body = {**body_for(kind, "of one name"), "id": str(uuid4())}
    for account in (alice, bob):
        await prepare(account, kind)
        assert (await account.post(f"/{kind.plural}", body)).status_code == 201
    token = (await bob.get("/sync")).json()["token"]
    await bob.post("/batch", {"operations": [erase_of(kind, body["id"])]})

    reported = (await bob.get("/sync", params={"token": token})).json()["changes"]
    with broken(mutant_of(name)):
        reported_without_predicate = (await bob.get("/sync", params={"token": token})).json()[
            "changes"
        ]

    assert [(change["id"], change["op"]) for change in reported] == [(body["id"], "delete")]
    assert reported_without_predicate == []


@pytest.mark.parametrize(
    "name", shown_by("test_write_of_a_disabled_user_is_rejected_by_the_lock_as_well")
)
async def test_write_of_a_disabled_user_is_rejected_by_the_lock_as_well(
    alice: Account, bob: Account, dsn: str, name: str
) -> None:
    assert alice.id != bob.id
    method, path, changes = LOOKUPS[name]
    [kind] = [one for one in RESOURCE_TYPES if path.split("/")[1] == one.plural]
    await prepare(alice, SECTION)
    body = body_for(kind, "too late")
    resource = (await alice.post(f"/{kind.plural}", {**body, "id": str(uuid4())})).json()
    if "reopen" in path:
        await alice.post(f"/tasks/{resource['id']}/complete")
    if "restore" in path:
        await alice.delete(f"/{kind.plural}/{resource['id']}")
    # No worker's list of ended sessions has this one yet.
    await execute(dsn, "UPDATE users SET disabled_at = now() WHERE id = %s", alice.id)

    async def write() -> int:
        sent = {**body_for(kind, "too late"), **changes} if path == f"/{kind.plural}" else changes
        target = path.format(resource["id"])
        return (await alice.request(method, target, json=sent)).status_code

    assert await write() == 401
    with broken(mutant_of(name)):
        assert await write() == 401


@pytest.mark.parametrize("name", shown_by("test_batch_waits_for_no_other_user"))
async def test_batch_waits_for_no_other_user(
    alice: Account, bob: Account, dsn: str, name: str
) -> None:
    body = {"operations": [{"op": "create", "type": "task", "data": {"title": "new"}}]}

    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("SELECT FROM users WHERE id = %s FOR UPDATE", [bob.id])

        assert (await alice.post("/batch", body)).status_code == 200
        with broken(mutant_of(name)), pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await alice.post("/batch", body)


@pytest.mark.parametrize("name", shown_by("test_session_limit_counts_own_sessions_only"))
async def test_session_limit_counts_own_sessions_only(
    settings: Settings, alice: Account, bob: Account, address: str, name: str
) -> None:
    async with running(settings, address, max_sessions=2) as client:
        alice.client = bob.client = client

        async def is_kept() -> bool:
            """Whether a session outlasts a sign-in of bob and another one of alice."""
            await alice.delete("/auth/sessions")
            first = await alice.sign_in_again()
            await bob.sign_in_again()
            alice.session = (await alice.sign_in_again()).session
            body = {"refresh_token": first.session["refresh_token"]}
            response = await client.post(f"{API}/auth/refresh", json=body)
            return response.status_code == 200

        assert await is_kept()
        with broken(mutant_of(name)):
            assert not await is_kept()


@pytest.mark.parametrize("name", shown_by("test_token_limit_counts_own_tokens_only"))
async def test_token_limit_counts_own_tokens_only(
    settings: Settings, alice: Account, bob: Account, address: str, name: str
) -> None:
    async with running(settings, address, max_api_tokens=2) as client:
        alice.client = bob.client = client
        body = {"name": "Robot", "scopes": ["tasks:read"]}
        await bob.post("/users/me/tokens", body)
        await bob.post("/users/me/tokens", body)

        assert (await alice.post("/users/me/tokens", body)).status_code == 201
        with broken(mutant_of(name)):
            assert (await alice.post("/users/me/tokens", body)).status_code == 403


@pytest.mark.parametrize("name", shown_by("test_token_of_a_disabled_user_is_rejected"))
async def test_token_of_a_disabled_user_is_rejected(
    alice: Account, bob: Account, dsn: str, name: str
) -> None:
    assert alice.id != bob.id
    robots = [await program_of(alice) for _ in range(2)]
    # No worker's list of revocations has them.
    await execute(dsn, "UPDATE users SET disabled_at = now() WHERE id = %s", alice.id)

    assert (await robots[0].get("/labels")).status_code == 401
    with broken(mutant_of(name)):
        assert (await robots[1].get("/labels")).status_code == 200


@pytest.mark.parametrize("name", shown_by("test_lease_of_another_user_is_untouched"))
async def test_lease_of_another_user_is_untouched(
    app: FastAPI, alice: Account, bob: Account, dsn: str, name: str
) -> None:
    expiry = datetime(2100, 1, 1, tzinfo=UTC)
    for account in (alice, bob):
        await execute(dsn, "INSERT INTO export_leases VALUES (%s, %s)", account.id, expiry)
    scope = app.state.context.across_users.user(UUID(alice.id))
    statement = {
        "services.exports._RENEW#0": exports._RENEW,
        "services.exports._RELEASE#0": exports._RELEASE,
        "services.users._DELETE_LEASE#0": users._DELETE_LEASE,
    }[name]
    params = {"mine": expiry} if "exports" in name else {}

    async def kept() -> list[Any]:
        query = "SELECT user_id FROM export_leases WHERE user_id = ANY(%s) AND expires_at = %s"
        rows = await execute(dsn, query, [UUID(alice.id), UUID(bob.id)], expiry)
        return [str(row[0]) for row in rows]

    await scope.all(statement, **params)
    assert await kept() == [bob.id]
    with broken(mutant_of(name)):
        await scope.all(statement, **params)
    assert await kept() == []


@pytest.mark.parametrize(
    "name", shown_by("test_sign_in_changes_no_other_account_without_a_password")
)
async def test_sign_in_changes_no_other_account_without_a_password(
    app: FastAPI, alice: Account, bob: Account, dsn: str, name: str
) -> None:
    context = app.state.context
    both = [UUID(alice.id), UUID(bob.id)]
    await execute(
        dsn,
        "UPDATE users SET password_hash = NULL, known_addresses = '{}' WHERE id = ANY(%s)",
        both,
    )
    scope = context.across_users.user(UUID(alice.id))
    known = "SELECT id FROM users WHERE id = ANY(%s) AND known_addresses <> '{}' ORDER BY id"

    async def sign_in() -> list[Any]:
        async with scope.transaction() as own:
            await open_session(
                context, own, Client("192.0.2.1", None), alice.session["user"], None
            )
        return [row[0] for row in await execute(dsn, known, both)]

    assert await sign_in() == [UUID(alice.id)]
    with broken(mutant_of(name)):
        assert await sign_in() == sorted(both)


@pytest.mark.parametrize("name", EXPLAINED)
def test_undetected_removal_is_covered_by_another_predicate(name: str) -> None:
    reason = EXPLAINED[name]

    assert reason.remains in mutant_of(name).sql.decode()
    if reason.check is not None:
        reason.check()
    else:
        assert reason.test is not None
        assert name in names_tried_by(globals()[reason.test])


def names_tried_by(test: Callable[..., Any]) -> list[str]:
    """The mutants that a test runs with, each of which must change what it sees."""
    marks: list[pytest.Mark] = getattr(test, "pytestmark", [])
    return [name for mark in marks if mark.args[:1] == ("name",) for name in mark.args[1]]


@pytest.mark.parametrize(
    "name", shown_by("test_subtask_of_another_user_does_not_change_the_response")
)
async def test_subtask_of_another_user_does_not_change_the_response(
    alice: Account, bob: Account, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run = commands.run
    other_ways: list[object] = []

    async def noted(scope: UserScope, operation: Any) -> Any:
        other_ways.append(operation)
        return await run(scope, operation)

    action = name.split(".")[2].split("_", maxsplit=1)[0].lower()
    parent_ids = [str(uuid4()) for _ in "12"]
    for parent_id in parent_ids:
        for account in (alice, bob):
            await create_task(account, id=parent_id, is_completed=action == "reopen")
        await create_task(bob, parent_id=parent_id)

    async def changed(parent_id: str) -> Any:
        task = (await alice.post(f"/tasks/{parent_id}/{action}")).json()
        return {key: task[key] for key in ("user_id", "is_completed", "trashed_at", "parent_id")}

    monkeypatch.setattr(commands, "run", noted)
    right = await changed(parent_ids[0])
    assert not other_ways
    with broken(mutant_of(name)):
        assert await changed(parent_ids[1]) == right
    assert other_ways
    monkeypatch.undo()
    for parent_id in parent_ids:
        task = (await bob.get(f"/tasks/{parent_id}")).json()
        assert task["is_completed"] is (action == "reopen")
