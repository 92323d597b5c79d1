"""Budgets: how often a user, an account or an address may do something."""

import math
import time
from dataclasses import dataclass
from typing import Literal

from limits import RateLimitItem, parse
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter

from duly.core.config import Settings
from duly.core.errors import RateLimited
from duly.runtime.counters import open_storage

_Question = Literal["hit", "test"]
_Count = tuple[RateLimitItem, tuple[str, ...]]
"""A budget and what is counted under it."""


_NAMES = {
    "register": "registrations",
    "refresh": "refreshes",
    "mail": "mails",
    "mail_to": "mails",
    "login": "sign_ins",
    "login_total": "sign_ins",
    "sign_in": "sign_ins",
}
"""The limit in the metrics, by the first part of the key that is counted."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The remaining budget of a limit. `window` and `reset` are in seconds."""

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
    """All rate limits. Methods that count or check raise `RateLimited` if a limit is reached.

    While a shared storage does not respond, each worker counts for itself.
    """

    def __init__(self, settings: Settings) -> None:
        self._storage = open_storage(settings.rate_limit_storage.get_secret_value())
        self._limiter = FixedWindowRateLimiter(self._storage)
        self._request = None if settings.rate_limit == "off" else parse(settings.rate_limit)
        self._login_account = parse(settings.login_account_limit)
        self._login_address = parse(settings.login_address_limit)
        self._login_total = parse(settings.login_total_limit)
        self._register = parse(settings.register_limit)
        self._refresh = parse(settings.refresh_limit)
        self._mail_account = parse(settings.mail_account_limit)
        self._mail_address = parse(settings.mail_address_limit)

    async def check_storage(self) -> None:
        """Log a shared storage that does not respond."""
        await self._storage.check()

    async def close(self) -> None:
        """Close the connections to the storage."""
        await self._storage.close()

    async def spend_request(self, user_id: str) -> Budget | None:
        """Count a request of a signed-in user. Return the remaining budget, or None without a limit."""
        if self._request is None:
            return None
        granted = await self._ask("hit", self._request, "request", user_id)
        budget = await self._budget(self._request, "request", user_id)
        if not granted:
            raise RateLimited(budget.reset, budget.headers, limit="requests")
        return budget

    async def spend_registration(self, address: str) -> None:
        """Count a registration from an address."""
        await self._require("hit", self._register, "register", address)

    async def spend_refresh(self, session_id: str) -> None:
        """Count a refresh of a session."""
        await self._require("hit", self._refresh, "refresh", session_id)

    async def spend_mail(self, account: str, address: str) -> None:
        """Count a mail to an account that was asked for from a network address."""
        await self._require("hit", self._mail_address, "mail", address)
        await self._require("hit", self._mail_account, "mail_to", account)

    async def check_login(self, account: str, address: str, *, is_known: bool) -> None:
        """Raise `RateLimited` if too many sign-ins have failed lately; count nothing.

        `is_known` says that the account's owner has signed in from this address: failures from
        other addresses then do not count.
        """
        for item, key in self._login_counts(account, address):
            if not (is_known and item is self._login_total):
                await self._require("test", item, *key)

    async def check_address(self, address: str) -> None:
        """Raise `RateLimited` if too many sign-ins from an address have failed lately."""
        await self._require("test", self._login_address, "login", address)

    async def reserve_login(self, account: str, address: str, *, is_known: bool) -> None:
        """Count a sign-in as failed before its outcome is known. Raise `RateLimited`.

        Otherwise, concurrent attempts, on any worker, could exceed the limits.
        """
        reserved: list[_Count] = []
        for item, key in self._login_counts(account, address):
            granted = await self._ask("hit", item, *key)
            reserved.append((item, key))
            if not granted and not (is_known and item is self._login_total):
                reset = (await self._budget(item, *key)).reset
                await self._refund(reserved)
                raise RateLimited(reset, limit=_NAMES[key[0]])

    async def refund_login(self, account: str, address: str) -> None:
        """Take back what `reserve_login` has counted: the sign-in succeeded."""
        await self._refund(self._login_counts(account, address))

    async def reserve_sign_in(self, address: str) -> None:
        """Count a sign-in at a provider as failed before its outcome is known."""
        await self._require("hit", self._login_address, "sign_in", address)

    async def refund_sign_in(self, address: str) -> None:
        """Take back what `reserve_sign_in` has counted: the sign-in succeeded."""
        await self._refund([(self._login_address, ("sign_in", address))])

    def _login_counts(self, account: str, address: str) -> list[_Count]:
        return [
            (self._login_account, ("login", account, address)),
            (self._login_address, ("login", address)),
            (self._login_total, ("login_total", account)),
        ]

    async def _refund(self, counts: list[_Count]) -> None:
        for item, key in counts:
            await _decrement(self._storage, item, key)

    async def _require(self, question: _Question, item: RateLimitItem, *key: str) -> None:
        if not await self._ask(question, item, *key):
            raise RateLimited((await self._budget(item, *key)).reset, limit=_NAMES[key[0]])

    async def _ask(self, question: _Question, item: RateLimitItem, *key: str) -> bool:
        return bool(await getattr(self._limiter, question)(item, *key))

    async def _budget(self, item: RateLimitItem, *key: str) -> Budget:
        window = await self._limiter.get_window_stats(item, *key)
        return Budget(
            limit=item.amount,
            window=item.get_expiry(),
            remaining=window.remaining,
            reset=max(0, math.ceil(window.reset_time - time.monotonic())),
        )


async def _decrement(storage: Storage, item: RateLimitItem, key: tuple[str, ...]) -> None:
    name = item.key_for(*key)
    if await storage.get(name) > 0:  # the window may have ended meanwhile
        await storage.incr(name, item.get_expiry(), amount=-1)
