"""Tokens as Better Auth, Supabase, Clerk and Auth0 issue them, with the settings of docs/identity.md."""

import re
import time
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from duly.core.config import Settings
from duly.core.issuers import read_issuers
from tests.support.accounts import API
from tests.support.instances import running
from tests.support.issuers import (
    ABSENT,
    In,
    Issuer,
    bearer,
    issuing,
    key_for,
    public,
    sign,
    write_issuers,
)

DOCUMENT = Path(__file__).parents[3] / "docs" / "identity.md"


def settings_of(provider: str) -> dict[str, Any]:
    """The table that the section of a provider shows."""
    section = DOCUMENT.read_text().partition(f"### {provider}\n")[2].partition("\n### ")[0]
    [block] = re.findall(r"```toml\n(.*?)```", section, re.DOTALL)
    [table] = tomllib.loads(block)["issuer"]
    return dict(table)


def payload(provider: str) -> dict[str, Any]:
    """What the tokens of a provider say, with `iss` as in the document."""
    iss = settings_of(provider)["issuer"]
    now = int(time.time())
    common = {"iss": iss, "iat": now, "exp": now + 600}
    match provider:
        case "Better Auth":
            return {
                **common,
                "aud": iss,
                "sub": "pWNcSkmvLTsFTvIdOYcmXr4nFPYRhGIv",
                "id": "pWNcSkmvLTsFTvIdOYcmXr4nFPYRhGIv",
                "name": "Ada Lovelace",
                "email": "ada@example.com",
                "emailVerified": True,
                "email_verified": True,
                "image": None,
                "createdAt": "2026-11-01T10:00:00.000Z",
                "updatedAt": "2026-11-01T10:00:00.000Z",
            }
        case "Supabase":
            return {
                **common,
                "aud": "authenticated",
                "sub": "6ef1f1c2-9a8d-4c6e-8d8f-0a3b2c1d4e5f",
                "email": "ada@example.com",
                "phone": "",
                "app_metadata": {"provider": "email", "providers": ["email"]},
                "user_metadata": {"email_verified": True, "full_name": "Ada Lovelace"},
                "role": "authenticated",
                "aal": "aal1",
                "amr": [{"method": "password", "timestamp": now}],
                "session_id": "2a3b4c5d-6e7f-4a8b-9c0d-1e2f3a4b5c6d",
                "is_anonymous": False,
            }
        case "Clerk":
            return {
                **common,
                "exp": now + 60,
                "nbf": now - 10,
                "azp": settings_of(provider)["required"]["azp"],
                "fva": [3, -1],
                "sid": "sess_2YqYc8xHqPJmJ3mPmVpqH1Zy8kX",
                "sts": "active",
                "sub": "user_2YqYc6yVb4XkPz1ZzT8m3nL5pQr",
                "v": 2,
                "email": "ada@example.com",
                "email_verified": True,
                "name": "Ada Lovelace",
            }
        case _:
            return {
                **common,
                "aud": [settings_of(provider)["audience"], f"{iss}userinfo"],
                "sub": "auth0|6543a1b2c3d4e5f60718293a",
                "azp": "my_client_id",
                "scope": "openid profile email",
            }


HEADERS = {
    "Better Auth": {"alg": "EdDSA", "kid": "c5c7995d-0037-4553-8aee-b5b620b89b23"},
    "Supabase": {"alg": "ES256", "kid": "b81269f1-21d8-4f2e-b719-c2240a840d90", "typ": "JWT"},
    "Clerk": {"alg": "RS256", "cat": "cl_B7d4PD111AAA", "kid": "ins_2GIoQhbUpy0hX7B2cVkuTMinXoD"},
    "Auth0": {"alg": "RS256", "typ": "at+jwt", "kid": "NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4QzQ"},
}
# What a provider says of its key besides the key.
MEMBERS: dict[str, dict[str, Any]] = {
    "Better Auth": {"alg": "EdDSA"},
    "Supabase": {"alg": "ES256", "use": "sig", "key_ops": ["verify"], "ext": True},
    "Clerk": {"alg": "RS256", "use": "sig"},
    "Auth0": {"alg": "RS256", "use": "sig", "x5t": "NjVB", "x5c": ["MIIC…"]},
}


def token(provider: str, **changes: Any) -> str:
    header = HEADERS[provider]
    claims = {**payload(provider), **changes}
    claims = {
        name: time.time() + value.seconds if isinstance(value, In) else value
        for name, value in claims.items()
        if value is not ABSENT
    }
    return sign(header, claims, key_for(header["alg"]), header["alg"])


@dataclass
class Place:
    """An instance with the settings of the document, whose keys come from the loopback instead."""

    settings: Settings
    address: str
    file: Path
    server: Issuer

    @asynccontextmanager
    async def accepting(self, provider: str) -> AsyncIterator[httpx.AsyncClient]:
        header = HEADERS[provider]
        key = public(key_for(header["alg"]), header["kid"], **MEMBERS[provider])
        self.server.published = [key]
        fields = {**settings_of(provider), "jwks_url": f"{self.server.url}/jwks"}
        write_issuers(self.file, fields)
        async with running(self.settings, self.address, issuers=self.file) as client:
            yield client


@pytest.fixture
def place(settings: Settings, address: str, tmp_path: Path) -> Iterator[Place]:
    with issuing() as server:
        yield Place(settings, address, tmp_path / "issuers.toml", server)


async def status(client: httpx.AsyncClient, text: str) -> int:
    return (await client.get(f"{API}/users/me", headers=bearer(text))).status_code


@pytest.mark.parametrize("provider", HEADERS)
async def test_token_of_the_provider_is_accepted(provider: str, place: Place) -> None:
    async with place.accepting(provider) as client:
        response = await client.get(f"{API}/users/me", headers=bearer(token(provider)))

    assert response.status_code == 200, response.text
    expected = payload(provider)
    assert response.json()["email"] == expected.get("email")
    assert response.json()["name"] == expected.get("name")


REFUSED = [
    ("Better Auth", {"aud": "https://other.example"}),
    ("Better Auth", {"sub": ABSENT}),
    ("Supabase", {"role": "anon"}),
    ("Supabase", {"role": "service_role"}),
    ("Supabase", {"is_anonymous": True}),
    ("Supabase", {"aud": "anon"}),
    ("Clerk", {"azp": "https://evil.example"}),
    ("Clerk", {"azp": ABSENT}),
    ("Clerk", {"sts": "pending"}),
    ("Clerk", {"nbf": In(60)}),
    ("Auth0", {"aud": ["https://other.example"]}),
    ("Auth0", {"sub": "my_client_id@clients", "gty": "client-credentials"}),
    ("Auth0", {"iss": "https://my-tenant.eu.auth0.com"}),
]


@pytest.mark.parametrize(("provider", "changes"), REFUSED, ids=repr)
async def test_other_token_of_the_provider_is_rejected(
    provider: str, changes: dict[str, Any], place: Place
) -> None:
    async with place.accepting(provider) as client:
        assert await status(client, token(provider, **changes)) == 401
        assert await status(client, token(provider)) == 200


def test_settings_of_the_document_are_valid_together(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    file = tmp_path / "issuers.toml"
    file.write_text("\n".join(block for block in blocks if "[[issuer]]" in block))

    assert len(read_issuers(file)) >= len(HEADERS) + 1
