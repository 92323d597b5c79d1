"""Whose budget a request spends, on the server as it ships, behind a proxy at 127.0.0.1."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_network

import httpx
import pytest

from duly.core.config import Settings
from duly.main import create_app
from tests.support.accounts import API, Account, error_code, register
from tests.support.factories import RegistrationFactory
from tests.support.instances import captured_logs, client_at
from tests.support.servers import Server, serving

TRUSTED, UNTRUSTED = "127.0.0.1", "127.0.0.2"
LIMIT = 5
WRONG = "not the password"


@pytest.fixture(scope="module")
def server(dsn: str) -> Iterator[Server]:
    with serving(
        dsn,
        workers=1,
        DULY_TRUSTED_PROXIES=TRUSTED,
        DULY_LOGIN_ACCOUNT_LIMIT=f"{LIMIT}/hour",
        DULY_RATE_LIMIT="600/minute",
    ) as server:
        yield server


def peer(server: Server, address: str) -> httpx.AsyncClient:
    """A client that connects from `address`."""
    transport = httpx.AsyncHTTPTransport(local_address=address)
    return httpx.AsyncClient(base_url=server.url, transport=transport)


@pytest.fixture
async def proxy(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with peer(server, TRUSTED) as client:
        yield client


@pytest.fixture
async def dora(proxy: httpx.AsyncClient) -> Account:
    return await register(proxy)


async def sign_in(client: httpx.AsyncClient, email: str, password: str, *forwarded: str) -> int:
    """The status of a sign-in, forwarded with one header line for each of `forwarded`."""
    headers = [("X-Forwarded-For", line) for line in forwarded]
    body = {"email": email, "password": password}
    return (await client.post(f"{API}/auth/login", json=body, headers=headers)).status_code


@pytest.mark.parametrize(
    "lines",
    [
        ("198.51.100.4",),
        ("10.0.0.{n}, 198.51.100.4",),
        ("127.0.0.1, 10.0.0.{n},198.51.100.4",),
        ("nonsense-{n}, 198.51.100.4",),
        # A proxy that writes a line of its own after the client's.
        ("10.0.0.{n}", "198.51.100.4"),
        ("10.0.0.{n}, 127.0.0.1", "198.51.100.4, 127.0.0.1"),
        ("2001:db8:1:1::{n:x}",),
        ("10.0.0.{n}, 2001:db8:1:1:ffff:{n:x}::",),
        ("::ffff:198.51.100.4",),
    ],
    ids=str,
)
async def test_headers_of_a_client_do_not_change_its_address(
    proxy: httpx.AsyncClient, dora: Account, lines: tuple[str, ...]
) -> None:
    answers = [
        await sign_in(proxy, dora.email, WRONG, *(line.format(n=n) for line in lines))
        for n in range(1, LIMIT + 3)
    ]

    assert answers == [401] * LIMIT + [429] * 2


async def test_each_forwarded_address_has_its_own_budget(
    proxy: httpx.AsyncClient, dora: Account
) -> None:
    for forwarded in ("198.51.100.4", "198.51.100.5", "2001:db8:1:1::1", "2001:db8:1:2::1"):
        for _ in range(LIMIT):
            assert await sign_in(proxy, dora.email, WRONG, forwarded) == 401
        assert await sign_in(proxy, dora.email, WRONG, forwarded) == 429


async def test_a_header_from_anybody_else_is_not_believed(server: Server, dora: Account) -> None:
    async with peer(server, UNTRUSTED) as client:
        answers = [
            await sign_in(client, dora.email, WRONG, f"198.51.100.{n}") for n in range(LIMIT + 2)
        ]

    assert answers == [401] * LIMIT + [429] * 2


async def test_no_attacker_locks_the_owner_out(proxy: httpx.AsyncClient, dora: Account) -> None:
    attacks = (
        sign_in(proxy, dora.email, WRONG, f"203.0.113.{network}")
        for network in range(20)
        for _ in range(LIMIT + 1)
    )
    answers = await asyncio.gather(*attacks)

    assert answers.count(401) == 20 * LIMIT
    assert answers.count(429) == 20
    assert await sign_in(proxy, dora.email, dora.password, "198.51.100.77") == 200
    assert (await dora.get("/users/me")).status_code == 200
    assert (await dora.sign_in_again()).id == dora.id


async def test_an_attacker_spends_no_budget_but_its_own(
    proxy: httpx.AsyncClient, dora: Account
) -> None:
    for n in range(LIMIT):
        stranger = RegistrationFactory()["email"]
        assert await sign_in(proxy, stranger, WRONG, f"203.0.113.{n}") == 401

    assert await sign_in(proxy, dora.email, dora.password, "203.0.113.1") == 200


async def test_only_the_proxy_can_report_tls(server: Server) -> None:
    for address, is_expected in ((TRUSTED, True), (UNTRUSTED, False)):
        async with peer(server, address) as client:
            answer = await client.get("/health/live", headers={"X-Forwarded-Proto": "https"})
        assert ("strict-transport-security" in answer.headers) is is_expected


async def test_the_general_budget_is_the_users_wherever_they_are(dora: Account) -> None:
    left = []
    for forwarded in ("198.51.100.4", "198.51.100.5"):
        answer = await dora.get("/users/me", headers={"X-Forwarded-For": forwarded})
        assert answer.headers["ratelimit-policy"] == '"default";q=600;w=60'
        left.append(int(answer.headers["ratelimit"].split(";")[1].removeprefix("r=")))

    assert left[0] - left[1] == 1


async def test_rejection_has_retry_after(proxy: httpx.AsyncClient, dora: Account) -> None:
    body = {"email": dora.email, "password": WRONG}
    for _ in range(LIMIT + 1):
        answer = await proxy.post(f"{API}/auth/login", json=body)

    assert error_code(answer) == "RATE_LIMITED"
    assert 0 < int(answer.headers["retry-after"]) <= 3600


async def test_proxy_that_names_no_client_is_logged_once(settings: Settings, address: str) -> None:
    trusted = [ip_network(network) for network in ("10.1.0.0/16", "2001:db8::/32")]
    with captured_logs(settings) as logs:
        app = create_app(settings.model_copy(update={"trusted_proxies": tuple(trusted)}))
        async with app.router.lifespan_context(app):
            for place, forwarded in (
                ("10.1.0.1", None),
                ("10.1.0.1", None),
                ("10.1.0.2", "10.1.7.7, 10.1.0.1"),
                ("10.1.0.3", "198.51.100.4"),
                ("2001:db8::5", "nonsense"),
                (address, "10.1.0.9"),
            ):
                headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
                async with client_at(app, place, headers=headers) as client:
                    await client.post(f"{API}/auth/login", json={"email": "a", "password": "b"})

    lines = [json.loads(line) for line in logs.getvalue().splitlines()]
    warned = [line for line in lines if line["event"] == "proxy.no_client"]
    assert [line["address"] for line in warned] == ["10.1.0.1", "10.1.7.7", "2001:db8::5"]
    assert all("DULY_TRUSTED_PROXIES" in line["reason"] for line in warned)
