"""Base64url without padding (RFC 7515, 2), read strictly: one text for each sequence of bytes."""

import base64


def encode(raw: bytes) -> str:
    """Encode without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Decode; exactly one text stands for the same bytes. Raise `ValueError` for any other."""
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if encode(raw) != text:
        raise ValueError("not canonical base64url")
    return raw
