"""Budgets that all workers share in a Redis, and what happens when it goes away."""

import asyncio
import io
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from duly.core.config import Settings
from duly.runtime import shared_counters
from tests.support.accounts import API, Account, register
from tests.support.instances import captured_logs, running
from tests.support.servers import serving


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Redis:
    """A Redis of the test's own."""

    def __init__(self, program: str) -> None:
        self._program = program
        self.port = free_port()
        self.url = SecretStr(f"redis://:plugh@127.0.0.1:{self.port}/0")
        self.start()

    def start(self) -> None:
        options = {"port": str(self.port), "bind": "127.0.0.1", "save": "", "requirepass": "plugh"}
        self._process = subprocess.Popen(
            [self._program, *(part for n, v in options.items() for part in (f"--{n}", v))],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError("redis-server did not start")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def redis() -> Iterator[Redis]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed: see scripts/install-test-tools")
    redis = Redis(program)
    yield redis
    redis.stop()


async def fail_to_sign_in(client: httpx.AsyncClient, email: str) -> int:
    body = {"email": email, "password": "not the password"}
    return (await client.post(f"{API}/auth/login", json=body)).status_code


async def test_two_workers_count_together(
    settings: Settings, redis: Redis, alice: Account, address: str
) -> None:
    shared = {"rate_limit_storage": redis.url, "login_account_limit": "4/minute"}
    async with (
        running(settings, address, **shared) as first,
        running(settings, address, **shared) as second,
    ):
        statuses = [
            await fail_to_sign_in(client, alice.email)
            for client in (first, second, first, second, first, second)
        ]

    assert statuses == [401, 401, 401, 401, 429, 429]


async def test_burst_on_two_workers_gets_no_more_tries_than_one_budget_has(
    settings: Settings, redis: Redis, alice: Account, address: str
) -> None:
    shared = {"rate_limit_storage": redis.url, "login_account_limit": "4/minute"}
    async with (
        running(settings, address, **shared) as first,
        running(settings, address, **shared) as second,
    ):
        statuses = await asyncio.gather(
            *(fail_to_sign_in((first, second)[number % 2], alice.email) for number in range(24))
        )

    assert sorted(statuses) == [401] * 4 + [429] * 20


async def test_right_passwords_spend_nothing_of_a_shared_budget(
    settings: Settings, redis: Redis, alice: Account, address: str
) -> None:
    shared = {"rate_limit_storage": redis.url, "login_account_limit": "4/minute"}
    async with running(settings, address, **shared) as client:
        alice.client = client
        for _ in range(8):
            await alice.sign_in_again()

        statuses = [await fail_to_sign_in(client, alice.email) for _ in range(6)]

    assert statuses == [401] * 4 + [429] * 2


async def test_shared_budget_ignores_changes_of_the_wall_clock(
    settings: Settings,
    redis: Redis,
    alice: Account,
    address: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = {"rate_limit_storage": redis.url, "login_account_limit": "1/minute"}
    async with running(settings, address, **shared) as client:
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + 86400)
        assert await fail_to_sign_in(client, alice.email) == 401
        monkeypatch.undo()

        body = {"email": alice.email, "password": alice.password}
        refused = await client.post(f"{API}/auth/login", json=body)

    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60


async def test_two_workers_with_memory_count_for_themselves(
    settings: Settings, alice: Account, address: str
) -> None:
    limit = {"login_account_limit": "1/minute"}
    async with (
        running(settings, address, **limit) as first,
        running(settings, address, **limit) as second,
    ):
        statuses = [await fail_to_sign_in(client, alice.email) for client in (first, second)]

    assert statuses == [401, 401]


async def test_each_worker_counts_for_itself_while_redis_is_away(
    settings: Settings, redis: Redis, alice: Account, address: str
) -> None:
    shared = {"rate_limit_storage": redis.url, "login_account_limit": "2/minute"}
    async with running(settings, address, **shared) as client:
        assert await fail_to_sign_in(client, alice.email) == 401
        redis.stop()

        statuses = [await fail_to_sign_in(client, alice.email) for _ in range(3)]

        assert statuses == [401, 401, 429]
        answer = await client.get(f"{API}/tasks", headers=alice.headers)
        assert answer.status_code == 200
        assert answer.headers["ratelimit"]


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    """What was logged of the storage."""
    assert "plugh" not in stream.getvalue()
    lines = map(json.loads, stream.getvalue().splitlines())
    return [line for line in lines if line["event"].startswith("throttle.")]


async def test_redis_that_goes_and_comes_back_is_logged_once_each(
    settings: Settings, redis: Redis, alice: Account, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_counters, "_RETRY_INTERVAL", 0.05)
    with captured_logs(settings) as logs:
        async with running(settings, address, rate_limit_storage=redis.url) as client:

            async def ask() -> None:
                tasks = (client.get(f"{API}/tasks", headers=alice.headers) for _ in range(10))
                assert {answer.status_code for answer in await asyncio.gather(*tasks)} == {200}

            await ask()
            assert lines_of(logs) == []

            redis.stop()
            for _ in range(5):
                await ask()
                await asyncio.sleep(0.06)
            [gone] = lines_of(logs)
            assert (gone["event"], gone["level"]) == ("throttle.storage_unavailable", "warning")
            assert gone["storage"] == f"redis://127.0.0.1:{redis.port}/0"
            assert "DULY_RATE_LIMIT_STORAGE" in gone["hint"]

            redis.start()
            async with asyncio.timeout(30):
                while len(lines_of(logs)) < 2:
                    await ask()
                    await asyncio.sleep(0.06)
            await ask()
            [_, back] = lines_of(logs)
            assert (back["event"], back["level"]) == ("throttle.storage_available", "warning")


@pytest.mark.slow
async def test_redis_that_does_not_respond_costs_one_request_at_a_time(
    settings: Settings, alice: Account, address: str
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = SecretStr(f"redis://127.0.0.1:{silent.getsockname()[1]}")
        async with running(settings, address, rate_limit_storage=url) as client:
            context = client._transport.app.state.context  # type: ignore[attr-defined]
            storage = context.throttle._storage
            calls = 0
            wrapped = storage._redis.incr

            async def counted(*arguments: Any) -> Any:
                nonlocal calls
                calls += 1
                return await wrapped(*arguments)

            storage._redis.incr = counted
            storage._retry_at = 0.0  # the next request tries again

            tasks = (client.get(f"{API}/tasks", headers=alice.headers) for _ in range(20))
            assert {answer.status_code for answer in await asyncio.gather(*tasks)} == {200}
            assert calls == 1


@pytest.mark.parametrize("host", ["127.0.0.1:1", "redis.invalid:6379"])
async def test_unreachable_redis_is_logged_at_the_start_and_does_not_refuse_it(
    settings: Settings, alice: Account, address: str, host: str
) -> None:
    url = SecretStr(f"redis://user:plugh@{host}/3")
    with captured_logs(settings) as logs:
        async with running(settings, address, rate_limit_storage=url) as client:
            [line] = lines_of(logs)
            assert (line["event"], line["storage"]) == (
                "throttle.storage_unavailable",
                f"redis://{host}/3",
            )
            for _ in range(3):
                answer = await client.get(f"{API}/tasks", headers=alice.headers)
                assert answer.status_code == 200
        assert lines_of(logs) == [line]


async def test_redis_with_another_password_is_logged_at_the_start(
    settings: Settings, redis: Redis, address: str
) -> None:
    url = SecretStr(redis.url.get_secret_value().replace("plugh", "xyzzy"))
    with captured_logs(settings) as logs:
        async with running(settings, address, rate_limit_storage=url):
            [line] = lines_of(logs)

    assert "password" in line["reason"]
    assert "xyzzy" not in logs.getvalue()


@pytest.mark.slow
async def test_two_processes_count_together_and_outlive_their_redis(
    dsn: str, redis: Redis
) -> None:
    shared = {
        "DULY_RATE_LIMIT_STORAGE": redis.url.get_secret_value(),
        "DULY_LOGIN_ACCOUNT_LIMIT": "6/hour",
        "DULY_RATE_LIMIT": "600/minute",
    }
    with serving(dsn, 2, **shared) as server:
        # Each request has a connection of its own, so that either process may get it.
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(base_url=server.url, limits=limits) as client:
            erin = await register(client)
            statuses = [await fail_to_sign_in(client, erin.email) for _ in range(20)]
            assert statuses == [401] * 6 + [429] * 14
            left = {(await erin.get("/tasks")).headers["ratelimit"].split(";")[1] for _ in "123"}
            assert left == {"r=599", "r=598", "r=597"}

            redis.stop()

            assert {(await erin.get("/tasks")).status_code for _ in range(10)} == {200}
            statuses = [await fail_to_sign_in(client, erin.email) for _ in range(20)]
            # Now each of the two counts for itself.
            assert 6 <= statuses.count(401) <= 12
            assert statuses.count(401) + statuses.count(429) == 20
