"""Three devices of one user edit at random, offline and online, and end with the same resources.

The short form runs with all tests. The long one, `make converge`, plays thousands of histories
against a real server behind PgBouncer, whose workers are killed meanwhile.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from functools import partial

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from duly.core.config import Settings
from tests.support.accounts import register
from tests.support.device_histories import DEVICES, HISTORIES, Step, play, sessions_of
from tests.support.instances import running
from tests.support.pooler import pooled
from tests.support.servers import Server, serving
from tests.support.streams import Stream, server_stream, stream_of

SHORT = 30
LONG = 2_000
SECONDS = 900.0
AT_ONCE = 10
KILL_EVERY = 7.0
"""Seconds. A worker that dies twice within 5.5 counts as unable to start."""

examples = partial(
    settings,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


# The application draws random numbers in its own thread, while Hypothesis draws a history.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
def test_devices_converge(settings: Settings, run_seed: int) -> None:
    print(f"seed {run_seed}")  # noqa: T201
    with start_blocking_portal("asyncio") as portal:
        # Hypothesis seeds `random` for each history, so all of them may come from one address.
        unlimited = {"rate_limit": "off", "register_limit": "99999/second"}
        started = running(settings, "10.0.0.4", **unlimited)
        with portal.wrap_async_context_manager(started) as client:
            app = client._transport.app  # type: ignore[attr-defined]

            def open_stream(
                headers: dict[str, str], token: str
            ) -> AbstractAsyncContextManager[Stream]:
                return stream_of(app, {**headers, "Last-Event-ID": token})

            async def play_one(history: list[Step]) -> None:
                account = await register(client)
                await play(sessions_of(account, [client] * DEVICES), open_stream, history)

            @seed(run_seed)
            @examples(max_examples=SHORT)
            @given(history=HISTORIES)
            def play_here(history: list[Step]) -> None:
                portal.call(play_one, history)

            play_here()


@pytest.mark.long
def test_devices_converge_while_workers_die(
    dsn: str, run_seed: int, pytestconfig: pytest.Config
) -> None:
    count = pytestconfig.getoption("histories") or LONG
    seconds = pytestconfig.getoption("seconds") or SECONDS
    print(f"\nseed {run_seed}", flush=True)  # noqa: T201
    with pooled(dsn) as through, serving(through, DATABASE_DIRECT_URL=dsn) as server:
        began, played = time.monotonic(), 0

        async def play_one(history: list[Step]) -> None:
            async with AsyncExitStack() as stack:
                clients = [
                    await stack.enter_async_context(
                        httpx.AsyncClient(base_url=server.url, timeout=30)
                    )
                    for _ in range(DEVICES)
                ]
                while True:
                    try:
                        account = await register(clients[0])
                        break
                    except (httpx.HTTPError, AssertionError):
                        await asyncio.sleep(0.1)

                def open_stream(
                    headers: dict[str, str], token: str
                ) -> AbstractAsyncContextManager[Stream]:
                    return server_stream(server.url, {**headers, "Last-Event-ID": token})

                await play(sessions_of(account, clients), open_stream, history, at_once=True)

        @seed(run_seed)
        @examples(max_examples=-(-count // AT_ONCE), phases=[Phase.generate])
        @given(histories=st.lists(HISTORIES, min_size=AT_ONCE, max_size=AT_ONCE))
        def play_there(histories: list[list[Step]]) -> None:
            nonlocal played
            if time.monotonic() < began + seconds:

                async def run() -> None:
                    await asyncio.gather(*map(play_one, histories))

                asyncio.run(run())
                played += len(histories)

        with killing(server) as killed:
            play_there()
        took = time.monotonic() - began
        print(f"{played} histories in {took:.0f} s, {len(killed)} workers killed", flush=True)  # noqa: T201


@contextmanager
def killing(server: Server) -> Iterator[list[int]]:
    """Kill the oldest worker at intervals; yield the list of those killed so far."""
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        while not over.wait(KILL_EVERY):
            workers = server.workers
            if len(workers) == 2:
                workers[0].kill()
                killed.append(workers[0].pid)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()
