"""The client's address and the path of a 404 in log lines."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import httpx
import pytest

from duly.core.config import Settings
from duly.main import create_app
from duly.utils.printable import printable
from tests.support.instances import captured_logs, client_at

PROXY, OTHER = "10.0.0.1", "203.0.113.7"


@asynccontextmanager
async def logging_client(
    settings: Settings, peer: str, lines: list[dict[str, Any]], **changes: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A client at `peer`; what the application logs is in `lines` after the block."""
    trusting = {"trusted_proxies": (ip_network(PROXY),), **changes}
    with captured_logs(settings) as logs:
        async with client_at(create_app(settings.model_copy(update=trusting)), peer) as client:
            yield client
        lines += map(json.loads, logs.getvalue().splitlines())


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        (OTHER, None, OTHER),
        (OTHER, "198.51.100.4", OTHER),
        (PROXY, "198.51.100.4", "198.51.100.4"),
        (PROXY, "192.0.2.1, 198.51.100.4:5678", "198.51.100.4"),
        # Whole, though its rate limit is that of its network.
        (PROXY, "2001:db8::1", "2001:db8::1"),
        (PROXY, "<script>", PROXY),
    ],
)
async def test_line_of_a_request_names_the_address_that_proxies_vouch_for(
    settings: Settings, peer: str, forwarded: str | None, address: str
) -> None:
    lines: list[dict[str, Any]] = []
    async with logging_client(settings, peer, lines) as client:
        headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
        await client.get("/health/live", headers=headers)

    assert [line["address"] for line in lines if line["event"] == "request"] == [address]


async def test_addresses_are_not_logged_if_the_setting_forbids_it(settings: Settings) -> None:
    lines: list[dict[str, Any]] = []
    async with logging_client(settings, OTHER, lines, log_addresses=False) as client:
        await client.get("/health/live", headers={"X-Forwarded-For": "198.51.100.4"})

    assert [line["event"] for line in lines] == ["proxy.untrusted", "request"]
    assert OTHER not in str(lines)
    assert "198.51.100.4" not in str(lines)


async def test_untrusted_peer_that_forwards_is_logged_once_with_the_setting(
    settings: Settings,
) -> None:
    lines: list[dict[str, Any]] = []
    async with logging_client(settings, OTHER, lines) as client:
        for _ in range(3):
            await client.get("/health/live", headers={"X-Forwarded-For": "198.51.100.4"})

    [warned] = [line for line in lines if line["event"] == "proxy.untrusted"]
    assert (warned["level"], warned["address"]) == ("warning", OTHER)
    assert "DULY_TRUSTED_PROXIES" in warned["hint"]
    assert warned["request_id"]


async def test_trusted_proxy_and_plain_client_are_not_warned_of(settings: Settings) -> None:
    lines: list[dict[str, Any]] = []
    async with logging_client(settings, PROXY, lines) as client:
        await client.get("/health/live", headers={"X-Forwarded-For": "198.51.100.4"})
    async with logging_client(settings, OTHER, lines) as client:
        await client.get("/health/live")

    assert {line["event"] for line in lines} == {"request"}


async def test_path_of_a_404_is_cut_and_escaped(settings: Settings) -> None:
    lines: list[dict[str, Any]] = []
    async with logging_client(settings, OTHER, lines) as client:
        await client.get("/a%0A%1B%5B31mb%E2%80%AEc/é?token=plugh")
        await client.get("/" + "x" * 5000)

    assert [line["path"] for line in lines] == [
        "/a\\n\\x1b[31mb\\u202ec/é",
        "/" + "x" * 199 + "…",
    ]
    assert "plugh" not in str(lines)


def test_printable_text_stays_as_it_is() -> None:
    assert printable("/api/v1/täsks/🦆") == "/api/v1/täsks/🦆"
