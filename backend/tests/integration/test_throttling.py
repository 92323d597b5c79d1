"""Budgets: what is refused with 429, for whom, and for how long."""

import asyncio
import random
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.services import operators
from tests.support.accounts import API, Account, error_code, register
from tests.support.factories import RegistrationFactory
from tests.support.instances import client_at, running

WRONG = "not the password"


@pytest.fixture
def elsewhere() -> str:
    """Another address of the test's own."""
    return f"2001:db8:{random.randrange(65536):x}:{random.randrange(65536):x}::1"


async def login(client: httpx.AsyncClient, email: str, password: str = WRONG) -> httpx.Response:
    body = {"email": email, "password": password}
    return await client.post(f"{API}/auth/login", json=body)


async def statuses(*requests: Any) -> list[int]:
    """Of several requests at once."""
    return [answer.status_code for answer in await asyncio.gather(*requests)]


async def use_up(account: Account) -> None:
    """Fail to sign in to an account until there is no budget left."""
    assert await statuses(*(login(account.client, account.email) for _ in range(10))) == [401] * 10


def assert_throttled(response: httpx.Response, window: int) -> None:
    assert response.status_code == 429, response.text
    assert error_code(response) == "RATE_LIMITED"
    assert 1 <= int(response.headers["retry-after"]) <= window


async def test_ten_failed_sign_ins_a_minute_are_answered(alice: Account) -> None:
    await use_up(alice)

    assert_throttled(await login(alice.client, alice.email), window=60)


async def test_right_password_is_rejected_beyond_the_rate_limit(alice: Account) -> None:
    await use_up(alice)

    assert_throttled(await login(alice.client, alice.email, alice.password), window=60)


async def test_the_right_password_still_works_from_another_address(
    app: FastAPI, alice: Account, elsewhere: str
) -> None:
    await use_up(alice)

    async with client_at(app, elsewhere) as client:
        response = await login(client, alice.email, alice.password)

    assert response.status_code == 200


async def test_another_account_still_signs_in_from_the_same_address(
    alice: Account, bob: Account
) -> None:
    await use_up(alice)

    assert (await login(bob.client, bob.email, bob.password)).status_code == 200


async def test_signed_in_user_stays_signed_in_while_others_guess(alice: Account) -> None:
    await use_up(alice)

    assert (await alice.get("/users/me")).status_code == 200


async def test_an_unknown_account_is_throttled_like_a_known_one(
    client: httpx.AsyncClient,
) -> None:
    email = RegistrationFactory()["email"]
    assert await statuses(*(login(client, email) for _ in range(10))) == [401] * 10

    assert_throttled(await login(client, email), window=60)


async def test_a_disabled_account_is_throttled_like_an_unknown_one(
    app: FastAPI, alice: Account
) -> None:
    await operators.disable_user(app.state.context, alice.email)
    requests = (login(alice.client, alice.email, alice.password) for _ in range(10))
    assert await statuses(*requests) == [401] * 10

    assert_throttled(await login(alice.client, alice.email, alice.password), window=60)


@pytest.mark.parametrize("spell", [str.upper, lambda email: f" {email} "])
async def test_another_spelling_of_the_address_has_no_budget_of_its_own(
    alice: Account, spell: Any
) -> None:
    await use_up(alice)

    assert_throttled(await login(alice.client, spell(alice.email)), window=60)


async def test_the_form_and_the_json_share_a_budget(alice: Account) -> None:
    await use_up(alice)

    form = {"username": alice.email, "password": alice.password}
    assert_throttled(await alice.client.post(f"{API}/auth/token", data=form), window=60)


async def test_sign_ins_that_succeed_are_not_counted(alice: Account) -> None:
    requests = (login(alice.client, alice.email, alice.password) for _ in range(25))

    assert await statuses(*requests) == [200] * 25


async def test_a_burst_gets_no_more_tries_than_there_are(alice: Account) -> None:
    requests = (login(alice.client, alice.email) for _ in range(50))

    assert sorted(await statuses(*requests)) == [401] * 10 + [429] * 40


async def test_a_burst_over_many_accounts_gets_no_more_tries_than_an_address_has(
    settings: Settings, address: str
) -> None:
    async with running(settings, address, login_address_limit="5/hour") as client:
        requests = (login(client, RegistrationFactory()["email"]) for _ in range(20))

        assert sorted(await statuses(*requests)) == [401] * 5 + [429] * 15


@pytest.mark.slow
async def test_a_hundred_failed_sign_ins_an_hour_are_answered_for_an_address(
    app: FastAPI, alice: Account, elsewhere: str
) -> None:
    for _ in range(10):
        email = RegistrationFactory()["email"]
        assert await statuses(*(login(alice.client, email) for _ in range(10))) == [401] * 10

    response = await login(alice.client, alice.email, alice.password)

    assert_throttled(response, window=3600)
    assert int(response.headers["retry-after"]) > 60
    async with client_at(app, elsewhere) as client:
        assert (await login(client, alice.email, alice.password)).status_code == 200


async def test_a_budget_is_whole_again_after_its_time(
    settings: Settings, client: httpx.AsyncClient, address: str
) -> None:
    account = await register(client)
    async with running(settings, address, login_account_limit="2/second") as elsewhere:
        assert await statuses(*(login(elsewhere, account.email) for _ in range(2))) == [401] * 2
        refused = await login(elsewhere, account.email, account.password)
        assert_throttled(refused, window=1)

        await asyncio.sleep(int(refused.headers["retry-after"]) + 0.05)

        assert (await login(elsewhere, account.email, account.password)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/users/me/password", {"new_password": "a brand-new passphrase"}),
        ("PATCH", "/users/me", {"email": "somebody.else@example.com"}),
        ("DELETE", "/users/me", {}),
    ],
)
async def test_guessing_the_password_with_a_stolen_token_is_throttled(
    alice: Account, method: str, path: str, body: dict[str, str]
) -> None:
    async def guess(password: str) -> httpx.Response:
        return await alice.request(method, path, json={**body, "current_password": password})

    answers = await statuses(*(guess(WRONG) for _ in range(30)))

    assert sorted(answers) == [400] * 10 + [429] * 20
    assert_throttled(await guess(alice.password), window=60)


async def test_thirty_registrations_a_minute_are_answered_for_an_address(
    app: FastAPI, client: httpx.AsyncClient, elsewhere: str
) -> None:
    def attempt(caller: httpx.AsyncClient) -> Any:
        return caller.post(f"{API}/auth/register", json=RegistrationFactory())

    answers = await statuses(*(attempt(client) for _ in range(40)))

    assert sorted(answers) == [201] * 30 + [429] * 10
    assert_throttled(await attempt(client), window=60)
    async with client_at(app, elsewhere) as other:
        assert (await attempt(other)).status_code == 201


async def test_asking_which_addresses_are_taken_counts_as_registering(alice: Account) -> None:
    body = RegistrationFactory(email=alice.email)
    url = f"{API}/auth/register"

    answers = await statuses(*(alice.client.post(url, json=body) for _ in range(35)))

    # The first of the thirty was Alice's own registration.
    assert sorted(answers) == [409] * 29 + [429] * 6


async def test_sixty_refreshes_a_minute_are_answered_for_a_session(alice: Account) -> None:
    phone = await alice.sign_in_again()

    async def refresh(account: Account) -> httpx.Response:
        body = {"refresh_token": account.session["refresh_token"]}
        return await account.client.post(f"{API}/auth/refresh", json=body)

    for _ in range(60):
        response = await refresh(alice)
        assert response.status_code == 200
        alice.session = response.json()

    assert_throttled(await refresh(alice), window=60)
    assert (await refresh(phone)).status_code == 200
    assert (await alice.get("/users/me")).status_code == 200


async def test_the_general_budget_is_a_users_over_all_sessions_and_addresses(
    settings: Settings, alice: Account, bob: Account, address: str
) -> None:
    phone = await alice.sign_in_again()
    async with running(settings, address, rate_limit="5/minute") as elsewhere:
        alice.client = bob.client = phone.client = elsewhere

        answers = await statuses(*(who.get("/tasks") for who in [alice, phone] * 4))

        assert sorted(answers) == [200] * 5 + [429] * 3
        assert_throttled(await alice.get("/users/me"), window=60)
        assert (await bob.get("/tasks")).status_code == 200


async def test_the_general_budget_is_six_hundred_a_minute_by_default(alice: Account) -> None:
    response = await alice.get("/users/me")

    assert response.headers["ratelimit-policy"] == '"default";q=600;w=60'
    assert response.headers["ratelimit"].startswith('"default";r=599;')


async def test_rejected_request_changes_nothing(
    settings: Settings, alice: Account, address: str
) -> None:
    here = alice.client
    async with running(settings, address, rate_limit="1/minute") as elsewhere:
        alice.client = elsewhere
        await alice.create_task()
        assert_throttled(await alice.post("/tasks", {"title": "Too many"}), window=60)

    alice.client = here
    assert len((await alice.get("/tasks")).json()["items"]) == 1


async def test_off_lifts_the_general_budget_and_no_other(
    settings: Settings, alice: Account, address: str
) -> None:
    async with running(
        settings, address, rate_limit="off", register_limit="1/minute"
    ) as elsewhere:
        alice.client = elsewhere
        for _ in range(20):
            response = await alice.get("/users/me")
            assert response.status_code == 200
            assert "ratelimit" not in response.headers

        await use_up(alice)
        assert_throttled(await login(elsewhere, alice.email), window=60)
        assert (
            await elsewhere.post(f"{API}/auth/register", json=RegistrationFactory())
        ).is_success
        refused = await elsewhere.post(f"{API}/auth/register", json=RegistrationFactory())
        assert_throttled(refused, window=60)


async def test_health_is_never_throttled(client: httpx.AsyncClient) -> None:
    assert await statuses(*(client.get("/health/live") for _ in range(50))) == [200] * 50
