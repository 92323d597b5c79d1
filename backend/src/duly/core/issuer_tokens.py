"""The checks of what the token of another issuer says."""

import time
from dataclasses import dataclass
from typing import Any

from duly.core.issuers import Conditions, Issuer
from duly.core.tokens import CLOCK_LEEWAY, LAST_SECOND, InvalidToken
from duly.core.trust_files import TEXT, is_text

_TYPES = {"jwt", "at+jwt"}
# They bring or name a key, or change how a token is read.
_FORBIDDEN = {"crit", "jwk", "jku", "x5u", "x5c", "b64"}


@dataclass(frozen=True, slots=True)
class IssuerClaims:
    """The claims about the subject of a token. Times are in Unix seconds.

    `email`, `is_email_verified` and `name` are used only for a new account.
    """

    issuer: str
    subject: str
    expires_at: float
    issued_at: float | None
    email: Any
    is_email_verified: bool
    name: Any


def check_header(header: dict[str, Any], issuer: Issuer) -> tuple[str, str | None]:
    """Return the algorithm and the `kid` of a token. Raise `InvalidToken` with the reason."""
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "jwt")
    if not isinstance(algorithm, str) or algorithm not in issuer.algorithms:
        raise InvalidToken("alg is not one of the issuer's algorithms")
    if "kid" in header and not isinstance(kid, str):
        raise InvalidToken("kid is not a string")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise InvalidToken("typ is neither JWT nor at+jwt")
    if not _FORBIDDEN.isdisjoint(header):
        raise InvalidToken(f"the header has one of {', '.join(sorted(_FORBIDDEN))}")
    return algorithm, kid


def check_claims(claims: dict[str, Any], issuer: Issuer) -> IssuerClaims:
    """Check what a token of `issuer` says. Raise `InvalidToken` with the reason."""
    now = time.time()
    expires_at, issued_at, begins_at = (_time(claims, name) for name in ("exp", "iat", "nbf"))
    if expires_at is None or expires_at <= now:
        raise InvalidToken("exp is missing or over")
    if any(begin is not None and begin > now + CLOCK_LEEWAY for begin in (issued_at, begins_at)):
        raise InvalidToken("nbf or iat is in the future")
    if issuer.audience and issuer.audience.isdisjoint(_audience(claims)):
        raise InvalidToken("aud does not have the audience")
    for claim, values in issuer.required.items():
        if not _has_one(claims.get(claim), values):
            raise InvalidToken(f"the claim {claim} has none of the required values")
    _check_refused(claims, issuer.refuse)
    subject: Any = claims.get("sub")
    if not is_text(subject):
        raise InvalidToken(f"sub is not {TEXT}")
    return IssuerClaims(
        issuer.name,
        subject,
        expires_at,
        issued_at,
        claims.get("email"),
        claims.get("email_verified") is True,
        claims.get("name"),
    )


def _check_refused(claims: dict[str, Any], refuse: Conditions) -> None:
    for claim, values in refuse.items():
        if _has_one(claims.get(claim), values):
            raise InvalidToken(f"the claim {claim} has a refused value")


def _time(claims: dict[str, Any], name: str) -> float | None:
    if name not in claims:
        return None
    value = claims[name]
    if type(value) not in {int, float} or not 0 <= value < LAST_SECOND:
        raise InvalidToken(f"{name} is not a time")
    return float(value)


def _audience(claims: dict[str, Any]) -> list[str]:
    value = claims.get("aud")
    values: list[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in values):
        raise InvalidToken("aud is neither a string nor a list of strings")
    return values


def _has_one(claim: Any, values: frozenset[str | bool]) -> bool:
    """Whether a claim, or one element of a list, is one of the values; 1 is not true."""
    found = claim if isinstance(claim, list) else [claim]
    return any(isinstance(one, (str, bool)) and one in values for one in found)
