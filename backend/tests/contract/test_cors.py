"""Which pages of other origins may call the API from a browser."""

from typing import Any

import httpx
import pytest

from duly.core.config import Settings
from duly.main import create_app
from tests.accounts import error_code

ORIGIN = "https://app.example"


async def preflight(settings: Settings, origin: str, **changes: Any) -> httpx.Response:
    app = create_app(settings.model_copy(update=changes))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://duly.test") as client:
        return await client.options(
            "/api/v1/tasks",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type,"
                "idempotency-key,if-match,if-none-match,last-event-id,x-request-id",
            },
        )


async def test_no_other_origin_is_let_in_by_default(settings: Settings) -> None:
    response = await preflight(settings, ORIGIN)

    assert response.status_code == 405
    assert "access-control-allow-origin" not in response.headers


async def test_a_listed_origin_is_let_in(settings: Settings) -> None:
    response = await preflight(settings, ORIGIN, cors_origins=(ORIGIN,))

    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize("origin", ["https://evil.example", "http://app.example", "null"])
async def test_an_origin_not_listed_is_not_let_in(settings: Settings, origin: str) -> None:
    response = await preflight(settings, origin, cors_origins=(ORIGIN,))

    assert "access-control-allow-origin" not in response.headers


async def test_a_page_may_read_what_it_needs_of_an_answer(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"cors_origins": (ORIGIN,)}))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://duly.test") as client:
        response = await client.get("/health/live", headers={"Origin": ORIGIN})

    exposed = response.headers["access-control-expose-headers"]
    needed = {"ETag", "Idempotency-Replayed", "Location", "Retry-After", "X-Request-ID"}
    assert needed <= set(exposed.split(", "))


async def test_a_refused_preflight_is_told_in_the_envelope(settings: Settings) -> None:
    response = await preflight(settings, "https://evil.example", cors_origins=(ORIGIN,))

    assert (response.status_code, error_code(response)) == (400, "VALIDATION_ERROR")
    assert response.headers["x-request-id"]
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["vary"].startswith("Origin")
