"""Events: each change as it happens, on every worker, resumed without a gap."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from duly.api import sync as routes
from tests.support.accounts import Account, error_code, register
from tests.support.direct_sql import execute
from tests.support.streams import Stream, stream_of, until
from tests.support.sync_copies import Copy, reported, sync
from tests.support.workers import Worker, hub_of


@pytest.fixture
async def streams(app: FastAPI) -> AsyncIterator[AsyncExitStack]:
    """A stack of streams that closes at the end of the test, and checks that none is left."""
    async with AsyncExitStack() as stack:
        yield stack
    await until(lambda: not hub_of(app)._feeds)


async def opened(
    streams: AsyncExitStack, app: FastAPI, account: Account, **query: str
) -> tuple[Stream, str]:
    stream = await streams.enter_async_context(stream_of(app, account.headers, **query))
    return stream, await stream.ready()


async def test_stream_reports_each_change(
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


async def test_stream_reports_a_change_of_the_profile(
    app: FastAPI, alice: Account, streams: AsyncExitStack
) -> None:
    stream, _ = await opened(streams, app, alice)

    profile = (await alice.patch("/users/me", {"week_start": 7})).json()

    assert await stream.change() == {
        "type": "user",
        "id": alice.id,
        "op": "upsert",
        "data": profile,
    }


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

    assert reported(await sync(alice, token)) == [
        ("upsert", first["id"]),
        ("upsert", second["id"]),
    ]
    event = await stream.next()
    assert reported(await sync(alice, event.id)) == [("upsert", second["id"])]
    event = await stream.next()
    assert reported(await sync(alice, event.id)) == []


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


async def test_last_event_id_takes_precedence_over_the_token_parameter(
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
async def test_invalid_token_is_rejected_in_the_envelope(
    alice: Account, bob: Account, place: str
) -> None:
    for token in ("nonsense", (await sync(bob))["token"]):
        if place == "token":
            response = await alice.get("/events", params={"token": token})
        else:
            response = await alice.get("/events", headers={place: token})
        assert (response.status_code, error_code(response)) == (400, "VALIDATION_ERROR")


async def test_expired_token_is_rejected_in_the_envelope(alice: Account, dsn: str) -> None:
    token = (await sync(alice))["token"]
    await execute(dsn, "UPDATE users SET revision = 9, horizon = 9 WHERE id = %s", alice.id)

    response = await alice.get("/events", params={"token": token})

    assert (response.status_code, error_code(response)) == (410, "SYNC_TOKEN_EXPIRED")


async def test_stream_with_an_expired_token_ends_with_a_reset_event(
    app: FastAPI, alice: Account, streams: AsyncExitStack, dsn: str
) -> None:
    stream, _ = await opened(streams, app, alice)
    await execute(dsn, "UPDATE users SET revision = 9, horizon = 9 WHERE id = %s", alice.id)
    hub_of(app).note_change(UUID(alice.id))

    event = await stream.next()
    assert (event.name, event.id, event.data["code"]) == ("reset", None, "SYNC_TOKEN_EXPIRED")
    await stream.end()


async def test_stream_does_not_report_changes_of_another_user(
    app: FastAPI, alice: Account, bob: Account, streams: AsyncExitStack
) -> None:
    mine, _ = await opened(streams, app, alice)
    theirs, _ = await opened(streams, app, bob)

    await alice.create_task()
    await mine.change()
    task = await bob.create_task()

    assert (await theirs.change())["id"] == task["id"]


async def test_every_worker_receives_changes_of_every_worker(
    app: FastAPI, worker: Worker, alice: Account, streams: AsyncExitStack
) -> None:
    here, _ = await opened(streams, app, alice)
    there = await streams.enter_async_context(stream_of(worker.app, alice.headers))
    await there.ready()
    # From now on PostgreSQL notifies it, and it does not poll.
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
    batch = {"operations": [{"op": "complete", "type": "task", "id": task_id}]}

    for method, place, body in [
        ("PATCH", path, {"title": "changed"}),
        ("PUT", path, {"title": "replaced"}),
        ("POST", f"{path}/complete", None),
        ("POST", f"{path}/reopen", None),
        ("POST", "/batch", batch),
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


@pytest.mark.slow
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
        assert not hub_of(app)._feeds.get(UUID(alice.id))


async def test_disconnected_reader_leaves_no_stream(app: FastAPI, alice: Account) -> None:
    for _ in range(3):
        async with stream_of(app, alice.headers) as stream:
            await stream.ready()
            await alice.create_task()

    assert UUID(alice.id) not in hub_of(app)._feeds
