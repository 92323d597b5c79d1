"""The tokens that requests send as `Authorization: Bearer …`."""

from duly.core.api_tokens import PREFIX
from duly.core.tokens import AccessClaims, InvalidToken, Keyring
from duly.runtime.api_tokens import ApiTokens


class Bearers:
    """Reads every kind of token that a request may send."""

    def __init__(self, keyring: Keyring, api_tokens: ApiTokens) -> None:
        self._keyring = keyring
        self._api_tokens = api_tokens

    async def read(self, token: str) -> AccessClaims:
        """Check a token in full, except for whether it was revoked. Raise `InvalidToken`.

        What was read from the database may be as old as `api_tokens.MAX_AGE`.
        """
        if token.startswith(PREFIX):
            return await self._api_tokens.read(token)
        return self._keyring.read_access(token)

    async def read_again(self, token: str) -> AccessClaims:
        """Check a token whose end was announced. Raise `InvalidToken` unless it is valid again."""
        if token.startswith(PREFIX):
            return await self._api_tokens.read_again(token)
        raise InvalidToken
