"""Tokens like those of the service, each with one flaw."""

import base64
import hmac
import json
from typing import Any

import httpx

from duly.core.tokens import Keyring
from tests.support.accounts import API, Account, error_code

ABSENT = object()


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Forger:
    """Makes tokens with the real signing key, so that nothing but the flaw can be at fault."""

    def __init__(self, keyring: Keyring, account: Account) -> None:
        self._key = keyring._keys[0].derive("access token")
        header, claims, _ = account.session["access_token"].split(".")
        self.header = json.loads(decode(header))
        self.claims = json.loads(decode(claims))

    def sign(self, header: str, payload: bytes, algorithm: str = "sha256") -> str:
        signed = f"{header}.{encode(payload)}"
        return f"{signed}.{encode(hmac.digest(self._key, signed.encode(), algorithm))}"

    def forge(
        self, header: dict[str, Any] | None = None, algorithm: str = "sha256", **claims: Any
    ) -> str:
        """A token like a real one, save for what is given; `ABSENT` leaves something out."""
        changed = {k: v for k, v in {**self.claims, **claims}.items() if v is not ABSENT}
        fields = {**self.header, **(header or {})}
        fields = {k: v for k, v in fields.items() if v is not ABSENT}
        # Encoded as the service does it, so that an unchanged header is the very same text.
        segment = encode(json.dumps(fields, separators=(",", ":")).encode())
        return self.sign(segment, json.dumps(changed).encode(), algorithm)


async def present(account: Account, token: str) -> httpx.Response:
    headers = {b"authorization": b"Bearer " + token.encode()}
    return await account.client.get(f"{API}/users/me", headers=headers)


async def assert_refused(account: Account, token: str) -> None:
    response = await present(account, token)
    assert response.status_code == 401, response.text
    assert error_code(response) == "UNAUTHENTICATED"
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["error"]["details"] == {}
    # It takes nothing from whom it meant to speak for.
    assert (await account.get("/users/me")).status_code == 200
