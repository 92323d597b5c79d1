"""The check that a signing key cannot be guessed."""

import re
from collections.abc import Iterator

MIN_SECRET_BYTES = 32
_MIN_DISTINCT = 8
_MAX_STRIDE = 4

# Keys from tutorials, and words that mark a key that nobody has replaced.
_WELL_KNOWN_SECRETS = frozenset(
    {
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "super-secret-jwt-token-with-at-least-32-characters-long",
        "your-256-bit-secret-your-256-bit-secret",
        "a-string-secret-at-least-256-bits-long",
    }
)
_PLACEHOLDER = re.compile(r"change.?(me|this|it)|your.?secret|example|placeholder", re.IGNORECASE)


def check_secret(secret: str) -> None:
    """Raise `ValueError` for a signing key that is short, well known, or easy to guess."""
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise ValueError(f"shorter than {MIN_SECRET_BYTES} bytes")
    if secret.lower() in _WELL_KNOWN_SECRETS or _PLACEHOLDER.search(secret):
        raise ValueError("well known or a placeholder")
    if len(set(secret)) < _MIN_DISTINCT or _is_repeated(secret) or _is_sequential(secret):
        raise ValueError("easy to guess, such as a repeated or sequential pattern")


def _is_repeated(text: str) -> bool:
    """Whether the text is a shorter one, repeated; the last time perhaps only in part."""
    return any(text[period:] == text[:-period] for period in range(1, len(text) // 2 + 1))


def _is_sequential(text: str) -> bool:
    """Whether most characters continue a sequence such as 0123 or, with a stride of 2, a1b2c3."""
    codes = [ord(character) for character in text]
    return any(
        2 * sum(a + c == 2 * b for a, b, c in _triples(codes, stride)) > len(codes)
        for stride in range(1, _MAX_STRIDE + 1)
    )


def _triples(codes: list[int], stride: int) -> Iterator[tuple[int, int, int]]:
    return zip(codes, codes[stride:], codes[2 * stride :], strict=False)
