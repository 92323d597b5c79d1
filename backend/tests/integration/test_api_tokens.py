"""API tokens: created by people, used by programs, listed, and deleted."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.core.scopes import GRANTABLE
from duly.runtime.context import Caller, Client
from duly.services import api_tokens, operators
from duly.utils.identifiers import new_id
from tests.support.accounts import Account, error_code, register
from tests.support.api_tokens import create_token, program_of, using
from tests.support.direct_sql import execute, holding_account, somebody_waits_for
from tests.support.instances import running, sweep_all
from tests.support.quotas import quota_of
from tests.support.streams import stream_of

LIMIT = 4
TOKENS = "/users/me/tokens"


def in_days(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat().replace("+00:00", "Z")


async def test_created_token_is_shown_once(alice: Account) -> None:
    expires_at = "2035-01-01T00:00:00Z"
    body = {"name": " Robot ", "scopes": ["account:read", "tasks:read"], "expires_at": expires_at}

    response = await alice.post(TOKENS, body)

    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    created = response.json()
    token = created.pop("token")
    assert created == {
        "id": created["id"],
        "name": "Robot",
        "scopes": ["tasks:read", "account:read"],
        "created_at": created["created_at"],
        "expires_at": expires_at,
        "last_used_at": None,
        "last_used_from": None,
    }
    listed = await alice.get(TOKENS)
    assert listed.json() == {"items": [created], "next_cursor": None, "total": None}
    assert token not in listed.text


async def test_program_uses_a_token_like_an_access_token(alice: Account) -> None:
    robot = await program_of(alice)

    task = await robot.create_task()

    assert task == (await alice.get(f"/tasks/{task['id']}")).json()
    assert (await robot.get("/users/me")).json() == alice.session["user"]
    assert (await robot.delete(f"/tasks/{task['id']}")).status_code == 204


async def test_token_reads_only_the_data_of_its_user(alice: Account, bob: Account) -> None:
    task = await bob.create_task()
    robot = await program_of(alice)

    assert (await robot.get(f"/tasks/{task['id']}")).status_code == 404
    assert (await robot.get("/tasks")).json()["items"] == []


async def test_tokens_are_listed_page_by_page_the_newest_first(alice: Account) -> None:
    created = [await create_token(alice, name=f"Robot {number}") for number in range(5)]

    names: list[str] = []
    query: dict[str, Any] = {"limit": 2, "include_total": "true"}
    while True:
        page = (await alice.get(TOKENS, params=query)).json()
        assert page["total"] == 5
        names += [item["name"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]

    assert names == [token["name"] for token in reversed(created)]


async def test_cursor_of_sessions_is_not_one_of_tokens(alice: Account) -> None:
    await alice.sign_in_again()
    cursor = (await alice.get("/auth/sessions", params={"limit": 1})).json()["next_cursor"]

    response = await alice.get(TOKENS, params={"cursor": cursor})

    assert (response.status_code, error_code(response)) == (400, "VALIDATION_ERROR")


async def test_names_need_not_be_unique(alice: Account) -> None:
    for _ in range(2):
        await create_token(alice, name="Robot")

    assert len((await alice.get(TOKENS)).json()["items"]) == 2


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "Must be 1 to 120 characters long after trimming"),
        ("name", "\u200b", "Must contain a visible character"),
        ("name", "x" * 121, "Must be 1 to 120 characters long after trimming"),
        ("scopes", [], "Must not be empty"),
        ("scopes", ["tasks:read", "tasks:read"], "Must not repeat a scope"),
        ("scopes", ["account:manage"], None),
        ("scopes", ["session"], None),
        ("scopes", "tasks:read", "Must be an array"),
        ("expires_at", "2035-01-01", None),
        ("expires_at", -0.001, "Must be in the future, and at most ten years from now"),
        ("expires_at", 3654, "Must be in the future, and at most ten years from now"),
    ],
)
async def test_invalid_field_is_rejected(
    alice: Account, field: str, value: object, message: str | None
) -> None:
    sent = in_days(value) if isinstance(value, int | float) else value
    body = {"name": "Robot", "scopes": ["tasks:read"], field: sent}

    response = await alice.post(TOKENS, body)

    assert (response.status_code, error_code(response)) == (400, "VALIDATION_ERROR")
    [found] = response.json()["error"]["details"]["fields"]
    assert found["path"].startswith(f"body.{field}")
    assert message is None or found["message"] == message
    assert (await alice.get(TOKENS)).json()["items"] == []


async def test_expiry_of_ten_years_is_accepted(alice: Account) -> None:
    token = await create_token(alice, expires_at=in_days(3652))

    assert (await using(alice, token).get("/tasks")).status_code == 200


async def test_deleted_token_is_rejected(alice: Account, dsn: str) -> None:
    token = await create_token(alice)
    other = await program_of(alice)
    robot = using(alice, token)
    assert (await robot.get("/tasks")).status_code == 200

    deleted = await alice.delete(f"{TOKENS}/{token['id']}")

    assert deleted.status_code == 204
    assert (await robot.get("/tasks")).status_code == 401
    assert (await other.get("/tasks")).status_code == 200
    assert (await alice.delete(f"{TOKENS}/{token['id']}")).status_code == 404
    assert (
        len(
            await execute(
                dsn, "SELECT user_id FROM api_token_digests WHERE user_id = %s", alice.id
            )
        )
        == 1
    )


async def test_token_of_another_user_is_not_found(alice: Account, bob: Account) -> None:
    token = await create_token(bob)

    for token_id in (token["id"], str(uuid4())):
        response = await alice.delete(f"{TOKENS}/{token_id}")
        assert (response.status_code, error_code(response)) == (404, "NOT_FOUND")

    assert (await using(bob, token).get("/tasks")).status_code == 200


@pytest.mark.parametrize("is_remembered", [True, False])
async def test_expired_token_is_rejected_and_listed(
    alice: Account, *, is_remembered: bool
) -> None:
    token = await create_token(alice, expires_at=in_days(1 / 86400 * 1.5))
    robot = using(alice, token)
    if is_remembered:
        assert (await robot.get("/tasks")).status_code == 200

    await asyncio.sleep(1.6)

    assert (await robot.get("/tasks")).status_code == 401
    [listed] = (await alice.get(TOKENS)).json()["items"]
    assert listed["id"] == token["id"]


async def test_sweep_deletes_tokens_that_expired_long_ago(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    tokens = [await create_token(alice, name=name) for name in ("never", "lately", "long ago")]
    for token, days in zip(tokens[1:], (29, 31), strict=True):
        await execute(
            dsn,
            "UPDATE api_tokens SET expires_at = now() - make_interval(days => %s) WHERE id = %s",
            days,
            token["id"],
        )

    await sweep_all(app)

    left = [item["name"] for item in (await alice.get(TOKENS)).json()["items"]]
    assert left == ["lately", "never"]
    digests = "SELECT user_id FROM api_token_digests WHERE user_id = %s"
    assert len(await execute(dsn, digests, alice.id)) == 2


async def test_own_password_change_keeps_tokens(alice: Account) -> None:
    robot = await program_of(alice)

    body = {"current_password": alice.password, "new_password": f"{alice.password} 2"}
    assert (await alice.put("/users/me/password", body)).status_code == 204

    assert (await robot.get("/tasks")).status_code == 200


async def test_operators_new_password_deletes_tokens(
    app: FastAPI, alice: Account, bob: Account, dsn: str
) -> None:
    robot, other = await program_of(alice), await program_of(bob)
    assert (await robot.get("/tasks")).status_code == 200

    await operators.set_password(app.state.context, alice.email, f"{alice.password} 2")

    assert (await robot.get("/tasks")).status_code == 401
    assert (await other.get("/tasks")).status_code == 200
    for table in ("api_tokens", "api_token_digests"):
        assert (
            await execute(dsn, f"SELECT user_id FROM {table} WHERE user_id = %s", alice.id) == []
        )


async def test_tokens_of_a_disabled_account_work_again_once_it_is_enabled(
    app: FastAPI, alice: Account
) -> None:
    robot, unused = await program_of(alice), await program_of(alice)
    assert (await robot.get("/tasks")).status_code == 200

    for _ in range(3):  # each time under another id
        await operators.disable_user(app.state.context, alice.email)
        assert (await robot.get("/tasks")).status_code == 401
        assert (await unused.get("/tasks")).status_code == 401
        await operators.enable_user(app.state.context, alice.email)
        assert (await robot.get("/tasks")).status_code == 200
        assert (await unused.get("/tasks")).status_code == 200


async def test_disabling_while_a_token_is_deleted_announces_it_once(
    app: FastAPI, alice: Account
) -> None:
    tokens = [await create_token(alice) for _ in range(2)]
    context = app.state.context

    async with context.across_users.transaction() as across_users:
        scope = across_users.user(UUID(alice.id))
        caller = Caller(scope, new_id(), 0)
        await api_tokens.delete_one(
            context, caller, UUID(tokens[0]["id"]), Client("192.0.2.1", None)
        )
        disabling = asyncio.create_task(operators.disable_user(context, alice.email))
        await asyncio.sleep(0.2)
        assert not disabling.done()
    await disabling

    for token in tokens:
        assert (await using(alice, token).get("/tasks")).status_code == 401


async def test_deletion_of_the_account_deletes_its_tokens(
    alice: Account, bob: Account, dsn: str
) -> None:
    robot, other = await program_of(alice), await program_of(bob)
    assert (await robot.get("/tasks")).status_code == 200

    body = {"current_password": alice.password}
    assert (await alice.delete("/users/me", json=body)).status_code == 204

    assert (await robot.get("/tasks")).status_code == 401
    assert (await other.get("/tasks")).status_code == 200
    for table in ("api_tokens", "api_token_digests"):
        assert (
            await execute(dsn, f"SELECT user_id FROM {table} WHERE user_id = %s", alice.id) == []
        )


async def test_stream_of_a_deleted_token_ends(app: FastAPI, alice: Account) -> None:
    token = await create_token(alice)

    async with stream_of(app, using(alice, token).headers) as stream:
        await stream.ready()
        await alice.delete(f"{TOKENS}/{token['id']}")
        await stream.end()


async def test_stream_of_a_disabled_account_ends(app: FastAPI, alice: Account) -> None:
    robot = await program_of(alice)

    async with stream_of(app, robot.headers) as stream:
        await stream.ready()
        await operators.disable_user(app.state.context, alice.email)
        await stream.end()


async def test_stream_of_an_expired_token_ends(app: FastAPI, alice: Account) -> None:
    robot = await program_of(alice, expires_at=in_days(1 / 86400 * 2))

    async with stream_of(app, robot.headers) as stream:
        await stream.ready()
        await stream.end()


async def test_export_has_the_tokens_without_their_secrets(alice: Account) -> None:
    tokens = [await create_token(alice, name=name) for name in ("one", "two")]
    robot = using(alice, tokens[0])

    export = await robot.get("/users/me/export")

    secrets = [token.pop("token") for token in tokens]
    assert export.json()["api_tokens"] == tokens[::-1]
    assert all(secret not in export.text for secret in secrets)
    assert [session["is_current"] for session in export.json()["sessions"]] == [False]


@pytest.fixture
async def limited(settings: Settings, address: str) -> AsyncIterator[Account]:
    """A user of an instance that allows few tokens."""
    async with running(settings, address, max_api_tokens=LIMIT, rate_limit="off") as client:
        yield await register(client)


async def test_create_at_the_limit_is_quota_exceeded(limited: Account) -> None:
    for _ in range(LIMIT):
        token = await create_token(limited)

    refused = await limited.post(TOKENS, {"name": "Robot", "scopes": list(GRANTABLE)})
    assert (refused.status_code, error_code(refused)) == (403, "QUOTA_EXCEEDED")
    assert quota_of(refused.json()["error"]) == {"limit": LIMIT, "what": "api_tokens"}
    await limited.delete(f"{TOKENS}/{token['id']}")
    await create_token(limited)


async def test_tokens_of_other_users_do_not_count(limited: Account) -> None:
    for _ in range(LIMIT):
        await create_token(await register(limited.client))

    await create_token(limited)


async def test_limit_holds_however_many_are_created_at_once(limited: Account) -> None:
    body = {"name": "Robot", "scopes": list(GRANTABLE)}

    responses = await asyncio.gather(*(limited.post(TOKENS, body) for _ in range(4 * LIMIT)))

    statuses = sorted(response.status_code for response in responses)
    assert statuses == [201] * LIMIT + [403] * 3 * LIMIT
    assert len((await limited.get(TOKENS)).json()["items"]) == LIMIT


async def test_token_is_not_created_for_an_account_that_is_being_deleted(
    alice: Account, dsn: str
) -> None:
    body = {"name": "Robot", "scopes": list(GRANTABLE)}

    async with holding_account(dsn, alice.id) as connection:
        creating = asyncio.create_task(alice.post(TOKENS, body))
        await somebody_waits_for(connection)
        await connection.execute("DELETE FROM users WHERE id = %s", [alice.id])
    response = await creating

    assert (response.status_code, error_code(response)) == (401, "UNAUTHENTICATED")
    assert (
        await execute(dsn, "SELECT user_id FROM api_token_digests WHERE user_id = %s", alice.id)
        == []
    )


async def test_token_is_not_created_by_a_session_that_ends_meanwhile(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    body = {"name": "Robot", "scopes": list(GRANTABLE)}
    session_id = app.state.context.keyring.read_access(alice.session["access_token"]).session_id

    async with holding_account(dsn, alice.id) as connection:
        creating = asyncio.create_task(alice.post(TOKENS, body))
        await somebody_waits_for(connection)
        # As a new password does in its transaction.
        await connection.execute(
            "INSERT INTO revoked_sessions VALUES (%s, now() + interval '1 hour')", [session_id]
        )
    response = await creating

    assert (response.status_code, error_code(response)) == (401, "UNAUTHENTICATED")
    sql = "SELECT user_id FROM api_token_digests WHERE user_id = %s"
    assert await execute(dsn, sql, alice.id) == []


async def test_idempotency_key_of_a_create_is_ignored(alice: Account) -> None:
    body = {"name": "Robot", "scopes": list(GRANTABLE)}
    headers = {"Idempotency-Key": str(new_id())}

    first, second = [await alice.post(TOKENS, body, headers=headers) for _ in range(2)]

    assert first.json()["token"] != second.json()["token"]
    assert "idempotency-replayed" not in second.headers
