"""Tokens of another issuer on two real workers that share nothing but the database."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.security.test_two_workers import SECOND, on_both
from tests.support import launcher
from tests.support.accounts import API
from tests.support.direct_sql import execute
from tests.support.issuers import Issuer, bearer, issuing, table, write_issuers
from tests.support.programs import DULY
from tests.support.servers import SECRET, Server, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def file(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_issuers(tmp_path_factory.mktemp("issuers") / "issuers.toml", table(issuer))


@pytest.fixture(scope="module")
def server(dsn: str, file: Path) -> Iterator[Server]:
    with serving(dsn, workers=2, DULY_ISSUERS=str(file)) as server:
        yield server


async def profile(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.get(f"{API}/users/me", headers=bearer(token))


async def duly(dsn: str, file: Path, *command: str) -> None:
    """Run a command as the operator does."""
    own = {**os.environ, "DATABASE_URL": dsn, "DULY_SECRET_KEY": SECRET, "DULY_ISSUERS": str(file)}
    ended = await asyncio.to_thread(launcher.run, [DULY, *command], env=own)
    assert ended.returncode == 0, ended.stderr


async def test_hundred_first_requests_at_once_create_one_account(
    server: Server, issuer: Issuer, dsn: str
) -> None:
    async with on_both(server) as workers, httpx.AsyncClient(base_url=server.url) as crowd:
        for number in range(10):
            subject = f"crowd-{os.getpid()}-{number}"
            tokens = [issuer.token(sub=subject, jti=str(one)) for one in range(100)]

            answers = await asyncio.gather(
                *(profile(client, tokens[0]) for client in workers),
                *(profile(crowd, token) for token in tokens),
            )

            assert {answer.status_code for answer in answers} == {200}
            [user_id] = {answer.json()["id"] for answer in answers}
            statement = "SELECT user_id::text FROM user_identities WHERE subject = %s"
            assert await execute(dsn, statement, subject) == [(user_id,)]
    assert 1 <= len(issuer.requests) <= 2


async def test_no_worker_takes_a_token_a_second_after_its_account_was_disabled(
    server: Server, issuer: Issuer, dsn: str, file: Path
) -> None:
    token = issuer.token()
    async with on_both(server) as workers:
        user_id = (await profile(workers[0], token)).json()["id"]
        over, taken = asyncio.Event(), [[0.0] for _ in workers]

        async def use(client: httpx.AsyncClient, times: list[float]) -> None:
            while not over.is_set():
                sent = time.monotonic()
                answer = await profile(client, token)
                assert answer.status_code in (200, 401), answer.text
                if answer.status_code == 200:
                    times.append(sent)
                await asyncio.sleep(0.005)

        async with asyncio.TaskGroup() as group:
            for client, times in zip(workers, taken, strict=True):
                group.create_task(use(client, times))
            await asyncio.sleep(0.3)
            await duly(dsn, file, "user", "disable", user_id)
            ended = time.monotonic()
            await asyncio.sleep(SECOND + 0.3)
            over.set()

        assert all(len(times) > 1 for times in taken)
        assert max(map(max, taken)) <= ended + SECOND
        await duly(dsn, file, "user", "enable", user_id)
        for client in workers:
            assert (await profile(client, token)).json()["id"] == user_id
