"""Budgets: how often a user, an account or an address may do something."""

import math
import time
from dataclasses import dataclass
from typing import Literal

from limits import RateLimitItem, parse
from limits.aio.strategies import FixedWindowRateLimiter

from duly.core.config import Settings
from duly.core.errors import RateLimited
from duly.services.counters import open_storage
from duly.utils.locks import KeyedLocks

_Question = Literal["hit", "test"]


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left of a budget. `window` and `reset` are in seconds."""

    limit: int
    window: int
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers."""
        return {
            "RateLimit-Policy": f'"default";q={self.limit};w={self.window}',
            "RateLimit": f'"default";r={self.remaining};t={self.reset}',
        }


class Throttle:
    """All rate limits. Each `spend_…` and `check_…` raises `RateLimited` when none is left.

    While a shared storage does not respond, each worker counts for itself.
    """

    def __init__(self, settings: Settings) -> None:
        self._storage = open_storage(settings.rate_limit_storage.get_secret_value())
        self._limiter = FixedWindowRateLimiter(self._storage)
        self.attempts = KeyedLocks()
        self._request = None if settings.rate_limit == "off" else parse(settings.rate_limit)
        self._login_account = parse(settings.login_account_limit)
        self._login_address = parse(settings.login_address_limit)
        self._register = parse(settings.register_limit)
        self._refresh = parse(settings.refresh_limit)

    async def check_storage(self) -> None:
        """Log a shared storage that does not respond."""
        await self._storage.check()

    async def close(self) -> None:
        """Close the connections to the storage."""
        await self._storage.close()

    async def spend_request(self, user_id: str) -> Budget | None:
        """Count a request of a signed-in user; tells what is left, or None without a limit."""
        if self._request is None:
            return None
        granted = await self._ask("hit", self._request, "request", user_id)
        budget = await self._budget(self._request, "request", user_id)
        if not granted:
            raise RateLimited(budget.reset, budget.headers)
        return budget

    async def spend_registration(self, address: str) -> None:
        """Count a registration from an address."""
        await self._require("hit", self._register, "register", address)

    async def spend_refresh(self, session_id: str) -> None:
        """Count a refresh of a session."""
        await self._require("hit", self._refresh, "refresh", session_id)

    async def check_login(self, account: str, address: str) -> None:
        """Raise `RateLimited` where too many sign-ins have failed lately; count nothing."""
        await self._require("test", self._login_account, "login", account, address)
        await self._require("test", self._login_address, "login", address)

    async def count_failed_login(self, account: str, address: str) -> None:
        """Count a sign-in that failed."""
        await self._ask("hit", self._login_account, "login", account, address)
        await self._ask("hit", self._login_address, "login", address)

    async def _require(self, question: _Question, item: RateLimitItem, *key: str) -> None:
        if not await self._ask(question, item, *key):
            raise RateLimited((await self._budget(item, *key)).reset)

    async def _ask(self, question: _Question, item: RateLimitItem, *key: str) -> bool:
        return bool(await getattr(self._limiter, question)(item, *key))

    async def _budget(self, item: RateLimitItem, *key: str) -> Budget:
        window = await self._limiter.get_window_stats(item, *key)
        return Budget(
            limit=item.amount,
            window=item.get_expiry(),
            remaining=window.remaining,
            reset=max(0, math.ceil(window.reset_time - time.time())),
        )
