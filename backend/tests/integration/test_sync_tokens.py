"""Sync tokens: opaque, bound to their user, and rejected once deletions since then are purged."""

from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from duly.services.sync import Position, sign_position
from tests.support.accounts import Account, error_code
from tests.support.direct_sql import earlier, execute
from tests.support.instances import sweep_all
from tests.support.sync_copies import make, reported, sync, synced


async def refused(account: Account, token: str) -> tuple[int, str]:
    response = await account.get("/sync", params={"token": token})
    return response.status_code, error_code(response)


async def let_pass(dsn: str, account: Account, days: int) -> None:
    """Let what was deleted have been so that much earlier."""
    for table, column in (("tasks", "trashed_at"), ("tombstones", "created_at")):
        before = earlier(column, "make_interval(days => %s)")
        query = f"UPDATE {table} SET {column} = {before} WHERE user_id = %s"
        await execute(dsn, query, days, account.id)


EXPIRED = (410, "SYNC_TOKEN_EXPIRED")
INVALID = (400, "VALIDATION_ERROR")


async def test_tokens_are_opaque_and_their_users_own(alice: Account, bob: Account) -> None:
    await make(alice, 2)
    token = (await synced(alice)).token
    assert token is not None
    page = (await alice.get("/tasks", params={"limit": 1})).json()

    assert alice.id not in token
    assert await refused(bob, token) == INVALID
    # A cursor of a list is no token, and a token no cursor.
    assert await refused(alice, page["next_cursor"]) == INVALID
    assert (await alice.get("/tasks", params={"cursor": token})).status_code == 400


async def test_an_edited_token_is_refused_wherever_it_is_edited(alice: Account) -> None:
    token = (await synced(alice)).token
    assert token is not None

    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        edited = token[:place] + other + token[place + 1 :]
        assert await refused(alice, edited) == INVALID, place
    assert await refused(alice, token[:-1]) == INVALID


@pytest.mark.parametrize("token", ["", "x", "0", "null", "é", "a" * 4097])
async def test_malformed_token_is_rejected(alice: Account, token: str) -> None:
    assert await refused(alice, token) == INVALID


async def test_token_older_than_a_restored_backup_is_expired(alice: Account, dsn: str) -> None:
    await make(alice, 3)
    token = (await synced(alice)).token
    assert token is not None
    # The backup is older than the token: the user's history is shorter in it.
    await execute(dsn, "UPDATE users SET revision = revision - 1 WHERE id = %s", alice.id)

    assert await refused(alice, token) == EXPIRED


async def test_token_of_another_epoch_is_expired(app: FastAPI, alice: Account) -> None:
    context = app.state.context
    claims = context.keyring.read_access(alice.session["access_token"])
    scope = context.across_users.user(claims.user_id)
    token = sign_position(context.keyring, scope, Position(uuid4(), 0, 0))

    assert await refused(alice, token) == EXPIRED


async def test_token_of_a_release_with_fewer_fields_is_expired(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    context = app.state.context
    scope = context.across_users.user(UUID(alice.id))
    [(epoch,)] = await execute(dsn, "SELECT epoch FROM installations")
    # That release put the epoch into its tokens as it is stored.
    token = sign_position(context.keyring, scope, Position(epoch, 0, 0))

    assert await refused(alice, token) == EXPIRED


@pytest.mark.parametrize("permanent", ["true", "false"])
async def test_token_older_than_the_purge_horizon_is_expired(
    app: FastAPI, alice: Account, dsn: str, permanent: str
) -> None:
    gone, kept = await make(alice, 2)
    before = await synced(alice)
    begun = await sync(alice, limit=1)
    await alice.delete(f"/tasks/{gone}", params={"permanent": permanent})
    after = await synced(alice)
    assert before.token
    assert after.token

    await let_pass(dsn, alice, days=29)
    await sweep_all(app)
    assert reported(await sync(alice, before.token)) == [("delete", gone)]

    await let_pass(dsn, alice, days=2)
    await sweep_all(app)
    assert await refused(alice, before.token) == EXPIRED
    # A first sync that began before the deletion can't be ended, either.
    assert await refused(alice, begun["token"]) == EXPIRED
    assert (await sync(alice, after.token))["changes"] == []
    assert reported(await sync(alice)) == [("upsert", kept)]
    # The memory is gone with it.
    left = await execute(dsn, "SELECT count(*) FROM tombstones WHERE user_id = %s", alice.id)
    assert left == [(0,)]


async def test_sweep_does_not_touch_other_users(
    app: FastAPI, alice: Account, bob: Account, dsn: str
) -> None:
    copies = {}
    for account in (alice, bob):
        gone, _ = await make(account, 2)
        copies[account.id] = await synced(account)
        await account.delete(f"/tasks/{gone}")
    await let_pass(dsn, alice, days=31)

    await sweep_all(app)

    assert await refused(alice, copies[alice.id].token or "") == EXPIRED
    assert len((await sync(bob, copies[bob.id].token))["changes"]) == 1
    assert (await bob.get("/tasks", params={"is_trashed": "true"})).json()["items"]


async def test_task_restored_in_time_is_not_purged(app: FastAPI, alice: Account, dsn: str) -> None:
    (task_id,) = await make(alice, 1)
    copy = await synced(alice)
    await alice.delete(f"/tasks/{task_id}")
    await let_pass(dsn, alice, days=31)
    await alice.post(f"/tasks/{task_id}/restore")

    await sweep_all(app)

    assert reported(await sync(alice, copy.token)) == [("upsert", task_id)]
