"""The keys of an issuer that serves, rotates, lies, stalls and dies: how often they are fetched."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from duly.core import jws
from duly.core.config import Settings
from duly.runtime import copies, fetching, issuer_keys, issuers
from duly.runtime.issuer_keys import IssuerKeys
from tests.support.accounts import API, error_code
from tests.support.instances import captured_logs, running
from tests.support.issuers import (
    ABSENT,
    Issuer,
    as_json,
    bearer,
    issuing,
    key_for,
    public,
    sign,
    table,
    write_issuers,
)

HOUR = 3600.0


@dataclass
class Place:
    """An instance, and the issuer whose tokens it takes."""

    client: httpx.AsyncClient
    issuer: Issuer

    @property
    def keys(self) -> IssuerKeys:
        context = self.client._transport.app.state.context  # type: ignore[attr-defined]  # ASGI's
        found: IssuerKeys = context.bearers._issuers._issuers[self.issuer.url]
        return found

    async def present(self, token: str) -> httpx.Response:
        return await self.client.get(f"{API}/users/me", headers=bearer(token))

    async def status(self, token: str) -> int:
        return (await self.present(token)).status_code

    def let_pass(self, seconds: float) -> None:
        """Let time pass, for all that the worker remembers of this issuer."""
        keys = self.keys
        for name in ("_fetched_at", "_failed_at", "_looked_up_at"):
            setattr(keys, name, getattr(keys, name) - seconds)
        context = self.client._transport.app.state.context  # type: ignore[attr-defined]  # ASGI's
        if seconds >= issuers.REMEMBERED:
            context.bearers._issuers._remembered.clear()

    async def fetched(self) -> None:
        """Return once no fetch is running."""
        while self.keys._is_fetching:  # noqa: ASYNC110  # it is not the test's
            await asyncio.sleep(0.01)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
async def place(
    settings: Settings, address: str, tmp_path: Path, issuer: Issuer
) -> AsyncIterator[Place]:
    file = write_issuers(tmp_path / "issuers.toml", table(issuer))
    async with running(settings, address, issuers=file, rate_limit="off") as client:
        yield Place(client, issuer)


async def test_keys_are_fetched_once_for_many_requests_at_once(place: Place) -> None:
    place.issuer.delay = 0.2
    tokens = [place.issuer.token() for _ in range(20)]
    assert place.issuer.requests == []

    statuses = await asyncio.gather(*map(place.status, tokens))

    assert {*statuses} == {200}
    assert place.issuer.requests == ["/jwks"]
    assert {*await asyncio.gather(*map(place.status, tokens))} == {200}
    assert place.issuer.requests == ["/jwks"]


async def test_keys_are_fetched_again_after_an_hour(place: Place) -> None:
    token = place.issuer.token()
    assert await place.status(token) == 200
    place.let_pass(HOUR - 60)
    assert await place.status(token) == 200
    assert len(place.issuer.requests) == 1
    place.let_pass(HOUR)

    assert await place.status(token) == 200

    assert len(place.issuer.requests) == 2


async def test_key_that_was_withdrawn_during_an_idle_hour_is_rejected_at_once(
    place: Place,
) -> None:
    assert await place.status(place.issuer.token()) == 200
    place.issuer.published = [public(key_for("ES256", 1), "ES256-1")]
    place.issuer.delay = 0.2
    place.let_pass(2 * HOUR)

    statuses = await asyncio.gather(*(place.status(place.issuer.token()) for _ in range(5)))

    assert {*statuses} == {401}


async def test_token_of_a_new_key_is_accepted_at_once(place: Place) -> None:
    assert await place.status(place.issuer.token()) == 200
    place.issuer.published += [public(key_for("ES256", 1), "ES256-1")]
    place.issuer.delay = 0.1

    tokens = [place.issuer.token(number=1) for _ in range(10)]
    statuses = await asyncio.gather(*map(place.status, tokens))

    assert {*statuses} == {200}
    assert len(place.issuer.requests) == 2
    assert await place.status(place.issuer.token()) == 200


async def test_unknown_keys_are_looked_up_at_most_every_five_minutes(place: Place) -> None:
    assert await place.status(place.issuer.token()) == 200

    for number in range(30):
        token = place.issuer.token(header={"kid": f"unknown-{number}"})
        assert await place.status(token) == 401
    assert len(place.issuer.requests) == 2

    place.let_pass(issuer_keys.LOOKUP_INTERVAL + 1)
    for number in range(30):
        token = place.issuer.token(header={"kid": f"unknown-{number}"})
        assert await place.status(token) == 401
    assert len(place.issuer.requests) == 3


async def test_token_of_a_withdrawn_key_is_rejected_after_an_hour(place: Place) -> None:
    old = place.issuer.token()
    assert await place.status(old) == 200
    place.issuer.publish("ES256", number=1)
    # Remembered, and by keys that are fresh.
    assert await place.status(old) == 200

    place.let_pass(HOUR + 1)
    await place.status(old)
    await place.fetched()

    assert await place.status(old) == 401
    assert await place.status(place.issuer.token(number=1)) == 200


async def test_remembered_token_is_verified_again_when_keys_change(place: Place) -> None:
    old = place.issuer.token()
    assert await place.status(old) == 200
    place.issuer.publish("ES256", number=1)

    # Another client's token of the new key makes the worker fetch the keys.
    assert await place.status(place.issuer.token(number=1)) == 200

    assert await place.status(old) == 401


async def test_last_good_keys_count_for_a_day_while_the_issuer_is_down(place: Place) -> None:
    assert await place.status(place.issuer.token()) == 200
    place.issuer.behavior = "dies"

    place.let_pass(23 * HOUR)
    assert await place.status(place.issuer.token()) == 200
    await place.fetched()
    assert await place.status(place.issuer.token()) == 200
    place.let_pass(2 * HOUR)

    assert await place.status(place.issuer.token()) == 503
    place.issuer.behavior = "serves"
    place.let_pass(copies.RETRY_INTERVAL)
    assert await place.status(place.issuer.token()) == 200


BEHAVIORS = ["dies", "redirects", "sends 10 MB", "is compressed", "fails"]
LIES = [
    b"",
    b"<html>",
    b"[]",
    b'{"keys":7}',
    b'{"keys":[],"keys":[]}',
    as_json({"keys": [{}] * 101}),
]


@pytest.mark.parametrize("behavior", [*BEHAVIORS, *LIES], ids=lambda one: repr(one)[:20])
async def test_issuer_without_usable_response_is_unavailable_and_left_alone(
    place: Place, behavior: Any
) -> None:
    if isinstance(behavior, bytes):
        place.issuer.raw = behavior
    else:
        place.issuer.behavior = behavior

    for _ in range(10):
        response = await place.present(place.issuer.token())
        assert response.status_code == 503
        assert error_code(response) == "SERVICE_UNAVAILABLE"
        assert 1 <= int(response.headers["retry-after"]) <= 10
    assert place.issuer.requests == ["/jwks"]

    place.issuer.behavior, place.issuer.raw = "serves", None
    place.let_pass(copies.RETRY_INTERVAL)
    assert await place.status(place.issuer.token()) == 200


@pytest.mark.slow
@pytest.mark.parametrize("behavior", ["stalls", "drips"])
async def test_fetch_ends_after_five_seconds(place: Place, behavior: str) -> None:
    place.issuer.behavior = behavior

    began = time.monotonic()
    responses = await asyncio.gather(*(place.present(place.issuer.token()) for _ in range(5)))

    assert {response.status_code for response in responses} == {503}
    assert fetching.TIMEOUT - 0.5 < time.monotonic() - began < fetching.TIMEOUT + 1
    assert place.issuer.requests == ["/jwks"]


async def test_other_users_are_served_while_an_issuer_stalls(place: Place) -> None:
    place.issuer.behavior = "stalls"
    waiting = asyncio.create_task(place.present(place.issuer.token()))
    await asyncio.sleep(0.1)

    began = time.monotonic()
    assert (await place.client.get("/health/ready")).status_code == 200
    assert time.monotonic() - began < 0.5
    place.issuer.released.set()
    await waiting


async def test_empty_set_of_keys_rejects_tokens(place: Place) -> None:
    place.issuer.published = []

    assert await place.status(place.issuer.token()) == 401


async def test_token_without_a_kid_needs_the_only_key_that_fits(place: Place) -> None:
    unnamed = {"kid": ABSENT}
    assert await place.status(place.issuer.token(header=unnamed)) == 200

    place.issuer.published += [public(key_for("ES256", 1), "ES256-1")]
    place.let_pass(HOUR + 1)
    await place.status(place.issuer.token())
    await place.fetched()

    assert await place.status(place.issuer.token(header=unnamed)) == 401
    assert await place.status(place.issuer.token()) == 200


async def test_proxies_of_the_environment_are_not_used(
    settings: Settings,
    address: str,
    tmp_path: Path,
    issuer: Issuer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    file = write_issuers(tmp_path / "issuers.toml", table(issuer))

    async with running(settings, address, issuers=file) as client:
        assert await Place(client, issuer).status(issuer.token()) == 200


async def test_each_issuer_has_keys_of_its_own(
    settings: Settings, address: str, tmp_path: Path, issuer: Issuer
) -> None:
    with issuing() as other:
        other.publish("ES256", number=1)
        file = write_issuers(tmp_path / "issuers.toml", table(issuer), table(other))
        async with running(settings, address, issuers=file) as client:
            place = Place(client, issuer)
            assert await place.status(issuer.token()) == 200
            assert await place.status(other.token(number=1)) == 200
            # Signed by one in the name of the other.
            foreign = sign(
                {"alg": "ES256", "kid": "ES256-0"}, other.claims(), key_for("ES256"), "ES256"
            )
            assert await place.status(foreign) == 401


async def test_failures_and_new_keys_are_logged(
    settings: Settings, address: str, tmp_path: Path, issuer: Issuer
) -> None:
    file = write_issuers(tmp_path / "issuers.toml", table(issuer))
    issuer.behavior = "redirects"
    with captured_logs(settings) as log:
        async with running(settings, address, issuers=file) as client:
            place = Place(client, issuer)
            await place.status(issuer.token())
            issuer.behavior = "serves"
            place.let_pass(copies.RETRY_INTERVAL)
            await place.status(issuer.token())

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    [failed] = [line for line in lines if line["event"] == "issuer.keys_unavailable"]
    assert (failed["issuer"], failed["reason"]) == (issuer.url, "the status is 302, not 200")
    [changed] = [line for line in lines if line["event"] == "issuer.keys_changed"]
    assert (changed["issuer"], changed["count"]) == (issuer.url, 1)


async def test_warm_request_verifies_nothing_and_asks_nothing_of_the_issuer(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = place.issuer.token()
    assert await place.status(token) == 200

    def fail(*_: object) -> None:
        pytest.fail("the token was read again")

    monkeypatch.setattr(jws, "read", fail)
    for _ in range(10):
        assert await place.status(token) == 200


async def test_number_of_remembered_tokens_is_bounded(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuers, "_MAX_REMEMBERED", 3)
    subject = "one-user"
    tokens = [place.issuer.token(sub=subject, jti=str(number)) for number in range(6)]
    for token in tokens:
        assert await place.status(token) == 200

    context = place.client._transport.app.state.context  # type: ignore[attr-defined]  # ASGI's
    assert list(context.bearers._issuers._remembered) == tokens[3:]
