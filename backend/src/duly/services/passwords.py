"""Password hashing, kept off the event loop and within bounds."""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from duly.core import security
from duly.core.errors import ServiceUnavailable

Result = TypeVar("Result")

_MAX_WAITING = 200
_NICENESS = 5
"""More is worse on a busy machine: each hash ends with the interpreter's lock in hand, and a thread
that is put off then puts off all requests.
"""


class PasswordWorkers:
    """A few threads that hash passwords. bcrypt lets go of the interpreter while it works.

    Each call raises `ServiceUnavailable` when too many are waiting already.
    """

    def __init__(self, threads: int, cost: int) -> None:
        self._cost = cost
        self._waiting = 0
        self._executor = ThreadPoolExecutor(
            threads, thread_name_prefix="password", initializer=_yield_to_requests
        )
        self._executor.submit(security.decoy_hash, cost)

    def close(self) -> None:
        """End the threads once their work is done."""
        self._executor.shutdown()

    async def hash(self, password: str) -> str:
        """Hash a password at the set cost."""
        return await self._run(lambda: security.hash_password(password, self._cost))

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Check a password; None, for an unknown account, costs the same and never fits."""

        def check() -> bool:
            decoy = security.decoy_hash(self._cost)
            return security.verify_password(password, hashed or decoy) and hashed is not None

        return await self._run(check)

    def needs_rehash(self, hashed: str) -> bool:
        """Whether a hash was made at another cost than the one set now."""
        return security.needs_rehash(hashed, self._cost)

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._waiting >= _MAX_WAITING:
            raise ServiceUnavailable("Too many sign-ins are waiting. Retry shortly.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._waiting -= 1


def _yield_to_requests() -> None:
    """Let the scheduler prefer the event loop; on Linux, niceness is a thread's own."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
