"""The database time of a request: one limit for all its statements and waits together.

The middleware starts a budget for each request. The pool takes from it what each use of a
connection costs, so that a request that needs three statements ends as early as one that needs a
single one. Time spent elsewhere, such as hashing a password or receiving a body, has limits of
its own and is not charged.
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
    """The seconds of database time that are left."""

    __slots__ = ("remaining",)

    def __init__(self, seconds: float) -> None:
        self.remaining = seconds


_budget: ContextVar[TimeBudget | None] = ContextVar("time_budget", default=None)


def start(seconds: float) -> None:
    """Give the current request `seconds` of database time."""
    _budget.set(TimeBudget(seconds))


def lift() -> None:
    """Stop charging the current request: once its response has begun, it may be a long stream."""
    if budget := _budget.get():
        budget.remaining = math.inf


def remaining() -> float:
    """Return the seconds left to the current request; infinite outside of requests."""
    budget = _budget.get()
    return math.inf if budget is None else budget.remaining


def charge(seconds: float) -> None:
    """Take `seconds` from what is left to the current request."""
    if budget := _budget.get():
        budget.remaining -= seconds


async def wait_for(shared: asyncio.Future[Result]) -> Result:
    """Wait for work that other requests share, without cancelling it, as in `waiting`."""
    async with waiting():
        return await asyncio.shield(shared)


@asynccontextmanager
async def waiting() -> AsyncIterator[None]:
    """Charge the time of the block. Raises `TimeoutError` once the request's budget runs out."""
    began = time.monotonic()
    left = remaining()
    try:
        async with asyncio.timeout(None if math.isinf(left) else left):
            yield
    finally:
        charge(time.monotonic() - began)
