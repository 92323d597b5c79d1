"""Failed sign-ins over all addresses, at once, on several threads, and under a wrong clock."""

import asyncio
import time
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from duly.core.config import Settings
from tests.integration.test_throttling import assert_throttled, login, statuses
from tests.support.accounts import API, Account, register
from tests.support.direct_sql import execute
from tests.support.factories import RegistrationFactory
from tests.support.instances import client_at, running


async def fail_from(
    app: FastAPI, email: str, addresses: list[str], each: int
) -> list[httpx.Response]:
    """Failed sign-ins to an account from several addresses."""
    found = []
    for place in addresses:
        async with client_at(app, place) as client:
            found += [await login(client, email) for _ in range(each)]
    return found


async def test_failures_from_all_addresses_are_capped_except_where_the_owner_signs_in(
    settings: Settings, address: str
) -> None:
    async with running(settings, address, login_total_limit="20/day") as client:
        app = client._transport.app  # type: ignore[attr-defined]
        owner = await register(client)
        attackers = [f"198.51.100.{number}" for number in range(4)]

        tries = await fail_from(app, owner.email, attackers, each=7)

        assert [answer.status_code for answer in tries] == [401] * 20 + [429] * 8
        assert_throttled(tries[-1], window=86400)
        assert int(tries[-1].headers["retry-after"]) > 3600
        # Neither the owner's sessions nor the address that the account is used from are hurt.
        assert (await owner.get("/users/me")).status_code == 200
        body = {"refresh_token": owner.session["refresh_token"]}
        assert (await client.post(f"{API}/auth/refresh", json=body)).status_code == 200
        assert (await login(client, owner.email, owner.password)).status_code == 200
        change = {"current_password": owner.password, "new_password": "a brand-new passphrase"}
        assert (await owner.put("/users/me/password", change)).status_code == 204
        async with client_at(app, "2001:db8:7::1") as stranger:
            refused = await login(stranger, owner.email, "a brand-new passphrase")
            assert_throttled(refused, window=86400)
            other = await register(stranger)
            assert (await login(stranger, other.email, other.password)).status_code == 200


async def test_known_address_outlives_a_restart_a_sign_out_and_a_new_key(
    settings: Settings, address: str
) -> None:
    async with running(settings, address) as client:
        owner = await register(client)
        assert (await owner.delete("/auth/sessions")).status_code == 204
    keys = {"secret_key": SecretStr("k" * 8 + "0123456789abcdef" * 2)}
    former = {"previous_secret_keys": (settings.secret_key,)}
    async with running(settings, address, login_total_limit="3/day", **keys, **former) as client:
        app = client._transport.app  # type: ignore[attr-defined]
        tries = await fail_from(app, owner.email, ["198.51.100.1"], each=5)
        assert [answer.status_code for answer in tries] == [401] * 3 + [429] * 2

        assert (await login(client, owner.email, owner.password)).status_code == 200


async def test_known_address_is_still_held_to_its_own_budget(
    settings: Settings, address: str
) -> None:
    async with running(settings, address, login_total_limit="3/day") as client:
        owner = await register(client)

        answers = await statuses(*(login(client, owner.email) for _ in range(12)))
        assert sorted(answers) == [401] * 10 + [429] * 2


async def test_known_addresses_are_stored_as_keyed_digests_of_the_newest(
    app: FastAPI, alice: Account, address: str, dsn: str
) -> None:
    sql = "SELECT known_addresses, updated_at = created_at FROM users WHERE id = %s"
    for number in range(12):
        async with client_at(app, f"198.51.100.{number}") as client:
            assert (await login(client, alice.email, alice.password)).status_code == 200
    assert (await login(alice.client, alice.email, alice.password)).status_code == 200

    [(stored, is_unchanged)] = await execute(dsn, sql, alice.id)

    digests = app.state.context.keyring.address_digests
    expected = [address, *(f"198.51.100.{number}" for number in range(11, 2, -1))]
    assert stored == [digests(UUID(alice.id), place)[0] for place in expected]
    assert is_unchanged


async def test_total_cap_of_an_unknown_account_is_that_of_a_known_one(
    settings: Settings, address: str
) -> None:
    async with running(settings, address, login_total_limit="3/day") as client:
        app = client._transport.app  # type: ignore[attr-defined]
        email = RegistrationFactory()["email"]

        tries = await fail_from(app, email, ["198.51.100.1", "198.51.100.2"], each=3)

        assert [answer.status_code for answer in tries] == [401] * 3 + [429] * 3


async def test_right_passwords_at_once_spend_nothing(settings: Settings, address: str) -> None:
    """Each try is reserved in every budget and given back."""
    limits = {
        "login_account_limit": "2/minute",
        "login_address_limit": "2/hour",
        "login_total_limit": "2/day",
    }
    async with running(settings, address, **limits) as client:
        owner = await register(client)
        requests = (login(client, owner.email, owner.password) for _ in range(20))
        assert await statuses(*requests) == [200] * 20

        answers = await statuses(*(login(client, owner.email) for _ in range(4)))
        assert sorted(answers) == [401] * 2 + [429] * 2


async def test_threads_do_not_raise_the_limit_of_tries(settings: Settings, address: str) -> None:
    async with running(
        settings, address, login_address_limit="5/hour", password_threads=4
    ) as client:
        people = [RegistrationFactory()["email"] for _ in range(30)]

        assert sorted(await statuses(*(login(client, email) for email in people))) == (
            [401] * 5 + [429] * 25
        )


@pytest.mark.parametrize("days", [1, -1])
async def test_budgets_ignore_changes_of_the_wall_clock(
    alice: Account, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    now = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now() + days * 86400)
        assert await statuses(*(login(alice.client, alice.email) for _ in range(10))) == (
            [401] * 10
        )
        assert_throttled(await login(alice.client, alice.email, alice.password), window=60)

    # The clock is right again: the budget is neither spent for a day nor whole at once.
    assert_throttled(await login(alice.client, alice.email, alice.password), window=60)


async def test_budget_spent_under_a_wrong_clock_is_whole_again_after_its_time(
    settings: Settings, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings, address, login_account_limit="2/second") as client:
        account = await register(client)
        now = time.time
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: now() + 86400)
            await login(client, account.email)
            await login(client, account.email)
            refused = await login(client, account.email, account.password)
            assert_throttled(refused, window=1)

        await asyncio.sleep(int(refused.headers["retry-after"]) + 0.05)

        assert (await login(client, account.email, account.password)).status_code == 200
