"""One worker's copies of what other servers publish."""

import asyncio
import math
import time
from abc import ABC, abstractmethod
from contextvars import Context

from duly.core.errors import ServiceUnavailable
from duly.core.logging import log
from duly.runtime.fetching import FetchFailed
from duly.utils.printable import printable

FRESH = 3600.0
"""Seconds for which a copy is used before it is fetched again."""

USABLE = 24 * 3600.0
"""Seconds for which the last copy is used while the server does not respond."""

RETRY_INTERVAL = 10.0
"""Seconds after a fetch that failed until the next one."""


class Copy(ABC):
    """A copy of one document. One fetch runs at a time, and all requests wait for the same."""

    def __init__(self, server: str, *, event: str, unavailable: str) -> None:
        """`event` is logged of `server` after a fetch that failed; clients get `unavailable`."""
        self._server, self._event, self._unavailable = server, event, unavailable
        self._fetched_at = self._failed_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    @abstractmethod
    async def _replace(self) -> None:
        """Fetch the document. Raise `FetchFailed` or `ValueError`, and the last copy stays."""

    def close(self) -> None:
        """Stop fetching."""
        if self._fetching is not None:
            self._fetching.cancel()

    async def _keep_fresh(self) -> None:
        """Have the document fetched if that is due.

        Raise `ServiceUnavailable` if there is no copy, or if it is older than a day.
        """
        age = time.monotonic() - self._fetched_at
        if age >= USABLE:
            await self._refresh()
            if time.monotonic() - self._fetched_at >= USABLE:
                wait = self._failed_at + RETRY_INTERVAL - time.monotonic()
                raise ServiceUnavailable(self._unavailable, retry_after=max(1, math.ceil(wait)))
        elif age >= FRESH and self._failed_at > self._fetched_at:
            self._begin()  # the server does not respond: nobody waits for it
        elif age >= FRESH:
            await self._refresh()

    async def _refresh(self) -> None:
        """Wait for a fetch, unless the last one has just failed."""
        self._begin()
        if self._fetching is not None:
            await asyncio.shield(self._fetching)

    def _begin(self) -> None:
        if not self._is_fetching and time.monotonic() >= self._failed_at + RETRY_INTERVAL:
            # In a context of its own: it is not at the expense of one request.
            self._fetching = asyncio.create_task(self._fetch(), context=Context())

    @property
    def _is_fetching(self) -> bool:
        return self._fetching is not None and not self._fetching.done()

    async def _fetch(self) -> None:
        try:
            await self._replace()
        except (FetchFailed, ValueError) as error:
            self._failed_at = time.monotonic()
            log.warning(self._event, issuer=self._server, reason=printable(str(error)))
            return
        self._fetched_at, self._failed_at = time.monotonic(), float("-inf")
