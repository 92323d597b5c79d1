"""Deleting an account, and all that it holds."""

import asyncio
from typing import Any

import httpx
import pytest

from duly.services.resource_types import RESOURCE_TYPES
from tests.support.accounts import API, Account, error_code, register
from tests.support.api_tokens import create_token
from tests.support.authenticators import add_passkey
from tests.support.direct_sql import execute, holding_account, somebody_waits_for
from tests.support.resources import body_for, prepare
from tests.support.second_factors import Clock, add_app, challenge_of


async def delete(account: Account, **fields: Any) -> httpx.Response:
    body = {"current_password": account.password, **fields}
    return await account.delete("/users/me", json=body)


async def rows_of(dsn: str, account: Account) -> dict[str, int]:
    """How many rows of each table name the account's owner."""
    owners = await execute(
        dsn,
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND data_type = 'uuid' "
        "AND (column_name = 'user_id' OR (table_name, column_name) = ('users', 'id'))",
    )
    assert {table for table, _ in owners} >= {
        "users",
        "user_emails",
        "user_identities",
        "sessions",
        "tasks",
        "tombstones",
        "idempotency_keys",
        "export_leases",
        "email_links",
        "sign_in_codes",
        "security_events",
        "factors",
        "sign_in_challenges",
        "passkeys",
    }
    return {
        table: (
            await execute(dsn, f"SELECT count(*) FROM {table} WHERE {column} = %s", account.id)
        )[0][0]
        for table, column in owners
    }


async def test_a_deleted_account_leaves_no_row(alice: Account, clock: Clock, dsn: str) -> None:
    erased, trashed = await alice.create_task(), await alice.create_task()
    for kind in RESOURCE_TYPES:
        await prepare(alice, kind)
        await alice.post(f"/{kind.plural}", body_for(kind, "kept"))
    label = (await alice.post("/labels", {"name": "of a task"})).json()
    await alice.patch(f"/tasks/{trashed['id']}", {"label_ids": [label["id"]]})
    await alice.delete(f"/tasks/{erased['id']}?permanent=true")
    await alice.delete(f"/tasks/{trashed['id']}")
    await alice.post("/tasks", {"title": "t"}, headers={"Idempotency-Key": "k"})
    await alice.sign_in_again()
    await create_token(alice)
    # As while an export runs.
    await execute(
        dsn, "INSERT INTO export_leases VALUES (%s, now() + interval '1 hour')", alice.id
    )
    # As after a mail with a link.
    await execute(
        dsn,
        "INSERT INTO email_links "
        "VALUES (%s, gen_random_uuid(), 'reset', sha256(''), 'a@b.org', now(), now() + interval '1 hour')",
        alice.id,
    )
    # As after a sign-in at a provider.
    await execute(
        dsn,
        "INSERT INTO sign_in_codes "
        "VALUES (%s, gen_random_uuid(), sha256(''), NULL, 'google', now())",
        alice.id,
    )
    await execute(
        dsn,
        "INSERT INTO user_identities (issuer, subject, user_id, id) VALUES ('i', %s, %s, %s)",
        *(alice.id, alice.id, alice.id),
    )
    await add_app(alice, clock)
    await add_passkey(alice)
    await challenge_of(alice)
    assert 0 not in (await rows_of(dsn, alice)).values()

    response = await delete(alice)

    assert response.status_code == 204
    assert response.content == b""
    assert set((await rows_of(dsn, alice)).values()) == {0}


async def test_other_accounts_keep_everything(alice: Account, bob: Account) -> None:
    task = await bob.create_task()

    await delete(alice)

    assert (await bob.get("/users/me")).json() == bob.session["user"]
    assert (await bob.get(f"/tasks/{task['id']}")).json() == task


async def test_no_token_of_a_deleted_account_works(alice: Account) -> None:
    phone = await alice.sign_in_again()

    await delete(alice)

    for account in (alice, phone):
        for path in ("/users/me", "/tasks", "/auth/sessions", "/users/me/export"):
            assert (await account.get(path)).status_code == 401
        body = {"refresh_token": account.session["refresh_token"]}
        assert (await account.client.post(f"{API}/auth/refresh", json=body)).status_code == 401


async def test_sign_in_to_a_deleted_account_equals_that_to_an_unknown_one(
    alice: Account, client: httpx.AsyncClient
) -> None:
    await delete(alice)

    gone = await client.post(
        f"{API}/auth/login", json={"email": alice.email, "password": alice.password}
    )
    unknown = await client.post(
        f"{API}/auth/login", json={"email": f"x{alice.email}", "password": alice.password}
    )

    assert gone.status_code == 401
    assert gone.content == unknown.content


async def test_address_of_a_deleted_account_can_register_again_without_old_data(
    alice: Account, client: httpx.AsyncClient
) -> None:
    await alice.create_task()
    await delete(alice)

    again = await register(client, email=alice.email)

    assert again.id != alice.id
    assert (await again.get("/tasks")).json()["items"] == []
    assert len((await again.get("/auth/sessions")).json()["items"]) == 1


async def test_former_address_can_register_again(
    alice: Account, client: httpx.AsyncClient
) -> None:
    body = {"email": f"new.{alice.email}", "current_password": alice.password}
    assert (await alice.patch("/users/me", body)).status_code == 200
    await delete(alice)

    await register(client, email=alice.email)
    await register(client, email=body["email"])


async def test_a_deletion_needs_the_right_password(alice: Account) -> None:
    response = await delete(alice, current_password=alice.password + "x")

    assert response.status_code == 400
    assert error_code(response) == "VALIDATION_ERROR"
    [field] = response.json()["error"]["details"]["fields"]
    assert field["path"] == "body.current_password"
    assert (await alice.get("/users/me")).status_code == 200


@pytest.mark.parametrize("body", [None, {}, {"current_password": None}, {"password": "x"}])
async def test_a_deletion_needs_a_password(alice: Account, body: Any) -> None:
    response = await alice.delete("/users/me", json=body)

    assert response.status_code == 400
    assert error_code(response) == "VALIDATION_ERROR"
    assert (await alice.get("/users/me")).status_code == 200


async def test_a_deletion_needs_a_token(client: httpx.AsyncClient, alice: Account) -> None:
    response = await client.request(
        "DELETE", f"{API}/users/me", json={"current_password": alice.password}
    )

    assert response.status_code == 401
    assert (await alice.get("/users/me")).status_code == 200


async def test_deletion_with_a_password_that_changes_meanwhile_is_rejected(
    alice: Account, dsn: str
) -> None:
    async with holding_account(dsn, alice.id) as connection:
        deleting = asyncio.create_task(delete(alice))
        await somebody_waits_for(connection)
        await connection.execute(
            "UPDATE users SET password_hash = 'another' WHERE id = %s", [alice.id]
        )

    assert (await deleting).status_code == 400
    assert (await alice.get("/users/me")).status_code == 200


async def test_two_concurrent_deletions_leave_no_account(alice: Account, dsn: str) -> None:
    answers = await asyncio.gather(delete(alice), delete(alice))

    assert 204 in {answer.status_code for answer in answers}
    assert {answer.status_code for answer in answers} <= {204, 400, 401}
    assert set((await rows_of(dsn, alice)).values()) == {0}


async def test_writes_during_a_deletion_are_rejected_or_deleted(alice: Account, dsn: str) -> None:
    phone = await alice.sign_in_again()

    async def write(number: int) -> int:
        return (await phone.post("/tasks", {"title": f"Task {number}"})).status_code

    async def sign_in() -> int:
        body = {"email": alice.email, "password": alice.password}
        return (await alice.client.post(f"{API}/auth/login", json=body)).status_code

    deletion = asyncio.create_task(delete(alice))
    others = await asyncio.gather(*(write(n) for n in range(10)), *(sign_in() for _ in range(3)))

    assert (await deletion).status_code == 204
    assert set(others) <= {200, 201, 401}
    assert set((await rows_of(dsn, alice)).values()) == {0}
