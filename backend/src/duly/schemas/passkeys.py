"""What browsers send of passkeys (Web Authentication Level 3, 5.1: `toJSON()`).

Browsers add members of their own, so unknown ones are ignored. Nothing that is parsed further is
long: decoding CBOR takes time that grows with the square of its length.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from duly.schemas.base import RequestBody

_Encoded = Annotated[str, Field(max_length=8192, description="In base64url.")]


class PasskeyBody(RequestBody, extra="ignore"):
    """The members of a `PublicKeyCredential` that are the same for a new passkey and its use."""

    id: _Encoded
    raw_id: Annotated[_Encoded, Field(alias="rawId")]
    type: Literal["public-key"]

    def as_sent(self) -> dict[str, Any]:
        """Return the members under their names in the standard."""
        return self.model_dump(by_alias=True, exclude_none=True)


class AttestationResponse(RequestBody, extra="ignore"):
    """What an authenticator says of a new passkey."""

    client_data: Annotated[_Encoded, Field(alias="clientDataJSON")]
    attestation_object: Annotated[_Encoded, Field(alias="attestationObject")]


class NewPasskey(PasskeyBody):
    """A new passkey: what `toJSON()` of the browser's `PublicKeyCredential` returns."""

    response: AttestationResponse


class AssertionResponse(RequestBody, extra="ignore"):
    """What an authenticator has signed."""

    client_data: Annotated[_Encoded, Field(alias="clientDataJSON")]
    authenticator_data: Annotated[_Encoded, Field(alias="authenticatorData")]
    signature: _Encoded
    user_handle: Annotated[_Encoded | None, Field(alias="userHandle")] = None


class PasskeyAssertion(PasskeyBody):
    """The use of a passkey: what `toJSON()` of the browser's `PublicKeyCredential` returns."""

    response: AssertionResponse
