"""Headers that every answer has, or has where they make sense."""

from ipaddress import ip_network

import httpx
import pytest

from duly.core.config import Settings
from duly.main import create_app
from tests.support.accounts import Account, register


async def test_every_response_forbids_sniffing_and_caching(
    client: httpx.AsyncClient, alice: Account
) -> None:
    for response in (
        await client.get("/health/live"),
        await client.get("/no/such/path"),
        await alice.get("/tasks"),
        await alice.post("/tasks", {"title": ""}),
    ):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
        assert "server-timing" not in response.headers


async def test_response_reports_the_rest_of_the_rate_limit(alice: Account) -> None:
    first = await alice.get("/tasks")
    second = await alice.get("/tasks")

    assert first.headers["ratelimit-policy"] == '"default";q=600;w=60'
    left = [
        int(response.headers["ratelimit"].split(";")[1].removeprefix("r="))
        for response in (first, second)
    ]
    assert left[0] - left[1] == 1


async def test_rejected_request_reports_that_the_rate_limit_is_used_up(
    settings: Settings, address: str
) -> None:
    app = create_app(settings.model_copy(update={"rate_limit": "2/hour"}))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://duly.test") as client:
            carol = await register(client)
            for _ in range(2):
                assert (await carol.get("/tasks")).status_code == 200

            refused = await carol.get("/tasks")

    assert refused.status_code == 429
    assert refused.headers["ratelimit-policy"] == '"default";q=2;w=3600'
    assert refused.headers["ratelimit"].startswith('"default";r=0;t=')
    assert 3500 < int(refused.headers["retry-after"]) <= 3600


async def test_unauthenticated_response_reports_no_rate_limit(
    client: httpx.AsyncClient,
) -> None:
    assert "ratelimit" not in (await client.get("/health/live")).headers


@pytest.mark.parametrize(
    ("scheme", "peer", "forwarded_proto", "is_expected"),
    [
        ("http", "203.0.113.7", "", False),
        ("https", "203.0.113.7", "", True),
        ("http", "10.0.0.1", "https", True),
        ("http", "10.0.0.1", "http", False),
        # Anybody can send the header; only a proxy of ours is believed.
        ("http", "203.0.113.7", "https", False),
    ],
)
async def test_responses_over_tls_have_strict_transport_security(
    settings: Settings, scheme: str, peer: str, forwarded_proto: str, *, is_expected: bool
) -> None:
    trusting = settings.model_copy(update={"trusted_proxies": (ip_network("10.0.0.0/8"),)})
    transport = httpx.ASGITransport(app=create_app(trusting), client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://duly.test") as client:
        response = await client.get("/health/live", headers={"X-Forwarded-Proto": forwarded_proto})

    assert ("strict-transport-security" in response.headers) is is_expected
