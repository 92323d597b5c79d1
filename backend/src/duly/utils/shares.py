"""Turns of many owners, a few at a time for each, so that one of them leaves room for the others."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field

from duly.utils.turns import Crowded


@dataclass(frozen=True, slots=True)
class Terms:
    """What one owner may have.

    `at_once` turns run at a time; `waiting` others wait, for `seconds` at most. The cost
    of a turn is its duration, divided by the number of turns of all owners that run at its end,
    since they slow each other down. Cost beyond `grace` seconds is debt, which is forgiven at
    `forgiven` seconds per second.

    An owner whose debt exceeds `credit` has one turn at a time if anyone else was active within
    the last `memory` seconds. If more of its turns wait, it rests after each `rest` times as long
    as that turn exceeded `grace`, at most `longest_rest` seconds. So an owner that sends one
    request after the other never rests.
    """

    at_once: int
    waiting: int
    seconds: float
    grace: float
    forgiven: float
    credit: float
    rest: float
    longest_rest: float
    memory: float = 1.0
    rests_alone: bool = False
    """Rest also if no more turns wait."""


@dataclass(slots=True)
class _Owner:
    taken: int = 0
    debt: float = 0.0
    debt_at: float = 0.0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


_MAX_OWNERS = 10_000
"""Owners kept for their debt alone. Beyond this, idle ones are forgotten."""


class Shares:
    """Turns, bounded for each owner and not in all."""

    def __init__(self, terms: Terms, clock: Callable[[], float] = time.monotonic) -> None:
        self._terms = terms
        self._clock = clock
        self._owners: dict[Hashable, _Owner] = {}
        self._running = 0
        # When the owner who was active last was so, and when another one was.
        self._newest: Hashable = None
        self._newest_at = self._before_at = -float("inf")

    def waiting(self, owner: Hashable) -> int:
        """How many turns of an owner wait."""
        found = self._owners.get(owner)
        return len(found.waiting) if found else 0

    async def acquire(self, owner: Hashable) -> Callable[[], None]:
        """Wait for a turn and return a function that ends it; calling that again does nothing.

        Raises `Crowded` if too many turns of this owner wait, or none came in time.
        """
        end = self.take(owner)
        if end is not None:
            return end
        own = self._owners[owner]
        await self._wait(owner, own)
        return self._ending(owner, own)

    def take(self, owner: Hashable) -> Callable[[], None] | None:
        """Return a function that ends a turn, as `acquire` does, or None if no turn is free now."""
        self.note(owner)
        own = self._owners.get(owner)
        if own is None:
            self._forget_idle()
            own = self._owners[owner] = _Owner()
        if own.taken >= self._limit(owner, own):
            return None
        own.taken += 1
        return self._ending(owner, own)

    def note(self, owner: Hashable) -> None:
        """Note that an owner is active."""
        if owner != self._newest:
            self._newest, self._before_at = owner, self._newest_at
        self._newest_at = self._clock()

    def _limit(self, owner: Hashable, own: _Owner) -> int:
        return 1 if self._must_yield(owner, own) else self._terms.at_once

    def _must_yield(self, owner: Hashable, own: _Owner) -> bool:
        """Whether an owner has had more than its credit while others are active."""
        if self._debt(own) <= self._terms.credit:
            return False
        others_at = self._before_at if owner == self._newest else self._newest_at
        return others_at >= self._clock() - self._terms.memory

    def _debt(self, own: _Owner) -> float:
        return max(0.0, own.debt - (self._clock() - own.debt_at) * self._terms.forgiven)

    async def _wait(self, owner: Hashable, own: _Owner) -> None:
        if len(own.waiting) >= self._terms.waiting:
            raise Crowded(is_own_share=True)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        own.waiting.append(turn)
        try:
            async with asyncio.timeout(self._terms.seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._free(owner, own)  # it came just as the wait was given up
            else:
                with suppress(ValueError):
                    own.waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise Crowded(is_own_share=True) from None
            raise

    def _ending(self, owner: Hashable, own: _Owner) -> Callable[[], None]:
        began: float | None = self._clock()
        self._running += 1

        def end() -> None:
            nonlocal began
            if began is None:
                return
            cost = (self._clock() - began) / self._running
            self._running -= 1
            beyond = max(0.0, cost - self._terms.grace)
            began = None
            own.debt, own.debt_at = self._debt(own) + beyond, self._clock()
            rest = min(self._terms.rest * beyond, self._terms.longest_rest)
            is_pressing = bool(own.waiting) or self._terms.rests_alone
            if rest and is_pressing and self._must_yield(owner, own):
                asyncio.get_running_loop().call_later(rest, self._free, owner, own)
            else:
                self._free(owner, own)

        return end

    def _free(self, owner: Hashable, own: _Owner) -> None:
        own.taken -= 1
        limit = self._limit(owner, own)
        while own.waiting and own.taken < limit:
            turn = own.waiting.popleft()
            if not turn.done():
                own.taken += 1
                turn.set_result(None)

    def _forget_idle(self) -> None:
        if len(self._owners) >= _MAX_OWNERS:
            self._owners = {name: own for name, own in self._owners.items() if own.taken}
