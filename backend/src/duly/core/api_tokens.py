"""The form of API tokens: `duly_pat_`, 30 random characters, and 6 that are their checksum.

The checksum tells a typing error or junk from a token without a query, and lets scanners find
leaked tokens. It protects nothing: the random characters are the secret.
"""

import hashlib
import re
import secrets
import string
import zlib

from duly.core.tokens import InvalidToken

PREFIX = "duly_pat_"

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET_LENGTH = 30
_CHECKSUM_LENGTH = 6
_FORM = re.compile(f"{PREFIX}([0-9A-Za-z]{{{_SECRET_LENGTH}}})([0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})")


def create() -> str:
    """Return a new token, of 178 random bits."""
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))
    return PREFIX + secret + checksum(secret)


def digest(token: str) -> bytes:
    """Return the hash that is stored instead of a token. Raise `InvalidToken` for any other text."""
    found = _FORM.fullmatch(token)
    if found is None or checksum(found[1]) != found[2]:
        raise InvalidToken
    return hashlib.sha256(token.encode()).digest()


def checksum(secret: str) -> str:
    """Return the CRC-32 of a token's random characters, in base 62."""
    rest, digits = zlib.crc32(secret.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        rest, digit = divmod(rest, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
