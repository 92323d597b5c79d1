"""The keys that an issuer publishes (RFC 7517): which of them may verify which tokens."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from duly.utils import base64url, encoding

MAX_KEYS = 100

_MIN_RSA_BITS = 2048
_MAX_RSA_BITS = 8192
"""Larger ones make each check slow."""
_MAX_EXPONENT = 2**32

_ED25519 = frozenset({"EdDSA", "Ed25519"})
_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_OF_CURVES = {
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): _ED25519,
}
_MEMBERS = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y"), "OKP": ("kty", "crv", "x")}
_CLASSES = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key, and the algorithms that it may be used with."""

    kid: str | None
    algorithms: frozenset[str]
    thumbprint: str
    key: Any = field(compare=False)


KeySet = tuple[PublicKey, ...]


def read_key_set(document: bytes, algorithms: frozenset[str]) -> KeySet:
    """Return the keys that fit one of the `algorithms`; skip all others.

    Raise `ValueError` if the document is not a key set.
    """
    content = encoding.decode(document)
    entries = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise ValueError("not a JSON object with a list of keys")  # noqa: TRY004  # of a document
    if len(entries) > MAX_KEYS:
        raise ValueError(f"more than {MAX_KEYS} keys")
    keys = [_read_key(entry, algorithms) for entry in entries if isinstance(entry, dict)]
    return tuple(dict.fromkeys(key for key in keys if key is not None))


def find_key(keys: Iterable[PublicKey], algorithm: str, kid: str | None) -> PublicKey | None:
    """Return the only key that fits a token; None if there is none, or more than one."""
    fitting = [
        key for key in keys if algorithm in key.algorithms and (kid is None or key.kid == kid)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _read_key(entry: dict[str, Any], accepted: frozenset[str]) -> PublicKey | None:
    kid, kind = entry.get("kid"), entry.get("kty")
    algorithms = _algorithms_of(entry) & accepted
    if not algorithms or not isinstance(kid, str | None) or not isinstance(kind, str):
        return None
    public = {name: entry.get(name) for name in _MEMBERS[kind]}
    try:
        key: Any = _CLASSES[kind].import_key(public)  # type: ignore[attr-defined]  # they all have it
        return PublicKey(kid, algorithms, key.thumbprint(), key)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _algorithms_of(entry: dict[str, Any]) -> frozenset[str]:
    """Return the algorithms that a key may be used with, by all that it says of itself."""
    use, operations, named = entry.get("use"), entry.get("key_ops"), entry.get("alg")
    if use is not None and use != "sig":
        return frozenset()
    if operations is not None and not _includes(operations, "verify"):
        return frozenset()
    fitting = _fitting(entry)
    if named is None:
        return fitting
    if not isinstance(named, str) or named not in fitting:
        return frozenset()
    return _ED25519 if named in _ED25519 else frozenset({named})


def _fitting(entry: dict[str, Any]) -> frozenset[str]:
    kind, curve = entry.get("kty"), entry.get("crv")
    if kind == "RSA":
        return _RSA if _is_sound(entry) else frozenset()
    if not isinstance(kind, str) or not isinstance(curve, str):
        return frozenset()
    return _OF_CURVES.get((kind, curve), frozenset())


def _is_sound(entry: dict[str, Any]) -> bool:
    """Whether an RSA key is neither weak nor slow."""
    modulus, exponent = (_number(entry.get(name)) for name in ("n", "e"))
    return (
        _MIN_RSA_BITS <= modulus.bit_length() <= _MAX_RSA_BITS
        and 2 < exponent < _MAX_EXPONENT  # noqa: PLR2004  # 3 is the smallest that there is
        and exponent % 2 == 1
    )


def _number(text: Any) -> int:
    try:
        return int.from_bytes(base64url.decode(text), "big") if isinstance(text, str) else 0
    except ValueError:
        return 0


def _includes(values: Any, value: str) -> bool:
    return isinstance(values, list) and value in values
