"""The time of a request: one limit for all that happens until its response begins.

The middleware starts it. Everything that can wait takes what is left of it: for the body, for a
turn, for a connection, for a statement, for a key that another request holds.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TypeVar

Result = TypeVar("Result")


class TimeBudget:
    """When the time of a request is over."""

    __slots__ = ("ends_at",)

    def __init__(self, seconds: float) -> None:
        self.ends_at = time.monotonic() + seconds


_budget: ContextVar[TimeBudget | None] = ContextVar("time_budget", default=None)


def start(seconds: float) -> None:
    """Give the current request `seconds` from now."""
    _budget.set(TimeBudget(seconds))


def lift() -> None:
    """Lift the limit of the current request: once its response has begun, it may be long."""
    if budget := _budget.get():
        budget.ends_at = math.inf


def remaining() -> float:
    """Return the seconds left to the current request; infinite outside of requests."""
    budget = _budget.get()
    return math.inf if budget is None else budget.ends_at - time.monotonic()


async def wait_for(shared: asyncio.Future[Result]) -> Result:
    """Wait for work that other requests share, without cancelling it, as in `limited`."""
    async with limited():
        return await asyncio.shield(shared)


@asynccontextmanager
async def limited() -> AsyncIterator[None]:
    """Raise `TimeoutError` once the time of the request is over."""
    left = remaining()
    async with asyncio.timeout(None if math.isinf(left) else left):
        yield
