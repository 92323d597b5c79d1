"""Accounts and sessions of users who sign in with a provider."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from duly.core.config import Settings
from duly.runtime import failed_sign_ins
from duly.services import operators, sign_in_codes
from tests.support.accounts import API, Account, error_code, register
from tests.support.direct_sql import earlier, execute
from tests.support.instances import captured_logs, client_at, running, sweep_all
from tests.support.issuers import bearer, encode, table, write_issuers
from tests.support.lying_provider import (
    CLIENT_ID,
    Browser,
    Provider,
    browsing,
    lying_provider,
    with_providers,
)
from tests.support.second_factors import Clock, add_app, send_factor

VERIFIER = "a-secret-that-only-the-app-has-which-began-it"
CHALLENGE = encode(hashlib.sha256(VERIFIER.encode()).digest())


@pytest.fixture
def provider() -> Iterator[Provider]:
    with lying_provider() as provider:
        yield provider


@pytest.fixture
def signing_in(settings: Settings, tmp_path: Path, provider: Provider) -> Settings:
    return with_providers(settings, tmp_path, provider.table())


@pytest.fixture
async def browser(
    signing_in: Settings, address: str, provider: Provider
) -> AsyncIterator[Browser]:
    async with browsing(signing_in, address, provider) as browser:
        yield browser


async def account_of(browser: Browser, **claims: Any) -> Account:
    """A user who has signed in."""
    response = await browser.exchange(**await browser.sign_in(**claims))
    assert response.status_code == 200, response.text
    return Account(browser.client, "", "", response.json())


async def test_account_has_the_name_and_the_verified_address_of_the_token(
    browser: Browser,
) -> None:
    email = f"{uuid4()}@example.com"

    ada = await account_of(browser, sub="ada", email=email, email_verified=True, name="Ada")

    user = ada.session["user"]
    assert (user["email"], user["name"]) == (email, "Ada")
    assert user["email_verified_at"] is not None
    again = await account_of(browser, sub="ada", email="other@example.com")
    assert again.session["user"] == user


async def test_account_is_never_joined_by_its_address(browser: Browser) -> None:
    alice = await register(browser.client)

    claims = {"email": alice.email, "email_verified": True}
    other = await account_of(browser, **claims)

    assert other.id != alice.id
    assert other.session["user"]["email"] == alice.email
    assert other.session["user"]["email_verified_at"] is None


async def test_address_of_the_token_is_not_verified_by_the_user_info(browser: Browser) -> None:
    browser.provider.lies = {
        "discovery": {"userinfo_endpoint": f"{browser.provider.url}/userinfo"},
        "profile": {"sub": "ada", "email": "x@example.com", "email_verified": True, "name": "Ada"},
    }
    email = f"{uuid4()}@example.com"

    ada = await account_of(browser, sub="ada", email=email)

    user = ada.session["user"]
    assert (user["email"], user["name"], user["email_verified_at"]) == (email, "Ada", None)


async def test_same_subject_of_an_issuer_is_the_same_account(
    signing_in: Settings, address: str, provider: Provider, tmp_path: Path
) -> None:
    file = write_issuers(tmp_path / "issuers.toml", table(provider, audience="tasks"))
    async with browsing(signing_in, address, provider, issuers=file) as browser:
        token = provider.token(sub="ada")
        profile = await browser.client.get(f"{API}/users/me", headers=bearer(token))

        ada = await account_of(browser, sub="ada")

        assert ada.id == profile.json()["id"]
        # An ID token is for Duly's sign-in, and not for the API.
        id_token = provider.token(sub="ada", aud=CLIENT_ID)
        refused = await browser.client.get(f"{API}/users/me", headers=bearer(id_token))
        assert refused.status_code == 401


async def test_no_account_is_created_if_the_operator_has_said_so(
    settings: Settings, address: str, provider: Provider, tmp_path: Path
) -> None:
    file = with_providers(settings, tmp_path, provider.table(create_accounts=False))
    async with browsing(file, address, provider) as browser:
        assert await browser.sign_in() == {"error": "access_denied"}


async def test_closed_registration_and_no_local_accounts_permit_sign_in_and_refresh(
    signing_in: Settings, address: str, provider: Provider, alice: Account
) -> None:
    changes = {"local_accounts": False, "registration": "closed"}
    async with browsing(signing_in, address, provider, **changes) as browser:
        ada = await account_of(browser)
        refreshes = [
            await browser.client.post(
                f"{API}/auth/refresh", json={"refresh_token": account.session["refresh_token"]}
            )
            for account in (ada, alice)
        ]

    assert refreshes[0].status_code == 200
    assert refreshes[0].json()["user"] == ada.session["user"]
    assert refreshes[1].status_code == 403
    assert error_code(refreshes[1]) == "LOCAL_ACCOUNTS_DISABLED"


async def test_required_verification_does_not_apply(
    signing_in: Settings, address: str, provider: Provider
) -> None:
    async with browsing(signing_in, address, provider, require_verified_email=True) as browser:
        ada = await account_of(browser, email="ada@example.com", email_verified=False)
        body = {"refresh_token": ada.session["refresh_token"]}
        assert (await ada.get("/tasks")).status_code == 200

        ada.session = (await browser.client.post(f"{API}/auth/refresh", json=body)).json()

        assert (await ada.get("/tasks")).status_code == 200


async def test_session_is_listed_and_ends_like_any_other(browser: Browser) -> None:
    ada = await account_of(browser, sub="ada")
    other = await account_of(browser, sub="ada")
    sessions = (await ada.get("/auth/sessions")).json()["items"]
    assert len(sessions) == 2

    assert (await other.post("/auth/logout")).status_code == 204

    assert (await other.get("/tasks")).status_code == 401
    assert (await ada.get("/tasks")).status_code == 200
    assert (await ada.delete("/auth/sessions")).status_code == 204
    assert (await ada.get("/tasks")).status_code == 401


async def test_account_can_be_deleted_within_ten_minutes_of_the_sign_in(
    browser: Browser, dsn: str
) -> None:
    ada = await account_of(browser, sub="ada")
    created_at = earlier("created_at", "interval '601 s'")
    older = f"UPDATE sessions SET created_at = {created_at} WHERE user_id = %s"
    await execute(dsn, older, ada.id)

    late = await ada.delete("/users/me", json={})
    again = await account_of(browser, sub="ada")
    deleted = await again.delete("/users/me", json={})

    assert late.status_code == 400
    assert late.json()["error"]["details"]["fields"][0]["type"] == "token_too_old"
    assert deleted.status_code == 204
    await asyncio.sleep(1.1)  # tokens say whole seconds when they were issued
    assert (await account_of(browser, sub="ada")).id != ada.id


async def test_password_and_address_cannot_be_set(browser: Browser) -> None:
    ada = await account_of(browser)

    change = {"current_password": "any", "new_password": "a brand-new passphrase"}
    responses = [
        await ada.put("/users/me/password", change),
        await ada.patch("/users/me", {"email": "a@example.org", "current_password": "any"}),
    ]

    for response in responses:
        assert response.status_code == 400
        assert response.json()["error"]["details"]["fields"][0]["type"] == "no_password"


# Codes


async def test_code_is_used_once_at_two_instances(
    signing_in: Settings, address: str, browser: Browser
) -> None:
    found = await browser.sign_in()
    async with running(signing_in, address) as other:
        responses = await asyncio.gather(
            *(
                client.post(f"{API}/auth/oidc/exchange", json=found)
                for client in (browser.client, other) * 5
            )
        )

    assert sorted(response.status_code for response in responses) == [200, *[401] * 9]


async def test_sign_in_ends_at_another_instance(
    signing_in: Settings, address: str, browser: Browser
) -> None:
    await browser.begin()
    browser.provider.id_token = browser.token()
    async with running(signing_in, address) as other:
        other.base_url, other.cookies = browser.client.base_url, browser.client.cookies
        there = Browser(other, browser.provider, browser.sent)
        assert (await there.come_back()).status_code == 302


async def test_code_that_does_not_work_gets_one_response(browser: Browser, dsn: str) -> None:
    used = await browser.sign_in(sub="ada")
    ada = (await browser.exchange(**used)).json()["user"]["id"]
    expired = await browser.sign_in(sub="ada")
    await execute(dsn, "UPDATE sign_in_codes SET expires_at = now() WHERE user_id = %s", ada)
    bound = await browser.sign_in(sub="ada", app_challenge=CHALLENGE)
    free = await browser.sign_in(sub="ada")
    code = free["code"]
    forged = code[:-1] + ("A" if code[-1] != "A" else "Q")
    tries: list[dict[str, str]] = [
        used,
        expired,
        bound,
        {**bound, "verifier": "x" * 43},
        {**free, "verifier": VERIFIER},
        {"code": forged},
        {"code": "x"},
        {"code": "é"},
    ]

    responses = [await browser.exchange(**body) for body in tries]

    assert {response.status_code for response in responses} == {401}
    assert len({response.content for response in responses}) == 1
    assert {response.headers["www-authenticate"] for response in responses} == {"Bearer"}
    assert (await browser.exchange(**bound, verifier=VERIFIER)).status_code == 200
    assert (await browser.exchange(**free)).status_code == 200


async def test_code_is_stored_as_a_hash_for_a_minute(browser: Browser, dsn: str) -> None:
    session = (await browser.exchange(**await browser.sign_in(sub="ada"))).json()
    ada = session["user"]["id"]
    found = await browser.sign_in(sub="ada")

    [[row, seconds]] = await execute(
        dsn,
        "SELECT sign_in_codes::text, extract(epoch FROM expires_at - now()) FROM sign_in_codes "
        "WHERE user_id = %s",
        ada,
    )

    assert found["code"] not in row
    assert hashlib.sha256(found["code"].encode()).hexdigest() in row
    assert 50 < seconds <= 60
    await execute(dsn, "UPDATE sign_in_codes SET expires_at = now() WHERE user_id = %s", ada)
    await sweep_all(browser.client._transport.app)  # type: ignore[attr-defined]  # ASGI's
    left = await execute(dsn, "SELECT count(*) FROM sign_in_codes WHERE user_id = %s", ada)
    assert left == [(0,)]


async def test_disabled_account_cannot_sign_in(browser: Browser) -> None:
    ada = await account_of(browser, sub="ada")
    found = await browser.sign_in(sub="ada")
    context = browser.client._transport.app.state.context  # type: ignore[attr-defined]  # ASGI's
    await operators.disable_user(context, ada.id)

    exchanged = await browser.exchange(**found)

    assert exchanged.status_code == 401
    assert exchanged.content == (await browser.exchange(code="x")).content
    assert await browser.sign_in(sub="ada") == {"error": "access_denied"}
    await operators.enable_user(context, ada.id)
    assert (await account_of(browser, sub="ada")).id == ada.id


async def test_failures_are_limited_per_address_and_successes_are_not(
    signing_in: Settings, address: str, provider: Provider
) -> None:
    async with browsing(signing_in, address, provider, login_address_limit="3/hour") as browser:
        for _ in range(4):
            await account_of(browser)
        failed = [(await browser.exchange(code="x")).status_code for _ in range(4)]
        assert failed == [401, 401, 401, 429]
        assert await browser.sign_in() == {"error": "temporarily_unavailable"}
        assert len(provider.forms) == 4, "the provider is not asked any more"
        app = browser.client._transport.app  # type: ignore[attr-defined]  # ASGI's
        async with client_at(app, "203.0.113.9") as elsewhere:
            response = await elsewhere.post(f"{API}/auth/oidc/exchange", json={"code": "x"})
        assert response.status_code == 401
        # Passwords are counted apart.
        login = {"email": "a@example.org", "password": "any"}
        assert (await browser.client.post(f"{API}/auth/login", json=login)).status_code == 401


async def test_user_sees_sign_ins_that_succeeded_and_failed(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(failed_sign_ins, "_GATHER", 0.0)
    found = await browser.sign_in(sub="ada")
    ada = Account(browser.client, "", "", (await browser.exchange(**found)).json())
    await browser.exchange(**found)

    items: list[dict[str, Any]] = []
    while len(items) < 3:
        items = (await ada.get("/users/me/security-events")).json()["items"]

    events = [item["event"] for item in items]
    assert {item["address"] for item in items} == {address}
    assert sorted(events) == ["session.login_failed", "session.opened", "user.created_by_issuer"]


async def logged_failures(
    signing_in: Settings, address: str, provider: Provider, dsn: str
) -> list[dict[str, Any]]:
    """The lines of exchanges that fail in each way, in this order."""
    with captured_logs(signing_in) as logs:
        async with browsing(signing_in, address, provider) as browser:
            await browser.exchange(code="x")
            used = await browser.sign_in(sub="ada")
            ada = (await browser.exchange(**used)).json()["user"]["id"]
            await browser.exchange(**used)
            bound = await browser.sign_in(sub="ada", app_challenge=CHALLENGE)
            await browser.exchange(**bound, verifier="x" * 43)
            await execute(dsn, "UPDATE users SET disabled_at = now() WHERE id = %s", ada)
            await browser.exchange(**bound, verifier=VERIFIER)
    lines = [json.loads(line) for line in logs.getvalue().splitlines()]
    return [line for line in lines if line["event"] == "session.login_failed"]


async def test_failed_exchange_is_logged_with_its_provider_and_reason(
    signing_in: Settings, address: str, provider: Provider, dsn: str
) -> None:
    lines = await logged_failures(signing_in, address, provider, dsn)

    assert [(line.get("provider"), line["reason"]) for line in lines] == [
        (None, "the code was never issued"),
        ("lying", "the code was already used, or its verifier does not fit"),
        ("lying", "the code was already used, or its verifier does not fit"),
        ("lying", "the account is disabled or deleted"),
    ]


async def test_expired_code_is_logged_as_such(
    signing_in: Settings, address: str, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    with captured_logs(signing_in) as logs:
        async with browsing(signing_in, address, provider) as browser:
            found = await browser.sign_in()
            assert (await browser.exchange(**found)).status_code == 200
            monkeypatch.setattr(sign_in_codes, "LIFETIME", timedelta(0))
            await browser.exchange(**found)

    assert '"reason":"the code has expired"' in logs.getvalue()


async def test_second_factor_after_a_provider_is_logged_with_its_name(
    signing_in: Settings, address: str, provider: Provider
) -> None:
    with captured_logs(signing_in) as logs:
        async with browsing(signing_in, address, provider) as browser:
            ada = await account_of(browser, sub="ada")
            phone = await add_app(ada, Clock(time.time()))
            refused = await browser.exchange(**await browser.sign_in(sub="ada"))
            challenge = refused.json()["error"]["details"]["challenge"]
            opened = await send_factor(ada, challenge, code=phone.recovery_codes[0])
            assert opened.status_code == 200, opened.text

    assert '"how":"lying and recovery_code"' in logs.getvalue()


async def test_requests_of_returning_browsers_are_logged_with_their_route(
    signing_in: Settings, address: str, provider: Provider
) -> None:
    with captured_logs(signing_in) as logs:
        async with browsing(signing_in, address, provider) as browser:
            await browser.sign_in()
            await browser.client.get("/reset-password")

    lines = [json.loads(line) for line in logs.getvalue().splitlines()]
    routes = [line["route"] for line in lines if line["event"] == "request"]
    assert routes[-2:] == ["/api/v1/auth/oidc/{provider}/callback", "/reset-password"]


async def test_providers_are_listed_for_buttons(
    settings: Settings, address: str, provider: Provider, tmp_path: Path, client: httpx.AsyncClient
) -> None:
    tables = [provider.table(name="b", title="Second first"), provider.table(name="a", title="A")]
    async with browsing(with_providers(settings, tmp_path, *tables), address, provider) as browser:
        response = await browser.client.get(f"{API}/auth/oidc")

    assert response.json() == {
        "items": [{"name": "b", "title": "Second first"}, {"name": "a", "title": "A"}]
    }
    assert provider.requests == [], "they are asked when somebody signs in"
    assert (await client.get(f"{API}/auth/oidc")).json() == {"items": []}
    assert (await client.get(f"{API}/auth/oidc/google")).status_code == 404
