"""Budgets: how often a user, an account or an address may do something."""

import time
from collections.abc import Iterable

from limits import RateLimitItem, parse
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter

from duly.core.config import Settings
from duly.core.errors import RateLimited
from duly.utils.locks import KeyedLocks

_SWEEP_INTERVAL = 10.0


class Throttle:
    """All budgets of one worker. Each `spend_…` raises `RateLimited` once there is none left."""

    def __init__(self, settings: Settings) -> None:
        self._limiter = FixedWindowRateLimiter(_CounterStorage())
        self.attempts = KeyedLocks()
        self._request = None if settings.rate_limit == "off" else parse(settings.rate_limit)
        self._login_account = parse(settings.login_account_limit)
        self._login_address = parse(settings.login_address_limit)
        self._register = parse(settings.register_limit)
        self._refresh = parse(settings.refresh_limit)

    async def spend_request(self, user_id: str) -> None:
        """Count a request of a signed-in user."""
        if self._request is not None:
            await self._spend(self._request, "request", user_id)

    async def spend_registration(self, address: str) -> None:
        """Count a registration from an address."""
        await self._spend(self._register, "register", address)

    async def spend_refresh(self, session_id: str) -> None:
        """Count a refresh of a session."""
        await self._spend(self._refresh, "refresh", session_id)

    async def check_login(self, account: str, address: str) -> None:
        """Raise `RateLimited` where too many sign-ins have failed lately; count nothing."""
        for item, *key in self._login_budgets(account, address):
            if not await self._limiter.test(item, *key):
                await self._refuse(item, *key)

    async def count_failed_login(self, account: str, address: str) -> None:
        """Count a sign-in that failed."""
        for item, *key in self._login_budgets(account, address):
            await self._limiter.hit(item, *key)

    def _login_budgets(
        self, account: str, address: str
    ) -> Iterable[tuple[RateLimitItem, str, str, str] | tuple[RateLimitItem, str, str]]:
        return (
            (self._login_account, "login", account, address),
            (self._login_address, "login", address),
        )

    async def _spend(self, item: RateLimitItem, *key: str) -> None:
        if not await self._limiter.hit(item, *key):
            await self._refuse(item, *key)

    async def _refuse(self, item: RateLimitItem, *key: str) -> None:
        window = await self._limiter.get_window_stats(item, *key)
        raise RateLimited(int(window.reset_time - time.time()) + 1)


class _CounterStorage(Storage):
    """Counters in memory that lapse by themselves.

    The library's own memory storage looks at every key after each hit: 650 µs a request with
    10,000 users. This one looks at them all once in ten seconds.
    """

    STORAGE_SCHEME = ["duly+counters"]  # noqa: RUF012  # as the base class declares it

    def __init__(self) -> None:
        super().__init__()
        self._counters: dict[str, tuple[int, float]] = {}
        self._swept_at = time.time()

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = time.time()
        if now - self._swept_at > _SWEEP_INTERVAL:
            self._swept_at = now
            self._counters = {k: v for k, v in self._counters.items() if v[1] > now}
        count, until = self._counters.get(key, (0, 0.0))
        if until <= now:
            count, until = 0, now + expiry
        self._counters[key] = count + amount, until
        return count + amount

    async def get(self, key: str) -> int:
        count, until = self._counters.get(key, (0, 0.0))
        return count if until > time.time() else 0

    async def get_expiry(self, key: str) -> float:
        return self._counters.get(key, (0, time.time()))[1]

    async def check(self) -> bool:
        return True

    async def reset(self) -> int | None:
        count = len(self._counters)
        self._counters.clear()
        return count

    async def clear(self, key: str) -> None:
        self._counters.pop(key, None)
