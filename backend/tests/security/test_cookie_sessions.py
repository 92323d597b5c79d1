"""Sessions of pages, with the refresh token in a cookie: who can open, use and end them."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from duly.core.config import Settings
from duly.database.scope import UserScope
from duly.main import create_app
from duly.services import sign_in_codes
from tests.support.accounts import API, Account, error_code, register
from tests.support.direct_sql import age, execute
from tests.support.factories import RegistrationFactory
from tests.support.instances import client_at
from tests.support.pages import PAGE, cookie_of
from tests.support.second_factors import Clock, add_app, challenge_of

HOST = "https://duly.test"
COOKIE = "__Host-duly_refresh"
REFRESH, LOGOUT = f"{API}/auth/refresh", f"{API}/auth/logout"
MINUTE, HOUR = 60, 3600
DAYS_30 = 30 * 24 * HOUR


@pytest.fixture
async def page(app: FastAPI, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A page of this server, in a browser that keeps its cookies."""
    transport = httpx.ASGITransport(app=app, client=(address, 50_000))
    async with httpx.AsyncClient(transport=transport, base_url=HOST, headers=PAGE) as page:
        yield page


@pytest.fixture
async def carol(page: httpx.AsyncClient) -> Account:
    return await register(page)


async def refresh(page: httpx.AsyncClient, token: str | None = None) -> httpx.Response:
    """Refresh with the cookie that the browser has, or with another token in it."""
    headers = {} if token is None else {"Cookie": f"{COOKIE}={token}"}
    return await page.post(REFRESH, json={}, headers=headers)


def token_of(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return cookie_of(response)[1]


async def spend(page: httpx.AsyncClient) -> str:
    """Use the refresh token that the browser has, and return it."""
    used = page.cookies[COOKIE]
    assert (await refresh(page)).status_code == 200
    return used


def check_session(response: httpx.Response, status: int = 200) -> None:
    """The response opens a session, and only the cookie has its refresh token."""
    assert response.status_code == status, response.text
    assert set(response.json()) == {"access_token", "token_type", "expires_in", "user"}
    name, token, attributes = cookie_of(response)
    assert name == COOKIE
    assert re.fullmatch(r"[\w-]{100,}", token)
    assert attributes == {
        "HttpOnly",
        "Secure",
        "SameSite=strict",
        "Path=/",
        f"Max-Age={DAYS_30}",
    }
    assert token not in response.text


async def test_registration_keeps_the_refresh_token_in_a_cookie(page: httpx.AsyncClient) -> None:
    check_session(await page.post(f"{API}/auth/register", json=RegistrationFactory()), 201)


async def test_sign_in_keeps_the_refresh_token_in_a_cookie(carol: Account) -> None:
    body = {"email": carol.email, "password": carol.password}

    check_session(await carol.client.post(f"{API}/auth/login", json=body))


async def test_second_factor_keeps_the_refresh_token_in_a_cookie(
    carol: Account, clock: Clock
) -> None:
    phone = await add_app(carol, clock)
    clock.step()
    body = {"challenge": await challenge_of(carol), "code": phone.code()}

    check_session(await carol.client.post(f"{API}/auth/factor", json=body))


async def test_exchange_of_a_code_keeps_the_refresh_token_in_a_cookie(
    app: FastAPI, carol: Account
) -> None:
    context = app.state.context
    scope = UserScope(context.pool, UUID(carol.id))
    code = await sign_in_codes.create(scope, context.keyring, "google", None)

    check_session(await carol.client.post(f"{API}/auth/oidc/exchange", json={"code": code}))


async def test_refresh_reads_the_cookie_and_replaces_it(carol: Account) -> None:
    before = carol.client.cookies[COOKIE]

    response = await refresh(carol.client)

    check_session(response)
    assert token_of(response) != before
    carol.session = response.json()
    assert (await carol.get("/users/me")).status_code == 200
    assert len((await carol.get("/auth/sessions")).json()["items"]) == 1


async def test_without_the_header_nothing_changes(carol: Account) -> None:
    del carol.client.headers["Duly-Session"]
    body = {"email": carol.email, "password": carol.password}

    response = await carol.client.post(f"{API}/auth/login", json=body)

    assert "set-cookie" not in response.headers
    assert response.json()["refresh_token"]


FOREIGN: list[dict[str, str | None]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": HOST},
    {"Sec-Fetch-Site": "cross-site, same-origin"},
    {"Sec-Fetch-Site": None},
    {"Sec-Fetch-Site": None, "Origin": "null"},
    {"Sec-Fetch-Site": None, "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": None, "Origin": "https://duly.test.evil.example"},
    {"Sec-Fetch-Site": None, "Origin": "https://duly.test:8443"},
    {"Sec-Fetch-Site": None, "Origin": "http://duly.test"},
    {"Sec-Fetch-Site": None, "Referer": f"{HOST}/"},
    {"Content-Type": "text/plain"},
    {"Content-Type": "application/x-www-form-urlencoded"},
    {"Content-Type": "text/plain; application/json"},
    {"Content-Type": None},
]


@pytest.mark.parametrize("foreign", FOREIGN, ids=str)
@pytest.mark.parametrize(
    "route", ["register", "login", "factor", "oidc/exchange", "refresh", "logout"]
)
async def test_what_is_no_json_of_a_page_of_this_server_is_refused(
    carol: Account, route: str, foreign: dict[str, str | None]
) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "register": RegistrationFactory(),
        "login": {"email": carol.email, "password": carol.password},
    }
    body = bodies.get(route, {})
    given = {**PAGE, "Content-Type": "application/json", **carol.headers, **foreign}
    request = carol.client.build_request(
        "POST", f"{API}/auth/{route}", content=json.dumps(body).encode()
    )
    for name in given:
        request.headers.pop(name, None)
    request.headers.update({name: value for name, value in given.items() if value is not None})

    response = await carol.client.send(request)

    assert (response.status_code, error_code(response)) == (403, "FORBIDDEN")
    assert "set-cookie" not in response.headers
    assert (await carol.get("/users/me")).status_code == 200, "the session has not ended"
    assert (await refresh(carol.client)).status_code == 200, "the token was not spent"


@pytest.mark.parametrize(
    "origin", [{"Origin": HOST}, {"Origin": "HTTPS://DULY.test"}], ids=["same", "other case"]
)
async def test_origin_counts_where_the_browser_does_not_tell_the_site(
    carol: Account, origin: dict[str, str]
) -> None:
    del carol.client.headers["Sec-Fetch-Site"]

    assert (await carol.client.post(REFRESH, json={}, headers=origin)).status_code == 200


async def test_site_counts_more_than_an_origin_that_a_proxy_has_hidden(carol: Account) -> None:
    origin = {"Origin": "https://tasks.example.org"}

    assert (await carol.client.post(REFRESH, json={}, headers=origin)).status_code == 200


@pytest.mark.parametrize("value", ["Cookie", "cookies", "", "cookie, cookie"])
async def test_unknown_value_of_the_header_is_invalid(carol: Account, value: str) -> None:
    body = {"email": carol.email, "password": carol.password}
    headers = {"Duly-Session": value}

    response = await carol.client.post(f"{API}/auth/login", json=body, headers=headers)

    assert (response.status_code, error_code(response)) == (400, "VALIDATION_ERROR")
    assert response.json()["error"]["details"]["fields"][0]["path"] == "header.duly-session"


async def test_no_other_route_reads_the_cookie(carol: Account) -> None:
    requests = [
        ("GET", "/users/me", None),
        ("GET", "/tasks", None),
        ("GET", "/sync", None),
        ("GET", "/auth/sessions", None),
        ("DELETE", "/auth/sessions", None),
        ("POST", "/tasks", {"title": "forged"}),
        ("POST", "/auth/email/resend", {}),
        ("DELETE", "/users/me", {"current_password": carol.password}),
    ]
    for method, path, body in requests:
        response = await carol.client.request(method, API + path, json=body)
        assert (response.status_code, error_code(response)) == (401, "UNAUTHENTICATED"), path


async def test_without_the_header_refresh_and_logout_ignore_the_cookie(carol: Account) -> None:
    del carol.client.headers["Duly-Session"]

    assert (await carol.client.post(REFRESH, json={})).status_code == 400
    assert (await carol.client.post(LOGOUT, json={})).status_code == 401
    assert (await carol.get("/users/me")).status_code == 200


async def test_token_of_a_cookie_works_in_no_body_and_the_reverse(carol: Account) -> None:
    token = carol.client.cookies[COOKIE]
    del carol.client.headers["Duly-Session"]
    in_body = await carol.client.post(REFRESH, json={"refresh_token": token})
    body = {"email": carol.email, "password": carol.password}
    other = (await carol.client.post(f"{API}/auth/login", json=body)).json()["refresh_token"]
    carol.client.headers["Duly-Session"] = "cookie"

    in_cookie = await refresh(carol.client, other)

    assert [in_body.status_code, in_cookie.status_code] == [401, 401]
    assert (await refresh(carol.client, token)).status_code == 200
    assert (await carol.client.post(REFRESH, json={"refresh_token": other})).status_code == 400


@pytest.mark.parametrize("cookie", ["", "nonsense", "A" * 108])
async def test_refresh_without_a_valid_cookie_is_unauthenticated(
    page: httpx.AsyncClient, cookie: str
) -> None:
    response = await refresh(page, cookie)

    assert (response.status_code, error_code(response)) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize("seconds", [5, MINUTE, 8 * HOUR, 24 * HOUR - MINUTE])
async def test_lost_response_is_repeated_until_its_token_is_used(
    carol: Account, dsn: str, seconds: int
) -> None:
    used = await spend(carol.client)
    successor = carol.client.cookies[COOKIE]
    await age(dsn, carol.id, seconds=seconds)

    repeated = [await refresh(carol.client, used) for _ in range(3)]

    assert [token_of(response) for response in repeated] == [successor] * 3
    assert token_of(await refresh(carol.client, successor)) != successor
    carol.session = repeated[0].json()
    assert (await carol.get("/users/me")).status_code == 200


async def test_replay_after_the_use_of_its_successor_ends_the_session(
    carol: Account, dsn: str
) -> None:
    used = await spend(carol.client)
    await age(dsn, carol.id, seconds=MINUTE)
    await spend(carol.client)
    last = carol.client.cookies[COOKIE]

    replayed = await refresh(carol.client, used)

    assert (replayed.status_code, error_code(replayed)) == (401, "UNAUTHENTICATED")
    assert (await refresh(carol.client, last)).status_code == 401
    assert (await carol.get("/users/me")).status_code == 401


async def test_replay_later_than_a_race_ends_the_session(carol: Account, dsn: str) -> None:
    used = await spend(carol.client)
    await spend(carol.client)  # at once, so that the session still knows the first one
    last = carol.client.cookies[COOKIE]
    await age(dsn, carol.id, seconds=MINUTE)

    assert (await refresh(carol.client, used)).status_code == 401
    assert (await refresh(carol.client, last)).status_code == 401


async def test_racing_replay_right_after_the_use_of_its_successor_is_forgiven(
    carol: Account,
) -> None:
    used = await spend(carol.client)
    successor = carol.client.cookies[COOKIE]
    await spend(carol.client)

    assert token_of(await refresh(carol.client, used)) == successor


async def test_replay_after_a_day_ends_the_session(carol: Account, dsn: str) -> None:
    used = await spend(carol.client)
    successor = carol.client.cookies[COOKIE]
    await age(dsn, carol.id, seconds=24 * HOUR)

    assert (await refresh(carol.client, used)).status_code == 401
    assert (await refresh(carol.client, successor)).status_code == 401


async def test_logout_ends_the_session_and_deletes_the_cookie(carol: Account) -> None:
    token = carol.client.cookies[COOKIE]

    response = await carol.client.post(LOGOUT, json={})

    assert response.status_code == 204
    name, value, attributes = cookie_of(response)
    assert (name, value) == (COOKIE, "")
    assert {"Max-Age=0", "Secure", "HttpOnly", "Path=/"} <= attributes
    assert COOKIE not in carol.client.cookies
    assert (await refresh(carol.client, token)).status_code == 401
    assert (await carol.get("/users/me")).status_code == 401


async def test_logout_is_recorded_once(carol: Account) -> None:
    token = carol.client.cookies[COOKIE]
    other = await carol.sign_in_again()
    for _ in range(2):
        carol.client.cookies.clear()
        answer = await carol.client.post(LOGOUT, json={}, headers={"Cookie": f"{COOKIE}={token}"})
        assert answer.status_code == 204

    events = (await other.get("/users/me/security-events")).json()["items"]
    assert [event["event"] for event in events].count("session.logged_out") == 1


async def test_logout_that_is_owed_ends_the_session_of_a_spent_and_expired_token(
    carol: Account, dsn: str
) -> None:
    other = await carol.sign_in_again()
    used = carol.client.cookies[COOKIE]
    assert (await refresh(carol.client)).status_code == 200
    await age(dsn, carol.id, seconds=HOUR)

    response = await carol.client.post(LOGOUT, json={}, headers={"Cookie": f"{COOKIE}={used}"})

    assert response.status_code == 204
    assert (await other.get("/users/me")).status_code == 401, "the cookie was of that session"
    assert (await carol.get("/users/me")).status_code == 200, "and not of this one"


async def test_logout_of_a_deleted_account_deletes_the_cookie(carol: Account, dsn: str) -> None:
    await execute(dsn, "DELETE FROM users WHERE id = %s", carol.id)

    response = await carol.client.post(LOGOUT, json={})

    assert response.status_code == 204
    assert cookie_of(response)[1] == ""


async def test_logout_without_a_cookie_needs_the_access_token(carol: Account) -> None:
    carol.client.cookies.clear()

    refused = await carol.client.post(LOGOUT, json={})
    assert (refused.status_code, error_code(refused)) == (401, "UNAUTHENTICATED")
    assert (await carol.post("/auth/logout", {})).status_code == 204
    assert (await carol.get("/users/me")).status_code == 401


async def test_forged_cookie_ends_nothing(carol: Account) -> None:
    token = carol.client.cookies[COOKIE]
    forged = token[:-1] + ("A" if token[-1] != "A" else "B")

    response = await carol.client.post(LOGOUT, json={}, headers={"Cookie": f"{COOKIE}={forged}"})

    assert response.status_code == 204
    assert (await carol.get("/users/me")).status_code == 200
    assert (await refresh(carol.client, token)).status_code == 200


async def test_pages_of_other_origins_never_get_cookies_to_send(
    settings: Settings, address: str
) -> None:
    origin = "https://app.example"
    app = create_app(settings.model_copy(update={"cors_origins": (origin,)}))
    preflight = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,duly-session",
    }
    async with app.router.lifespan_context(app), client_at(app, address) as client:
        asked = await client.options(REFRESH, headers=preflight)
        sent = await client.post(
            f"{API}/auth/login",
            json={"email": "a@b.example", "password": "x"},
            headers={"Origin": origin, "Duly-Session": "cookie"},
        )

    assert (asked.status_code, error_code(asked)) == (400, "VALIDATION_ERROR")
    assert sent.status_code == 403
    for response in (asked, sent):
        assert "access-control-allow-credentials" not in response.headers
