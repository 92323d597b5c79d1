"""Where rate limits are counted: in each worker's memory, or in a Redis that all workers share.

This machine's wall clock takes no part, so setting it changes no limit: memory counts by the
monotonic clock, and counters in Redis lapse by the clock of Redis.
"""

import time
from typing import Any
from urllib.parse import urlsplit

from limits.aio.storage import RedisStorage, Storage
from limits.errors import StorageError
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from duly.core.logging import log

_SWEEP_INTERVAL = 10.0
_RETRY_INTERVAL = 2.0
"""Seconds to count in memory before a Redis that failed is tried again."""


def open_storage(uri: str) -> "MemoryStorage | SharedStorage":
    """The storage that `DULY_RATE_LIMIT_STORAGE` names: `memory`, or the URL of a Redis."""
    return MemoryStorage() if uri == "memory" else SharedStorage(uri)


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


class _Redis(RedisStorage):
    """Counters in Redis. Their expiry is converted to the monotonic clock of this process."""

    STORAGE_SCHEME = ["duly+redis"]  # noqa: RUF012  # as the base class declares it

    async def get_expiry(self, key: str) -> float:
        """When the counter expires, by `time.monotonic`."""
        seconds_left = await super().get_expiry(key) - time.time()
        return time.monotonic() + seconds_left


class SharedStorage(Storage):
    """Counters in a Redis. While it does not respond, each worker counts in its own memory.

    A Redis that is down is tried again every `_RETRY_INTERVAL` seconds, by one request; the
    others do not wait for it. Its going and its return are logged once each.
    """

    STORAGE_SCHEME = ["duly+redis"]  # noqa: RUF012  # as the base class declares it

    def __init__(self, uri: str) -> None:
        super().__init__()
        self._redis = _Redis(
            f"async+{_with_port(uri)}",
            wrap_exceptions=True,
            implementation="redispy",
            socket_timeout=1,
            # Once, for a connection that Redis closed while it was idle; by default three times,
            # with pauses of seconds.
            retry=Retry(NoBackoff(), 1),  # type: ignore[arg-type]  # passed on as it is
        )
        self._client: Any = self._redis.bridge.storage  # type: ignore[attr-defined]  # untyped
        self._memory = MemoryStorage()
        self._name = _name_of(uri)
        self._is_away = False
        self._retry_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """Errors of Redis are handled here."""
        return ValueError

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def check(self) -> bool:
        """Whether Redis responds; if it does not, log so."""
        try:
            await self._client.ping()
        except RedisError as error:
            self._note_failure(error)
        return not self._is_away

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count up; a new counter lapses after `expiry` seconds."""
        return int(await self._call("incr", key, expiry, amount))

    async def get(self, key: str) -> int:
        """The count; 0 for an unknown key."""
        return int(await self._call("get", key))

    async def get_expiry(self, key: str) -> float:
        """When the counter expires, by `time.monotonic`."""
        return float(await self._call("get_expiry", key))

    async def reset(self) -> int | None:
        """Forget all counters; return how many there were."""
        return int(await self._call("reset") or 0)

    async def clear(self, key: str) -> None:
        """Delete one counter."""
        await self._call("clear", key)

    async def _call(self, method: str, *arguments: Any) -> Any:
        is_retry = self._is_away
        if is_retry and time.monotonic() < self._retry_at:
            return await getattr(self._memory, method)(*arguments)
        # From here on the others count in memory, until this request knows more.
        self._retry_at = time.monotonic() + _RETRY_INTERVAL
        try:
            result = await getattr(self._redis, method)(*arguments)
        except StorageError as error:
            self._note_failure(error.storage_error)
            return await getattr(self._memory, method)(*arguments)
        # A request that began before the failure and ends after it is not a sign of a return.
        if is_retry:
            self._note_return()
        return result

    def _note_failure(self, error: Exception) -> None:
        self._retry_at = time.monotonic() + _RETRY_INTERVAL
        if not self._is_away:
            self._is_away = True
            log.warning(
                "throttle.storage_unavailable",
                storage=self._name,
                reason=str(error),
                hint="each worker counts for itself until it is back; "
                "if it should be there, check DULY_RATE_LIMIT_STORAGE",
            )

    def _note_return(self) -> None:
        if self._is_away:
            self._is_away = False
            log.warning("throttle.storage_available", storage=self._name)


def _with_port(uri: str) -> str:
    """The library does not know the usual port."""
    url = urlsplit(uri)
    if url.netloc and url.port is None:
        url = url._replace(netloc=f"{url.netloc.removesuffix(':')}:6379")
    return url.geturl()


def _name_of(uri: str) -> str:
    """A Redis without its user and password."""
    url = urlsplit(uri)
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"
