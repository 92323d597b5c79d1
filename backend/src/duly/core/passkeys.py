"""Passkeys (WebAuthn): options for browsers, and checks of what authenticators have signed.

Passkeys are discoverable and verify their user. Attestation is not asked for.
"""

import hashlib
import ipaddress
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from fido2 import cbor
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.utils import websafe_decode
from fido2.webauthn import (
    Aaguid,
    AttestationConveyancePreference,
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from duly.core.config import Settings
from duly.core.tokens import Challenge, Keyring

MAX_CREDENTIAL_ID = 1023
"""Bytes, as WebAuthn limits it."""

MAX_PUBLIC_KEY = 4096
"""Bytes; those of ML-DSA-87, the largest, are 2,592."""

# RFC 8230.
_KEY_TYPE, _RSA, _RSA_MODULUS = 1, 3, -1
_RSA_BYTES = range(2048 // 8, 8192 // 8 + 1)

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_REQUIRED = UserVerificationRequirement.REQUIRED

logging.getLogger("fido2").setLevel(logging.WARNING)  # it logs ids of credentials

Json = dict[str, Any]


class InvalidPasskey(Exception):
    """What a browser sent is not the signature that was asked for."""


@dataclass(frozen=True, slots=True)
class Passkey:
    """What is stored of a passkey."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """For whom passkeys are created: a host, and the origins whose pages may use them."""

    id: str
    origins: frozenset[str]

    def creation_options(
        self, user_id: UUID, email: str, challenge: bytes, existing: Sequence[bytes]
    ) -> Json:
        """Return what `parseCreationOptionsFromJSON` takes."""
        options, _ = self._server.register_begin(
            PublicKeyCredentialUserEntity(id=user_id.bytes, name=email, display_name=email),
            credentials=[*map(_descriptor, existing)],
            resident_key_requirement=ResidentKeyRequirement.REQUIRED,
            user_verification=_REQUIRED,
            challenge=challenge,
        )
        return _plain(options.public_key)

    def request_options(self, challenge: bytes, credential_ids: Sequence[bytes] = ()) -> Json:
        """Return what `parseRequestOptionsFromJSON` takes. Without ids, the user chooses a passkey."""
        options, _ = self._server.authenticate_begin(
            credentials=[*map(_descriptor, credential_ids)],
            user_verification=_REQUIRED,
            challenge=challenge,
        )
        return _plain(options.public_key)

    def read_registration(self, response: Json, challenges: Sequence[bytes]) -> Passkey:
        """Check a new passkey, which must have signed one of `challenges`. Raise `InvalidPasskey`."""
        try:
            client_data = RegistrationResponse.from_dict(response).response.client_data
            challenge = next(one for one in challenges if one == client_data.challenge)
            found = self._server.register_complete(self._state(challenge), response)
            credential = found.credential_data
            assert credential is not None
            algorithm = credential.public_key[3]
            key = cbor.encode(dict(credential.public_key))
        except Exception:  # noqa: BLE001  # a parser of hostile bytes fails in many ways
            raise InvalidPasskey from None
        if (
            algorithm not in _ALGORITHMS
            or client_data.cross_origin
            or not 0 < len(credential.credential_id) <= MAX_CREDENTIAL_ID
            or len(key) > MAX_PUBLIC_KEY
            or not _is_usable(credential.public_key)
        ):
            raise InvalidPasskey
        return Passkey(credential.credential_id, key, found.counter)

    def check_assertion(
        self, response: Json, challenge: bytes, passkey: Passkey, user_id: UUID
    ) -> int:
        """Check that a passkey has signed `challenge`, and return its count of signatures.

        Raise `InvalidPasskey`, also if the count shows that the passkey was copied.
        """
        try:
            key = CoseKey.parse(cbor.decode(passkey.public_key))  # type: ignore[arg-type]  # a map
            credential = AttestedCredentialData.create(Aaguid.NONE, passkey.credential_id, key)
            self._server.authenticate_complete(self._state(challenge), [credential], response)
            signed = AuthenticationResponse.from_dict(response).response
        except Exception:  # noqa: BLE001  # as above
            raise InvalidPasskey from None
        count = signed.authenticator_data.counter
        if signed.client_data.cross_origin or signed.user_handle not in {None, user_id.bytes}:
            raise InvalidPasskey
        if count <= passkey.sign_count and (count, passkey.sign_count) != (0, 0):
            raise InvalidPasskey
        return count

    def _state(self, challenge: bytes) -> Any:
        _, state = self._server.authenticate_begin(
            user_verification=_REQUIRED, challenge=challenge
        )
        return state

    @property
    def _server(self) -> Fido2Server:
        return Fido2Server(
            PublicKeyCredentialRpEntity(id=self.id, name="Duly"),
            AttestationConveyancePreference.NONE,
            verify_origin=self.origins.__contains__,
        )


def relying_party_of(settings: Settings) -> RelyingParty | None:
    """Return the relying party of a service, or None if it has no name that passkeys can be bound to.

    It is the host of the public URL, or `localhost` for a server that listens on the loopback only.
    """
    url = settings.public_url
    if url is None and settings.host in _LOOPBACK:
        url = f"http://localhost:{settings.port}"
    host = urlsplit(url or "").hostname
    if url is None or host is None or _is_address(host):
        return None
    origins = {_origin_of(url), *settings.cors_origins}
    return RelyingParty(host, frozenset(one for one in origins if _is_within(one, host)))


def credential_id_of(response: Mapping[str, Any]) -> bytes:
    """Return the id of the credential that a browser names. Raise `InvalidPasskey`."""
    try:
        return websafe_decode(response["rawId"])
    except Exception:  # noqa: BLE001  # as above
        raise InvalidPasskey from None


def challenge_to_sign(challenge: Challenge) -> bytes:
    """Return what a passkey must sign for a challenge of a sign-in, and for no other."""
    return hashlib.sha256(b"passkey " + challenge.token.encode()).digest()


def challenges_to_enroll(keyring: Keyring, user_id: UUID, factor_id: UUID) -> list[bytes]:
    """Return what a new passkey must sign: by the current key, then by each earlier one."""
    content = user_id.bytes + factor_id.bytes
    return [
        hashlib.sha256(key + content).digest() for key in keyring.derive("passkey to be enrolled")
    ]


_ALGORITHMS = frozenset(CoseKey.supported_algorithms())


def _is_usable(key: CoseKey) -> bool:
    """Whether a key can verify signatures, in a reasonable time."""
    if key[_KEY_TYPE] == _RSA and len(key[_RSA_MODULUS]) not in _RSA_BYTES:
        return False
    try:
        key.verify(b"", b"")
    except InvalidSignature:
        return True
    except Exception:  # noqa: BLE001  # as above
        return False
    return False


def _descriptor(credential_id: bytes) -> PublicKeyCredentialDescriptor:
    return PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=credential_id)


def _plain(options: Any) -> Json:
    """Return the JSON of options as dicts and lists."""
    plain: Json = json.loads(json.dumps(dict(options), default=dict))
    return plain


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _origin_of(url: str) -> str:
    parts = urlsplit(url.lower())
    default = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in {None, default} else f":{parts.port}"
    return f"{parts.scheme}://{parts.hostname}{port}"


def _is_within(origin: str, host: str) -> bool:
    name = urlsplit(origin).hostname or ""
    return name == host or name.endswith(f".{host}")
