"""Password hashes: bcrypt over SHA-384."""

import base64
import hashlib
import secrets
import unicodedata
from functools import lru_cache

import bcrypt


def hash_password(password: str, cost: int) -> str:
    """Hash a password with bcrypt over SHA-384, so that all its characters count."""
    return bcrypt.hashpw(_digest_of(password), bcrypt.gensalt(cost)).decode()


def verify_password(password: str, hashed: str) -> bool:
    """Check a password. Return False if `hashed` is malformed."""
    try:
        return bcrypt.checkpw(_digest_of(password), hashed.encode())
    except ValueError:
        return False


@lru_cache(maxsize=16)
def dummy_hash(cost: int) -> str:
    """A hash that no password matches, so that an unknown account costs the same work."""
    return hash_password(secrets.token_urlsafe(48), cost)


def needs_rehash(hashed: str, cost: int) -> bool:
    """Whether a stored hash has another work factor than the setting."""
    return not hashed.startswith(f"$2b${cost:02d}$")


def _digest_of(password: str) -> bytes:
    # NFKC, as NIST SP 800-63B advises: the same characters match however a keyboard encodes them.
    text = unicodedata.normalize("NFKC", password).encode()
    return base64.b64encode(hashlib.sha384(text).digest())
