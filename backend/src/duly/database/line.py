"""The line of requests that have not begun, because many others wait for a connection."""

import asyncio
from collections import deque
from collections.abc import Callable

from duly.database.failures import NoConnection

_LONGEST_WAIT = 0.5
"""Seconds. If a new request would wait for longer, the line is too long."""
_SHORT = 560
"""Until many requests are refused, a line of as many is accepted, however long they wait: a thousand
connections to two workers are no overload."""
_MANY_REFUSED = 0.25
"""With more refused requests for each one that begins, the server is overloaded."""
_MAX_LENGTH = 2_000
_INTERVAL = 1.0
"""Seconds over which the rate is measured at which requests begin."""


class Overloaded(Exception):
    """Requests arrive faster than they can be served."""


class Line:
    """Requests wait here in order, and begin while there is room.

    Under overload the line is refused to new requests, so that those in it are served in time. If
    all of them waited, each would be served when its client has long given up.
    """

    def __init__(self, has_room: Callable[[], bool]) -> None:
        self._has_room = has_room
        self._turns: deque[asyncio.Future[None]] = deque()
        self._rate = 0.0  # of requests that began, a second, when others waited
        self._begun = self._refused = 0
        self._counted_since = 0.0
        self._is_overloaded = False
        self.is_too_long = False
        """Whether a new request would wait for too long. The rate of before counts in a pause."""

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
        if self.is_too_long:
            raise Overloaded
        loop = asyncio.get_running_loop()
        if not self._turns:
            self._begun, self._refused, self._counted_since = 0, 0, loop.time()
        turn: asyncio.Future[None] = loop.create_future()
        self._turns.append(turn)
        self._judge()
        timer = loop.call_at(deadline, _expire, turn)
        try:
            await turn
        finally:
            timer.cancel()
            self.advance()  # also if this request was given up after its turn had come

    def advance(self) -> None:
        """Let the first request begin if there is room. It lets the next one begin."""
        while self._turns and self._has_room():
            turn = self._turns.popleft()
            if turn.done():  # it was given up
                continue
            self._count(turn.get_loop().time())
            turn.set_result(None)
            break
        self._judge()

    def note_refused(self) -> None:
        """Count a request that was refused because the line is too long."""
        self._refused += 1

    def _judge(self) -> None:
        self._is_overloaded = self._is_overloaded and bool(self._turns)
        longest = _LONGEST_WAIT * self._rate
        if not self._is_overloaded:
            longest = max(_SHORT, longest)
        self.is_too_long = self.length >= min(_MAX_LENGTH, longest)

    def _count(self, now: float) -> None:
        """Count a request that begins."""
        self._begun += 1
        if now >= self._counted_since + _INTERVAL:
            self._rate = self._begun / (now - self._counted_since)
            self._is_overloaded = self._refused > _MANY_REFUSED * self._begun
            self._begun, self._refused, self._counted_since = 0, 0, now


def _expire(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_exception(NoConnection("the request's turn did not come"))
