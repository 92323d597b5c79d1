"""One worker's copy of the keys of another issuer."""

import time
from collections.abc import Awaitable, Callable

from duly.core.issuers import Issuer
from duly.core.key_sets import KeySet, PublicKey, find_key, read_key_set
from duly.core.logging import log
from duly.core.tokens import InvalidToken
from duly.runtime.copies import RETRY_INTERVAL, Copy

LOOKUP_INTERVAL = 300.0
"""Seconds between two fetches because of a `kid` that is unknown, whoever sends it."""

Fetch = Callable[[str], Awaitable[bytes]]


class IssuerKeys(Copy):
    """The keys of one issuer."""

    def __init__(self, issuer: Issuer, fetch: Fetch) -> None:
        super().__init__(
            issuer.name,
            event="issuer.keys_unavailable",
            unavailable="The keys of the token's issuer are unavailable. Retry shortly.",
        )
        self.issuer = issuer
        self.known: KeySet = ()
        """Replaced by another object if the keys have changed, and only then."""
        self._fetch_url = fetch
        self._looked_up_at = float("-inf")

    async def find(self, algorithm: str, kid: str | None) -> PublicKey:
        """Return the key of a token.

        Raise `InvalidToken` if the issuer has no such key, and `ServiceUnavailable` if its keys
        are unknown, or older than a day.
        """
        await self._keep_fresh()
        key = find_key(self.known, algorithm, kid)
        if key is None and self._may_look_up():
            await self._refresh()
            key = find_key(self.known, algorithm, kid)
        if key is None:
            raise InvalidToken("the issuer has no key for it, or more than one")
        return key

    def _may_look_up(self) -> bool:
        """Whether a request may wait for a fetch because of an unknown key."""
        if self._is_fetching:
            return True
        now = time.monotonic()
        if now < max(self._looked_up_at + LOOKUP_INTERVAL, self._failed_at + RETRY_INTERVAL):
            return False
        self._looked_up_at = now
        return True

    async def _replace(self) -> None:
        keys = read_key_set(await self._fetch_url(self.issuer.jwks_url), self.issuer.algorithms)
        if not keys:
            log.warning("issuer.no_usable_keys", issuer=self.issuer.name)
        if keys != self.known:
            self.known = keys
            log.info("issuer.keys_changed", issuer=self.issuer.name, count=len(keys))
