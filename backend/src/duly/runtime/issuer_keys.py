"""One worker's copy of the keys of another issuer."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from contextvars import Context

from duly.core.errors import ServiceUnavailable
from duly.core.issuers import Issuer
from duly.core.key_sets import KeySet, PublicKey, find_key, read_key_set
from duly.core.logging import log
from duly.core.tokens import InvalidToken
from duly.runtime.key_fetching import FetchFailed
from duly.utils.printable import printable

FRESH = 3600.0
"""Seconds for which keys are used before they are fetched again."""

USABLE = 24 * 3600.0
"""Seconds for which the last keys are used while the issuer does not respond."""

LOOKUP_INTERVAL = 300.0
"""Seconds between two fetches because of a `kid` that is unknown, whoever sends it."""

RETRY_INTERVAL = 10.0
"""Seconds after a fetch that failed until the next one."""

Fetch = Callable[[str], Awaitable[bytes]]


class IssuerKeys:
    """The keys of one issuer. One fetch runs at a time, and all requests wait for the same."""

    def __init__(self, issuer: Issuer, fetch: Fetch) -> None:
        self.issuer = issuer
        self.known: KeySet = ()
        """Replaced by another object if the keys have changed, and only then."""
        self._fetch = fetch
        self._fetched_at = self._failed_at = self._looked_up_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, algorithm: str, kid: str | None) -> PublicKey:
        """Return the key of a token.

        Raise `InvalidToken` if the issuer has no such key, and `ServiceUnavailable` if its keys
        are unknown, or older than a day.
        """
        age = time.monotonic() - self._fetched_at
        if age >= USABLE:
            await self._refresh()
            if time.monotonic() - self._fetched_at >= USABLE:
                wait = self._failed_at + RETRY_INTERVAL - time.monotonic()
                raise ServiceUnavailable(
                    "The keys of the token's issuer are unavailable. Retry shortly.",
                    retry_after=max(1, math.ceil(wait)),
                )
        elif age >= FRESH and self._failed_at > self._fetched_at:
            self._begin()  # the issuer does not respond: nobody waits for it
        elif age >= FRESH:
            await self._refresh()
        key = find_key(self.known, algorithm, kid)
        if key is None and self._may_look_up():
            await self._refresh()
            key = find_key(self.known, algorithm, kid)
        if key is None:
            raise InvalidToken("the issuer has no key for it, or more than one")
        return key

    def close(self) -> None:
        """Stop fetching."""
        if self._fetching is not None:
            self._fetching.cancel()

    def _may_look_up(self) -> bool:
        """Whether a request may wait for a fetch because of an unknown key."""
        if self._is_fetching:
            return True
        now = time.monotonic()
        if now < max(self._looked_up_at + LOOKUP_INTERVAL, self._failed_at + RETRY_INTERVAL):
            return False
        self._looked_up_at = now
        return True

    async def _refresh(self) -> None:
        """Wait for a fetch, unless the last one has just failed."""
        self._begin()
        if self._fetching is not None:
            await asyncio.shield(self._fetching)

    def _begin(self) -> None:
        if not self._is_fetching and time.monotonic() >= self._failed_at + RETRY_INTERVAL:
            # In a context of its own: it is not at the expense of one request.
            self._fetching = asyncio.create_task(self._replace(), context=Context())

    @property
    def _is_fetching(self) -> bool:
        return self._fetching is not None and not self._fetching.done()

    async def _replace(self) -> None:
        """Fetch the keys. If that fails, the last ones stay."""
        try:
            keys = read_key_set(await self._fetch(self.issuer.jwks_url), self.issuer.algorithms)
        except (FetchFailed, ValueError) as error:
            self._failed_at = time.monotonic()
            log.warning(
                "issuer.keys_unavailable", issuer=self.issuer.name, reason=printable(str(error))
            )
            return
        self._fetched_at, self._failed_at = time.monotonic(), float("-inf")
        if not keys:
            log.warning("issuer.no_usable_keys", issuer=self.issuer.name)
        if keys != self.known:
            self.known = keys
            log.info("issuer.keys_changed", issuer=self.issuer.name, count=len(keys))
