"""JSON Web Signatures (RFC 7515), read strictly, and checked by an algorithm that the caller chose."""

from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from duly.utils import base64url, encoding

MAX_TOKEN_BYTES = 8192

# joserfc warns at each use of `EdDSA`, the former name of `Ed25519` (RFC 9864) that issuers use.
_OTHER_NAMES = {"EdDSA": "Ed25519"}


@dataclass(frozen=True, slots=True)
class Jws:
    """A token whose signature has not been checked yet."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes

    def is_signed_by(self, key: Any, algorithm: str) -> bool:
        """Whether the signature is that of a key of joserfc's; `algorithm` must be fit for it."""
        try:
            return _algorithm(algorithm).verify(self.signed, self.signature, key) is True
        except (JoseError, ValueError):
            return False


def read(token: str) -> Jws:
    """Parse a token in the compact form. Raise `ValueError` for anything else.

    Header and claims must be JSON objects without repeated members.
    """
    segments = token.split(".")
    if len(token) > MAX_TOKEN_BYTES or len(segments) != 3:  # noqa: PLR2004  # header, claims, signature
        raise ValueError("not a token")
    header, claims, signature = map(base64url.decode, segments)
    parts = encoding.decode(header), encoding.decode(claims)
    if not all(isinstance(part, dict) for part in parts):
        raise ValueError("not JSON objects")
    return Jws(*parts, token.rpartition(".")[0].encode(), signature)


def write(header_segment: str, claims: dict[str, Any], key: Any, algorithm: str) -> str:
    """Sign claims, below a header that is encoded already."""
    signed = f"{header_segment}.{base64url.encode(encoding.encode(claims))}"
    signature = _algorithm(algorithm).sign(signed.encode(), key)
    return f"{signed}.{base64url.encode(signature)}"


def _algorithm(name: str) -> Any:
    return JWSRegistry.algorithms[_OTHER_NAMES.get(name, name)]
