"""Exports beside other work: one for each user, one moment, few at a time, bounded in time."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from psycopg.errors import ReadOnlySqlTransaction
from pydantic import SecretStr

from duly.api import exchange
from duly.core.config import Settings
from duly.core.errors import ServiceUnavailable
from duly.database.scope import _SNAPSHOT
from duly.records.changes import erasing
from duly.records.export import _page
from duly.runtime.context import Caller
from duly.services import exports, tasks
from tests.support.accounts import API, Account, error_code, register
from tests.support.databases import migrated_database
from tests.support.direct_sql import execute, somebody_waits_for
from tests.support.instances import captured_logs, running


async def fill(dsn: str, account: Account, count: int, description: str = "") -> None:
    await execute(
        dsn,
        "INSERT INTO tasks (user_id, id, title, description, revision) "
        "SELECT %s, gen_random_uuid(), 't', %s, n FROM generate_series(1, %s) n",
        account.id,
        description,
        count,
    )


@pytest.mark.slow
async def test_export_has_a_task_once_that_moves_to_the_trash_and_back_meanwhile(
    pair: tuple[Account, Account], dsn: str
) -> None:
    alice, _ = pair  # on an instance without a general rate limit
    await fill(dsn, alice, 1000)
    task = await alice.create_task()
    is_over = asyncio.Event()

    async def move() -> int:
        count = 0
        while not is_over.is_set():
            await alice.delete(f"/tasks/{task['id']}")
            await alice.post(f"/tasks/{task['id']}/restore")
            count += 1
        return count

    moving = asyncio.create_task(move())
    try:
        for _ in range(15):
            export = (await alice.get("/users/me/export")).json()
            found = [one["id"] for one in [*export["tasks"], *export["trash"]]]
            assert found.count(task["id"]) == 1
            assert len(found) == 1001
    finally:
        is_over.set()
        moved = await moving

    assert moved > 15


async def test_export_while_another_one_runs_is_rate_limited_until_its_lease_is_over(
    alice: Account, dsn: str
) -> None:
    lease = "INSERT INTO export_leases VALUES (%s, now() + make_interval(secs => %s))"
    await execute(dsn, lease, alice.id, 60)
    refused = await alice.get("/users/me/export")
    assert (refused.status_code, error_code(refused)) == (429, "RATE_LIMITED")
    assert refused.headers["retry-after"] == "2"

    # As when the worker that ran it was killed.
    expire = "UPDATE export_leases SET expires_at = now() - interval '1 s' WHERE user_id = %s"
    await execute(dsn, expire, alice.id)
    assert (await alice.get("/users/me/export")).status_code == 200


async def test_exports_of_one_user_at_the_same_time_are_one(
    pair: tuple[Account, Account], dsn: str
) -> None:
    await fill(dsn, pair[0], 2000)

    answers = await asyncio.gather(*(pair[n % 2].get("/users/me/export") for n in range(10)))

    by_status = sorted(answer.status_code for answer in answers)
    assert by_status == [200] + [429] * 9


async def test_next_export_may_begin_once_the_last_piece_is_read(
    app: FastAPI, alice: Account
) -> None:
    context = app.state.context
    claims = context.keyring.read_access(alice.session["access_token"])
    scope = context.across_users.user(UUID(alice.id))
    caller = Caller(scope, claims.session_id, claims.expires_at)

    async with exports.prepared(context, caller, asyncio.Event()) as export:
        assert (await alice.get("/users/me/export")).status_code == 429
        pieces = [piece async for piece in export.pieces()]
        assert (await alice.get("/users/me/export")).status_code == 200

    assert len(b"".join(pieces)) == export.size
    assert (await alice.get("/users/me/export")).status_code == 200


@pytest.mark.parametrize("stays", [True, False])
async def test_client_is_logged_as_disconnected_only_if_it_has_not_got_all(
    settings: Settings, address: str, alice: Account, *, stays: bool
) -> None:
    gone = asyncio.Event()
    received = 0

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal received
        received += len(message.get("body", b""))
        is_head = message["type"] == "http.response.start"
        if is_head != stays:
            # The server says so as soon as the last byte is sent, before this returns.
            gone.set()
            await asyncio.sleep(0.05)

    with captured_logs(settings) as logs:
        async with running(settings, address) as client:
            app = client._transport.app  # type: ignore[attr-defined]
            request = client.build_request("GET", f"{API}/users/me/export", headers=alice.headers)
            scope = {
                "type": "http",
                "http_version": "1.1",
                "method": "GET",
                "scheme": "http",
                "path": request.url.path,
                "raw_path": request.url.raw_path,
                "root_path": "",
                "query_string": b"",
                "headers": [(name.lower(), value) for name, value in request.headers.raw],
                "client": (address, 50_000),
                "server": ("duly.test", 80),
            }
            await app(scope, receive, send)

    assert (received > 0) == stays
    assert ("export.client_disconnected" in logs.getvalue()) == (not stays)
    assert "Traceback" not in logs.getvalue()


async def test_exports_of_many_users_wait_for_a_turn(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    people = [await register(client) for _ in range(8)]
    slots = app.state.context.export_slots
    async with slots:
        assert slots.locked()
        waiting = asyncio.gather(*(person.get("/users/me/export") for person in people))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        assert (await people[0].get("/users/me")).status_code == 200

    assert {answer.status_code for answer in await waiting} == {200}
    assert not slots.locked()


async def test_export_that_gets_no_turn_is_unavailable(
    app: FastAPI, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "_QUEUE_TIMEOUT", 0.1)
    async with app.state.context.export_slots:
        refused = await alice.get("/users/me/export")

    assert error_code(refused) == "SERVICE_UNAVAILABLE"
    assert refused.headers["retry-after"]
    assert (await alice.get("/users/me/export")).status_code == 200


async def test_export_changes_nothing_in_its_snapshot(app: FastAPI, alice: Account) -> None:
    task = await alice.create_task()
    scope = app.state.context.across_users.user(UUID(alice.id))
    erase = erasing(tasks.TYPE).of(UUID(task["id"]), None)

    with pytest.raises(ServiceUnavailable) as refused:
        async with scope.snapshot(timeout=5) as snapshot:
            await snapshot.one(erase.statement, **erase.params)

    assert isinstance(refused.value.__cause__, ReadOnlySqlTransaction)
    assert (await alice.get(f"/tasks/{task['id']}")).status_code == 200


async def test_export_without_space_for_its_file_is_unavailable(
    settings: Settings, address: str, alice: Account, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(dsn, alice, 200, "x" * 20_000)
    full = Path("/dev/full")
    with captured_logs(settings) as logs:
        async with running(settings, address) as client:
            there = replace(alice, client=client)
            with monkeypatch.context() as patch:
                # Every write to it fails for want of space.
                patch.setattr(tempfile, "TemporaryFile", lambda **_: full.open("w+b", 0))
                refused = await there.get("/users/me/export")
            again = await there.get("/users/me/export")

    assert error_code(refused) == "SERVICE_UNAVAILABLE"
    assert refused.headers["retry-after"]
    assert "No space left on device" in logs.getvalue()
    assert "Traceback" not in logs.getvalue()
    assert len(again.json()["tasks"]) == 200


@pytest.fixture
def own_dsn(dsn: str) -> Iterator[str]:
    with migrated_database(dsn) as own:
        yield own


@pytest.fixture
async def carol(settings: Settings, address: str, own_dsn: str) -> AsyncIterator[Account]:
    """A user in a separate database."""
    async with running(settings, address, database_url=SecretStr(own_dsn)) as client:
        yield await register(client)


async def test_export_that_cannot_be_read_in_time_is_unavailable(
    carol: Account, own_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "_READ_TIMEOUT", 0.5)
    async with await psycopg.AsyncConnection.connect(own_dsn) as holder:
        await holder.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
        refused = await carol.get("/users/me/export")

    assert (refused.status_code, error_code(refused)) == (503, "SERVICE_UNAVAILABLE")
    assert (await carol.get("/users/me/export")).status_code == 200


async def test_export_reads_an_index_before_there_are_statistics(
    carol: Account, own_dsn: str
) -> None:
    await execute(own_dsn, "ALTER TABLE tasks SET (autovacuum_enabled = off)")
    await fill(own_dsn, carol, 5000)
    params = {"user_id": carol.id, "after": UUID(int=1), "trashed": False}

    async with await psycopg.AsyncConnection.connect(own_dsn, autocommit=True) as connection:
        await connection.execute(_SNAPSHOT)
        statement = _page(tasks.TYPE, is_resumed=True)
        explain = b"EXPLAIN " + statement.sql
        rows = await connection.execute(explain, {**statement.constants, **params})
        plan = "\n".join(row[0] for row in await rows.fetchall())

    assert "pk_tasks" in plan
    assert "Sort" not in plan


async def test_export_may_take_longer_than_a_body_may(
    carol: Account, own_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "BODY_TIMEOUT", 0.1)
    async with await psycopg.AsyncConnection.connect(own_dsn) as holder:
        await holder.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
        reading = asyncio.create_task(carol.get("/users/me/export"))
        await somebody_waits_for(holder)
        await asyncio.sleep(0.5)

    assert (await reading).status_code == 200


async def test_export_of_an_account_deleted_while_it_is_read_is_whole_or_refused(
    carol: Account, own_dsn: str
) -> None:
    for _ in range(3):
        await carol.create_task()
    async with await psycopg.AsyncConnection.connect(own_dsn) as holder:
        await holder.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
        reading = asyncio.create_task(carol.get("/users/me/export"))
        await somebody_waits_for(holder)
        await holder.execute("DELETE FROM users WHERE id = %s", [carol.id])
        await holder.commit()
        answer = await reading

    # As an operator would in SQL, its session was not ended: what it had is there, as of before.
    assert answer.status_code == 200
    assert len(answer.json()["tasks"]) == 3
    assert error_code(await carol.get("/users/me/export")) == "UNAUTHENTICATED"
