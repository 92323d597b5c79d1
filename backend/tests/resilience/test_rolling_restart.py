"""Two instances behind nginx are restarted one after the other, under load: no request fails.

`make rolling-restart` repeats it for longer.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.support.accounts import API
from tests.support.databases import migrated_database
from tests.support.nginx import NGINX, proxying
from tests.support.servers import Server, free_port, serving

ROUNDS = 2
CLIENTS = 12
PAUSE = 0.01
"""Seconds between two requests of a client."""

_SETTINGS = {"DULY_TRUSTED_PROXIES": "127.0.0.1", "DULY_DRAIN_SECONDS": "6"}


class Instances:
    """Two servers on one database."""

    def __init__(self, dsn: str, stack: ExitStack) -> None:
        self._dsn = dsn
        self.ports = [free_port(), free_port()]
        self._stacks = [stack.enter_context(ExitStack()) for _ in self.ports]
        self._servers = [self._start(number) for number in range(len(self.ports))]

    def _start(self, number: int) -> Server:
        port = str(self.ports[number])
        server = serving(self._dsn, workers=2, DULY_PORT=port, **_SETTINGS)
        return self._stacks[number].enter_context(server)

    def restart(self, number: int) -> None:
        """Stop one, and start it again; return once it is ready."""
        assert self._servers[number].stop() == 0
        self._stacks[number].close()
        self._servers[number] = self._start(number)


@dataclass
class Load:
    """Requests of several clients, until they are told to stop."""

    client: httpx.AsyncClient
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    created: int = 0
    is_over: bool = False

    async def run(self) -> None:
        body = {"email": f"{uuid4().hex}@example.com", "password": "a long pass phrase"}
        session = (await self.client.post(f"{API}/auth/register", json=body)).json()
        headers = {"Authorization": f"Bearer {session['access_token']}"}
        task = None
        number = 0
        while not self.is_over:
            number += 1
            if task is None or number % 3 == 0:
                response = await self._send("POST", f"{API}/tasks", headers, {"title": "milk"})
                if response is not None and response.status_code == 201:
                    self.created += 1
                    task = response.json()["id"]
            elif number % 3 == 1:
                await self._send("PATCH", f"{API}/tasks/{task}", headers, {"title": str(number)})
            else:
                await self._send("GET", f"{API}/tasks?limit=5", headers)
            await asyncio.sleep(PAUSE)

    async def _send(
        self, method: str, path: str, headers: Any, body: Any = None
    ) -> httpx.Response | None:
        try:
            response = await self.client.request(method, path, headers=headers, json=body)
        except httpx.HTTPError as error:
            self.failures.append(f"{method} {error!r}")
            return None
        self.statuses[method, response.status_code] += 1
        if not response.is_success:
            self.failures.append(f"{method} {response.status_code} {response.text[:200]}")
        return response


@asynccontextmanager
async def loading(url: str) -> AsyncIterator[Load]:
    """A load for the block."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        load = Load(client)
        clients = [asyncio.create_task(load.run()) for _ in range(CLIENTS)]
        try:
            yield load
        finally:
            load.is_over = True
            await asyncio.gather(*clients)


@contextmanager
def instances(dsn: str) -> Iterator[tuple[str, Instances, str]]:
    """The URL of nginx, the two instances behind it, and their database."""
    with migrated_database(dsn) as own, ExitStack() as stack:
        both = Instances(own, stack)
        with proxying(both.ports) as (url, _):
            yield url, both, own


@pytest.mark.slow
@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
async def test_no_request_fails_while_instances_restart_in_turn(
    dsn: str, pytestconfig: pytest.Config
) -> None:
    rounds = pytestconfig.getoption("--rounds") or ROUNDS
    with instances(dsn) as (url, both, database):
        began = time.monotonic()
        async with loading(url) as load:
            await asyncio.sleep(1)
            for _ in range(rounds):
                for number in range(2):
                    await asyncio.to_thread(both.restart, number)
            await asyncio.sleep(1)
        seconds = time.monotonic() - began
        with psycopg.connect(database) as connection:
            stored = connection.execute("SELECT count(*) FROM tasks").fetchone()

    # Shown with --capture=no.
    print(f"\n{2 * rounds} restarts, {load.statuses.total()} requests in {seconds:.0f} s")  # noqa: T201  # as above
    assert load.failures == []
    assert load.statuses.total() > 50 * rounds
    assert stored == (load.created,)
