"""Password hashing, kept off the event loop and within bounds."""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from duly.core import password_hashes, time_budget
from duly.core.errors import RateLimited, ServiceUnavailable
from duly.utils.turns import Bounds, Crowded, FairTurns

Result = TypeVar("Result")

BOUNDS = Bounds(lane=30, group=60, total=200, seconds=8)
"""How many hashes may wait per account, per address and in all, and for how long.

At the default work factor a hash takes about a quarter of a second. An account with many waiting
has pauses, so its last ones are refused, while their requests still have time for a response.
"""

_REST = 2.0
"""How long an account with more sign-ins waiting pauses after each, in times of what that took: a
flood then leaves two thirds of a core to others.
"""

_RETRY_AFTER = 5
_NICENESS = 5
"""More is worse on a busy machine: each hash ends with the interpreter's lock in hand, and a thread
that is put off then puts off all requests.
"""


class PasswordWorkers:
    """A few threads that hash passwords. bcrypt lets go of the interpreter while it works.

    Hashes for requests are computed inside of a `turn`, which keeps one address, or one account,
    from holding up the others.
    """

    def __init__(self, threads: int, cost: int) -> None:
        self._cost = cost
        self._turns = FairTurns(threads, BOUNDS, _REST)
        self._executor = ThreadPoolExecutor(
            threads, thread_name_prefix="password", initializer=_yield_to_requests
        )
        self._executor.submit(password_hashes.dummy_hash, cost)

    def close(self) -> None:
        """End the threads once their work is done."""
        self._executor.shutdown()

    @property
    def waiting(self) -> int:
        """How many requests wait for a turn."""
        return self._turns.waiting

    def check_room(self, address: str, account: str) -> None:
        """Raise `RateLimited` if `turn` would, because too many wait for this account already.

        It costs nothing, so that a flood is refused before it reaches the database.
        """
        if not self._turns.has_room(address, account):
            raise RateLimited(_RETRY_AFTER, limit="passwords")

    @asynccontextmanager
    async def turn(self, address: str, account: str | None) -> AsyncIterator[None]:
        """A turn at the threads for the block; None is an account that does not exist yet.

        Addresses take turns, and so do the accounts tried from one address. Raises `RateLimited`
        if too many of the address wait already, and `ServiceUnavailable` if too many do in all.
        """
        try:
            async with time_budget.limited():
                await self._turns.acquire(address, account)
        except TimeoutError:
            raise ServiceUnavailable("Too many sign-ins at once. Retry shortly.") from None
        except Crowded as crowded:
            if crowded.is_own_share:
                raise RateLimited(_RETRY_AFTER, limit="passwords") from None
            raise ServiceUnavailable("Too many sign-ins at once. Retry shortly.") from None
        try:
            yield
        finally:
            self._turns.release(address, account)

    async def hash(self, password: str) -> str:
        """Hash a password at the set cost."""
        return await self._run(lambda: password_hashes.hash_password(password, self._cost))

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Check a password; None, for an unknown account, costs the same and never fits."""

        def check() -> bool:
            dummy = password_hashes.dummy_hash(self._cost)
            return (
                password_hashes.verify_password(password, hashed or dummy) and hashed is not None
            )

        return await self._run(check)

    def needs_rehash(self, hashed: str) -> bool:
        """Whether a hash was computed at another cost than the current setting."""
        return password_hashes.needs_rehash(hashed, self._cost)

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def _yield_to_requests() -> None:
    """Let the scheduler prefer the event loop; on Linux, niceness is a thread's own."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
