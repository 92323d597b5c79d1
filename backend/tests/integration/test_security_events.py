"""Security events: what happened to an account, for its owner to see."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.runtime import failed_sign_ins
from duly.services import account_creation, operators
from tests.support.accounts import API, Account, error_code, register
from tests.support.direct_sql import execute
from tests.support.instances import captured_logs, client_at, running, sweep_all
from tests.support.postbox import until
from tests.support.second_factors import Clock, add_app, challenge_of, send_factor

PATH = "/users/me/security-events"


async def events_of(account: Account, **params: Any) -> list[dict[str, Any]]:
    response = await account.get(PATH, params={"limit": 100, **params})
    assert response.status_code == 200, response.text
    return list(response.json()["items"])


async def names_of(account: Account) -> list[str]:
    """The names of the events, the oldest first."""
    return [event["event"] for event in reversed(await events_of(account))]


async def change_password(account: Account) -> None:
    body = {"current_password": account.password, "new_password": "a brand-new passphrase"}
    assert (await account.put("/users/me/password", body)).status_code == 204


async def change_address(account: Account) -> None:
    body = {"email": f"new-{account.email}", "current_password": account.password}
    assert (await account.patch("/users/me", body)).status_code == 200


async def create_token(account: Account) -> None:
    body = {"name": "backup", "scopes": ["tasks:read"]}
    assert (await account.post("/users/me/tokens", body)).status_code == 201


async def delete_token(account: Account) -> None:
    [token] = (await account.get("/users/me/tokens")).json()["items"]
    assert (await account.delete(f"/users/me/tokens/{token['id']}")).status_code == 204


async def end_another_session(account: Account) -> None:
    await account.sign_in_again()
    sessions = (await account.get("/auth/sessions")).json()["items"]
    other = next(session for session in sessions if not session["is_current"])
    assert (await account.delete(f"/auth/sessions/{other['id']}")).status_code == 204


async def log_out_elsewhere(account: Account) -> None:
    assert (await (await account.sign_in_again()).post("/auth/logout")).status_code == 204


async def test_each_event_is_recorded_under_its_name_in_the_log(
    settings: Settings, address: str
) -> None:
    acts = [
        (create_token, ["api_token.created"]),
        (delete_token, ["api_token.deleted"]),
        (end_another_session, ["session.opened", "session.ended"]),
        (log_out_elsewhere, ["session.opened", "session.logged_out"]),
        (change_address, ["user.email_changed"]),
        (change_password, ["user.password_changed"]),
    ]
    with captured_logs(settings) as logs:
        async with running(settings, address) as client:
            account = await register(client)
            expected = ["user.registered"]
            for act, names in acts:
                await act(account)
                expected += names
                assert await names_of(account) == expected

    for name in expected:
        assert f'"event":"{name}"' in logs.getvalue()


async def test_event_says_from_where(client: httpx.AsyncClient, address: str) -> None:
    client.headers["User-Agent"] = "Browser/1.0"
    account = await register(client)

    [event] = await events_of(account)

    assert event["event"] == "user.registered"
    assert (event["address"], event["user_agent"]) == (address, "Browser/1.0")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
async def test_user_agent_beyond_ascii_is_readable(
    client: httpx.AsyncClient, encoding: str
) -> None:
    sent = httpx.Headers([(b"User-Agent", "Tâches/1.0".encode(encoding))])
    client.headers.update(sent)
    account = await register(client)

    [event] = await events_of(account)

    assert event["user_agent"] == "Tâches/1.0"


async def test_address_is_not_stored_where_it_is_not_logged(
    settings: Settings, address: str
) -> None:
    async with running(settings, address, log_addresses=False) as client:
        [event] = await events_of(await register(client))

        assert event["address"] is None


async def test_failed_sign_in_is_recorded(
    app: FastAPI, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed_sign_ins, "_GATHER", 0.05)
    async with client_at(app, "203.0.113.77") as elsewhere:
        body = {"email": alice.email, "password": "not hers, though"}
        response = await elsewhere.post(f"{API}/auth/login", json=body)
    assert response.status_code == 401

    async def is_there() -> bool:
        return "session.login_failed" in await names_of(alice)

    await until(is_there)
    failed = (await events_of(alice))[0]
    assert failed["address"] == "203.0.113.77"


async def test_reset_of_all_sessions_is_seen_at_the_next_sign_in(alice: Account) -> None:
    assert (await alice.delete("/auth/sessions")).status_code == 204

    again = await alice.sign_in_again()

    assert (await names_of(again))[1:] == ["session.all_ended", "session.opened"]


async def test_reused_refresh_token_is_recorded(alice: Account, dsn: str) -> None:
    body = {"refresh_token": alice.session["refresh_token"]}
    assert (await alice.client.post(f"{API}/auth/refresh", json=body)).status_code == 200
    sql = "UPDATE sessions SET spent_at = ARRAY[now() - interval '1 minute'] WHERE user_id = %s"
    await execute(dsn, sql, alice.id)
    assert (await alice.client.post(f"{API}/auth/refresh", json=body)).status_code == 401

    again = await alice.sign_in_again()

    assert "session.refresh_reused" in await names_of(again)


async def test_acts_of_the_operator_are_recorded(app: FastAPI, alice: Account) -> None:
    context = app.state.context
    await operators.set_password(context, alice.email, "set by the operator")
    await operators.disable_user(context, alice.email)
    await operators.enable_user(context, alice.email)
    await operators.reset_link(context, alice.email)
    alice.password = "set by the operator"

    again = await alice.sign_in_again()

    assert (await names_of(again))[1:] == [
        "user.password_set",
        "user.disabled",
        "user.enabled",
        "user.reset_link_created",
        "session.opened",
    ]
    assert (await events_of(again))[1]["address"] is None


async def test_creation_by_the_operator_is_recorded(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    account = await register(client)
    other = f"operators-{account.email}"
    await account_creation.create_user(app.state.context, other, account.password, None)

    created = await Account(client, other, account.password, {}).sign_in_again()

    assert await names_of(created) == ["user.created", "session.opened"]


async def test_second_factors_are_recorded(
    app: FastAPI, alice: Account, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed_sign_ins, "_GATHER", 0.05)
    phone = await add_app(alice, clock)
    assert (await alice.post("/users/me/factors/recovery-codes")).status_code == 200
    challenge = await challenge_of(alice)
    assert (await send_factor(alice, challenge, code=phone.wrong_code())).status_code == 401

    async def is_there() -> bool:
        return (await names_of(alice))[-1] == "factor.failed"

    await until(is_there)
    assert (await send_factor(alice, challenge, code=phone.next_code())).status_code == 200
    assert (await alice.delete(f"/users/me/factors/{phone.factor_id}")).status_code == 204
    await operators.remove_factors(app.state.context, alice.email)

    assert (await names_of(alice))[1:] == [
        "factor.added",
        "factor.recovery_codes_replaced",
        "factor.failed",
        "session.opened",
        "factor.removed",
        "user.factors_removed",
    ]


async def test_newest_ten_thousand_events_are_kept(alice: Account, dsn: str) -> None:
    await execute(
        dsn,
        "INSERT INTO security_events (user_id, id, event, created_at) SELECT %s, gen_random_uuid(), "
        "'old.' || number, now() - interval '1 day' - number * interval '1 second' "
        "FROM generate_series(1, 10000) AS number",
        alice.id,
    )

    await create_token(alice)

    kept = "SELECT count(*), max(substr(event, 5)::int) FILTER (WHERE event LIKE 'old.%%') FROM security_events WHERE user_id = %s"
    [(count, oldest)] = await execute(dsn, kept, alice.id)
    assert (count, oldest) == (10_001, 9_999)


async def test_what_fails_leaves_no_event(alice: Account) -> None:
    other = await register(alice.client)
    before = await names_of(alice)
    body = {"email": other.email, "current_password": alice.password}

    assert error_code(await alice.patch("/users/me", body)) == "EMAIL_TAKEN"

    assert await names_of(alice) == before


async def test_events_are_read_page_by_page(alice: Account) -> None:
    for _ in range(4):
        await alice.sign_in_again()
    whole = await events_of(alice)

    first = (await alice.get(PATH, params={"limit": 2, "include_total": True})).json()
    second = (await alice.get(PATH, params={"cursor": first["next_cursor"]})).json()

    assert first["total"] == len(whole) == 5
    assert [*first["items"], *second["items"]] == whole
    assert second["next_cursor"] is None


async def test_nobody_sees_the_events_of_others(alice: Account, bob: Account) -> None:
    await create_token(alice)

    assert await names_of(bob) == ["user.registered"]


async def test_events_are_forgotten_after_ninety_days(
    app: FastAPI, alice: Account, dsn: str
) -> None:
    await alice.sign_in_again()
    age = "UPDATE security_events SET created_at = now() - %s::interval WHERE user_id = %s"
    await execute(dsn, f"{age} AND event = 'user.registered'", "91 days", alice.id)
    await execute(dsn, f"{age} AND event = 'session.opened'", "89 days", alice.id)

    await sweep_all(app)

    assert await names_of(alice) == ["session.opened"]


async def test_failures_that_wait_are_recorded_at_the_end(
    settings: Settings, address: str, alice: Account
) -> None:
    async with running(settings, address) as client:
        body = {"email": alice.email, "password": "not hers, though"}
        await asyncio.gather(*(client.post(f"{API}/auth/login", json=body) for _ in range(3)))

    assert (await names_of(alice)).count("session.login_failed") == 3
