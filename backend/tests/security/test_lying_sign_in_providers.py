"""Sign-in providers that lie, stall and fail: nobody signs in."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from duly.core.config import Settings
from duly.runtime import copies, fetching
from tests.support.accounts import API
from tests.support.direct_sql import execute
from tests.support.issuers import ABSENT, In, as_json, encode, key_for, public
from tests.support.lying_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    HERE,
    Browser,
    Provider,
    behind,
    browsing,
    lying_provider,
    with_providers,
)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with lying_provider() as provider:
        yield provider


@pytest.fixture
async def browser(
    settings: Settings, address: str, tmp_path: Path, provider: Provider
) -> AsyncIterator[Browser]:
    tables = [provider.table(), provider.table(name="other")]
    async with browsing(with_providers(settings, tmp_path, *tables), address, provider) as browser:
        yield browser


# ID tokens


async def test_token_that_says_the_truth_signs_in(browser: Browser) -> None:
    found = await browser.sign_in()

    assert (await browser.exchange(**found)).status_code == 200
    [form] = browser.provider.forms
    assert form["grant_type"] == "authorization_code"
    assert form["redirect_uri"] == f"{HERE}{API}/auth/oidc/lying/callback"
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert browser.sent["code_challenge"] == encode(digest)
    assert browser.sent["code_challenge_method"] == "S256"
    credentials = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    assert browser.provider.authorizations == [f"Basic {credentials}"]


def at_hash(name: str) -> str:
    digest = hashlib.new(name, b"an access token").digest()
    return encode(digest[: len(digest) // 2])


@pytest.mark.parametrize(
    "token",
    [
        {"aud": [CLIENT_ID]},
        {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID},
        {"at_hash": at_hash("sha256")},
        {"algorithm": "EdDSA", "at_hash": at_hash("sha512")},
        {"algorithm": "RS256", "at_hash": at_hash("sha256")},
        {"header": {"typ": ABSENT}},
    ],
    ids=str,
)
async def test_token_that_is_unusual_but_right_signs_in(
    browser: Browser, token: dict[str, Any]
) -> None:
    assert {*await browser.sign_in(**token)} == {"code"}


LIES: dict[str, dict[str, Any]] = {
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": ABSENT},
    "a list of nonces": {"nonce": ["a"]},
    "an empty nonce": {"nonce": ""},
    "another audience": {"aud": "another"},
    "no audience": {"aud": ABSENT},
    "several audiences without azp": {"aud": [CLIENT_ID, "another"]},
    "another azp": {"azp": "another"},
    "another azp with several audiences": {"aud": [CLIENT_ID, "another"], "azp": "another"},
    "another issuer": {"iss": "https://accounts.google.com"},
    "no issuer": {"iss": ABSENT},
    "no iat": {"iat": ABSENT},
    "iat in the future": {"iat": In(3600)},
    "expired": {"exp": In(-1)},
    "no exp": {"exp": ABSENT},
    "no subject": {"sub": ABSENT},
    "an empty subject": {"sub": ""},
    "a number as subject": {"sub": 7},
    "another at_hash": {"at_hash": at_hash("sha512")},
    "a key of somebody else": {"number": 1, "header": {"kid": "ES256-0"}},
    "an unknown key": {"number": 1},
    "an access token": {"header": {"typ": "at+jwt"}},
    "a key in the header": {"header": {"jwk": {}}},
    "a URL of keys in the header": {"header": {"jku": "https://evil.example/jwks"}},
    "an unknown extension": {"header": {"crit": ["b64"], "b64": False}},
    "no algorithm": {"header": {"alg": "none"}},
    "an algorithm that the provider does not name": {"algorithm": "ES384"},
}


@pytest.mark.parametrize("lie", LIES)
async def test_token_that_lies_signs_in_nobody(browser: Browser, dsn: str, lie: str) -> None:
    # The system may have given the provider of a former test the same port, and so the same name.
    known = "SELECT count(*) FROM user_identities WHERE issuer = %s"
    before = await execute(dsn, known, browser.provider.url)

    found = await browser.sign_in(**LIES[lie])

    assert found == {"error": "server_error"}
    assert await execute(dsn, known, browser.provider.url) == before


def hs256(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    head, body = encode(as_json(header)), encode(as_json(claims))
    signature = hmac.digest(secret, f"{head}.{body}".encode(), "sha256")
    return f"{head}.{body}.{encode(signature)}"


@pytest.mark.parametrize(
    "secret",
    [
        CLIENT_SECRET.encode,
        lambda: key_for("RS256").as_pem(private=False),
        lambda: as_json(public(key_for("RS256"), "RS256-0")),
    ],
    ids=["the client secret", "the public key", "the public key as JSON"],
)
async def test_token_that_is_signed_with_a_shared_secret_signs_in_nobody(
    browser: Browser, secret: Callable[[], bytes]
) -> None:
    await browser.begin()
    claims = browser.provider.claims(aud=CLIENT_ID, nonce=browser.sent["nonce"])
    header = {"alg": "HS256", "typ": "JWT", "kid": "RS256-0"}
    browser.provider.id_token = hs256(header, claims, secret())

    assert behind(await browser.come_back()) == {"error": "server_error"}


@pytest.mark.parametrize(
    "mutilate",
    [
        lambda _: None,
        lambda _: ABSENT,
        lambda _: 7,
        lambda _: "",
        lambda _: "a.b.c",
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.rpartition(".")[0],
        lambda token: token + ".x",
        lambda token: token + "x" * 10_000,
        lambda token: [token],
    ],
    ids=range(10),
)
async def test_malformed_token_signs_in_nobody(
    browser: Browser, mutilate: Callable[[str], Any]
) -> None:
    await browser.begin()
    browser.provider.id_token = mutilate(browser.token())

    assert behind(await browser.come_back()) == {"error": "server_error"}


async def test_token_of_an_earlier_sign_in_signs_in_nobody(browser: Browser) -> None:
    await browser.begin()
    earlier = browser.token()
    await browser.begin()
    browser.provider.id_token = earlier

    assert behind(await browser.come_back()) == {"error": "server_error"}


async def test_token_without_a_signature_signs_in_nobody(browser: Browser) -> None:
    await browser.begin()
    claims = browser.provider.claims(aud=CLIENT_ID, nonce=browser.sent["nonce"])
    head, body = encode(as_json({"alg": "none"})), encode(as_json(claims))
    browser.provider.id_token = f"{head}.{body}."

    assert behind(await browser.come_back()) == {"error": "server_error"}


# What the provider says elsewhere


@pytest.mark.parametrize(
    "profile",
    [{"sub": "another"}, {}, {"sub": ["a"]}, b"no JSON", b"[]", b"\xff"],
    ids=repr,
)
async def test_user_info_of_another_subject_signs_in_nobody(
    browser: Browser, profile: Any
) -> None:
    browser.provider.lies = {
        "discovery": {"userinfo_endpoint": f"{browser.provider.url}/userinfo"},
        "profile": profile,
    }

    assert await browser.sign_in(sub="the-subject") == {"error": "server_error"}


@pytest.mark.parametrize(
    ("behavior", "error"),
    [
        ("rejects", "server_error"),
        ("redirects", "server_error"),
        ("fails", "temporarily_unavailable"),
        ("dies", "temporarily_unavailable"),
        ("stalls", "temporarily_unavailable"),
        ("drips", "temporarily_unavailable"),
        ("sends 10 MB", "temporarily_unavailable"),
        ("is compressed", "temporarily_unavailable"),
    ],
)
async def test_token_endpoint_that_misbehaves_signs_in_nobody(
    browser: Browser, behavior: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT", 1.0)
    browser.provider.behaviors = {"tokens": behavior}

    assert await browser.sign_in() == {"error": error}
    assert browser.provider.requests.count("tokens") == 1
    assert "elsewhere" not in str(browser.provider.requests)


@pytest.mark.parametrize("tokens", [b"", b"no JSON", b"[]", b"7", b"\xff", b"{}"], ids=repr)
async def test_token_endpoint_that_sends_no_tokens_signs_in_nobody(
    browser: Browser, tokens: bytes
) -> None:
    browser.provider.lies = {"tokens": tokens}

    assert await browser.sign_in() == {"error": "server_error"}


@pytest.mark.parametrize("duty", ["keys", "profile"])
async def test_endpoint_that_fails_signs_in_nobody(browser: Browser, duty: str) -> None:
    userinfo = {"userinfo_endpoint": f"{browser.provider.url}/userinfo"}
    browser.provider.lies = {"discovery": userinfo}
    browser.provider.behaviors = {duty: "fails"}

    assert await browser.sign_in() == {"error": "temporarily_unavailable"}


DISCOVERIES: dict[str, Any] = {
    "another issuer": {"issuer": "https://accounts.google.com"},
    "no issuer": {"issuer": ABSENT},
    "no authorization endpoint": {"authorization_endpoint": ABSENT},
    "no token endpoint": {"token_endpoint": ABSENT},
    "no keys": {"jwks_uri": ABSENT},
    "a token endpoint without TLS": {"token_endpoint": "http://example.org/token"},
    "a script as authorization endpoint": {"authorization_endpoint": "javascript:alert(1)"},
    "an endpoint with a user": {"token_endpoint": "https://a@example.org/token"},
    "a number": {"jwks_uri": 7},
    "only shared secrets": {"id_token_signing_alg_values_supported": ["none", "HS256"]},
    "not an object": b"[]",
    "not JSON": b"<html>",
}


@pytest.mark.parametrize("lie", DISCOVERIES)
async def test_description_that_lies_begins_no_sign_in(browser: Browser, lie: str) -> None:
    browser.provider.lies = {"discovery": DISCOVERIES[lie]}

    response = await browser.begin()

    assert response.status_code == 302
    assert response.headers["location"].endswith("#error=temporarily_unavailable")
    assert "Max-Age=0" in response.headers["set-cookie"]


@pytest.mark.parametrize("behavior", ["dies", "stalls", "fails", "redirects", "sends 10 MB"])
async def test_provider_that_is_down_is_unavailable_until_it_is_up(
    browser: Browser, behavior: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT", 1.0)
    browser.provider.behaviors = {"discovery": behavior}
    for _ in range(3):
        response = await browser.begin()
        assert response.headers["location"].endswith("#error=temporarily_unavailable")
    assert browser.provider.requests == ["discovery"]
    browser.provider.behaviors = {}
    monkeypatch.setattr(copies, "RETRY_INTERVAL", 0.0)

    assert (await browser.begin()).status_code == 302
