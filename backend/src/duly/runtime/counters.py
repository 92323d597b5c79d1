"""Where rate limits are counted: in each worker's memory, or in a Redis that all workers share.

This machine's wall clock takes no part, so setting it changes no limit: memory counts by the
monotonic clock, and counters in Redis lapse by the clock of Redis.
"""

import time
from typing import TYPE_CHECKING

from limits.aio.storage import Storage

if TYPE_CHECKING:
    from duly.runtime.shared_counters import SharedStorage

_SWEEP_INTERVAL = 10.0


def open_storage(uri: str) -> "MemoryStorage | SharedStorage":
    """The storage that `DULY_RATE_LIMIT_STORAGE` names: `memory`, or the URL of a Redis."""
    if uri == "memory":
        return MemoryStorage()
    from duly.runtime.shared_counters import SharedStorage  # the client of Redis takes 6 MB

    return SharedStorage(uri)


class MemoryStorage(Storage):
    """Counters in memory that lapse by themselves.

    The library's own memory storage looks at every key after each hit: 650 µs a request with
    10,000 users. This one looks at them all once in ten seconds.
    """

    STORAGE_SCHEME = ["duly+memory"]  # noqa: RUF012  # as the base class declares it

    def __init__(self) -> None:
        super().__init__()
        self._counters: dict[str, tuple[int, float]] = {}
        self._swept_at = time.monotonic()

    @property
    def base_exceptions(self) -> type[Exception]:
        """Memory does not fail in any way of its own."""
        return ValueError

    async def close(self) -> None:
        """Nothing is to be closed."""

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add `amount`; a new counter lapses after `expiry` seconds."""
        now = time.monotonic()
        if now - self._swept_at > _SWEEP_INTERVAL:
            self._swept_at = now
            self._counters = {k: v for k, v in self._counters.items() if v[1] > now}
        count, until = self._counters.get(key, (0, 0.0))
        if until <= now:
            count, until = 0, now + expiry
        self._counters[key] = count + amount, until
        return count + amount

    async def get(self, key: str) -> int:
        """The count; 0 for an unknown key."""
        count, until = self._counters.get(key, (0, 0.0))
        return count if until > time.monotonic() else 0

    async def get_expiry(self, key: str) -> float:
        """When the counter expires, by `time.monotonic`."""
        return self._counters.get(key, (0, time.monotonic()))[1]

    async def check(self) -> bool:
        """Memory is always available."""
        return True

    async def reset(self) -> int | None:
        """Delete all counters and return how many there were."""
        count = len(self._counters)
        self._counters.clear()
        return count

    async def clear(self, key: str) -> None:
        """Delete one counter."""
        self._counters.pop(key, None)
