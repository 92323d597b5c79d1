"""An authenticator in software, which can also do what no real one does."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import sha256, websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

from tests.support.accounts import API, Account

ORIGIN = "http://localhost:8000"
_FLAGS = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV

Json = dict[str, Any]


@dataclass
class Passkey:
    """A passkey on a device. It counts its signatures if `count` is not None."""

    user_handle: bytes = b""
    credential_id: bytes = field(default_factory=lambda: uuid4().bytes)
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    count: int | None = None

    def register(self, options: Json, **changes: Any) -> Json:
        """What a browser returns for the options of a new passkey."""
        self.user_handle = websafe_decode(options["user"]["id"])
        cose = changes.pop("cose", None) or ES256.from_cryptography_key(self.key.public_key())  # type: ignore[no-untyped-call]  # fido2
        credential = AttestedCredentialData.create(Aaguid.NONE, self.credential_id, cose)
        flags = changes.pop("flags", _FLAGS) | AuthenticatorData.FLAG.AT
        rp_id = changes.pop("rp_id", options["rp"]["id"])
        data = AuthenticatorData.create(sha256(rp_id.encode()), flags, self._next(), credential)
        attestation = AttestationObject.create("none", data, {})
        client_data = _client_data("webauthn.create", options, changes)
        response = {
            "clientDataJSON": websafe_encode(client_data),
            "attestationObject": websafe_encode(attestation),
        }
        return self._json(response)

    def sign(self, options: Json, **changes: Any) -> Json:
        """What a browser returns for a challenge."""
        flags = changes.pop("flags", _FLAGS)
        rp_id = changes.pop("rp_id", options["rpId"])
        count = changes.pop("count", None)
        counted = self._next() if count is None else count
        user_handle = changes.pop("user_handle", self.user_handle)
        key = changes.pop("key", self.key)
        data = AuthenticatorData.create(sha256(rp_id.encode()), flags, counted)
        client_data = _client_data("webauthn.get", options, changes)
        signature = key.sign(data + client_data.hash, ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": websafe_encode(client_data),
            "authenticatorData": websafe_encode(data),
            "signature": websafe_encode(signature),
            "userHandle": None if user_handle is None else websafe_encode(user_handle),
        }
        return self._json(response)

    def _next(self) -> int:
        if self.count is None:
            return 0
        self.count += 1
        return self.count

    def _json(self, response: Json) -> Json:
        id_ = websafe_encode(self.credential_id)
        return {
            "id": id_,
            "rawId": id_,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }


def _client_data(kind: str, options: Json, changes: Json) -> CollectedClientData:
    made = {
        "type": kind,
        "challenge": options["challenge"],
        "origin": ORIGIN,
        "cross_origin": False,
    } | changes
    return CollectedClientData.create(**made)


async def enroll(account: Account, name: str = "Laptop") -> Json:
    """A passkey that is to be created."""
    body = {"type": "passkey", "name": name}
    answer = await account.post("/users/me/factors", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def confirm(account: Account, enrolled: Json, credential: Json) -> httpx.Response:
    path = f"/users/me/factors/{enrolled['id']}/confirm"
    return await account.post(path, {"credential": credential})


async def add_passkey(account: Account, passkey: Passkey | None = None) -> Passkey:
    """A passkey that counts."""
    passkey, enrolled = passkey or Passkey(), await enroll(account)
    answer = await confirm(account, enrolled, passkey.register(enrolled["options"]))
    assert answer.status_code == 200, answer.text
    return passkey


async def begin(account: Account) -> Json:
    """A challenge for a passkey alone."""
    answer = await account.client.post(f"{API}/auth/passkey")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def details_of(account: Account) -> Json:
    """The details of the error that the right password gets."""
    body = {"email": account.email, "password": account.password}
    answer = await account.client.post(f"{API}/auth/login", json=body)
    assert answer.status_code == 401, answer.text
    return dict(answer.json()["error"]["details"])


async def send(account: Account, challenge: Json, assertion: Json) -> httpx.Response:
    body = {"challenge": challenge["challenge"], "assertion": assertion}
    return await account.client.post(f"{API}/auth/factor", json=body)
