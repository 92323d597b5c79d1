"""Budgets that all workers share in a Redis, and what happens when it goes away."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr

from duly.core.config import Settings
from tests.accounts import API, Account, register
from tests.instances import running
from tests.servers import serving


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Redis:
    """A Redis of the test's own."""

    def __init__(self, program: str) -> None:
        self.port = free_port()
        self.url = SecretStr(f"redis://127.0.0.1:{self.port}/0")
        self._process = subprocess.Popen(
            [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""],
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
