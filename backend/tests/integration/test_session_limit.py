"""`DULY_MAX_SESSIONS`: a new session ends the oldest, however many open at once."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from duly.core.config import Settings
from duly.main import create_app
from tests.support.accounts import API, Account, register
from tests.support.direct_sql import execute
from tests.support.instances import client_at, running

LIMIT = 3


async def refresh(account: Account) -> int:
    body = {"refresh_token": account.session["refresh_token"]}
    response = await account.client.post(f"{API}/auth/refresh", json=body)
    if response.status_code == 200:
        account.session = response.json()
    return response.status_code


async def count_sessions(dsn: str, account: Account) -> int:
    sql = "SELECT count(*) FROM sessions WHERE user_id = %s"
    [(count,)] = await execute(dsn, sql, account.id)
    return int(count)


@pytest.fixture
async def ada(settings: Settings, address: str) -> AsyncIterator[Account]:
    """A user of an instance that allows three sessions."""
    async with running(settings, address, max_sessions=LIMIT) as client:
        yield await register(client)


async def test_session_beyond_the_limit_ends_the_least_recently_used(
    ada: Account, dsn: str
) -> None:
    phone, tablet = await ada.sign_in_again(), await ada.sign_in_again()
    assert await refresh(ada) == 200
    # The list of ended sessions has just been read, so only this worker's own note has later ones.
    assert (await phone.get("/users/me")).status_code == 200

    laptop = await ada.sign_in_again()

    assert await count_sessions(dsn, ada) == LIMIT
    assert (await phone.get("/users/me")).status_code == 401
    assert await refresh(phone) == 401
    for account in (ada, tablet, laptop):
        assert (await account.get("/users/me")).status_code == 200
        assert await refresh(account) == 200


async def test_session_ended_by_the_limit_ends_on_other_instances(
    ada: Account, settings: Settings, address: str
) -> None:
    async with running(settings, address) as elsewhere:
        first = Account(elsewhere, ada.email, ada.password, ada.session)
        assert (await first.get("/users/me")).status_code == 200

        for _ in range(LIMIT):
            await ada.sign_in_again()
        await asyncio.sleep(1.05)

        assert (await first.get("/users/me")).status_code == 401


async def test_sessions_of_other_users_do_not_count(ada: Account, dsn: str) -> None:
    others = [await register(ada.client) for _ in range(LIMIT + 1)]

    for _ in range(LIMIT + 1):
        newest = await ada.sign_in_again()

    assert await count_sessions(dsn, ada) == LIMIT
    assert (await newest.get("/users/me")).status_code == 200
    for other in others:
        assert await refresh(other) == 200


async def test_lowered_limit_applies_at_the_next_sign_in(
    ada: Account, settings: Settings, dsn: str, address: str
) -> None:
    await ada.sign_in_again()
    await ada.sign_in_again()
    async with running(settings, address, max_sessions=1) as client:
        alone = await Account(client, ada.email, ada.password, {}).sign_in_again()

        assert await count_sessions(dsn, ada) == 1
        assert await refresh(alone) == 200


@pytest.mark.slow
@pytest.mark.parametrize("way", ["direct", "pooled"])
async def test_two_hundred_sign_ins_at_once_on_two_instances_leave_no_more_than_the_limit(
    request: pytest.FixtureRequest, settings: Settings, dsn: str, way: str
) -> None:
    place = dsn if way == "direct" else request.getfixturevalue("through_pooler")
    changes = {"database_url": SecretStr(place), "max_sessions": LIMIT, "request_timeout": 60.0}
    apps = [create_app(settings.model_copy(update=changes)) for _ in range(2)]
    one, other = apps
    async with one.router.lifespan_context(one), other.router.lifespan_context(other):
        async with client_at(one, "192.0.2.1") as client:
            account = await register(client)
        body = {"email": account.email, "password": account.password}

        async def sign_in(number: int) -> tuple[int, dict[str, str]]:
            # Few enough from each address that none has to wait its turn in vain.
            async with client_at(apps[number % 2], f"198.51.100.{number // 10}") as client:
                response = await client.post(f"{API}/auth/login", json=body)
                return response.status_code, response.json()

        opened = await asyncio.gather(*(sign_in(number) for number in range(200)))

        assert {status for status, _ in opened} == {200}
        assert await count_sessions(dsn, account) == LIMIT
        await asyncio.sleep(1.05)
        for app in apps:
            async with client_at(app, "192.0.2.1") as client:
                seen = [
                    (await Account(client, "", "", session).get("/users/me")).status_code
                    for _, session in opened
                ]
                assert (seen.count(200), seen.count(401)) == (LIMIT, 200 - LIMIT)
