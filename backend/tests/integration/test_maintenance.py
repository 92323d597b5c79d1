"""Housekeeping: what has expired goes, what has not stays, and one worker at a time is enough."""

from contextlib import AbstractAsyncContextManager
from uuid import UUID, uuid4

import psycopg
import pytest
from fastapi import FastAPI

from duly.database.pool import Pool
from duly.database.scope import AcrossUsers, UserScope
from duly.database.statements import OwnedStatement
from duly.records import retention
from duly.runtime import maintenance
from duly.runtime.maintenance import sweep
from tests.support.accounts import Account
from tests.support.databases import migrated_database
from tests.support.direct_sql import execute
from tests.support.instances import sweep_all


async def test_expired_sessions_and_revocations_are_swept(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    stale = await alice.sign_in_again()
    revoked_id = uuid4()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "UPDATE sessions SET expires_at = now() - interval '1 second' "
            "WHERE user_id = %s AND id <> (SELECT min(id::text)::uuid FROM sessions "
            "WHERE user_id = %s)",
            [alice.id, alice.id],
        )
        connection.execute(
            "INSERT INTO revoked_sessions VALUES (%s, now() - interval '1 second')", [revoked_id]
        )

    await sweep_all(app)

    with psycopg.connect(dsn, autocommit=True) as connection:
        left = connection.execute(
            "SELECT id FROM sessions WHERE user_id = %s", [alice.id]
        ).fetchall()
        assert len(left) == 1
        assert not connection.execute(
            "SELECT 1 FROM revoked_sessions WHERE session_id = %s", [revoked_id]
        ).fetchall()
    refreshed = await stale.post(
        "/auth/refresh", {"refresh_token": stale.session["refresh_token"]}
    )
    assert refreshed.status_code == 401


async def test_a_recent_revocation_stays_listed(app: FastAPI, alice: Account, dsn: str) -> None:
    await alice.post("/auth/logout")

    await sweep_all(app)

    assert (await alice.get("/users/me")).status_code == 401
    with psycopg.connect(dsn, autocommit=True) as connection:
        listed = connection.execute(
            "SELECT session_id FROM revoked_sessions WHERE expires_at > now()"
        ).fetchall()
    session_id = UUID(alice_session_id(app, alice))
    assert (session_id,) in listed


async def test_a_second_worker_leaves_the_sweep_to_the_first(app: FastAPI, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(4420771864)")

        assert await sweep(app.state.context.across_users) == {}


async def test_worker_leaves_the_other_users_to_another_worker_that_sweeps(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "_OWNERS_AT_ONCE", 1)
    turn = maintenance._turn
    purged: list[UUID] = []

    async def note_purge(transaction: UserScope, statement: OwnedStatement) -> int:
        purged.append(transaction.user_id)
        return await retention.purge_one(transaction, statement)

    with migrated_database(dsn) as own, psycopg.connect(own) as other:

        def take_turn_first(scope: AcrossUsers) -> AbstractAsyncContextManager[AcrossUsers | None]:
            if purged:
                other.execute("SELECT pg_advisory_xact_lock(4420771864)")
            return turn(scope)

        monkeypatch.setattr(maintenance, "purge_one", note_purge)
        monkeypatch.setattr(maintenance, "_turn", take_turn_first)
        for _ in range(2):
            await _let_deletion_be_old(own)
        pool = Pool(own, size=1, timeout=5)
        await pool.open()
        swept = await sweep(AcrossUsers(pool))
        await pool.close()

    assert (len(purged), "sign_in_codes" in swept, "tombstones" in swept) == (1, True, False)


async def _let_deletion_be_old(dsn: str) -> None:
    """Add a user who deleted a task 31 days ago."""
    user_id = uuid4()
    await execute(dsn, "INSERT INTO users (id, revision) VALUES (%s, 1)", user_id)
    await execute(
        dsn,
        "INSERT INTO tombstones (user_id, id, type, revision, created_at) "
        "VALUES (%s, %s, 'task', 1, now() - interval '31 days')",
        user_id,
        uuid4(),
    )


def alice_session_id(app: FastAPI, account: Account) -> str:
    claims = app.state.context.keyring.read_access(account.session["access_token"])
    return str(claims.session_id)
