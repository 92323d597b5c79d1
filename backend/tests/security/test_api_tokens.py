"""API tokens: what is stored and logged of them, and what a forged or a revoked one costs."""

import asyncio
import random
import string
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI

from duly.core import api_tokens
from duly.core.config import Settings
from duly.core.tokens import InvalidToken
from duly.database.pool import Pool
from duly.models import metadata
from duly.runtime import api_tokens as remembered
from duly.runtime import revocations
from duly.runtime.bearers import Bearers
from duly.services import api_token_uses, operators
from tests.support.accounts import Account, error_code, register
from tests.support.api_tokens import create_token, program_of, using
from tests.support.direct_sql import execute
from tests.support.instances import captured_logs, running

ALPHABET = string.ascii_letters + string.digits
SECOND = 1.0


@contextmanager
def counting_statements() -> Iterator[list[bytes]]:
    """Record the statements that any application runs outside of transactions."""
    seen: list[bytes] = []
    fetch = Pool.fetch

    async def noted(pool: Pool, sql: bytes, *arguments: Any, **options: Any) -> Any:
        if sql not in {revocations.LIST_REVOKED.sql, api_token_uses._NOTE.sql}:
            seen.append(sql)
        return await fetch(pool, sql, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pool, "fetch", noted)
        yield seen


def unknown_token() -> str:
    """A token of the right form that was never created."""
    return api_tokens.create()


async def is_refused(bearers: Bearers, token: str) -> bool:
    try:
        await bearers.read(token)
    except InvalidToken:
        return True
    return False


@pytest.fixture
def bearers(app: FastAPI) -> Bearers:
    return app.state.context.bearers  # type: ignore[no-any-return]


async def test_altered_tokens_are_refused_without_a_query(
    alice: Account, bearers: Bearers
) -> None:
    token = (await create_token(alice))["token"]
    assert not await is_refused(bearers, token)
    rng = random.Random(0)
    queried = 0

    with counting_statements() as statements:
        for _ in range(10_000):
            altered = list(token)
            for _ in range(rng.randint(1, 4)):
                change = rng.randrange(4)
                place = rng.randrange(len(altered) + (change == 0))
                match change:
                    case 0:
                        altered.insert(place, rng.choice(ALPHABET))
                    case 1:
                        del altered[place]
                    case 2:
                        altered[place] = rng.choice(ALPHABET + "_-.~+/=é\x00\n ")
                    case _:
                        other = rng.randrange(len(altered))
                        altered[place], altered[other] = altered[other], altered[place]
            text = "".join(altered)
            assert text == token or await is_refused(bearers, text)
            queried += _fits(text) and text != token

    assert len(statements) == queried


def _fits(token: str) -> bool:
    try:
        api_tokens.digest(token)
    except InvalidToken:
        return False
    return True


async def test_altered_secret_with_its_checksum_is_refused_after_one_query(
    alice: Account, bearers: Bearers
) -> None:
    token = (await create_token(alice))["token"]
    secret = token.removeprefix(api_tokens.PREFIX)[:30]

    for place in range(len(secret)):
        changed = secret[:place] + ("1" if secret[place] == "0" else "0") + secret[place + 1 :]
        with counting_statements() as statements:
            assert await is_refused(
                bearers, api_tokens.PREFIX + changed + api_tokens.checksum(changed)
            )
        assert statements == [api_token_uses._FIND.sql]


async def test_junk_is_refused_before_any_query(alice: Account) -> None:
    junk = ["duly_pat_", "duly_pat_" + "0" * 36, "duly_pat_" + "A" * 5_000, "duly_pat_%00"]

    with counting_statements() as statements:
        for token in junk:
            response = await using(alice, {"token": token}).get("/tasks")
            assert (response.status_code, error_code(response)) == (401, "UNAUTHENTICATED")

    assert statements == []


async def test_flood_of_unknown_tokens_costs_one_look_up_of_the_key_each(
    alice: Account, dsn: str
) -> None:
    with counting_statements() as statements:
        responses = await asyncio.gather(
            *(using(alice, {"token": unknown_token()}).get("/tasks") for _ in range(40))
        )

    assert {response.status_code for response in responses} == {401}
    assert statements == [api_token_uses._FIND.sql] * 40
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        # Of a small table, PostgreSQL prefers to read all.
        await connection.execute("SET enable_seqscan = off")
        cursor = await connection.execute(
            "EXPLAIN (COSTS OFF) "
            "SELECT user_id, token_id FROM api_token_digests WHERE digest = sha256('')"
        )
        plan = await cursor.fetchall()
    assert "pk_api_token_digests" in str(plan)


async def test_token_in_another_place_or_form_is_refused(alice: Account) -> None:
    token = (await create_token(alice))["token"]
    client = alice.client

    for options in (
        {"headers": {"Authorization": token}},
        {"headers": {"Authorization": f"Basic {token}"}},
        {"headers": {"Authorization": f"Bearer  {token}"}},
        {"headers": {"Authorization": f"Bearer {token.upper()}"}},
        {"headers": [("Authorization", f"Bearer {token}")] * 2},
        {"headers": {"Cookie": f"access_token={token}"}},
        {"params": {"access_token": token}},
        {"params": {"token": token}},
    ):
        assert (await client.get("/api/v1/tasks", **options)).status_code == 401, options


async def test_api_token_is_rejected_as_a_refresh_token(alice: Account) -> None:
    token = (await create_token(alice))["token"]

    response = await alice.client.post("/api/v1/auth/refresh", json={"refresh_token": token})

    assert (response.status_code, error_code(response)) == (401, "UNAUTHENTICATED")


async def test_secret_is_in_no_table_and_in_no_log(
    settings: Settings, address: str, dsn: str
) -> None:
    with captured_logs(settings) as logs:
        async with running(settings, address, log_level="debug") as client:
            alice = await register(client)
            token = await create_token(alice)
            robot = using(alice, token)
            await robot.create_task()
            await robot.get("/users/me/export")
            await using(alice, {"token": token["token"][:-1]}).get("/tasks")
            await alice.delete(f"/users/me/tokens/{token['id']}")
            kept = await create_token(alice)
            await using(alice, kept).get("/tasks")

    for one in (token, kept):
        secret = one["token"].removeprefix(api_tokens.PREFIX)
        assert secret[:30] not in logs.getvalue()
        for table in metadata.tables:
            sql = f"SELECT 1 FROM {table} AS t WHERE strpos(lower(t::text), lower(%s)) > 0"
            assert await execute(dsn, sql, secret[:30]) == []
    events = [line for line in logs.getvalue().splitlines() if "api_token." in line]
    assert ["created" in line for line in events] == [True, False, True]


async def test_hash_of_a_token_is_of_no_use(alice: Account, dsn: str, bearers: Bearers) -> None:
    await create_token(alice)
    [(digest,)] = await execute(
        dsn, "SELECT digest FROM api_token_digests WHERE user_id = %s", alice.id
    )

    for text in (digest.hex(), digest.hex()[:36], digest.hex()[:30]):
        assert await is_refused(bearers, text)
        assert await is_refused(bearers, api_tokens.PREFIX + text)


async def test_warm_request_looks_nothing_up(alice: Account) -> None:
    robot = await program_of(alice)
    assert (await robot.get("/tasks")).status_code == 200

    with counting_statements() as statements:
        assert (await robot.get("/labels")).status_code == 200

    assert len(statements) == 1


async def test_many_first_requests_at_once_are_all_accepted(alice: Account) -> None:
    robot = await program_of(alice)

    responses = await asyncio.gather(*(robot.get("/users/me") for _ in range(100)))

    assert {response.status_code for response in responses} == {200}


async def test_worker_relies_on_what_it_has_read_for_a_limited_time(
    alice: Account, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "MAX_AGE", 0.5)
    robot = await program_of(alice)
    assert (await robot.get("/tasks")).status_code == 200

    # Without an announcement, as in SQL.
    await execute(dsn, "DELETE FROM api_tokens WHERE user_id = %s", alice.id)
    await asyncio.sleep(0.6)

    assert (await robot.get("/tasks")).status_code == 401


async def test_remembered_tokens_are_limited(
    alice: Account, bearers: Bearers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "_MAX_REMEMBERED", 3)
    tokens = [(await create_token(alice))["token"] for _ in range(5)]
    bearers._api_tokens._remembered.clear()

    for token in tokens:
        await bearers.read(token)

    known = bearers._api_tokens._remembered
    assert len(known) <= 3
    assert tokens[-1] in known


async def both(robot: Account, other: Account) -> set[int]:
    return {(await account.get("/tasks")).status_code for account in (robot, other)}


@pytest.mark.parametrize("how", ["delete", "disable", "set password", "delete the account"])
async def test_every_instance_notices_the_end_of_a_token_within_a_second(
    instances: tuple[FastAPI, FastAPI], pair: tuple[Account, Account], how: str
) -> None:
    here, there = pair
    token = await create_token(here)
    robot, elsewhere = using(here, token), using(there, token)
    assert await both(robot, elsewhere) == {200}
    context = instances[0].state.context

    match how:
        case "delete":
            await here.delete(f"/users/me/tokens/{token['id']}")
        case "disable":
            await operators.disable_user(context, here.email)
        case "set password":
            await operators.set_password(context, here.email, "another horse battery")
        case _:
            await here.delete("/users/me", json={"current_password": here.password})
    assert (await robot.get("/tasks")).status_code == 401
    await asyncio.sleep(SECOND)

    assert await both(robot, elsewhere) == {401}
    if how == "disable":
        await operators.enable_user(context, here.email)
        assert await both(robot, elsewhere) == {200}


async def test_revived_token_is_remembered_again(app: FastAPI, alice: Account) -> None:
    robot = await program_of(alice)
    await robot.get("/tasks")
    await operators.disable_user(app.state.context, alice.email)
    await operators.enable_user(app.state.context, alice.email)
    assert (await robot.get("/labels")).status_code == 200

    # Although its former id is listed as revoked for an hour.
    with counting_statements() as statements:
        assert (await robot.get("/labels")).status_code == 200

    assert len(statements) == 1


@pytest.fixture
async def closed(settings: Settings, address: str, alice: Account) -> AsyncIterator[Account]:
    """Alice at an instance that does not respond to the database in time."""
    async with running(settings, address, request_timeout=0.3, pool_size=1) as client:
        yield replace(alice, client=client)


async def test_token_is_not_refused_while_the_database_is_down(
    alice: Account, closed: Account
) -> None:
    robot = using(closed, await create_token(alice))
    pool = closed.client._transport.app.state.context.pool  # type: ignore[attr-defined]

    async with pool.transaction(5.0):
        response = await robot.get("/tasks")

    assert (response.status_code, error_code(response)) == (503, "SERVICE_UNAVAILABLE")
    assert (await robot.get("/tasks")).status_code == 200
