"""Housekeeping: what has expired goes, what has not stays, and one worker at a time is enough."""

from uuid import UUID, uuid4

import psycopg
from fastapi import FastAPI

from duly.runtime.maintenance import sweep
from tests.support.accounts import Account
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


def alice_session_id(app: FastAPI, account: Account) -> str:
    claims = app.state.context.keyring.read_access(account.session["access_token"])
    return str(claims.session_id)
