"""The tokens that requests send as `Authorization: Bearer …`."""

from duly.core.tokens import AccessClaims, Keyring


class Bearers:
    """Reads every kind of token that a request may send."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    async def read(self, token: str) -> AccessClaims:
        """Check a token in full, except for whether it was revoked. Raise `InvalidToken`."""
        return self._keyring.read_access(token)
