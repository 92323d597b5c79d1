"""Where budgets are counted: in each worker's memory, or in a Redis that all workers share.

No wall clock of this machine takes part, so that setting it changes no budget: memory counts by
the monotonic clock, and counters in Redis lapse by the clock of Redis.
"""

import time
from typing import Any

from limits.aio.storage import RedisStorage, Storage

_SWEEP_INTERVAL = 10.0


def open_storage(uri: str) -> Storage:
    """The storage that `DULY_RATE_LIMIT_STORAGE` names: `memory`, or the URL of a Redis."""
    if uri == "memory":
        return MemoryStorage()
    return SharedStorage(
        f"async+{uri}", wrap_exceptions=True, implementation="redispy", socket_timeout=1
    )


async def close_storage(storage: Storage) -> None:
    """Close the connections of a shared storage."""
    if isinstance(storage, RedisStorage):
        bridge: Any = storage.bridge  # what it bridges to has no type
        await bridge.storage.aclose()


class SharedStorage(RedisStorage):
    """Counters in Redis. Their expiry is converted to the monotonic clock of this process."""

    STORAGE_SCHEME = ["duly+redis"]  # noqa: RUF012  # as the base class declares it

    async def get_expiry(self, key: str) -> float:
        """When the counter lapses, by `time.monotonic`."""
        seconds_left = await super().get_expiry(key) - time.time()
        return time.monotonic() + seconds_left


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
        """The count, 0 where there is none."""
        count, until = self._counters.get(key, (0, 0.0))
        return count if until > time.monotonic() else 0

    async def get_expiry(self, key: str) -> float:
        """When the counter lapses, by `time.monotonic`."""
        return self._counters.get(key, (0, time.monotonic()))[1]

    async def check(self) -> bool:
        """Memory is always there."""
        return True

    async def reset(self) -> int | None:
        """Forget all counters; gives how many there were."""
        count = len(self._counters)
        self._counters.clear()
        return count

    async def clear(self, key: str) -> None:
        """Forget one counter."""
        self._counters.pop(key, None)
