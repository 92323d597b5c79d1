"""Secrets that must be stored so that they can be read again: encrypted with the signing key."""

import hashlib
from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from duly.core.tokens import Keyring

KEY_ID_BYTES = 4


class UnreadableSecret(Exception):
    """It was encrypted with a key that is no longer among the keys, or it was altered."""


def key_id_of(keyring: Keyring) -> bytes:
    """Return what secrets that were encrypted with the current key begin with."""
    return hashlib.sha256(_keys(keyring)[0]).digest()[:KEY_ID_BYTES]


def seal(keyring: Keyring, secret: str) -> bytes:
    """Encrypt a secret with the current key."""
    return key_id_of(keyring) + Fernet(_keys(keyring)[0]).encrypt(secret.encode())


def unseal(keyring: Keyring, sealed: bytes) -> str:
    """Decrypt a secret, also one of an earlier key. Raise `UnreadableSecret`."""
    try:
        fernets = MultiFernet([Fernet(key) for key in _keys(keyring)])
        return fernets.decrypt(sealed[KEY_ID_BYTES:]).decode()
    except InvalidToken:
        raise UnreadableSecret from None


def _keys(keyring: Keyring) -> list[bytes]:
    return [urlsafe_b64encode(key) for key in keyring.derive("secret of a factor")]
