"""The line of requests that have not begun, because many others wait for a connection."""

import asyncio
from collections import deque
from collections.abc import Callable

from duly.database.failures import NoConnection

_LONGEST_WAIT = 0.75
"""Seconds. If the last request that began has waited for longer, the line is too long."""
_SHORT = 560
"""A line of as many is never too long: a thousand connections to two workers are no overload."""
_MAX_LENGTH = 2_000


class Overloaded(Exception):
    """Requests arrive faster than they can be served."""


class Line:
    """Requests wait here in order, and begin while there is room.

    Under overload the line is refused to new requests, so that those in it are served in time. If
    all of them waited, each would be served when its client has long given up.
    """

    def __init__(self, has_room: Callable[[], bool]) -> None:
        self._has_room = has_room
        self._turns: deque[tuple[asyncio.Future[None], float]] = deque()
        self._last_wait = 0.0

    @property
    def length(self) -> int:
        """How many wait."""
        return len(self._turns)

    @property
    def is_open(self) -> bool:
        """Whether a request can begin at once."""
        return not self._turns and self._has_room()

    async def wait(self, deadline: float) -> None:
        """Wait, in order, until there is room.

        Raises `Overloaded` at once if the line is too long, and `NoConnection` at `deadline`.
        """
        if self.is_open:
            return
        if self._is_too_long():
            raise Overloaded
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._turns.append((turn, loop.time()))
        timer = loop.call_at(deadline, _expire, turn)
        try:
            await turn
        finally:
            timer.cancel()
            self.advance()  # also if this request was given up after its turn had come

    def advance(self) -> None:
        """Let the first request begin if there is room. It lets the next one begin."""
        while self._turns and self._has_room():
            turn, since = self._turns.popleft()
            if not turn.done():
                self._last_wait = turn.get_loop().time() - since
                turn.set_result(None)
                return

    def _is_too_long(self) -> bool:
        return self.length >= _MAX_LENGTH or (
            self.length >= _SHORT and self._last_wait > _LONGEST_WAIT
        )


def _expire(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_exception(NoConnection("the request's turn did not come"))
