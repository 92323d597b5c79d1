"""The tokens that requests send as `Authorization: Bearer …`."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from duly.core.api_tokens import PREFIX
from duly.core.config import Settings
from duly.core.tokens import AccessClaims, InvalidToken, Keyring
from duly.database.scope import AcrossUsers
from duly.runtime.api_tokens import ApiTokens

if TYPE_CHECKING:
    from duly.runtime.context import Client
    from duly.runtime.issuers import Issuers


class Bearers:
    """Reads every kind of token that a request may send."""

    def __init__(
        self, keyring: Keyring, api_tokens: ApiTokens, issuers: "Issuers | None" = None
    ) -> None:
        self._keyring = keyring
        self._api_tokens = api_tokens
        self._issuers = issuers

    async def read(self, token: str, client: "Callable[[], Client] | None" = None) -> AccessClaims:
        """Check a token in full, except for whether it was revoked.

        `client` returns who has sent it, for the events of an account that it creates.
        What was read from the database may be ten minutes old. Raise `InvalidToken`, and for tokens
        of other issuers what `Issuers.read` raises.
        """
        if token.startswith(PREFIX):
            return await self._api_tokens.read(token)
        if self._issuers is None or self._keyring.is_own(token):
            return self._keyring.read_access(token)
        return await self._issuers.read(token, client)

    async def read_again(
        self, token: str, client: "Callable[[], Client] | None" = None
    ) -> AccessClaims:
        """Check a token whose end was announced.

        For a session, that is final. For the others it means that what this worker remembers is
        stale, so the database is asked. Raise errors as above.
        """
        if token.startswith(PREFIX):
            return await self._api_tokens.read_again(token)
        if self._issuers is None or self._keyring.is_own(token):
            raise InvalidToken
        self._issuers.forget(token)
        return await self._issuers.read(token, client)


@asynccontextmanager
async def open_bearers(
    keyring: Keyring, settings: Settings, across_users: AcrossUsers
) -> AsyncIterator[Bearers]:
    """Open what reads tokens: Duly's own, and those of other issuers, if there are some."""
    api_tokens = ApiTokens(across_users, needs_verified_email=settings.require_verified_email)
    if settings.issuers is None:
        yield Bearers(keyring, api_tokens)
        return
    from duly.runtime.issuers import open_issuers  # it imports an HTTP client

    async with open_issuers(settings.issuers, across_users) as issuers:
        yield Bearers(keyring, api_tokens, issuers)
