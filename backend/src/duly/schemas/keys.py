"""Public keys (RFC 7517)."""

from typing import Annotated, Literal

from pydantic import Field

from duly.schemas.base import ResponseBody


class PublicKey(ResponseBody):
    """A key with which access tokens of Duly can be verified (RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: Annotated[str, Field(description="The public key, in base64url.")]
    kid: Annotated[str, Field(description="Its thumbprint (RFC 7638), which tokens name.")]
    use: Literal["sig"]
    alg: Literal["EdDSA"]


class PublicKeySet(ResponseBody):
    """The public keys: the one that signs first, then earlier ones that are still accepted."""

    keys: list[PublicKey]
