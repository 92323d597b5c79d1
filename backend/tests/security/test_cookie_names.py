"""The name of the cookie with a refresh token, and whether only TLS may carry it."""

import json
from ipaddress import ip_network

import httpx
import pytest
from fastapi import FastAPI

from duly.api import session_cookies
from duly.core.config import Settings
from duly.main import create_app
from tests.support.accounts import API
from tests.support.factories import RegistrationFactory
from tests.support.instances import captured_logs, client_at
from tests.support.pages import PAGE, cookie_of

REFRESH = f"{API}/auth/refresh"
WEBKIT = (
    "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26 Safari/605.1.15"
)
CHROMIUM = (
    "Mozilla/5.0 (X11; Linux) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142 Safari/537.36"
)


@pytest.mark.parametrize(
    ("url", "browser", "name"),
    [
        ("https://tasks.example.org", CHROMIUM, "__Host-duly_refresh"),
        ("https://tasks.example.org:443", CHROMIUM, "__Host-duly_refresh"),
        ("https://tasks.example.org:8443", CHROMIUM, "__Host-duly_refresh_8443"),
        ("https://tasks.example.org", WEBKIT, "__Host-duly_refresh"),
        ("http://127.0.0.1:8000", CHROMIUM, "__Host-duly_refresh_8000"),
        ("http://localhost:8000", CHROMIUM, "__Host-duly_refresh_8000"),
        ("http://[::1]:8000", CHROMIUM, "__Host-duly_refresh_8000"),
        ("http://[::1]", CHROMIUM, "__Host-duly_refresh"),
        ("http://127.0.0.1:8000", WEBKIT, "duly_refresh_8000"),
        ("http://127.0.0.1.example.org", CHROMIUM, "duly_refresh"),
        ("http://localhost.example.org", CHROMIUM, "duly_refresh"),
        ("http://tasks.lan:8000", CHROMIUM, "duly_refresh_8000"),
        ("http://192.168.1.4:80", CHROMIUM, "duly_refresh"),
    ],
)
async def test_name_and_secure_follow_the_address_of_the_page(
    app: FastAPI, address: str, url: str, browser: str, name: str
) -> None:
    transport = httpx.ASGITransport(app=app, client=(address, 50_000))
    headers = {**PAGE, "User-Agent": browser}
    async with httpx.AsyncClient(transport=transport, base_url=url, headers=headers) as page:
        response = await page.post(f"{API}/auth/register", json=RegistrationFactory())
        found, token, attributes = cookie_of(response)
        other = "duly_refresh" if name.startswith("__Host-") else "__Host-duly_refresh"
        page.cookies.clear()
        refused = await page.post(REFRESH, json={}, headers={"Cookie": f"{other}={token}"})
        taken = await page.post(REFRESH, json={}, headers={"Cookie": f"{name}={token}"})

    assert found == name
    assert ("Secure" in attributes) == name.startswith("__Host-")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= attributes
    assert not [attribute for attribute in attributes if attribute.startswith("Domain")]
    assert (refused.status_code, taken.status_code) == (401, 200)


@pytest.mark.parametrize(
    ("sent", "trusted", "name"),
    [
        ({"X-Forwarded-Proto": "https"}, True, "__Host-duly_refresh"),
        ({"X-Forwarded-Proto": "https"}, False, "duly_refresh"),
        ({"Origin": "https://duly.test"}, False, "__Host-duly_refresh"),
        ({"Origin": "http://duly.test"}, False, "duly_refresh"),
        ({"Origin": "null"}, False, "duly_refresh"),
    ],
    ids=str,
)
async def test_tls_of_a_proxy_counts(
    settings: Settings, address: str, sent: dict[str, str], trusted: bool, name: str
) -> None:
    proxies = (ip_network(address),) if trusted else ()
    app = create_app(settings.model_copy(update={"trusted_proxies": proxies}))
    async with app.router.lifespan_context(app), client_at(app, address) as client:
        response = await client.post(
            f"{API}/auth/register", json=RegistrationFactory(), headers={**PAGE, **sent}
        )

    found, _, attributes = cookie_of(response)
    assert found == name
    assert ("Secure" in attributes) == name.startswith("__Host-")


async def test_plain_http_is_logged_once(settings: Settings, address: str) -> None:
    session_cookies._warn_of_plain_http.cache_clear()
    with captured_logs(settings) as logs:
        app = create_app(settings.model_copy(update={"log_format": "json"}))
        async with app.router.lifespan_context(app), client_at(app, address) as client:
            for _ in range(3):
                body = RegistrationFactory()
                await client.post(f"{API}/auth/register", json=body, headers=PAGE)
        lines = [json.loads(line) for line in logs.getvalue().splitlines()]

    [line] = [line for line in lines if line["event"] == "session.cookie_without_tls"]
    assert "TLS" in line["hint"]
