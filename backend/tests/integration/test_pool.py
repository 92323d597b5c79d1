"""The pool: connections that were dropped, that are all in use, or that take too long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from duly.core.config import Settings
from duly.core.errors import ServiceUnavailable
from duly.database.pool import Pool
from tests.accounts import Account, register
from tests.database import execute
from tests.instances import running

PID = b"SELECT pg_backend_pid() AS pid"
SLEEP = b"SELECT pg_sleep(60) AS tired"


@pytest.fixture
async def pools() -> AsyncIterator[AsyncExitStack]:
    """Closes the pools of a test."""
    async with AsyncExitStack() as stack:
        yield stack


async def open_pool(stack: AsyncExitStack, dsn: str, **options: Any) -> Pool:
    pool = Pool(dsn, **{"size": 1, "timeout": 5, **options})
    await pool.open()
    stack.push_async_callback(pool.close)
    return pool


async def pid_of(pool: Pool) -> int:
    (row,) = await pool.fetch(PID, {})
    return int(row["pid"])


async def drop(dsn: str, *pids: int) -> None:
    """End sessions from the server's side, as a restart does; return once they are gone."""
    await execute(dsn, "SELECT pg_terminate_backend(pid) FROM unnest(%s) AS pid", list(pids))
    async with asyncio.timeout(20):
        while await execute(dsn, "SELECT 1 FROM pg_stat_activity WHERE pid = ANY(%s)", list(pids)):
            pass


async def until_running(dsn: str, pid: int, *, is_running: bool) -> None:
    """Return once a session runs a statement, or none."""
    sql = "SELECT state <> 'idle' FROM pg_stat_activity WHERE pid = %s"
    async with asyncio.timeout(20):
        while (await execute(dsn, sql, pid) == [(True,)]) is not is_running:
            pass


async def test_a_connection_that_was_dropped_is_not_handed_out(
    dsn: str, pools: AsyncExitStack
) -> None:
    pool = await open_pool(pools, dsn)
    dropped = await pid_of(pool)

    await drop(dsn, dropped)

    assert await pid_of(pool) != dropped


async def test_when_all_connections_were_dropped_no_request_fails(
    dsn: str, pools: AsyncExitStack
) -> None:
    pool = await open_pool(pools, dsn, size=8)
    async with AsyncExitStack() as held:
        transactions = [await held.enter_async_context(pool.transaction()) for _ in range(8)]
        pids = [(await one.fetch(PID, {}))[0]["pid"] for one in transactions]

    await drop(dsn, *pids)

    assert not {*pids} & {*await asyncio.gather(*(pid_of(pool) for _ in range(20)))}


async def test_a_request_of_the_application_does_not_notice_that_connections_were_dropped(
    settings: Settings, dsn: str, address: str
) -> None:
    named = f"{dsn}&application_name=dropped-{address}"
    async with running(settings, address, database_url=SecretStr(named), pool_size=1) as client:
        alice = await register(client)
        rows = await execute(
            dsn,
            "SELECT pid FROM pg_stat_activity WHERE application_name = %s",
            f"dropped-{address}",
        )
        assert rows

        await drop(dsn, *(pid for (pid,) in rows))

        assert (await alice.get("/users/me")).status_code == 200


async def test_a_connection_lost_in_a_transaction_is_unavailable_and_replaced(
    dsn: str, pools: AsyncExitStack
) -> None:
    pool = await open_pool(pools, dsn)

    async def lose() -> None:
        async with pool.transaction() as transaction:
            ((pid,),) = [row.values() for row in await transaction.fetch(PID, {})]
            await drop(dsn, pid)
            await transaction.fetch(PID, {})

    with pytest.raises(ServiceUnavailable):
        await lose()
    assert await pid_of(pool)


async def test_when_all_connections_are_in_use_too_long_the_service_is_unavailable(
    dsn: str, pools: AsyncExitStack
) -> None:
    pool = await open_pool(pools, dsn, timeout=1)
    await pid_of(pool)

    async with pool.transaction(timeout=60):
        with pytest.raises(ServiceUnavailable):
            await pid_of(pool)

    assert await pid_of(pool)


async def test_a_connection_that_comes_free_in_time_is_waited_for(
    dsn: str, pools: AsyncExitStack
) -> None:
    pool = await open_pool(pools, dsn)

    assert len(set(await asyncio.gather(*(pid_of(pool) for _ in range(20))))) == 1


async def test_a_statement_that_takes_too_long_is_ended_and_unavailable(
    dsn: str, pools: AsyncExitStack
) -> None:
    pool = await open_pool(pools, dsn, timeout=1)
    pid = await pid_of(pool)

    with pytest.raises(ServiceUnavailable):
        await pool.fetch(SLEEP, {})

    await until_running(dsn, pid, is_running=False)
    assert await pid_of(pool)


async def test_a_write_that_takes_too_long_is_taken_back(
    dsn: str, pools: AsyncExitStack, alice: Account
) -> None:
    pool = await open_pool(pools, dsn, timeout=1)
    rename = b"UPDATE users SET name = 'late' WHERE id = %(id)s RETURNING pg_sleep(60)"

    with pytest.raises(ServiceUnavailable):
        await pool.fetch(rename, {"id": alice.id})

    assert await execute(dsn, "SELECT name FROM users WHERE id = %s", alice.id) != [("late",)]


async def test_a_request_that_is_given_up_ends_its_statement(
    dsn: str, pools: AsyncExitStack
) -> None:
    pool = await open_pool(pools, dsn, timeout=30)
    pid = await pid_of(pool)
    request = asyncio.create_task(pool.fetch(SLEEP, {}))
    await until_running(dsn, pid, is_running=True)

    request.cancel()

    with pytest.raises(asyncio.CancelledError):
        await request
    assert await pid_of(pool)


async def test_a_database_that_is_down_is_unavailable_and_no_reason_not_to_start(
    pools: AsyncExitStack,
) -> None:
    pool = await open_pool(pools, "postgresql:///duly?host=/nonexistent", timeout=0.5)

    with pytest.raises(ServiceUnavailable):
        await pid_of(pool)


async def test_a_pool_that_is_closed_is_unavailable(dsn: str) -> None:
    async with AsyncExitStack() as stack:
        pool = await open_pool(stack, dsn)

    with pytest.raises(ServiceUnavailable):
        await pid_of(pool)


async def test_unavailable_says_when_to_try_again() -> None:
    assert ServiceUnavailable().headers["Retry-After"]


@pytest.mark.parametrize(("prepared", "count"), [(False, 0), (True, 1)])
async def test_statements_are_prepared_on_the_server_only_where_the_setting_says_so(
    dsn: str, pools: AsyncExitStack, prepared: bool, count: int
) -> None:
    pool = await open_pool(pools, dsn, prepared=prepared)

    for number in range(10):
        (row,) = await pool.fetch(b"SELECT %(number)s::int AS number", {"number": number})
        assert row == {"number": number}

    found = b"SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%AS number'"
    assert await pool.fetch(found, {}) == [{"count": count}]


@pytest.mark.parametrize("prepared", [False, True])
async def test_the_application_works_with_and_without_prepared_statements(
    settings: Settings, address: str, prepared: bool
) -> None:
    async with running(settings, address, prepared_statements=prepared) as client:
        alice = await register(client)
        made = [await alice.create_task() for _ in range(12)]

        listed = (await alice.get("/tasks", params={"limit": 100})).json()["items"]
        assert [task["id"] for task in listed] == [task["id"] for task in reversed(made)]


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/St_Johns"])
async def test_times_are_utc_whatever_zone_the_database_session_has(
    settings: Settings, dsn: str, address: str, zone: str
) -> None:
    zoned = f"{dsn}&options=-c%20timezone%3D{zone.replace('/', '%2F')}"
    async with running(settings, address, database_url=SecretStr(zoned)) as client:
        alice = await register(client)
        task = await alice.create_task(is_completed=True)
        page = (await alice.get("/tasks", params={"limit": 1})).json()
        profile = (await alice.get("/users/me")).json()
        await alice.create_task()
        sorted_page = (await alice.get("/tasks", params={"sort": "created_at", "limit": 1})).json()
        after = await alice.get(
            "/tasks", params={"sort": "created_at", "cursor": sorted_page["next_cursor"]}
        )

    times = [task["created_at"], task["updated_at"], task["completed_at"], profile["created_at"]]
    for time in times:
        assert time.endswith("Z")
        assert abs(datetime.fromisoformat(time) - datetime.now(UTC)) < timedelta(minutes=5)
    assert page["items"] == [task]
    assert task["id"] not in [item["id"] for item in after.json()["items"]]
    assert len(after.json()["items"]) == 1
