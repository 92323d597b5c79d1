"""The pool: connections that were dropped, that are all in use, or that take too long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import AsyncConnection, NotSupportedError
from psycopg.errors import DivisionByZero, ForeignKeyViolation
from pydantic import SecretStr

from duly.core.config import Settings
from duly.core.errors import ServiceUnavailable
from duly.database import connections
from duly.database.connection import Connection
from duly.database.connections import Prepared
from duly.database.pool import Pool
from duly.database.scope import UserScope
from tests.support.accounts import Account, register
from tests.support.direct_sql import execute
from tests.support.instances import running
from tests.support.pooler import pooled

PID = b"SELECT pg_backend_pid() AS pid"
SLEEP = b"SELECT pg_sleep(60) AS tired"
_MANY = 3 * connections._MAX_WAITING
"""More than callers whose connections let the next one begin."""


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


async def test_request_succeeds_after_all_connections_were_dropped(
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


async def test_service_is_unavailable_if_all_connections_are_in_use_too_long(
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


async def until_waiting() -> None:
    """Let the tasks that were just created run until they wait for something."""
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.fixture
async def crowded(dsn: str, pools: AsyncExitStack) -> AsyncIterator[tuple[Pool, AsyncExitStack]]:
    """A pool whose only connection is in use until the stack is closed, and for which others wait."""
    pool = await open_pool(pools, dsn)
    async with AsyncExitStack() as use, asyncio.TaskGroup() as group:
        await use.enter_async_context(pool.transaction())
        for _ in range(connections._MAX_WAITING):
            group.create_task(pid_of(pool))
        await until_waiting()
        yield pool, use
        await use.aclose()


async def test_work_begins_in_order_once_few_callers_wait_for_a_connection(
    crowded: tuple[Pool, AsyncExitStack],
) -> None:
    pool, use = crowded
    order: list[int] = []

    async def work(number: int) -> None:
        await pool.wait_for_room()
        order.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(_MANY):
            group.create_task(work(number))
        await until_waiting()
        assert order == []
        await use.aclose()

    assert order == list(range(_MANY))
    await pool.wait_for_room()


async def test_work_that_is_given_up_before_it_begins_does_not_hold_up_the_next(
    crowded: tuple[Pool, AsyncExitStack],
) -> None:
    pool, use = crowded
    *given_up, kept = [asyncio.create_task(pool.wait_for_room()) for _ in range(_MANY)]
    await until_waiting()

    for task in given_up:
        task.cancel()
    await use.aclose()

    await kept
    assert all(task.cancelled() for task in given_up)


async def test_work_that_could_not_begin_in_time_is_unavailable(
    dsn: str, pools: AsyncExitStack
) -> None:
    pool = await open_pool(pools, dsn, timeout=0.5)

    async def wait_for_long() -> None:
        async with pool.transaction(timeout=60):
            pass

    async with pool.transaction(timeout=60):
        waiting = [asyncio.create_task(wait_for_long()) for _ in range(connections._MAX_WAITING)]
        await until_waiting()

        with pytest.raises(ServiceUnavailable):
            await pool.wait_for_room()

    await asyncio.gather(*waiting)


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


@pytest.mark.slow
async def test_database_that_is_down_is_not_asked_when_nobody_waits(
    pools: AsyncExitStack, tmp_path: Path
) -> None:
    asked = 0

    def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.close()

    server = await asyncio.start_unix_server(refuse, tmp_path / ".s.PGSQL.5432")
    try:
        pool = await open_pool(pools, f"postgresql:///duly?host={tmp_path}", timeout=0.5)
        with pytest.raises(ServiceUnavailable):
            await pid_of(pool)
        await asyncio.sleep(1.5)  # longer than any pause between two attempts
        before = asked
        await asyncio.sleep(1.5)
        assert before > 1
        assert asked == before
    finally:
        server.close()


async def test_request_cancelled_as_it_gets_a_connection_loses_none(
    dsn: str, pools: AsyncExitStack
) -> None:
    pool = await open_pool(pools, dsn)
    async with pool.transaction() as transaction:
        await transaction.fetch(PID, {})
        request = asyncio.create_task(pid_of(pool))
        await asyncio.sleep(0.05)
        assert pool.connections.waiting_count == 1
    request.cancel()  # it has the connection, and does not know yet

    with pytest.raises(asyncio.CancelledError):
        await request
    assert pool.connections.idle_count == pool.connections.open_count == 1


async def test_connections_unused_for_long_are_closed_except_one(
    dsn: str, pools: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = await open_pool(pools, dsn, size=3)
    async with AsyncExitStack() as held:
        for _ in range(3):
            await held.enter_async_context(pool.transaction())
    assert pool.connections.idle_count == 3
    pool.connections._tidy()
    assert pool.connections.idle_count == 3

    monkeypatch.setattr(connections, "_IDLE_TIME", 0.0)
    pool.connections._tidy()

    assert pool.connections.idle_count == pool.connections.open_count == 1
    assert await pid_of(pool)


async def test_connection_beyond_its_lifetime_is_replaced(dsn: str, pools: AsyncExitStack) -> None:
    pool = await open_pool(pools, dsn)
    old = await pid_of(pool)
    [connection] = pool.connections._idle
    connection.expires_at = 0.0

    assert await pid_of(pool) == old
    assert await pid_of(pool) != old


async def test_transaction_that_ignored_an_error_raises_instead_of_rolling_back_silently(
    dsn: str, pools: AsyncExitStack
) -> None:
    pool = await open_pool(pools, dsn)

    async def work() -> None:
        async with pool.transaction() as transaction:
            with suppress(DivisionByZero):
                await transaction.fetch(b"SELECT 1 / 0", {})

    with pytest.raises(RuntimeError, match="ignored"):
        await work()
    assert await pid_of(pool)


async def test_part_of_a_transaction_that_fails_leaves_the_rest(
    dsn: str, pools: AsyncExitStack
) -> None:
    pool = await open_pool(pools, dsn)

    async with pool.transaction() as whole:
        await whole.fetch(b"CREATE TEMPORARY TABLE notes (n int) ON COMMIT DROP", {})
        for number in (1, 2):
            with suppress(DivisionByZero):
                async with whole.transaction() as part:
                    await part.fetch(b"INSERT INTO notes VALUES (%(n)s)", {"n": number})
                    async with part.transaction() as inner:
                        await inner.fetch(b"SELECT 1 / %(n)s", {"n": number - 1})
        assert await whole.fetch(b"SELECT n FROM notes", {}) == [{"n": 2}]


async def test_server_notices_when_the_client_of_a_statement_goes(
    dsn: str, pools: AsyncExitStack
) -> None:
    """Also a server that is not ours, which has the setting off."""
    off = f"{dsn}&options=-c%20client_connection_check_interval%3D0"
    pool = await open_pool(pools, off)

    [row] = await pool.fetch(b"SHOW client_connection_check_interval", {})

    assert row == {"client_connection_check_interval": "1s"}


async def test_unavailable_says_when_to_try_again() -> None:
    assert ServiceUnavailable().headers["Retry-After"]


@pytest.mark.parametrize(("prepared", "count"), [("off", 0), ("on", 1), ("auto", 1)])
async def test_statements_are_prepared_on_direct_connections_as_the_setting_says(
    dsn: str, pools: AsyncExitStack, prepared: Prepared, count: int
) -> None:
    pool = await open_pool(pools, dsn, prepared=prepared)

    for number in range(10):
        (row,) = await pool.fetch(b"SELECT %(number)s::int AS number", {"number": number})
        assert row == {"number": number}

    found = b"SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%AS number'"
    assert await pool.fetch(found, {}) == [{"count": count}]


async def test_statements_are_not_prepared_behind_a_pooler(
    dsn: str, pools: AsyncExitStack
) -> None:
    with pooled(dsn, size=2) as through:
        pool = await open_pool(pools, through, prepared="auto")
        await asyncio.gather(*(pool.fetch(b"SELECT pg_sleep(0.05)", {}) for _ in range(4)))

        for number in range(40):
            (row,) = await pool.fetch(b"SELECT %(number)s::int AS pooled", {"number": number})
            assert row == {"pooled": number}

        found = b"SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%AS pooled'"
        for _ in range(4):
            assert await pool.fetch(found, {}) == [{"count": 0}]
        await pool.close()


@pytest.mark.parametrize("prepared", ["off", "on"])
async def test_the_application_works_with_and_without_prepared_statements(
    settings: Settings, address: str, prepared: Prepared
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


async def test_lost_prepared_statement_is_run_again(dsn: str, pools: AsyncExitStack) -> None:
    """As behind a pooler that was taken for a server."""
    pool = await open_pool(pools, dsn, prepared="on")
    sql = b"SELECT %(number)s::int AS number"
    for number in range(10):
        await pool.fetch(sql, {"number": number})

    await pool.fetch(b"DEALLOCATE ALL", {})

    assert await pool.fetch(sql, {"number": 10}) == [{"number": 10}]


async def test_prepared_statement_lost_within_a_transaction_is_unavailable(
    dsn: str, pools: AsyncExitStack
) -> None:
    pool = await open_pool(pools, dsn, prepared="on")
    sql = b"SELECT %(number)s::int AS number"
    for number in range(10):
        await pool.fetch(sql, {"number": number})
    await pool.fetch(b"DEALLOCATE ALL", {})

    with pytest.raises(ServiceUnavailable):
        async with pool.transaction() as transaction:
            await transaction.fetch(sql, {"number": 10})

    assert await pool.fetch(sql, {"number": 11}) == [{"number": 11}]


async def test_statement_whose_removal_was_skipped_after_an_error_still_runs(
    dsn: str, pools: AsyncExitStack
) -> None:
    pool = await open_pool(pools, dsn, prepared="on")
    statements = [b"SELECT %d AS other, %%(number)s::int AS number" % n for n in range(101)]
    for sql in statements:
        for number in range(5 if sql is statements[-1] else 7):
            await pool.fetch(sql, {"number": number})

    # To prepare the last one removes the first; the error before it makes the server skip both.
    failing = b"SELECT 1 / %(number)s::int AS number"
    with pytest.raises(psycopg.errors.DivisionByZero):
        await pool.fetch_many([(failing, {"number": 0}), (statements[-1], {"number": 1})])

    async with pool.transaction() as transaction:
        for number in range(10):
            [row] = await transaction.fetch(statements[0], {"number": number})
            assert row == {"other": 0, "number": number}


async def test_snapshot_begins_on_a_connection_that_has_prepared_as_many_statements_as_allowed(
    dsn: str, pools: AsyncExitStack
) -> None:
    pool = await open_pool(pools, dsn, prepared="on")
    for number in range(100):
        for _ in range(7):
            await pool.fetch(b"SELECT %d AS prepared" % number, {})

    for _ in range(10):
        async with UserScope(pool, uuid4()).snapshot(timeout=5):
            pass


async def test_statement_whose_table_has_changed_is_run_again(
    dsn: str, pools: AsyncExitStack
) -> None:
    """As by a migration while Duly runs: PostgreSQL rejects the plan it has prepared."""
    pool = await open_pool(pools, dsn, prepared="on")
    await pool.fetch(b"CREATE TEMPORARY TABLE changing (value int)", {})
    await pool.fetch(b"INSERT INTO changing VALUES (1)", {})
    for _ in range(10):
        assert await pool.fetch(b"SELECT value FROM changing", {}) == [{"value": 1}]

    await pool.fetch(b"ALTER TABLE changing ALTER value TYPE text USING 'one'", {})

    assert await pool.fetch(b"SELECT value FROM changing", {}) == [{"value": "one"}]


async def test_many_statements_are_prepared_in_turns(dsn: str, pools: AsyncExitStack) -> None:
    pool = await open_pool(pools, dsn, prepared="on")
    statements = [b"SELECT %d AS number_%d" % (number, number) for number in range(130)]
    for _ in range(8):
        for number, sql in enumerate(statements):
            assert await pool.fetch(sql, {}) == [{f"number_{number}": number}]

    [row] = await pool.fetch(b"SELECT count(*) AS prepared FROM pg_prepared_statements", {})
    assert 90 < row["prepared"] <= 100


async def test_few_long_statements_are_prepared_at_a_time(dsn: str, pools: AsyncExitStack) -> None:
    pool = await open_pool(pools, dsn, prepared="on")
    padding = b" " * 20_000
    for number in range(30):
        for _ in range(8):
            sql = b"SELECT %s %d AS number" % (padding, number)
            assert await pool.fetch(sql, {}) == [{"number": number}]

    [row] = await pool.fetch(b"SELECT count(*) AS prepared FROM pg_prepared_statements", {})
    assert 10 < row["prepared"] < 20


async def test_counting_the_uses_of_many_statements_takes_bounded_memory(dsn: str) -> None:
    driver = await AsyncConnection.connect(dsn, autocommit=True)
    connection = Connection(driver, is_preparing=True)
    for number in range(1_500):
        await connection.fetch(b"SELECT %d AS number" % number, {})

    assert 0 < len(connection._uses) <= 1_000
    connection.finish()


async def test_statements_sent_together_are_prepared_and_fail_as_one(
    dsn: str, pools: AsyncExitStack
) -> None:
    pool = await open_pool(pools, dsn, prepared="on")
    calls = [(b"SELECT 1 / %(by)s::int AS quotient", {"by": 1})] * 10
    assert await pool.fetch_many(calls) == [[{"quotient": 1}]] * 10

    for _ in range(2):
        with pytest.raises(DivisionByZero):
            await pool.fetch_many([*calls, (calls[0][0], {"by": 0}), *calls])

    assert await pool.fetch_many(calls) == [[{"quotient": 1}]] * 10


async def test_copy_is_not_supported_and_costs_the_connection(
    dsn: str, pools: AsyncExitStack
) -> None:
    pool = await open_pool(pools, dsn)

    with pytest.raises(NotSupportedError):
        await pool.fetch(b"COPY (SELECT 1) TO STDOUT", {})

    assert await pid_of(pool)


@pytest.mark.parametrize("uses", [0, 5, 9], ids=["plain", "while it is prepared", "prepared"])
async def test_statement_whose_commit_fails_raises_although_it_has_returned_rows(
    dsn: str, pools: AsyncExitStack, uses: int
) -> None:
    """Rows arrive before the commit, which checks what was deferred."""
    pool = await open_pool(pools, dsn, prepared="on")
    for sql in (
        b"CREATE TEMPORARY TABLE parents (id int PRIMARY KEY)",
        b"CREATE TEMPORARY TABLE children (id int REFERENCES parents DEFERRABLE)",
        b"ALTER TABLE children ALTER CONSTRAINT children_id_fkey INITIALLY DEFERRED",
        b"INSERT INTO parents VALUES (1)",
    ):
        await pool.fetch(sql, {})
    insert = b"INSERT INTO children VALUES (%(id)s::int) RETURNING id"
    for _ in range(uses):
        assert await pool.fetch(insert, {"id": 1}) == [{"id": 1}]

    with pytest.raises(ForeignKeyViolation):
        await pool.fetch(insert, {"id": 2})

    stored = b"SELECT count(*) AS count FROM children WHERE id = 2"
    assert await pool.fetch(stored, {}) == [{"count": 0}]
