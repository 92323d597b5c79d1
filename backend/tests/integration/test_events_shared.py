"""Streams of one user share what they read: one query per change, worker and position."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.core.errors import ServiceUnavailable, SyncTokenExpired
from duly.database.pool import Pool
from duly.database.scope import UserScope
from duly.runtime import feeds
from duly.runtime.feeds import Feed, Page
from duly.services import sync
from tests.support.accounts import Account, error_code
from tests.support.direct_sql import execute
from tests.support.instances import running
from tests.support.pooler import pooled
from tests.support.streams import PATIENCE, Stream, stream_of, until
from tests.support.sync_copies import Copy
from tests.support.workers import hub_of, worker_settings

MANY = 100


class Queries:
    """Counts the queries of changes that a pool runs."""

    def __init__(self, app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        pool = app.state.context.pool
        fetch = pool.fetch

        async def counted(sql: bytes, params: Any, **how: Any) -> Any:
            self.count += sql == sync._PAGE.sql
            return await fetch(sql, params, **how)

        monkeypatch.setattr(pool, "fetch", counted)

    def since(self) -> int:
        """The queries since the last call."""
        count, self.count = self.count, 0
        return count


@pytest.fixture
async def crowd(settings: Settings, dsn: str, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A worker of the test's own that allows many streams."""
    own = worker_settings(settings, dsn)
    async with running(own, address, max_streams=MANY) as client:
        yield client


@pytest.fixture
def crowd_app(crowd: httpx.AsyncClient) -> FastAPI:
    return crowd._transport.app  # type: ignore[attr-defined, no-any-return]


async def opened(
    streams: AsyncExitStack, app: FastAPI, account: Account, count: int
) -> list[Stream]:
    """Streams that have read all there is."""
    found = [
        await streams.enter_async_context(stream_of(app, account.headers)) for _ in range(count)
    ]
    for stream in found:
        await stream.ready()
    await until(lambda: hub_of(app)._is_listening)
    await settled(app, account)
    return found


async def settled(app: FastAPI, account: Account) -> None:
    """Wait until nothing is woken, read or announced any longer."""
    hub = hub_of(app)
    feed = hub._feeds[UUID(account.id)]
    await until(lambda: not hub._changed and feed._waking is None and not feed._reads)
    await asyncio.sleep(0.3)  # for announcements on their way
    await until(lambda: feed._waking is None and not feed._reads)


async def test_a_change_costs_one_query_for_all_streams_of_the_user(
    crowd: httpx.AsyncClient,
    crowd_app: FastAPI,
    alice: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with AsyncExitStack() as streams:
        readers = await opened(streams, crowd_app, alice, MANY)
        queries = Queries(crowd_app, monkeypatch)

        # Through this worker, which also receives its own announcement, and through another one.
        for client in (crowd, alice.client):
            task = await Account(client, "", "", alice.session).create_task()
            assert {(await reader.change())["id"] for reader in readers} == {task["id"]}
            await settled(crowd_app, alice)
            assert queries.since() == 1
            assert all(reader.is_silent() for reader in readers)


async def test_a_change_costs_one_query_without_announcements(
    settings: Settings,
    dsn: str,
    address: str,
    alice: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("duly.runtime.hub._POLL_INTERVAL", 0.1)
    with pooled(dsn) as through:
        async with running(worker_settings(settings, through), address) as client:
            app = client._transport.app  # type: ignore[attr-defined]
            async with stream_of(app, alice.headers) as stream:
                await stream.ready()
                feed = hub_of(app)._feeds[UUID(alice.id)]
                await until(lambda: feed.newest is not None)
                await settled(app, alice)
                queries = Queries(app, monkeypatch)
                await Account(client, "", "", alice.session).create_task()
                await stream.change()
                await asyncio.sleep(0.5)  # five looks at the user's revision

                assert not hub_of(app)._is_listening
                assert queries.since() == 1


async def test_look_wakes_for_a_newer_revision_that_nobody_reads(
    alice: Account, scope: UserScope
) -> None:
    feed = Feed(scope)
    feed.note(0)
    assert feed.generation == 1  # nothing was read yet
    await until(lambda: feed._waking is None)

    start = await sync.read_position(scope)
    await alice.create_task(title="new")
    reading = asyncio.create_task(feed.page(start, 20, feed.generation, encoded))
    await asyncio.sleep(0)
    assert feed._reads
    feed.note(1)
    assert feed.generation == 1  # the read in progress may cover it
    assert titles_of(await reading) == ["new"]

    feed.note(1)
    feed.note(0)  # a look that began before the read
    assert feed.generation == 1
    feed.note(2)
    assert feed.generation == 2


async def test_streams_read_again_when_no_announcement_came(
    app: FastAPI, alice: Account, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as streams:
        readers = await opened(streams, app, alice, 5)
        task = await alice.create_task()
        assert {(await reader.change())["id"] for reader in readers} == {task["id"]}
        await settled(app, alice)
        queries = Queries(app, monkeypatch)
        # A change of which no worker knows.
        await execute(
            dsn,
            "WITH owner AS (UPDATE users SET revision = revision + 1 WHERE id = %s"
            " RETURNING id, revision) UPDATE tasks SET title = 'changed', revision = owner.revision"
            " FROM owner WHERE user_id = owner.id",
            alice.id,
        )
        monkeypatch.setattr(feeds, "_LOOK_INTERVAL", 0.5)

        for reader in readers:
            assert (await reader.change())["data"]["title"] == "changed"
        # Later looks of the half second find nothing new; each is one query, too.
        assert queries.since() < len(readers)


async def test_streams_that_are_behind_read_larger_pages(
    app: FastAPI, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Copy()
    await copy.pull(alice)
    operations = [
        {"op": "create", "type": "task", "data": {"title": f"task {number}"}}
        for number in range(100)
    ]
    async with AsyncExitStack() as streams:
        [reader] = await opened(streams, app, alice, 1)
        await alice.post("/batch", {"operations": operations})
        for _ in operations:
            await reader.change()
        await settled(app, alice)  # or the announcement would wake the next stream
    queries = Queries(app, monkeypatch)

    async with stream_of(app, alice.headers, token=copy.token or "") as stream:
        await stream.ready()
        titles = [(await stream.change())["data"]["title"] for _ in range(100)]

    assert titles == [f"task {number}" for number in range(100)]
    assert queries.since() == 3  # whether the token is valid, 20 changes, 80 changes


# The feed itself


@pytest.fixture
def scope(app: FastAPI, alice: Account) -> UserScope:
    return UserScope(app.state.context.pool, UUID(alice.id))


def encoded(step: sync.Step) -> bytes:
    return f"{step.change['data']['title']}\n".encode()


def titles_of(page: Page) -> list[str]:
    return b"".join(page.pieces).decode().splitlines()


async def positions_of(scope: UserScope, start: sync.Position) -> list[sync.Position]:
    progress = await sync.read_changes(scope, start, 100)
    return [start, *(step.position for step in progress.steps)]


async def test_each_position_is_read_once(
    app: FastAPI, alice: Account, scope: UserScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = await sync.read_position(scope)
    for title in "abc":
        await alice.create_task(title=title)
    positions = await positions_of(scope, start)
    feed, queries = Feed(scope), Queries(app, monkeypatch)

    pages = await asyncio.gather(
        *(feed.page(position, 20, 0, encoded) for position in positions * 25)
    )

    assert [titles_of(page) for page in pages] == [list("abc"), ["b", "c"], ["c"], []] * 25
    assert queries.since() == 4
    # A stream that comes later finds the same pages.
    assert [await feed.page(position, 20, 0, encoded) for position in positions] == pages[:4]
    assert queries.since() == 0


async def test_a_page_that_may_lack_a_change_is_read_again(
    app: FastAPI, alice: Account, scope: UserScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = await sync.read_position(scope)
    feed, queries = Feed(scope), Queries(app, monkeypatch)
    assert titles_of(await feed.page(start, 20, feed.generation, encoded)) == []
    await alice.create_task(title="new")
    feed.wake()

    assert titles_of(await feed.page(start, 20, feed.generation, encoded)) == ["new"]
    assert queries.since() == 2
    # This page leads on, so that it stays right.
    feed.wake()
    assert titles_of(await feed.page(start, 20, feed.generation, encoded)) == ["new"]
    assert queries.since() == 0


async def test_a_stream_that_leaves_does_not_end_the_read_of_the_others(
    app: FastAPI, alice: Account, scope: UserScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = await sync.read_position(scope)
    await alice.create_task(title="new")
    feed, queries = Feed(scope), Queries(app, monkeypatch)
    readers = [asyncio.create_task(feed.page(start, 20, 0, encoded)) for _ in range(3)]
    await asyncio.sleep(0)
    readers[0].cancel()

    pages = await asyncio.gather(*readers[1:])

    assert [titles_of(page) for page in pages] == [["new"]] * 2
    assert readers[0].cancelled()
    assert queries.since() == 1


async def test_a_read_that_fails_fails_for_all_and_is_not_kept(
    app: FastAPI, alice: Account, scope: UserScope, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = await sync.read_position(scope)
    await execute(dsn, "UPDATE users SET revision = 9, horizon = 9 WHERE id = %s", alice.id)
    feed, queries = Feed(scope), Queries(app, monkeypatch)

    async def outcomes() -> set[type]:
        reads = (feed.page(start, 20, 0, encoded) for _ in range(10))
        return {type(outcome) for outcome in await asyncio.gather(*reads, return_exceptions=True)}

    assert await outcomes() == {SyncTokenExpired}
    assert queries.since() == 1
    unreachable = Pool("postgresql://127.0.0.1:1/none", size=1, timeout=0.5)
    await unreachable.open()
    monkeypatch.setattr(feed, "_scope", UserScope(unreachable, scope.user_id))
    assert await outcomes() == {ServiceUnavailable}
    await unreachable.close()
    monkeypatch.undo()
    await execute(dsn, "UPDATE users SET horizon = 0 WHERE id = %s", alice.id)
    assert await outcomes() == {Page}
    assert feed._reads == {}


async def test_pages_of_large_changes_are_bounded_and_lead_on(
    alice: Account, scope: UserScope
) -> None:
    start = await sync.read_position(scope)
    operations = [
        {"op": "create", "type": "task", "data": {"title": f"task {number}"}}
        for number in range(60)
    ]
    await alice.post("/batch", {"operations": operations})

    def large(step: sync.Step) -> bytes:
        return encoded(step).rstrip() + b" " * 9_000 + b"\n"

    feed, position, limit, found = Feed(scope), start, 200, []
    while True:
        page = await feed.page(position, limit, 0, large)
        assert sum(map(len, page.pieces)) <= feeds._PAGE_BYTES
        assert max(map(len, page.pieces)) <= feeds._PIECE_BYTES
        assert sum(kept.size for kept in feed._pages.values()) <= feeds._KEPT_BYTES
        found += [title.strip() for title in titles_of(page)]
        position, limit = page.end, page.next_limit
        if not page.has_more:
            break
        assert limit == feeds.FIRST_LIMIT

    assert found == [f"task {number}" for number in range(60)]


# DULY_MAX_STREAMS


async def test_streams_over_the_limit_are_rejected_until_one_ends(
    app: FastAPI, alice: Account, bob: Account
) -> None:
    async with AsyncExitStack() as streams:
        last = AsyncExitStack()
        readers = await opened(streams, app, alice, 19)
        readers += await opened(last, app, alice, 1)

        refused = await asyncio.wait_for(alice.get("/events"), PATIENCE)
        assert (refused.status_code, error_code(refused)) == (429, "RATE_LIMITED")
        assert int(refused.headers["retry-after"]) > 0
        async with stream_of(app, bob.headers) as other:
            await other.ready()
        task = await alice.create_task()
        assert {(await reader.change())["id"] for reader in readers} == {task["id"]}

        await last.aclose()
        await opened(streams, app, alice, 1)
    assert UUID(alice.id) not in hub_of(app)._feeds
