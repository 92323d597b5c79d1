"""Events: each change as it happens, on every worker, resumed without a gap."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from duly.api import sync as routes
from duly.core.config import Settings
from duly.services import hub
from tests.accounts import Account, error_code, register
from tests.copies import Copy, sync, told
from tests.database import execute
from tests.instances import running
from tests.pooler import pooled
from tests.streams import Stream, stream_of, until


def hub_of(app: FastAPI) -> hub.Hub:
    found: hub.Hub = app.state.context.hub
    return found


@pytest.fixture
async def streams(app: FastAPI) -> AsyncIterator[AsyncExitStack]:
    """What is entered here has gone by the end of the test, and nothing of it is left."""
    async with AsyncExitStack() as stack:
        yield stack
    await until(lambda: not hub_of(app)._waiting)


@dataclass
class Worker:
    """An instance of the test's own, whose connections the database knows by `name`."""

    app: FastAPI
    client: httpx.AsyncClient
    name: str
    dsn: str

    @property
    def hub(self) -> hub.Hub:
        return hub_of(self.app)

    async def connections(self, statement: str = "%") -> list[int]:
        """The process ids of its connections whose last statement was like that."""
        rows = await execute(
            self.dsn,
            "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND query LIKE %s",
            self.name,
            statement,
        )
        return [row[0] for row in rows]


def worker_settings(settings: Settings, dsn: str, direct: str | None = None) -> Settings:
    return settings.model_copy(
        update={
            "database_url": SecretStr(dsn),
            "database_direct_url": SecretStr(direct) if direct else None,
        }
    )


@pytest.fixture
async def worker(
    settings: Settings, dsn: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Worker]:
    monkeypatch.setattr(hub, "_RETRY_INTERVAL", 0.2)
    name = f"worker-{uuid4().hex[:8]}"
    own = worker_settings(settings, f"{dsn}&application_name={name}")
    async with running(own, address) as client:
        yield Worker(client._transport.app, client, name, dsn)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def pooled_dsn(dsn: str) -> Iterator[str]:
    with pooled(dsn) as through:
        yield through


async def opened(
    streams: AsyncExitStack, app: FastAPI, account: Account, **query: str
) -> tuple[Stream, str]:
    stream = await streams.enter_async_context(stream_of(app, account.headers, **query))
    return stream, await stream.ready()


async def test_a_stream_tells_of_each_change(
    app: FastAPI, alice: Account, streams: AsyncExitStack
) -> None:
    await alice.create_task()
    stream, _ = await opened(streams, app, alice)

    task = await alice.create_task()
    assert await stream.change() == {
        "type": "task",
        "id": task["id"],
        "op": "upsert",
        "data": task,
    }
    await alice.delete(f"/tasks/{task['id']}")
    gone = {"type": "task", "id": task["id"], "op": "delete", "data": None}
    assert await stream.change() == gone
    await alice.delete(f"/tasks/{task['id']}", params={"permanent": "true"})
    assert await stream.change() == gone


async def test_a_stream_is_not_kept_by_anyone_on_the_way(app: FastAPI, alice: Account) -> None:
    async with stream_of(app, alice.headers) as stream:
        await stream.ready()

    assert stream.status == 200
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.headers["cache-control"] == "no-store"
    assert stream.headers["x-request-id"]


async def test_the_id_of_each_event_is_a_sync_token(
    app: FastAPI, alice: Account, streams: AsyncExitStack
) -> None:
    stream, token = await opened(streams, app, alice)
    first = await alice.create_task()
    second = await alice.create_task()

    assert told(await sync(alice, token)) == [("upsert", first["id"]), ("upsert", second["id"])]
    event = await stream.next()
    assert told(await sync(alice, event.id)) == [("upsert", second["id"])]
    event = await stream.next()
    assert told(await sync(alice, event.id)) == []


@pytest.mark.parametrize("way", ["header", "query"])
async def test_a_stream_resumes_without_a_gap(
    app: FastAPI, alice: Account, streams: AsyncExitStack, way: str
) -> None:
    async with stream_of(app, alice.headers) as stream:
        await stream.ready()
        await alice.create_task()
        seen = (await stream.next()).id or ""
    missed = [await alice.create_task() for _ in range(45)]

    headers = {**alice.headers, **({"Last-Event-ID": seen} if way == "header" else {})}
    query = {"token": seen} if way == "query" else {}
    resumed = await streams.enter_async_context(stream_of(app, headers, **query))
    assert await resumed.ready() == seen
    assert [(await resumed.change())["id"] for _ in missed] == [task["id"] for task in missed]
    assert resumed.is_silent()


async def test_the_last_event_seen_goes_before_the_token_of_the_address(
    app: FastAPI, alice: Account, streams: AsyncExitStack
) -> None:
    old = (await sync(alice))["token"]
    await alice.create_task()
    new = (await sync(alice))["token"]
    headers = {**alice.headers, "Last-Event-ID": new}

    stream = await streams.enter_async_context(stream_of(app, headers, token=old))

    assert await stream.ready() == new


async def test_a_stream_goes_on_where_a_sync_ended(
    app: FastAPI, alice: Account, streams: AsyncExitStack
) -> None:
    await alice.create_task()
    copy = Copy()
    await copy.pull(alice)
    missed = await alice.create_task()

    stream, _ = await opened(streams, app, alice, token=copy.token or "")
    assert (await stream.change())["id"] == missed["id"]


@pytest.mark.parametrize("place", ["Last-Event-ID", "token"])
async def test_a_token_that_is_none_is_refused_in_the_ordinary_way(
    alice: Account, bob: Account, place: str
) -> None:
    for token in ("nonsense", (await sync(bob))["token"]):
        if place == "token":
            response = await alice.get("/events", params={"token": token})
        else:
            response = await alice.get("/events", headers={place: token})
        assert (response.status_code, error_code(response)) == (400, "VALIDATION_ERROR")


async def test_a_token_too_old_is_refused_in_the_ordinary_way(alice: Account, dsn: str) -> None:
    token = (await sync(alice))["token"]
    await execute(dsn, "UPDATE users SET revision = 9, horizon = 9 WHERE id = %s", alice.id)

    response = await alice.get("/events", params={"token": token})

    assert (response.status_code, error_code(response)) == (410, "SYNC_TOKEN_EXPIRED")


async def test_a_stream_says_so_where_it_can_not_go_on(
    app: FastAPI, alice: Account, streams: AsyncExitStack, dsn: str
) -> None:
    stream, _ = await opened(streams, app, alice)
    await execute(dsn, "UPDATE users SET revision = 9, horizon = 9 WHERE id = %s", alice.id)
    hub_of(app).note_change(UUID(alice.id))

    event = await stream.next()
    assert (event.name, event.id, event.data["code"]) == ("reset", None, "SYNC_TOKEN_EXPIRED")
    await stream.end()


async def test_nobody_hears_of_anothers_changes(
    app: FastAPI, alice: Account, bob: Account, streams: AsyncExitStack
) -> None:
    mine, _ = await opened(streams, app, alice)
    theirs, _ = await opened(streams, app, bob)

    await alice.create_task()
    await mine.change()
    task = await bob.create_task()

    assert (await theirs.change())["id"] == task["id"]


async def test_every_worker_hears_every_workers_changes(
    app: FastAPI, worker: Worker, alice: Account, streams: AsyncExitStack
) -> None:
    here, _ = await opened(streams, app, alice)
    there = await streams.enter_async_context(stream_of(worker.app, alice.headers))
    await there.ready()
    # From now on it is told by PostgreSQL, and does not look by itself.
    await until(lambda: worker.hub._is_listening and hub_of(app)._is_listening)

    for client in (alice.client, worker.client):
        task = await Account(client, "", "", alice.session).create_task()
        assert (await here.change())["id"] == task["id"]
        assert (await there.change())["id"] == task["id"]


async def test_every_kind_of_write_is_announced(
    worker: Worker, alice: Account, streams: AsyncExitStack
) -> None:
    task_id = (await alice.create_task())["id"]
    path = f"/tasks/{task_id}"
    stream = await streams.enter_async_context(stream_of(worker.app, alice.headers))
    await stream.ready()
    await until(lambda: worker.hub._is_listening)
    batch = {"operations": [{"op": "complete", "id": task_id}]}

    for method, place, body in [
        ("PATCH", path, {"title": "changed"}),
        ("PUT", path, {"title": "replaced"}),
        ("POST", f"{path}/complete", None),
        ("POST", f"{path}/reopen", None),
        ("POST", "/tasks/batch", batch),
        ("DELETE", path, None),
        ("POST", f"{path}/restore", None),
        ("DELETE", f"{path}?permanent=true", None),
        ("POST", "/tasks", {"id": task_id, "title": "made anew"}),
    ]:
        key = {"Idempotency-Key": uuid4().hex} if method == "POST" else {}
        answer = await alice.request(method, place, json=body, headers=key)
        assert answer.is_success, answer.text
        assert (await stream.change())["id"] == task_id


async def test_a_stream_ends_with_its_session(
    app: FastAPI, worker: Worker, alice: Account, streams: AsyncExitStack
) -> None:
    other = await alice.sign_in_again()
    ending = [
        await streams.enter_async_context(stream_of(place, alice.headers))
        for place in (app, worker.app)
    ]
    staying, _ = await opened(streams, app, other)

    await alice.post("/auth/logout")

    for stream in ending:
        await stream.end()
    assert not staying.is_over.is_set()


async def test_a_stream_ends_when_its_token_expires(app: FastAPI, alice: Account) -> None:
    keyring = app.state.context.keyring
    claims = keyring.read_access(alice.session["access_token"])
    short = keyring.issue_access(claims.user_id, claims.session_id, 2)

    async with stream_of(app, {"Authorization": f"Bearer {short}"}) as stream:
        await stream.ready()
        await stream.end()


async def test_a_stream_ends_with_the_account(app: FastAPI, alice: Account) -> None:
    async with stream_of(app, alice.headers) as stream:
        await stream.ready()
        await alice.request("DELETE", "/users/me", json={"current_password": alice.password})
        await stream.end()


async def test_a_stream_ends_with_its_worker(worker: Worker) -> None:
    account = await register(worker.client)
    async with stream_of(worker.app, account.headers) as stream:
        await stream.ready()
        worker.app.state.end_streams()
        await stream.end()


async def test_a_quiet_stream_has_heartbeats(
    app: FastAPI, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert routes._HEARTBEAT == 15
    monkeypatch.setattr(routes, "_HEARTBEAT", 0.05)

    async with stream_of(app, alice.headers) as stream:
        await stream.ready()
        await until(lambda: stream.heartbeats >= 3)
        assert stream.is_silent()


async def test_a_reader_that_takes_nothing_is_dropped(
    app: FastAPI, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "_SEND_TIMEOUT", 0.1)

    async with stream_of(app, alice.headers) as stream:
        await stream.ready()
        stream.is_stalled = True
        await alice.create_task()
        await stream.end()
        assert not hub_of(app)._waiting.get(UUID(alice.id))


async def test_nothing_is_left_of_a_reader_that_went_away(app: FastAPI, alice: Account) -> None:
    for _ in range(3):
        async with stream_of(app, alice.headers) as stream:
            await stream.ready()
            await alice.create_task()

    assert UUID(alice.id) not in hub_of(app)._waiting


async def test_without_streams_the_database_is_let_be(worker: Worker) -> None:
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
async def test_what_others_announce_on_the_channel_is_ignored(
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


@pytest.mark.parametrize("is_direct", [True, False], ids=["direct", "polling"])
async def test_behind_a_pooler_changes_arrive_all_the_same(
    settings: Settings, pooled_dsn: str, dsn: str, alice: Account, *, is_direct: bool
) -> None:
    own = worker_settings(settings, pooled_dsn, dsn if is_direct else None)
    async with running(own, "10.0.0.1") as client:
        app: FastAPI = client._transport.app  # type: ignore[attr-defined]
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
        door, mine._door = mine._door, None  # type: ignore[assignment]
        mine.note_change(UUID(alice.id))
        await asyncio.sleep(0.1)
        mine._door = door

        await until(lambda: any(UUID(alice.id).hex in payload for payload in heard))
