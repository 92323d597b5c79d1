"""Scopes of API tokens: on every operation, and on ways around them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.core.scopes import GRANTABLE
from tests.support.accounts import Account, error_code
from tests.support.api_tokens import program_of
from tests.support.direct_sql import execute
from tests.support.instances import running
from tests.support.operations import Operation, operations_of

READ, WRITE, DELETE, ACCOUNT = GRANTABLE
SETS = [
    *([scope] for scope in GRANTABLE),
    *([other for other in GRANTABLE if other != scope] for scope in GRANTABLE),
    [*GRANTABLE],
]


@pytest.fixture
async def unlimited(settings: Settings, address: str, alice: Account) -> AsyncIterator[Account]:
    """Alice at an instance without a rate limit."""
    async with running(settings, address, rate_limit="off") as client:
        yield replace(alice, client=client)


def scopes_of(operation: Operation) -> set[str]:
    security = operation.spec["security"]
    return set(security[0]["OAuth2PasswordBearer"]) if security else set()


async def call(account: Account, operation: Operation) -> tuple[int, Any]:
    """The status and the error that an operation returns for an invalid or an empty body."""
    # A stream would go on after its headers.
    method = "HEAD" if operation.id == "stream_events" else operation.method
    response = await account.client.request(
        method, operation.url, headers=account.headers, timeout=20
    )
    has_error = response.status_code >= 400 and method != "HEAD"
    return response.status_code, response.json()["error"] if has_error else None


@pytest.mark.parametrize("scopes", SETS, ids=" ".join)
async def test_token_is_for_operations_whose_scopes_it_has(
    app: FastAPI, unlimited: Account, scopes: list[str]
) -> None:
    robot = await program_of(unlimited, *scopes)
    operations = [operation for operation in operations_of(app) if scopes_of(operation)]
    assert len(operations) > 60

    for operation in operations:
        status, error = await call(robot, operation)

        missing = sorted(scopes_of(operation) - {*scopes})
        if not missing:
            assert status not in {401, 429}, operation.id
            assert error is None or error["code"] != "INSUFFICIENT_SCOPE", operation.id
            continue
        assert status == 403, operation.id
        if error is not None:
            assert error["code"] == "INSUFFICIENT_SCOPE", operation.id
            assert error["details"] == {"required": missing}, operation.id


async def test_token_with_all_scopes_manages_no_account(app: FastAPI, unlimited: Account) -> None:
    robot = await program_of(unlimited)

    refused = set()
    for operation in operations_of(app):
        if scopes_of(operation) and (await call(robot, operation))[0] == 403:
            refused.add(operation.id)

    assert refused == {
        *("list_api_tokens", "create_api_token", "delete_api_token"),
        *("list_sessions", "end_session", "end_all_sessions", "logout"),
        *("update_me", "change_password", "delete_me", "resend_verification"),
        *("list_factors", "enroll_factor", "confirm_factor", "remove_factor"),
        "replace_recovery_codes",
        "list_security_events",
    }


async def test_session_has_every_scope(app: FastAPI, unlimited: Account) -> None:
    for operation in operations_of(app):
        # Those that end the session are tried elsewhere.
        if scopes_of(operation) and operation.id not in {"logout", "end_all_sessions"}:
            _, error = await call(unlimited, operation)
            assert error is None or error["code"] != "INSUFFICIENT_SCOPE", operation.id


async def test_rejection_names_the_scope_in_the_challenge(alice: Account) -> None:
    robot = await program_of(alice, READ)

    response = await robot.post("/tasks", {"title": "Buy milk"})

    assert (response.status_code, error_code(response)) == (403, "INSUFFICIENT_SCOPE")
    challenge = 'Bearer error="insufficient_scope", scope="tasks:write"'
    assert response.headers["www-authenticate"] == challenge
    assert (await alice.get("/tasks")).json()["items"] == []


def batch(*operations: dict[str, Any], atomic: bool = False) -> dict[str, Any]:
    return {"operations": list(operations), "atomic": atomic}


def create(**data: Any) -> dict[str, Any]:
    return {"op": "create", "type": "task", "data": {"title": "Buy milk", **data}}


def delete(kind: str, resource_id: str, **data: Any) -> dict[str, Any]:
    return {"op": "delete", "type": kind, "id": resource_id, **({"data": data} if data else {})}


async def test_batch_without_the_scope_to_delete_does_all_but_delete(alice: Account) -> None:
    robot = await program_of(alice, WRITE)
    task = await alice.create_task()
    body = batch(create(title="one"), delete("task", task["id"]), create(title="two"))

    results = (await robot.post("/batch", body)).json()["results"]

    assert [result["status"] for result in results] == [201, 403, 201]
    error = results[1]["error"]
    assert (error["code"], error["details"]) == ("INSUFFICIENT_SCOPE", {"required": [DELETE]})
    assert len((await alice.get("/tasks")).json()["items"]) == 3


async def test_atomic_batch_without_the_scope_to_delete_does_nothing(alice: Account) -> None:
    robot = await program_of(alice, WRITE)
    task = await alice.create_task()

    body = batch(create(), delete("task", task["id"]), atomic=True)
    response = (await robot.post("/batch", body)).json()

    assert not response["applied"]
    assert [result["status"] for result in response["results"]] == [424, 403]
    assert (await alice.get("/tasks")).json()["items"] == [task]


@pytest.mark.parametrize("kind", ["list", "section", "label", "filter"])
async def test_batch_deletes_no_resource_of_another_type_either(alice: Account, kind: str) -> None:
    robot = await program_of(alice, READ, WRITE, ACCOUNT)
    inbox = (await alice.post("/lists", {"name": "Home"})).json()
    fields = {"section": {"list_id": inbox["id"]}, "filter": {"query": "p1"}}
    made = (await alice.post(f"/{kind}s", {"name": "Work", **fields.get(kind, {})})).json()
    query = {"move_tasks_to": "inbox"} if kind == "list" else {}

    [result] = (await robot.post("/batch", batch(delete(kind, made["id"], **query)))).json()[
        "results"
    ]

    assert result["error"]["code"] == "INSUFFICIENT_SCOPE"
    assert (await alice.get(f"/{kind}s/{made['id']}")).status_code == 200


async def test_batch_with_both_scopes_deletes(alice: Account) -> None:
    robot = await program_of(alice, WRITE, DELETE)
    task = await alice.create_task()

    [result] = (await robot.post("/batch", batch(delete("task", task["id"])))).json()["results"]

    assert result["status"] == 204


async def test_token_that_may_only_delete_sends_no_batch(alice: Account) -> None:
    robot = await program_of(alice, DELETE)
    task = await alice.create_task()

    response = await robot.post("/batch", batch(delete("task", task["id"])))

    assert (response.status_code, error_code(response)) == (403, "INSUFFICIENT_SCOPE")


async def test_stored_response_is_not_replayed_without_the_scope_of_its_route(
    alice: Account,
) -> None:
    robot = await program_of(alice, READ)
    body, headers = {"title": "Buy milk"}, {"Idempotency-Key": str(uuid4())}
    assert (await alice.post("/tasks", body, headers=headers)).status_code == 201

    response = await robot.post("/tasks", body, headers=headers)

    assert (response.status_code, error_code(response)) == (403, "INSUFFICIENT_SCOPE")
    assert "idempotency-replayed" not in response.headers


async def test_stored_batch_with_deletions_is_not_replayed_without_their_scope(
    alice: Account,
) -> None:
    writer, deleter = await program_of(alice, WRITE), await program_of(alice, WRITE, DELETE)
    task = await alice.create_task()
    body = batch(create(), delete("task", task["id"]))
    headers = {"Idempotency-Key": str(uuid4())}
    first = await deleter.post("/batch", body, headers=headers)
    assert [result["status"] for result in first.json()["results"]] == [201, 204]

    refused = await writer.post("/batch", body, headers=headers)
    repeated = await alice.post("/batch", body, headers=headers)

    assert (refused.status_code, error_code(refused)) == (422, "IDEMPOTENCY_MISMATCH")
    assert repeated.headers["idempotency-replayed"] == "true"
    assert repeated.json() == first.json()


async def test_key_of_a_batch_that_lacked_a_scope_is_not_taken_for_one_that_has_it(
    alice: Account,
) -> None:
    robot = await program_of(alice, WRITE)
    task = await alice.create_task()
    body, headers = batch(delete("task", task["id"])), {"Idempotency-Key": str(uuid4())}
    refused = await robot.post("/batch", body, headers=headers)
    assert refused.json()["results"][0]["status"] == 403

    again = await robot.post("/batch", body, headers=headers)
    other = await alice.post("/batch", body, headers=headers)

    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == refused.json()
    assert (other.status_code, error_code(other)) == (422, "IDEMPOTENCY_MISMATCH")
    assert (await alice.get(f"/tasks/{task['id']}")).json()["trashed_at"] is None


async def test_entity_tag_cursor_and_sync_token_of_a_session_open_nothing(alice: Account) -> None:
    robot = await program_of(alice, WRITE, DELETE)
    for _ in range(2):
        await alice.create_task()
    page = await alice.get("/tasks", params={"limit": 1})
    token = (await alice.get("/sync")).json()["token"]

    tries = [
        robot.get("/tasks", headers={"If-None-Match": page.headers["etag"]}),
        robot.get("/tasks", params={"limit": 1, "cursor": page.json()["next_cursor"]}),
        robot.get("/sync", params={"token": token}),
        robot.get("/events", params={"token": token}),
    ]

    for response in [await one for one in tries]:
        assert (response.status_code, error_code(response)) == (403, "INSUFFICIENT_SCOPE")


@pytest.mark.parametrize("path", ["/sync", "/events", "/users/me/export"])
@pytest.mark.parametrize("scope", [READ, ACCOUNT])
async def test_route_that_returns_tasks_and_the_profile_needs_both_scopes(
    alice: Account, path: str, scope: str
) -> None:
    robot = await program_of(alice, scope, WRITE, DELETE)

    response = await robot.get(path)

    assert (response.status_code, error_code(response)) == (403, "INSUFFICIENT_SCOPE")


async def test_head_needs_the_scope_of_get(alice: Account) -> None:
    robot = await program_of(alice, WRITE)

    assert (await robot.request("HEAD", "/tasks")).status_code == 403


async def test_scopes_in_the_request_do_not_count(alice: Account) -> None:
    robot = await program_of(alice, READ)

    for options in (
        {"headers": {"X-Scopes": WRITE, "X-OAuth-Scopes": WRITE}},
        {"params": {"scope": WRITE}},
    ):
        response = await robot.post("/tasks", {"title": "Buy milk"}, **options)
        assert (response.status_code, error_code(response)) == (403, "INSUFFICIENT_SCOPE")


async def test_database_takes_no_scope_that_cannot_be_granted(alice: Account, dsn: str) -> None:
    robot = await program_of(alice, READ)

    for scopes in (["account:manage"], ["tasks:read", "session"], []):
        with pytest.raises(Exception, match="ck_api_tokens_scopes"):
            await execute(
                dsn, "UPDATE api_tokens SET scopes = %s WHERE user_id = %s", scopes, alice.id
            )
    assert (await robot.get("/tasks")).status_code == 200


async def test_rate_limit_counts_tokens_and_sessions_together(
    settings: Settings, address: str, alice: Account
) -> None:
    async with running(settings, address, rate_limit="4/hour") as client:
        here = replace(alice, client=client)
        robots = [await program_of(here) for _ in range(2)]

        for account in (here, *robots):
            last = await account.get("/tasks")

    assert (last.status_code, error_code(last)) == (429, "RATE_LIMITED")
