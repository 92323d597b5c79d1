"""Refresh tokens: each works once, a racing tab is forgiven, and reuse ends the session."""

import asyncio
import itertools
import random
import time
from collections import Counter, defaultdict
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from limits import parse

from duly.core.config import Settings
from duly.models.sessions import MAX_SPENT
from duly.services import operators
from tests.support.accounts import API, Account, error_code
from tests.support.direct_sql import age, execute
from tests.support.instances import captured_logs, running

REPLAY_WINDOW = 10


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post(f"{API}/auth/refresh", json={"refresh_token": token})


async def rotate(account: Account) -> str:
    """Use an account's refresh token, and return it."""
    used = str(account.session["refresh_token"])
    response = await refresh(account.client, used)
    assert response.status_code == 200, response.text
    account.session = response.json()
    return used


async def test_a_refresh_gives_a_new_pair_for_the_same_session(alice: Account) -> None:
    before = dict(alice.session)
    listed = (await alice.get("/auth/sessions")).json()["items"]

    await rotate(alice)

    assert set(alice.session) == set(before)
    assert alice.session["refresh_token"] != before["refresh_token"]
    assert alice.session["access_token"] != before["access_token"]
    assert alice.session["user"] == before["user"]
    sessions = (await alice.get("/auth/sessions")).json()["items"]
    assert [session["id"] for session in sessions] == [listed[0]["id"]]
    assert sessions[0]["last_used_at"] > listed[0]["last_used_at"]


async def test_the_access_token_from_before_a_refresh_still_works(alice: Account) -> None:
    before = dict(alice.session)
    await rotate(alice)

    alice.session = before

    assert (await alice.get("/users/me")).status_code == 200


async def test_each_successor_works_in_its_turn(alice: Account) -> None:
    used = [await rotate(alice) for _ in range(5)]

    assert len({*used, alice.session["refresh_token"]}) == 6


async def test_a_replay_right_after_gets_the_same_successor(alice: Account) -> None:
    used = await rotate(alice)

    replayed = await refresh(alice.client, used)

    assert replayed.status_code == 200
    assert replayed.json()["refresh_token"] == alice.session["refresh_token"]
    await rotate(alice)


async def test_a_replay_is_forgiven_to_the_end_of_the_window(alice: Account, dsn: str) -> None:
    used = await rotate(alice)
    await age(dsn, alice.id, seconds=REPLAY_WINDOW - 4)

    assert (await refresh(alice.client, used)).status_code == 200


async def test_replays_do_not_prolong_the_window(alice: Account, dsn: str) -> None:
    used = await rotate(alice)
    await age(dsn, alice.id, seconds=REPLAY_WINDOW / 2)
    assert (await refresh(alice.client, used)).status_code == 200
    await age(dsn, alice.id, seconds=REPLAY_WINDOW / 2)

    assert (await refresh(alice.client, used)).status_code == 401


async def test_later_reuse_is_refused_and_ends_the_session(alice: Account, dsn: str) -> None:
    used = await rotate(alice)
    await age(dsn, alice.id, seconds=REPLAY_WINDOW)

    reused = await refresh(alice.client, used)

    assert reused.status_code == 401
    assert error_code(reused) == "UNAUTHENTICATED"
    assert (await refresh(alice.client, alice.session["refresh_token"])).status_code == 401
    assert (await alice.get("/users/me")).status_code == 401


async def test_each_spent_token_within_its_window_gets_its_own_successor(alice: Account) -> None:
    tokens = [await rotate(alice) for _ in range(5)]
    tokens.append(alice.session["refresh_token"])

    for spent, successor in itertools.pairwise(tokens):
        replayed = await refresh(alice.client, spent)
        assert replayed.status_code == 200
        assert replayed.json()["refresh_token"] == successor

    await rotate(alice)
    assert (await alice.get("/users/me")).status_code == 200


async def test_token_two_generations_old_after_its_window_ends_the_session(
    alice: Account, dsn: str
) -> None:
    oldest = await rotate(alice)
    await age(dsn, alice.id, seconds=REPLAY_WINDOW)
    second = await rotate(alice)

    assert (await refresh(alice.client, second)).status_code == 200
    assert (await refresh(alice.client, oldest)).status_code == 401
    assert (await refresh(alice.client, alice.session["refresh_token"])).status_code == 401
    assert (await alice.get("/users/me")).status_code == 401


async def test_rotations_trim_spent_tokens_that_left_the_window(alice: Account, dsn: str) -> None:
    for _ in range(5):
        await rotate(alice)
    await age(dsn, alice.id, seconds=REPLAY_WINDOW)
    kept = [await rotate(alice) for _ in range(3)]

    sql = "SELECT cardinality(spent_hashes), spent_at[1] <= spent_at[3] FROM sessions"
    assert await execute(dsn, f"{sql} WHERE user_id = %s", alice.id) == [(3, True)]
    for token in kept:
        assert (await refresh(alice.client, token)).status_code == 200


async def test_more_rotations_than_a_session_remembers_are_throttled_not_refused(
    settings: Settings, alice: Account, dsn: str, address: str
) -> None:
    async with running(settings, address, refresh_limit="1000/minute") as client:
        alice.client = client
        spent = [await rotate(alice) for _ in range(MAX_SPENT)]

        refused = await refresh(client, alice.session["refresh_token"])

        assert refused.status_code == 429
        assert error_code(refused) == "RATE_LIMITED"
        assert int(refused.headers["retry-after"]) == REPLAY_WINDOW
        assert (await refresh(client, spent[0])).status_code == 200
        await age(dsn, alice.id, seconds=REPLAY_WINDOW)
        await rotate(alice)


async def test_clients_racing_with_old_and_new_tokens_stay_signed_in(
    pair: tuple[Account, Account], instances: tuple[FastAPI, FastAPI], dsn: str
) -> None:
    """Twelve clients follow one session's tokens, each at its own pace, on two instances."""
    for app in instances:
        app.state.context.throttle._refresh = parse("100000/minute")
    here, there = pair
    first = here.session["refresh_token"]
    statuses: Counter[int] = Counter()
    successors: defaultdict[str, set[str]] = defaultdict(set)

    async def follow(client: httpx.AsyncClient, number: int) -> None:
        token, random_ = first, random.Random(number)
        for _ in range(20):
            response = await refresh(client, token)
            statuses[response.status_code] += 1
            if response.status_code != 200:
                continue
            successors[token].add(response.json()["refresh_token"])
            # The client may not have got the response, and then tries again.
            if random_.random() < 0.6:
                token = response.json()["refresh_token"]

    started = time.monotonic()
    await asyncio.gather(
        *(follow((here, there)[number % 2].client, number) for number in range(12))
    )
    assert time.monotonic() - started < REPLAY_WINDOW, "too slow to be within one window"

    assert statuses == {200: 240}
    assert {len(found) for found in successors.values()} == {1}
    assert len(successors) > 5
    sql = "SELECT count(*) FROM sessions WHERE user_id = %s"
    assert await execute(dsn, sql, here.id) == [(1,)]


async def test_reuse_leaves_other_sessions_alone(alice: Account, bob: Account, dsn: str) -> None:
    phone = await alice.sign_in_again()
    used = await rotate(alice)
    await age(dsn, alice.id, seconds=REPLAY_WINDOW)

    await refresh(alice.client, used)

    await rotate(phone)
    await rotate(bob)
    assert (await phone.get("/users/me")).status_code == 200


async def test_concurrent_refreshes_of_one_token_create_one_token_family(
    alice: Account, dsn: str
) -> None:
    token = alice.session["refresh_token"]

    answers = await asyncio.gather(*(refresh(alice.client, token) for _ in range(40)))

    assert [answer.status_code for answer in answers] == [200] * 40
    successors = {answer.json()["refresh_token"] for answer in answers}
    assert len(successors) == 1
    alice.session = answers[0].json()
    await rotate(alice)
    [(count,)] = await execute(dsn, "SELECT count(*) FROM sessions WHERE user_id = %s", alice.id)
    assert count == 1


async def test_tabs_that_race_on_two_instances_get_the_same_successor(
    settings: Settings, alice: Account, address: str
) -> None:
    token = alice.session["refresh_token"]
    async with running(settings, address) as elsewhere:
        answers = await asyncio.gather(
            *(refresh(client, token) for _ in range(8) for client in (alice.client, elsewhere))
        )

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


async def test_a_refresh_that_races_with_a_logout_does_not_outlive_it(alice: Account) -> None:
    token = alice.session["refresh_token"]

    refreshed, *_ = await asyncio.gather(
        refresh(alice.client, token), alice.post("/auth/logout"), refresh(alice.client, token)
    )

    assert refreshed.status_code in {200, 401}
    if refreshed.status_code == 200:
        alice.session = refreshed.json()
        assert (await alice.get("/users/me")).status_code == 401
        assert (await refresh(alice.client, alice.session["refresh_token"])).status_code == 401


async def test_a_session_unused_for_thirty_days_is_over(alice: Account, dsn: str) -> None:
    await age(dsn, alice.id, seconds=30 * 86400)

    response = await refresh(alice.client, alice.session["refresh_token"])

    assert response.status_code == 401
    assert error_code(response) == "UNAUTHENTICATED"


async def test_use_prolongs_a_session(alice: Account, dsn: str) -> None:
    for _ in range(3):
        await age(dsn, alice.id, seconds=29 * 86400)
        await rotate(alice)


async def test_refresh_returns_the_changed_account(alice: Account) -> None:
    await alice.patch("/users/me", {"name": "Countess"})

    await rotate(alice)

    assert alice.session["user"]["name"] == "Countess"


async def test_a_disabled_account_can_not_refresh(app: FastAPI, alice: Account, dsn: str) -> None:
    # Disabled without its sessions being ended, as by an operator in SQL.
    await execute(dsn, "UPDATE users SET disabled_at = now() WHERE id = %s", alice.id)

    assert (await refresh(alice.client, alice.session["refresh_token"])).status_code == 401

    await operators.enable_user(app.state.context, alice.email)
    assert (await alice.sign_in_again()).id == alice.id


async def test_an_access_token_does_not_refresh(alice: Account) -> None:
    response = await refresh(alice.client, alice.session["access_token"])

    assert response.status_code == 401


async def test_a_refresh_token_does_not_sign_requests(alice: Account) -> None:
    alice.session["access_token"] = alice.session["refresh_token"]

    assert (await alice.get("/users/me")).status_code == 401


async def test_a_refresh_needs_no_access_token(alice: Account) -> None:
    response = await alice.client.post(
        f"{API}/auth/refresh",
        json={"refresh_token": alice.session["refresh_token"]},
        headers={"Authorization": "Bearer expired"},
    )

    assert response.status_code == 200


@pytest.mark.parametrize(
    "body",
    [{}, {"refresh_token": ""}, {"refresh_token": 1}, {"refresh_token": "a" * 8193}, [], None],
)
async def test_a_body_of_another_shape_is_refused(client: httpx.AsyncClient, body: Any) -> None:
    response = await client.post(f"{API}/auth/refresh", json=body)

    assert response.status_code == 400
    assert error_code(response) == "VALIDATION_ERROR"


async def test_refresh_of_an_ended_session_is_not_a_reuse(
    settings: Settings, alice: Account, dsn: str, address: str
) -> None:
    await age(dsn, alice.id, seconds=31 * 24 * 3600)

    with captured_logs(settings) as logs:
        async with running(settings, address) as client:
            response = await refresh(client, alice.session["refresh_token"])

    assert response.status_code == 401
    assert "session.refresh_reused" not in logs.getvalue()


async def test_replay_rejected_for_another_reason_keeps_the_session(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    used = await rotate(alice)
    await execute(dsn, "UPDATE users SET disabled_at = now() WHERE id = %s", alice.id)

    assert (await refresh(alice.client, used)).status_code == 401

    await operators.enable_user(app.state.context, alice.email)
    await rotate(alice)
