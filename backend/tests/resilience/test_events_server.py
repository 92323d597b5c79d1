"""Events of a real server with two workers, over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import psutil
import pytest

from tests.support.accounts import API, Account, error_code, register
from tests.support.servers import Server, serving
from tests.support.streams import Stream, server_stream, until
from tests.support.sync_copies import Copy, sync


@pytest.fixture
async def ada(server: Server) -> AsyncIterator[Account]:
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        yield await register(client)


def worker_at(server: Server, port: int) -> int:
    """The process id of the worker that holds the connection of a client's port."""
    for worker in server.workers:
        for connection in worker.net_connections(kind="tcp"):
            if connection.raddr and connection.raddr.port == port:
                return worker.pid
    raise AssertionError(f"no worker has a connection from {port}")


@asynccontextmanager
async def streams_of_all_workers(
    server: Server, account: Account
) -> AsyncIterator[dict[int, Stream]]:
    """A stream of each worker, by its process id: opened until each has got one."""
    found: dict[int, Stream] = {}
    async with AsyncExitStack() as stack:
        while len(found) < 2:
            stream = await stack.enter_async_context(server_stream(server.url, account.headers))
            await stream.ready()
            found.setdefault(worker_at(server, stream.port), stream)
        yield found


@asynccontextmanager
async def clients_of_all_workers(
    server: Server, account: Account
) -> AsyncIterator[dict[int, Account]]:
    """The account at each worker, over a connection that stays with it."""
    found: dict[int, Account] = {}
    async with AsyncExitStack() as stack:
        while len(found) < 2:
            client = await stack.enter_async_context(
                httpx.AsyncClient(base_url=server.url, timeout=30)
            )
            async with client.stream("GET", f"{API}/tasks", headers=account.headers) as response:
                network = response.extensions["network_stream"]
                worker = worker_at(server, network.get_extra_info("client_addr")[1])
            found.setdefault(worker, Account(client, "", "", account.session))
        yield found


async def test_changes_at_each_worker_reach_the_streams_of_both(
    server: Server, ada: Account
) -> None:
    async with (
        streams_of_all_workers(server, ada) as streams,
        clients_of_all_workers(server, ada) as accounts,
    ):
        assert set(streams) == set(accounts)
        for account in accounts.values():
            task = await account.create_task()
            for stream in streams.values():
                assert (await stream.change())["id"] == task["id"]


async def test_syncs_and_streams_of_all_workers_go_on_from_each_other(
    server: Server, ada: Account
) -> None:
    copy = Copy()
    expected: dict[str, str] = {}
    for number in range(12):
        task = await ada.create_task(title=f"task {number}")
        expected[task["id"]] = task["title"]
        if number % 3 == 0:
            await copy.pull(ada)
        elif number % 3 == 1 and copy.token:
            headers = {**ada.headers, "Last-Event-ID": copy.token}
            async with server_stream(server.url, headers) as stream:
                await stream.ready()
                event = await stream.next()
                copy.apply(event.data)
                copy.token = event.id
    await copy.pull(ada)

    assert {task["id"]: task["title"] for task in copy.resources.values()} == expected


async def test_invalid_token_is_rejected_in_the_envelope(ada: Account) -> None:
    response = await ada.get("/events", headers={"Last-Event-ID": "nonsense"})

    assert (response.status_code, error_code(response)) == (400, "VALIDATION_ERROR")


async def test_streams_of_all_workers_end_with_the_session(server: Server, ada: Account) -> None:
    async with streams_of_all_workers(server, ada) as streams:
        await ada.post("/auth/logout")
        for stream in streams.values():
            await stream.end()


@pytest.mark.slow
async def test_a_reader_that_stops_reading_costs_no_memory(server: Server, ada: Account) -> None:
    await sync(ada)
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1]))) as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.sendall(
            f"GET {API}/events HTTP/1.1\r\nHost: duly.test\r\n"
            f"Authorization: {ada.headers['Authorization']}\r\n\r\n".encode()
        )
        assert stalled.recv(15) == b"HTTP/1.1 200 OK"
        worker = psutil.Process(worker_at(server, stalled.getsockname()[1]))

        async def write(batches: int) -> int:
            for _ in range(batches):
                operations = [
                    {
                        "op": "create",
                        "type": "task",
                        "data": {"title": "large", "description": "x" * 9_000},
                    }
                ] * 100
                answer = await ada.post("/batch", {"operations": operations})
                assert answer.status_code == 200
            return int(worker.memory_info().rss)

        # What Python and the kernel buffer at most is reached after the first few of them.
        before = await write(5)
        after = await write(25)  # 22 MB more
        assert after - before < 10_000_000


@pytest.mark.slow
async def test_a_killed_worker_is_replaced_and_sigterm_ends_streams_and_the_server(
    dsn: str,
) -> None:
    with serving(dsn, workers=2) as server:
        killed, survivor = server.workers
        killed.kill()
        await until(lambda: len(server.workers) == 2 and killed not in server.workers)
        assert survivor in server.workers
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            account = await register(client)
            async with streams_of_all_workers(server, account) as streams:
                task = await account.create_task()
                for stream in streams.values():
                    assert (await stream.change())["id"] == task["id"]
                # It waits neither for streams nor for the worker that was killed.
                stopping = asyncio.create_task(asyncio.to_thread(server.stop))
                for stream in streams.values():
                    await stream.end()
                assert await stopping == 0


@pytest.mark.slow
async def test_workers_end_with_their_supervisor(dsn: str) -> None:
    with serving(dsn, workers=2) as server:
        workers = server.workers
        server.process.kill()
        server.process.wait()
        await until(lambda: not any(worker.is_running() for worker in workers))
