"""Rate limits counted in a Redis that all workers share."""

import time
from typing import Any
from urllib.parse import urlsplit

from limits.aio.storage import RedisStorage, Storage
from limits.errors import StorageError
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from duly.core.logging import log
from duly.runtime.counters import MemoryStorage

_RETRY_INTERVAL = 2.0
"""Seconds to count in memory before a Redis that failed is tried again."""


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
        self.name = _name_of(uri)
        self._is_away = False
        self._retry_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """Errors of Redis are handled here."""
        return ValueError

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def ping(self) -> None:
        """Wait for a response of Redis. Raise `RedisError`."""
        await self._client.ping()

    async def check(self) -> bool:
        """Whether Redis responds; if it does not, log so."""
        try:
            await self.ping()
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
                storage=self.name,
                reason=str(error),
                hint="each worker counts for itself until it is back; "
                "if it should be there, check DULY_RATE_LIMIT_STORAGE",
            )

    def _note_return(self) -> None:
        if self._is_away:
            self._is_away = False
            log.warning("throttle.storage_available", storage=self.name)


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
