"""The line between workers: heard, lost, never there; and nothing of it without streams."""

import asyncio
from collections.abc import Iterator
from uuid import UUID

import pytest

from duly.core.config import Settings
from duly.runtime import hub
from tests.support.accounts import Account, register
from tests.support.direct_sql import execute
from tests.support.instances import running
from tests.support.pooler import pooled
from tests.support.streams import stream_of, until
from tests.support.workers import Worker, hub_of, worker_settings


@pytest.fixture(scope="module")
def pooled_dsn(dsn: str) -> Iterator[str]:
    with pooled(dsn) as through:
        yield through


@pytest.mark.slow
async def test_worker_without_streams_does_not_query_the_database(worker: Worker) -> None:
    account = await register(worker.client)
    assert await worker.connections("LISTEN%") == []
    async with stream_of(worker.app, account.headers) as stream:
        await stream.ready()
        await until(lambda: worker.hub._is_listening)
        assert len(await worker.connections("LISTEN%")) == 1

    async with asyncio.timeout(10):
        while await worker.connections("LISTEN%"):  # noqa: ASYNC110  # it is the database's word
            await asyncio.sleep(0.1)
    pool = worker.app.state.context.pool
    used = pool.used
    await asyncio.sleep(1.5)  # longer than any look at changes or sessions is apart
    assert pool.used == used


async def test_listening_recovers_from_a_lost_connection(worker: Worker, alice: Account) -> None:
    async with stream_of(worker.app, alice.headers) as stream:
        await stream.ready()
        await until(lambda: worker.hub._is_listening)
        (lost,) = await worker.connections("LISTEN%")
        await execute(worker.dsn, "SELECT pg_terminate_backend(%s)", lost)

        # Told of while nothing is heard, or after.
        task = await alice.create_task()
        assert (await stream.change())["id"] == task["id"]
        async with asyncio.timeout(10):
            while await worker.connections("LISTEN%") in ([], [lost]):  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.05)
        await until(lambda: worker.hub._is_listening)
        task = await alice.create_task()
        assert (await stream.change())["id"] == task["id"]


async def test_a_stream_outlives_the_loss_of_every_connection(
    worker: Worker, alice: Account
) -> None:
    async with stream_of(worker.app, alice.headers) as stream:
        await stream.ready()
        await until(lambda: worker.hub._is_listening)
        for pid in await worker.connections():
            await execute(worker.dsn, "SELECT pg_terminate_backend(%s)", pid)

        task = await alice.create_task()
        assert (await stream.change())["id"] == task["id"]
        assert not any(task.done() for task in worker.hub._tasks)


@pytest.mark.parametrize("payload", ["", "nonsense", "probe:0", "é", "0" * 33, "," * 7000])
async def test_invalid_notifications_on_the_channel_are_ignored(
    worker: Worker, alice: Account, payload: str
) -> None:
    async with stream_of(worker.app, alice.headers) as stream:
        await stream.ready()
        await until(lambda: worker.hub._is_listening)
        line = await worker.connections("LISTEN%")
        await execute(worker.dsn, "SELECT pg_notify('duly_changes', %s)", payload)

        task = await alice.create_task()
        assert (await stream.change())["id"] == task["id"]
        assert await worker.connections("LISTEN%") == line


@pytest.mark.slow
@pytest.mark.parametrize("is_direct", [True, False], ids=["direct", "polling"])
async def test_behind_a_pooler_changes_arrive_all_the_same(
    settings: Settings, pooled_dsn: str, dsn: str, alice: Account, *, is_direct: bool
) -> None:
    own = worker_settings(settings, pooled_dsn, dsn if is_direct else None)
    async with running(own, "10.0.0.1") as client:
        app = client._transport.app  # type: ignore[attr-defined]
        async with stream_of(app, alice.headers) as stream:
            await stream.ready()
            if is_direct:
                await until(lambda: hub_of(app)._is_listening)
            for _ in range(3):
                task = await alice.create_task()
                assert (await stream.change())["id"] == task["id"]
            assert hub_of(app)._is_listening is is_direct


async def test_a_failed_announcement_is_made_again(
    worker: Worker, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stream_of(worker.app, alice.headers) as stream:
        await stream.ready()
        mine = worker.hub
        await until(lambda: mine._is_listening)
        heard: list[str] = []
        monkeypatch.setattr(mine, "_take", heard.append)
        with monkeypatch.context() as patch:
            patch.setattr(hub, "_NOTIFY", None)
            mine.note_change(UUID(alice.id))
            await asyncio.sleep(0.1)

        await until(lambda: any(UUID(alice.id).hex in payload for payload in heard))
