"""Codes of authenticator apps (RFC 6238: SHA-1, 6 digits, 30 seconds), and recovery codes."""

import hashlib
import re
import secrets
import time

import pyotp

TOLERANCE = 1
"""Steps before and after the current one whose codes are accepted."""

RECOVERY_CODES = 10

_CODE = re.compile(r"[0-9]{6}")
# Crockford's base 32: no letter that looks like a digit.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_GROUPS, _GROUP = 4, 4
_LOOK_ALIKE = str.maketrans("oil", "011")
_SEPARATORS = re.compile(r"[\s-]")


def now() -> float:
    """The time of this machine, in Unix seconds.

    It only bounds how old a code may be. That none works twice depends on its counter alone, so
    machines whose clocks differ agree on it.
    """
    return time.time()


def new_secret() -> str:
    """Return a secret of 160 bits in base 32."""
    return pyotp.random_base32()


def uri_of(secret: str, email: str) -> str:
    """Return the `otpauth` URI that apps read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Duly")


def counter_of(secret: str, code: str) -> int | None:
    """Return the counter that a code is for, or None if it is for none of the present."""
    text = _SEPARATORS.sub("", code)
    if not _CODE.fullmatch(text):
        return None
    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(
            text, for_time=now(), valid_window=TOLERANCE
        )
    except pyotp.OTPVerificationError:
        return None


def new_recovery_codes() -> list[str]:
    """Return ten different codes of 80 bits, in groups that people can type."""
    return [_new_recovery_code() for _ in range(RECOVERY_CODES)]


def _new_recovery_code() -> str:
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def digest_of(recovery_code: str) -> bytes:
    """Return the hash that is stored instead of a recovery code: the same however it is typed."""
    text = _SEPARATORS.sub("", recovery_code).casefold().translate(_LOOK_ALIKE)
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
