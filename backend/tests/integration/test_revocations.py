"""The list of ended sessions: each worker reads what is new, misses nothing, and holds nobody up."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from duly.core.config import Settings
from duly.database.pool import Pool
from duly.database.scope import AcrossUsers
from duly.database.values import Row
from duly.runtime import revocations
from duly.runtime.revocations import Revocations
from duly.services.sessions import REVOCATION_LIFETIME
from tests.support.accounts import Account
from tests.support.databases import migrated_database
from tests.support.direct_sql import execute
from tests.support.instances import running
from tests.support.pooler import pooled

MANY = 100_000
ADD = "INSERT INTO revoked_sessions VALUES (%s, now() + interval '1 hour')"


class CountingScope(AcrossUsers):
    """The real scope, which counts the rows that it reads."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.rows = self.largest = 0

    async def all(self, *args: Any, **params: Any) -> list[Row]:
        rows = await super().all(*args, **params)
        count = sum(row["session_id"] is not None for row in rows)
        self.rows += count
        self.largest = max(self.largest, count)
        return rows


class Worker:
    """One worker's copy of the list, whose next look-up reads it."""

    def __init__(self, pool: Pool) -> None:
        self.scope = CountingScope(pool)
        self.revocations = Revocations(self.scope)

    async def includes(self, session_id: UUID) -> bool:
        self.revocations._read_at = float("-inf")
        return await self.revocations.includes(session_id)

    async def read(self) -> int:
        """Bring the copy up to date; return how many rows that took."""
        before = self.scope.rows
        await self.includes(uuid4())
        return self.scope.rows - before


Start = Callable[[], Worker]


@pytest.fixture(params=["direct", "pooled"])
def place(request: pytest.FixtureRequest, dsn: str) -> Iterator[tuple[str, str]]:
    """A database whose list nobody else uses: the way to it, and the way past any pooler."""
    with migrated_database(dsn) as own:
        if request.param == "direct":
            yield own, own
        else:
            with pooled(own) as through:
                yield through, own


@asynccontextmanager
async def workers(dsn: str) -> AsyncIterator[Start]:
    pool = Pool(dsn, size=2, timeout=20)
    await pool.open()
    try:
        yield lambda: Worker(pool)
    finally:
        await pool.close()


@pytest.mark.slow
async def test_second_read_after_100_000_revocations_returns_only_what_is_new(
    place: tuple[str, str],
) -> None:
    through, own = place
    await execute(
        own,
        "INSERT INTO revoked_sessions SELECT gen_random_uuid(), now() + interval '1 hour' "
        f"FROM generate_series(1, {MANY})",
    )
    async with workers(through) as start:
        one, other = start(), start()
        assert [await one.read(), await other.read()] == [MANY, MANY]

        # A transaction that stays open holds back the oldest running one of every snapshot.
        async with await psycopg.AsyncConnection.connect(own) as still_open:
            await still_open.execute("SELECT pg_current_xact_id()")
            ended = uuid4()
            await execute(own, ADD, ended)

            assert [await one.read(), await other.read()] == [1, 1]
            assert [await one.read(), await other.read()] == [0, 0]
            assert await one.includes(ended)
        assert await one.read() == 0


async def test_revocations_made_while_a_transaction_is_open_are_read_once(
    place: tuple[str, str],
) -> None:
    through, own = place
    async with workers(through) as start, await psycopg.AsyncConnection.connect(own) as open_:
        worker = start()
        await open_.execute("SELECT pg_current_xact_id()")
        assert await worker.read() == 0
        for _ in range(5):
            await execute(own, ADD, uuid4())

        assert await worker.read() == 5
        assert await worker.read() == 0


async def test_transaction_that_commits_late_is_not_missed(place: tuple[str, str]) -> None:
    through, own = place
    early, late, latest = uuid4(), uuid4(), uuid4()
    async with workers(through) as start, await psycopg.AsyncConnection.connect(own) as slow:
        worker = start()
        await slow.execute(ADD.encode(), [late])
        await execute(own, ADD, early)
        assert await worker.includes(early)
        assert not await worker.includes(late)
        await execute(own, ADD, latest)
        assert await worker.includes(latest)

        await slow.commit()

        assert await worker.includes(late)
        assert await worker.read() == 0


async def test_revocation_rolled_back_is_not_listed(place: tuple[str, str]) -> None:
    through, own = place
    session_id = uuid4()
    async with workers(through) as start, await psycopg.AsyncConnection.connect(own) as other:
        worker = start()
        await other.execute(ADD.encode(), [session_id])
        assert not await worker.includes(session_id)
        await other.rollback()

        assert not await worker.includes(session_id)


async def test_list_of_another_server_is_read_whole(
    place: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    through, own = place
    async with workers(through) as start:
        worker = start()
        for _ in range(3):
            await execute(own, ADD, uuid4())
        assert await worker.read() == 3

        # As after a failover: the numbers of transactions begin somewhere else.
        monkeypatch.setattr(worker.revocations, "_server", "another")
        assert await worker.read() == 3
        monkeypatch.setattr(worker.revocations, "_seen", "900000000:900000000:")
        assert await worker.read() == 3
        assert await worker.read() == 0


@pytest.mark.slow
async def test_first_read_of_100_000_rows_is_in_pages_between_which_others_run(dsn: str) -> None:
    with migrated_database(dsn) as own:
        await execute(
            own,
            "INSERT INTO revoked_sessions SELECT gen_random_uuid(), now() + interval '1 hour' "
            f"FROM generate_series(1, {MANY})",
        )
        async with workers(own) as start:
            worker = start()

            assert await worker.read() == MANY

            # Decoding as many rows as a page has takes a few milliseconds.
            assert worker.scope.largest <= 2_000


async def test_expired_revocations_are_dropped(
    place: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    through, own = place
    monkeypatch.setattr(revocations, "_PRUNE_INTERVAL", 0.0)
    brief = "INSERT INTO revoked_sessions VALUES (%s, now() + interval '0.2 seconds')"
    async with workers(through) as start:
        worker = start()
        await execute(own, brief, uuid4())
        await execute(own, ADD, uuid4())
        await worker.read()
        await asyncio.sleep(0.3)
        await worker.read()

        assert len(worker.revocations._listed) == 1


async def test_revocation_lasts_for_the_longest_life_that_any_setting_allows(
    settings: Settings, alice: Account, dsn: str, address: str
) -> None:
    """A token of an instance with a long life, ended on one with a short life."""
    async with (
        running(settings, address, access_token_minutes=60) as long,
        running(settings, address, access_token_minutes=1) as short,
    ):
        alice.client = long
        alice = await alice.sign_in_again()
        assert alice.session["expires_in"] == 3600
        alice.client = short

        assert (await alice.post("/auth/logout")).status_code == 204

        claims = short._transport.app.state.context.keyring.read_access(  # type: ignore[attr-defined]
            alice.session["access_token"]
        )
        [(expires_at,)] = await execute(
            dsn,
            "SELECT extract(epoch FROM expires_at)::float FROM revoked_sessions "
            "WHERE session_id = %s",
            claims.session_id,
        )
        assert expires_at >= claims.expires_at
        # Two minutes later, another instance reads the list.
        sql = "UPDATE revoked_sessions SET expires_at = expires_at - interval '2 minutes'"
        await execute(dsn, f"{sql} WHERE session_id = %s", claims.session_id)
        async with running(settings, address, access_token_minutes=60) as restarted:
            alice.client = restarted
            assert (await alice.get("/users/me")).status_code == 401


def test_revocation_lifetime_exceeds_any_access_token_life() -> None:
    [limit] = [
        item.le
        for item in Settings.model_fields["access_token_minutes"].metadata
        if hasattr(item, "le")
    ]

    assert timedelta(minutes=limit) < REVOCATION_LIFETIME


async def test_requests_read_the_list_at_most_once_a_second(alice: Account) -> None:
    context = alice.client._transport.app.state.context  # type: ignore[attr-defined]
    await alice.get("/users/me")
    used, started = context.pool.used, time.monotonic()

    for _ in range(20):
        assert (await alice.get("/auth/sessions")).status_code == 200

    seconds = time.monotonic() - started
    assert context.pool.used - used <= 20 + seconds + 1
