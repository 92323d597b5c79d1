"""Access tokens that an Ed25519 key signs, and the public keys with which others verify them."""

import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc.jwk import OKPKey
from pydantic import SecretStr

from duly.core.config import Settings
from tests.support.accounts import Account, register
from tests.support.forgery import decode, encode, present
from tests.support.instances import running

JWKS = "/.well-known/jwks.json"
KEY, OTHER = (OKPKey.generate_key("Ed25519") for _ in range(2))


def pem(key: OKPKey, *, private: bool = True) -> str:
    return key.as_pem(private=private).decode()


@pytest.fixture
async def signing(settings: Settings, address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with running(settings, address, signing_key=SecretStr(pem(KEY))) as client:
        yield client


def verified(token: str, keys: list[dict[str, Any]]) -> dict[str, Any]:
    """The claims, as another service verifies them: by RFC 8037, with nothing of Duly's."""
    header, claims, signature = token.split(".")
    fields = json.loads(decode(header))
    assert fields["alg"] == "EdDSA"
    [key] = [key for key in keys if key["kid"] == fields["kid"]]
    public = Ed25519PublicKey.from_public_bytes(decode(key["x"]))
    public.verify(decode(signature), f"{header}.{claims}".encode())
    return dict(json.loads(decode(claims)))


async def test_published_key_verifies_the_access_token(signing: httpx.AsyncClient) -> None:
    ada = await register(signing)
    response = await signing.get(JWKS)

    [key] = response.json()["keys"]
    claims = verified(ada.session["access_token"], [key])

    assert (claims["iss"], claims["aud"], claims["sub"]) == ("duly", "duly", ada.id)
    assert key["kid"] == KEY.thumbprint()
    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert response.headers["cache-control"] == "public, max-age=300"
    assert (await ada.get("/users/me")).status_code == 200


async def test_without_a_signing_key_no_key_is_published(client: httpx.AsyncClient) -> None:
    response = await client.get(JWKS)

    assert response.json() == {"keys": []}
    assert response.headers["cache-control"] == "public, max-age=300"


async def test_token_that_the_secret_signed_stays_valid(
    alice: Account, signing: httpx.AsyncClient
) -> None:
    assert (await Account(signing, "", "", alice.session).get("/users/me")).status_code == 200


@pytest.mark.parametrize("private", [True, False])
async def test_previous_key_is_still_accepted_and_published(
    settings: Settings, address: str, signing: httpx.AsyncClient, private: bool
) -> None:
    ada = await register(signing)
    changes = {
        "signing_key": SecretStr(pem(OTHER)),
        "previous_signing_keys": (SecretStr(pem(KEY, private=private)),),
    }

    async with running(settings, address, **changes) as changed:
        there = Account(changed, ada.email, ada.password, ada.session)
        assert (await there.get("/users/me")).status_code == 200
        keys = (await changed.get(JWKS)).json()["keys"]
        assert [key["kid"] for key in keys] == [OTHER.thumbprint(), KEY.thumbprint()]
        assert not any("d" in key for key in keys)
        again = await there.sign_in_again()
        verified(again.session["access_token"], keys[:1])


async def test_previous_key_alone_signs_nothing(settings: Settings, address: str) -> None:
    prepared = (SecretStr(pem(KEY, private=False)),)

    async with running(settings, address, previous_signing_keys=prepared) as client:
        ada = await register(client)

    header = json.loads(decode(ada.session["access_token"].split(".")[0]))
    assert header["alg"] == "HS256"


async def test_token_of_a_dropped_key_is_rejected(
    settings: Settings, address: str, signing: httpx.AsyncClient
) -> None:
    ada = await register(signing)

    async with running(settings, address, signing_key=SecretStr(pem(OTHER))) as dropped:
        assert (await Account(dropped, "", "", ada.session).get("/users/me")).status_code == 401


async def test_altered_token_is_rejected(signing: httpx.AsyncClient) -> None:
    ada, eve = await register(signing), await register(signing)
    header, claims, signature = ada.session["access_token"].split(".")
    others = eve.session["access_token"].split(".")[1]
    fields = {"typ": "at+jwt", "alg": "HS256", "kid": KEY.thumbprint()}
    confused = f"{encode(json.dumps(fields).encode())}.{claims}"
    [key] = (await signing.get(JWKS)).json()["keys"]
    by_public_key = encode(hmac.digest(decode(key["x"]), confused.encode(), "sha256"))

    for token in (
        f"{header}.{others}.{signature}",
        f"{header}.{claims}.{encode(bytes(64))}",
        f"{header}.{claims}.",
        f"{header}.{claims}",
        f"{header}.{claims}.{signature}.",
        f"{confused}.{by_public_key}",
        f"{encode(b'{}')}.{claims}.{signature}",
    ):
        assert (await present(ada, token)).status_code == 401, token
