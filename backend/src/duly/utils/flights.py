"""Work that concurrent callers share: one does it for all."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Flights(Generic[Result]):
    """The work in progress, by key."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, asyncio.Future[Result | None]] = {}

    async def share(
        self, key: Hashable, work: Callable[[], Awaitable[Result]], patience: float
    ) -> tuple[Result, bool]:
        """Return the result of `work`, and whether it is that of a caller who started earlier.

        If that caller fails, the next one tries. Raises `TimeoutError` if waiting for others
        takes longer than `patience`, in seconds.
        """
        async with asyncio.timeout(patience):
            while (flight := self._flights.get(key)) is not None:
                # A caller that stops waiting must not cancel the work of the others.
                result = await asyncio.shield(flight)
                if result is not None:
                    return result, True
        flight = self._flights[key] = asyncio.get_running_loop().create_future()
        result = None
        try:
            result = await work()
            return result, False
        finally:
            del self._flights[key]
            flight.set_result(result)
