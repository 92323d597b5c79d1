"""Keys by which names are compared (case-insensitive)."""

from duly.utils.normalization import nfc


def name_key(name: str) -> str:
    """Return what two names that count as the same have in common."""
    return nfc(nfc(name).casefold())
