"""When and from where API tokens were last used: noted beside the requests, once a minute."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from duly.core.config import Settings
from duly.database.pool import Pool
from duly.runtime import api_tokens
from duly.runtime.api_tokens import ApiTokenUses
from duly.services import api_token_uses
from tests.support.accounts import Account
from tests.support.api_tokens import create_token, using
from tests.support.direct_sql import execute
from tests.support.instances import running

ADDRESS = "192.0.2.7"


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Store uses as soon as they are noted."""
    monkeypatch.setattr(api_tokens, "_GATHER", 0.05)
    monkeypatch.setattr(api_tokens, "_RETRY_PAUSE", 0.1)


@asynccontextmanager
async def at(
    settings: Settings, alice: Account, address: str = ADDRESS, **changes: Any
) -> AsyncIterator[Account]:
    """Alice at an instance that only this test uses."""
    async with running(settings, address, **changes) as client:
        yield replace(alice, client=client)


def uses_of(account: Account) -> ApiTokenUses:
    uses: ApiTokenUses = account.client._transport.app.state.context.api_token_uses  # type: ignore[attr-defined]
    return uses


async def last_use(account: Account, token: dict[str, Any]) -> tuple[str | None, str | None]:
    items = (await account.get("/users/me/tokens")).json()["items"]
    [item] = [item for item in items if item["id"] == token["id"]]
    return item["last_used_at"], item["last_used_from"]


async def stored_use(
    account: Account, token: dict[str, Any], after: str = ""
) -> tuple[str, str | None]:
    """The last use, once one is stored that is later than `after`."""
    async with asyncio.timeout(5):
        while not (use := await last_use(account, token))[0] or str(use[0]) <= after:  # noqa: ASYNC110  # it is the database's word
            await asyncio.sleep(0.02)
    assert use[0] is not None
    return use[0], use[1]


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many uses each statement has stored."""
    seen: list[int] = []
    fetch = Pool.fetch

    async def noted(pool: Pool, sql: bytes, params: Any, **options: Any) -> Any:
        if sql == api_token_uses._NOTE.sql:
            seen.append(len(params["token_ids"]))
        return await fetch(pool, sql, params, **options)

    monkeypatch.setattr(Pool, "fetch", noted)
    return seen


async def test_use_is_listed_with_its_time_and_address(settings: Settings, alice: Account) -> None:
    token = await create_token(alice)
    before = datetime.now(UTC)

    async with at(settings, alice) as here:
        await using(here, token).get("/tasks")
        used_at, address = await stored_use(here, token)

    assert address == ADDRESS
    found = datetime.fromisoformat(used_at)
    assert before - timedelta(seconds=1) < found < datetime.now(UTC)


@pytest.mark.parametrize("address", ["2001:db8:0:1::7", "f" * 60])
async def test_address_is_stored_whole_up_to_its_limit(
    settings: Settings, alice: Account, address: str
) -> None:
    token = await create_token(alice)

    async with at(settings, alice, address) as here:
        await using(here, token).get("/tasks")
        _, stored = await stored_use(here, token)

    assert stored == address[:45]


async def test_address_is_that_of_the_client_of_a_trusted_proxy(
    settings: Settings, alice: Account
) -> None:
    token = await create_token(alice)
    proxies = (
        type(settings)
        .model_validate({"trusted_proxies": "10.0.0.0/8", "DATABASE_URL": None})
        .trusted_proxies
    )

    async with at(settings, alice, "10.0.0.1", trusted_proxies=proxies) as here:
        headers = {"X-Forwarded-For": "203.0.113.9"}
        await using(here, token).get("/tasks", headers=headers)
        _, stored = await stored_use(here, token)

    assert stored == "203.0.113.9"


async def test_address_is_not_stored_if_addresses_are_not_logged(
    settings: Settings, alice: Account
) -> None:
    token = await create_token(alice)

    async with at(settings, alice, log_addresses=False) as here:
        await using(here, token).get("/tasks")
        _, stored = await stored_use(here, token)

    assert stored is None


async def test_uses_of_a_minute_are_noted_once(
    settings: Settings, alice: Account, writes: list[int]
) -> None:
    token = await create_token(alice)

    async with at(settings, alice) as here:
        robot = using(here, token)
        for _ in range(3):
            await robot.get("/tasks")
            await asyncio.sleep(0.1)

    assert writes == [1]


async def test_use_after_a_minute_is_noted_again(
    settings: Settings, alice: Account, writes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await create_token(alice)
    monkeypatch.setattr(api_tokens, "_NOTE_INTERVAL", 0.2)

    async with at(settings, alice) as here:
        robot = using(here, token)
        await robot.get("/tasks")
        first = await stored_use(here, token)
        await asyncio.sleep(0.25)
        await robot.get("/tasks")
        await stored_use(here, token, after=first[0])

        assert writes == [1, 1]


async def test_uses_of_many_tokens_are_stored_by_one_statement_for_each_user(
    settings: Settings, alice: Account, bob: Account, writes: list[int]
) -> None:
    tokens = [await create_token(account) for account in (alice, bob, alice)]

    async with at(settings, alice) as here:
        for token in tokens:
            await using(here, token).get("/tasks")
        for account, token in zip((alice, bob, alice), tokens, strict=True):
            assert (await stored_use(account, token))[1] == ADDRESS

    assert sorted(writes) == [1, 2]


async def test_nothing_is_written_while_no_token_is_used(
    settings: Settings, alice: Account, writes: list[int]
) -> None:
    await create_token(alice)

    async with at(settings, alice) as here:
        for _ in range(3):
            await here.get("/tasks")
            await asyncio.sleep(0.1)

    assert writes == []


async def test_refused_token_is_not_noted(
    settings: Settings, alice: Account, writes: list[int]
) -> None:
    token = await create_token(alice)
    await alice.delete(f"/users/me/tokens/{token['id']}")

    async with at(settings, alice) as here:
        assert (await using(here, token).get("/tasks")).status_code == 401
        await asyncio.sleep(0.1)

    assert writes == []


async def test_use_by_a_request_without_the_scope_is_noted(
    settings: Settings, alice: Account
) -> None:
    token = await create_token(alice, "account:read")

    async with at(settings, alice) as here:
        assert (await using(here, token).get("/tasks")).status_code == 403
        assert (await stored_use(here, token))[1] == ADDRESS


async def test_failed_write_is_tried_again_and_no_request_notices(
    settings: Settings, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await create_token(alice)
    failures = 0
    note: Callable[..., Any] = api_token_uses.note

    async def failing(*arguments: Any) -> None:
        nonlocal failures
        failures += 1
        if failures < 3:
            raise psycopg.OperationalError("gone")
        await note(*arguments)

    monkeypatch.setattr(api_token_uses, "note", failing)
    async with at(settings, alice) as here:
        robot = using(here, token)
        for _ in range(5):
            assert (await robot.get("/tasks")).status_code == 200
        assert (await stored_use(here, token))[1] == ADDRESS

    assert failures == 3


async def test_locked_token_delays_no_other(settings: Settings, alice: Account, dsn: str) -> None:
    locked, free = [await create_token(alice) for _ in range(2)]

    async with (
        at(settings, alice) as here,
        await psycopg.AsyncConnection.connect(dsn) as connection,
    ):
        await connection.execute("SELECT FROM api_tokens WHERE id = %s FOR UPDATE", [locked["id"]])
        for token in (locked, free):
            assert (await using(here, token).get("/tasks")).status_code == 200
        assert (await stored_use(here, free))[1] == ADDRESS
        assert await last_use(here, locked) == (None, None)


async def test_older_use_does_not_replace_a_newer_one(
    settings: Settings, alice: Account, dsn: str
) -> None:
    token = await create_token(alice)
    sql = "UPDATE api_tokens SET last_used_at = now() + interval '1 hour' WHERE id = %s"
    await execute(dsn, sql, token["id"])

    async with at(settings, alice) as here:
        await using(here, token).get("/tasks")
        await asyncio.sleep(0.2)
        used_at, address = await last_use(here, token)

    assert address is None
    assert str(used_at) > datetime.now(UTC).isoformat()


async def test_last_uses_are_stored_when_the_worker_stops(
    settings: Settings, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_tokens, "_GATHER", 60.0)
    token = await create_token(alice)

    async with at(settings, alice) as here:
        await using(here, token).get("/tasks")

    assert (await last_use(alice, token))[1] == ADDRESS


async def test_uses_older_than_a_minute_are_forgotten(
    settings: Settings, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_tokens, "_NOTE_INTERVAL", 0.2)
    tokens = [await create_token(alice) for _ in range(3)]

    async with at(settings, alice) as here:
        for token in tokens:
            await using(here, token).get("/tasks")
        await asyncio.sleep(0.3)
        await using(here, tokens[0]).get("/tasks")
        await asyncio.sleep(0.1)

        assert uses_of(here)._waiting == {}
        assert len(uses_of(here)._noted_at) == 1
