"""Keys, and the tokens and cursors signed with them."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey, OKPKey

from duly.core import jws
from duly.core.jws import MAX_TOKEN_BYTES
from duly.core.scopes import ALL, UNVERIFIED, Scopes
from duly.utils import base64url

ISSUER = AUDIENCE = "duly"
CLOCK_LEEWAY = 5
"""Seconds by which two servers' clocks may differ."""

_SECRET_BYTES = 32
_TAG_BYTES = 16
_IDS_BYTES = 32
"""Those of two ids: the user's, and that of a session, a link, a challenge or a code."""
LAST_SECOND = 2**33
"""Times beyond it, in Unix seconds, are mistakes."""
_MAX_VERIFIED = 2048
"""Access tokens whose verification a worker remembers: a few megabytes."""


class InvalidToken(Exception):
    """A token that this service did not issue, or that is no longer valid."""


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a token says. `expires_at` is in Unix seconds.

    `session_id` is the id under which the end of the token is announced to all workers: that of
    its session, of an API token, whose own id is `api_token_id`, or of an identity at another
    issuer. `issued_at` is known for the tokens of other issuers, if they say it.
    """

    user_id: UUID
    session_id: UUID
    expires_at: float
    scopes: Scopes = ALL
    is_verified: bool = True
    """False if the operator requires a verified address and the user has none."""
    api_token_id: UUID | None = None
    issued_at: float | None = None


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token that this service issued; the database decides whether it is still valid."""

    token: str
    user_id: UUID
    session_id: UUID
    in_cookie: bool = False
    """Whether it works only as a cookie; any other works only in a body."""

    @property
    def digest(self) -> bytes:
        """The hash that is stored instead of the token."""
        return hashlib.sha256(self.token.encode()).digest()


@dataclass(frozen=True, slots=True)
class LinkToken:
    """The token of a link in a mail that this service issued; the database decides the rest."""

    token: str
    user_id: UUID
    link_id: UUID

    @property
    def digest(self) -> bytes:
        """The hash that is stored instead of the token."""
        return hashlib.sha256(self.token.encode()).digest()


@dataclass(frozen=True, slots=True)
class Challenge:
    """The token of a sign-in that needs a second factor; the database decides the rest."""

    token: str
    user_id: UUID
    id: UUID
    provider: str = ""
    """Where the first step of the sign-in was, if it was at a provider."""


@dataclass(frozen=True, slots=True)
class CodeToken:
    """A code that an app exchanges for a session; the database decides the rest."""

    token: str
    user_id: UUID
    id: UUID
    provider: str
    """Where the user has signed in; for the log, also if the code no longer works."""

    @property
    def digest(self) -> bytes:
        """The hash that is stored instead of the code."""
        return hashlib.sha256(self.token.encode()).digest()


class _Key:
    """One signing secret, with a key derived from it for each use."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self.access = OctKey.import_key(self.derive("access token"))
        self._refresh = self.derive("refresh token")
        self._refresh_in_cookie = self.derive("refresh token in a cookie")
        self.link = self.derive("link in a mail")
        self.challenge = self.derive("sign-in challenge")
        self.sign_in_code = self.derive("sign-in code")
        self.cursor = self.derive("cursor")
        self.fingerprint = self.derive("fingerprint")
        self.address = self.derive("address")
        self.header = {
            "typ": "at+jwt",
            "alg": "HS256",
            "kid": self.derive("key id")[:8].hex(),
        }
        self.header_segment = base64url.encode(orjson.dumps(self.header))

    def refresh(self, *, in_cookie: bool) -> bytes:
        """Return the key of refresh tokens."""
        return self._refresh_in_cookie if in_cookie else self._refresh

    def issue(self, claims: dict[str, Any]) -> str:
        """Sign an access token."""
        return jwt.encode(self.header, claims, self.access)

    def read(self, token: str) -> dict[str, Any]:
        """Return the claims of an access token with this header. Raise an error for any other."""
        claims = jwt.decode(token, self.access, algorithms=["HS256"]).claims
        # Strictly UTF-8, where `json` would guess, and no number of thousands of digits.
        if orjson.loads(_decode(token.split(".")[1])) != claims:
            raise InvalidToken
        return claims

    def derive(self, purpose: str) -> bytes:
        return hmac.digest(self._secret, b"duly " + purpose.encode(), "sha256")


class _SigningKey:
    """An Ed25519 key that signs access tokens. Others can verify them with its public part."""

    def __init__(self, key: OKPKey) -> None:
        self._key = key
        kid = key.thumbprint()
        self.header_segment = base64url.encode(
            orjson.dumps({"typ": "at+jwt", "alg": "EdDSA", "kid": kid})
        )
        public = key.as_dict(private=False)
        self.published = {
            **{name: str(public[name]) for name in ("kty", "crv", "x")},
            "kid": kid,
            "use": "sig",
            "alg": "EdDSA",
        }

    def issue(self, claims: dict[str, Any]) -> str:
        """Sign an access token."""
        return jws.write(self.header_segment, claims, self._key, "EdDSA")

    def read(self, token: str) -> dict[str, Any]:
        """Return the claims of an access token with this header. Raise an error for any other."""
        read = jws.read(token)
        if not read.is_signed_by(self._key, "EdDSA"):
            raise InvalidToken
        return read.claims


class Keyring:
    """Issues tokens with the current keys, and also accepts those of earlier ones.

    With a `signing_key`, it signs access tokens in place of the secret.
    """

    def __init__(
        self,
        current: str,
        previous: Sequence[str] = (),
        signing_key: OKPKey | None = None,
        previous_signing_keys: Sequence[OKPKey] = (),
    ) -> None:
        self._keys = [_Key(secret) for secret in (current, *previous)]
        signing = [] if signing_key is None else [_SigningKey(signing_key)]
        public = [*signing, *map(_SigningKey, previous_signing_keys)]
        self.public_keys = list({key.published["kid"]: key.published for key in public}.values())
        self._access_key: _Key | _SigningKey = signing[0] if signing else self._keys[0]
        accepted: list[_Key | _SigningKey] = [*public, *self._keys]
        self._by_header = {key.header_segment: key for key in accepted}
        # The claims of a token never change; only its expiry is checked again.
        self._verified = lru_cache(_MAX_VERIFIED)(self._verify)

    def issue_access(
        self, user_id: UUID, session_id: UUID, lifetime: int, *, is_verified: bool = True
    ) -> str:
        """Sign a JWT access token (RFC 9068) that is valid for `lifetime` seconds."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "sid": str(session_id),
            "iat": now,
            "exp": now + lifetime,
            "jti": uuid4().hex,
            **({} if is_verified else {"email_verified": False}),
        }
        return self._access_key.issue(claims)

    def is_own(self, token: str) -> bool:
        """Whether a token has a header that Duly writes."""
        return token.partition(".")[0] in self._by_header

    def read_access(self, token: str) -> AccessClaims:
        """Check an access token in full. Raises `InvalidToken`."""
        claims = self._verified(token)
        if claims.expires_at <= time.time():
            raise InvalidToken
        return claims

    def _verify(self, token: str) -> AccessClaims:
        # Only the exact headers that Duly writes are accepted: no other algorithm, type, key
        # reference or extension reaches a parser.
        key = self._by_header.get(token.partition(".")[0])
        if key is None or len(token) > MAX_TOKEN_BYTES:
            raise InvalidToken
        try:
            return _check_claims(key.read(token))
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):
            raise InvalidToken from None

    def issue_refresh(
        self, user_id: UUID, session_id: UUID, *, in_cookie: bool = False
    ) -> RefreshToken:
        """Create the first refresh token of a session."""
        secret = secrets.token_bytes(_SECRET_BYTES)
        return _sign_refresh(self._keys[0], user_id, session_id, secret, in_cookie=in_cookie)

    def read_refresh(self, token: str, *, in_cookie: bool = False) -> RefreshToken:
        """Return the user and session of a token. Raise `InvalidToken` if it was never issued, or
        not for a cookie, or only for one.
        """
        raw = _decode(token)
        if len(raw) != _IDS_BYTES + _SECRET_BYTES + _TAG_BYTES:
            raise InvalidToken
        body, tag = raw[:-_TAG_BYTES], raw[-_TAG_BYTES:]
        keys = [key.refresh(in_cookie=in_cookie) for key in self._keys]
        if not any(hmac.compare_digest(_tag(key, body), tag) for key in keys):
            raise InvalidToken
        return RefreshToken(token, UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), in_cookie)

    def successors(self, token: RefreshToken) -> list[RefreshToken]:
        """Return the successors of a token, always the same, so that concurrent clients agree.

        The first is signed with the current key, the others with the earlier keys.
        """
        kind = {"in_cookie": token.in_cookie}
        seed = b"successor " + token.token.encode()
        return [
            _sign_refresh(
                key,
                token.user_id,
                token.session_id,
                hmac.digest(key.refresh(**kind), seed, "sha256"),
                **kind,
            )
            for key in self._keys
        ]

    def issue_link(self, user_id: UUID, link_id: UUID) -> LinkToken:
        """Return the token of a link, always the same, so that a mail can be sent again."""
        return LinkToken(_sign_ids(self._keys[0].link, user_id, link_id), user_id, link_id)

    def read_link(self, token: str) -> LinkToken:
        """Return the user of a link and its id. Raise `InvalidToken` if it was never issued."""
        user_id, link_id, name = _read_ids([key.link for key in self._keys], token)
        if name:
            raise InvalidToken
        return LinkToken(token, user_id, link_id)

    def issue_challenge(self, user_id: UUID, challenge_id: UUID, provider: str = "") -> Challenge:
        """Return the token of a sign-in that needs a second factor."""
        token = _sign_ids(self._keys[0].challenge, user_id, challenge_id, provider)
        return Challenge(token, user_id, challenge_id, provider)

    def read_challenge(self, token: str) -> Challenge:
        """Return what a challenge says. Raise `InvalidToken` if it was never issued."""
        return Challenge(token, *_read_ids([key.challenge for key in self._keys], token))

    def issue_sign_in_code(self, user_id: UUID, code_id: UUID, provider: str) -> CodeToken:
        """Return the code of a sign-in at a provider."""
        token = _sign_ids(self._keys[0].sign_in_code, user_id, code_id, provider)
        return CodeToken(token, user_id, code_id, provider)

    def read_sign_in_code(self, token: str) -> CodeToken:
        """Return what a code says. Raise `InvalidToken` if it was never issued."""
        return CodeToken(token, *_read_ids([key.sign_in_code for key in self._keys], token))

    def derive(self, purpose: str) -> list[bytes]:
        """Return keys for another use: from the current secret, then from each earlier one."""
        return [key.derive(purpose) for key in self._keys]

    def fingerprint(self, text: str) -> str:
        """Return a keyed digest of `text` for logs: always the same, and not reversible."""
        return hmac.digest(self._keys[0].fingerprint, text.encode(), "sha256")[:6].hex()

    def address_digests(self, user_id: UUID, address: str) -> list[bytes]:
        """Return the digests to store instead of an address from which `user_id` has signed in.

        The first uses the current key, the others the earlier keys.
        """
        text = user_id.bytes + address.encode()
        return [_tag(key.address, text) for key in self._keys]

    def sign_cursor(self, user_id: UUID, content: Sequence[Any]) -> str:
        """Create an opaque cursor that only `user_id` can use."""
        body = orjson.dumps(content)
        return base64url.encode(_tag(self._keys[0].cursor, user_id.bytes + body) + body)

    def read_cursor(self, user_id: UUID, cursor: str) -> list[Any]:
        """Verify a cursor and return its content.

        Raise `InvalidToken` if it was altered or belongs to another user.
        """
        raw = _decode(cursor)
        tag, body = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        for key in self._keys:
            if hmac.compare_digest(_tag(key.cursor, user_id.bytes + body), tag):
                content: list[Any] = orjson.loads(body)
                return content
        raise InvalidToken


def _check_claims(claims: dict[str, Any]) -> AccessClaims:
    now = time.time()
    issued_at, expires_at = claims["iat"], claims["exp"]
    begins_at = claims.get("nbf", issued_at)
    if (
        claims["iss"] != ISSUER
        or claims["aud"] != AUDIENCE
        or type(issued_at) is not int
        or type(expires_at) is not int
        or type(begins_at) is not int
        or max(issued_at, begins_at) > now + CLOCK_LEEWAY
        or not now < expires_at < LAST_SECOND
        or not all(isinstance(claims[name], str) for name in ("sub", "sid", "jti"))
    ):
        raise InvalidToken
    is_verified = claims.get("email_verified") is not False
    return AccessClaims(
        _id(claims["sub"]),
        _id(claims["sid"]),
        expires_at,
        ALL if is_verified else UNVERIFIED,
        is_verified=is_verified,
    )


def _id(text: str) -> UUID:
    found = UUID(text)
    if str(found) != text:  # it takes braces, other digits, and more
        raise InvalidToken
    return found


def _sign_refresh(
    key: _Key, user_id: UUID, session_id: UUID, secret: bytes, *, in_cookie: bool
) -> RefreshToken:
    body = user_id.bytes + session_id.bytes + secret
    token = base64url.encode(body + _tag(key.refresh(in_cookie=in_cookie), body))
    return RefreshToken(token, user_id, session_id, in_cookie)


def _sign_ids(key: bytes, first: UUID, second: UUID, name: str = "") -> str:
    body = first.bytes + second.bytes + name.encode()
    return base64url.encode(body + _tag(key, body))


def _read_ids(keys: Sequence[bytes], token: str) -> tuple[UUID, UUID, str]:
    raw = _decode(token)
    body, tag = raw[:-_TAG_BYTES], raw[-_TAG_BYTES:]
    if not any(hmac.compare_digest(_tag(key, body), tag) for key in keys):
        raise InvalidToken
    return UUID(bytes=body[:16]), UUID(bytes=body[16:32]), body[32:].decode()


def _tag(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, "sha256")[:_TAG_BYTES]


def _decode(text: str) -> bytes:
    try:
        return base64url.decode(text)
    except ValueError:
        raise InvalidToken from None
