"""The checks of an ID token (OpenID Connect Core 1.0, 3.1.3.7) beyond those of every token."""

import hashlib
import hmac
from typing import Any

from duly.core.tokens import InvalidToken
from duly.utils import base64url

_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


def check_id_token(
    header: dict[str, Any],
    claims: dict[str, Any],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str | None,
) -> None:
    """Check what only ID tokens have. Raise `InvalidToken` with the reason.

    Signature, algorithm, `aud`, `sub` and times are checked as those of any other issuer's token.
    """
    if str(header.get("typ", "JWT")).lower() != "jwt":
        raise InvalidToken("typ is not JWT")
    if claims.get("iss") != issuer:
        raise InvalidToken("iss is not the provider")
    if "iat" not in claims:
        raise InvalidToken("iat is missing")
    audience = claims.get("aud")
    is_shared = isinstance(audience, list) and len(audience) > 1
    if (is_shared or "azp" in claims) and claims.get("azp") != client_id:
        raise InvalidToken("azp is not the client")
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise InvalidToken("nonce is not that of this sign-in")
    if "at_hash" in claims and claims["at_hash"] != _half_hash(access_token, header["alg"]):
        raise InvalidToken("at_hash does not fit the access token")


def _half_hash(access_token: str | None, algorithm: str) -> str | None:
    """Return the left half of the hash of a token; that of Ed25519 is SHA-512."""
    if access_token is None:
        return None
    digest = _HASHES.get(algorithm[-3:], hashlib.sha512)(access_token.encode()).digest()
    return base64url.encode(digest[: len(digest) // 2])
