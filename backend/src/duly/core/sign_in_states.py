"""What a browser carries while its user signs in elsewhere: signed, and nothing is stored here.

The secrets of the sign-in are derived from what the browser has and from a key that it does not
have, so its cookie reveals none of them.
"""

import hmac
import secrets
import time
from dataclasses import dataclass, field

import orjson

from duly.core.tokens import InvalidToken, Keyring
from duly.utils import base64url

LIFETIME = 600
"""Seconds that a user has to sign in at the provider."""

_SEED_BYTES = 32
_TAG_BYTES = 32


@dataclass(frozen=True, slots=True)
class SignInState:
    """A sign-in that has begun in one browser.

    `app_challenge` is the SHA-256 of a secret of the app that began it, in base64url.
    """

    provider: str
    return_to: str
    app_challenge: str | None
    expires_at: int
    _seed: bytes
    _key: bytes = field(repr=False)

    @property
    def begun_at(self) -> int:
        """When it began, in Unix seconds."""
        return self.expires_at - LIFETIME

    @property
    def state(self) -> str:
        """What the provider must send back (RFC 6749, 10.12)."""
        return self._derive("state")

    @property
    def nonce(self) -> str:
        """What the ID token must have (OpenID Connect Core 1.0, 3.1.2.1)."""
        return self._derive("nonce")

    @property
    def verifier(self) -> str:
        """The secret that Duly must know to use the provider's code (RFC 7636)."""
        return self._derive("verifier")

    def seal(self) -> str:
        """Return the value of the cookie."""
        fields = [self.provider, self.return_to, self.app_challenge, self.expires_at]
        body = orjson.dumps([*fields, base64url.encode(self._seed)])
        return base64url.encode(_tag(self._key, body) + body)

    def _derive(self, purpose: str) -> str:
        return base64url.encode(_tag(self._key, purpose.encode() + b" " + self._seed))


def begin(
    keyring: Keyring, provider: str, return_to: str, app_challenge: str | None
) -> SignInState:
    """Begin a sign-in."""
    return SignInState(
        provider,
        return_to,
        app_challenge,
        int(time.time()) + LIFETIME,
        secrets.token_bytes(_SEED_BYTES),
        _keys(keyring)[0],
    )


def read(keyring: Keyring, cookie: str, provider: str, state: str) -> SignInState:
    """Read the cookie of a browser that comes back with `state`.

    Raise `InvalidToken` if it is not one of Duly's for this provider and state, or expired.
    """
    if not cookie:
        raise InvalidToken(
            "the browser sent no cookie, so it began at another host, or cannot keep one"
        )
    try:
        raw = base64url.decode(cookie)
    except ValueError:
        raise InvalidToken("the cookie is malformed") from None
    tag, body = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
    for key in _keys(keyring):
        if hmac.compare_digest(_tag(key, body), tag):
            name, return_to, app_challenge, expires_at, seed = orjson.loads(body)
            if name != provider or expires_at <= time.time():
                raise InvalidToken("the cookie is of another provider, or expired")
            found = SignInState(
                name, return_to, app_challenge, expires_at, base64url.decode(seed), key
            )
            if not hmac.compare_digest(found.state.encode(), state.encode()):
                raise InvalidToken("the state is that of another sign-in")
            return found
    raise InvalidToken("the cookie was not issued by Duly")


def _keys(keyring: Keyring) -> list[bytes]:
    return keyring.derive("sign-in state")


def _tag(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, "sha256")
