"""Which pages of other origins may call the API from a browser."""

import json
from typing import Any

import httpx
import pytest

from duly.core.config import Settings
from duly.main import create_app
from tests.support.accounts import error_code
from tests.support.instances import captured_logs, client_at

ORIGIN = "https://app.example"


def preflight_headers(origin: str, method: str = "POST") -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,"
        "idempotency-key,if-match,if-none-match,last-event-id,x-request-id",
    }


async def preflight(
    settings: Settings, origin: str, method: str = "POST", **changes: Any
) -> httpx.Response:
    app = create_app(settings.model_copy(update=changes))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://duly.test") as client:
        return await client.options("/api/v1/tasks", headers=preflight_headers(origin, method))


async def test_preflight_without_configured_origins_is_forbidden(settings: Settings) -> None:
    response = await preflight(settings, ORIGIN)

    assert (response.status_code, error_code(response)) == (403, "FORBIDDEN")
    assert "CORS" in response.json()["error"]["message"]
    assert "access-control-allow-origin" not in response.headers


async def test_options_other_than_a_preflight_names_the_methods(
    client: httpx.AsyncClient,
) -> None:
    response = await client.options("/api/v1/tasks")

    assert (response.status_code, error_code(response)) == (405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "GET, HEAD, POST"


async def test_listed_origin_is_allowed(settings: Settings) -> None:
    response = await preflight(settings, ORIGIN, cors_origins=(ORIGIN,))

    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize("origin", ["https://evil.example", "http://app.example", "null"])
async def test_unlisted_origin_is_rejected(settings: Settings, origin: str) -> None:
    response = await preflight(settings, origin, cors_origins=(ORIGIN,))

    assert "access-control-allow-origin" not in response.headers


async def test_page_may_read_the_exposed_headers(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"cors_origins": (ORIGIN,)}))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://duly.test") as client:
        response = await client.get("/health/live", headers={"Origin": ORIGIN})

    exposed = response.headers["access-control-expose-headers"]
    needed = {
        "Content-Disposition",
        "ETag",
        "Idempotency-Replayed",
        "Location",
        "Retry-After",
        "X-Request-ID",
    }
    assert needed <= set(exposed.split(", "))


async def test_rejected_preflight_is_in_the_envelope(settings: Settings) -> None:
    response = await preflight(settings, "https://evil.example", cors_origins=(ORIGIN,))

    assert (response.status_code, error_code(response)) == (403, "FORBIDDEN")
    assert response.headers["x-request-id"]
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["vary"].startswith("Origin")


@pytest.mark.parametrize("method", ["HEAD", "GET", "DELETE"])
async def test_preflight_for_each_method_is_allowed(settings: Settings, method: str) -> None:
    response = await preflight(settings, ORIGIN, method, cors_origins=(ORIGIN,))

    assert response.status_code == 200


async def test_preflight_for_an_unknown_method_is_invalid(settings: Settings) -> None:
    response = await preflight(settings, ORIGIN, "BREW", cors_origins=(ORIGIN,))

    assert (response.status_code, error_code(response)) == (400, "VALIDATION_ERROR")


async def test_rejected_origin_is_logged_once_with_the_setting(settings: Settings) -> None:
    with captured_logs(settings) as logs:
        app = create_app(settings.model_copy(update={"log_format": "json"}))
        async with client_at(app, "10.0.0.9") as client:
            for origin in (ORIGIN, ORIGIN, "https://b.example", f"https://{'c' * 900}"):
                await client.options("/", headers=preflight_headers(origin))
            for number in range(300):
                origin = f"https://{number}.example"
                await client.options("/", headers=preflight_headers(origin))
        lines = [json.loads(line) for line in logs.getvalue().splitlines()]

    rejected = [line["origin"] for line in lines if line["event"] == "cors.origin_rejected"]
    assert rejected[:3] == [ORIGIN, "https://b.example", f"https://{'c' * 192}…"]
    assert len(rejected) == 100
    assert all("DULY_CORS_ORIGINS" in line["hint"] for line in lines)
