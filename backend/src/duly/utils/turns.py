"""A bounded queue that shares turns fairly: between groups first, then between a group's lanes."""

import asyncio
from collections import deque
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass


class Crowded(Exception):
    """The queue has no room, or no turn came in time.

    `is_own_share` says that others of the same group are waiting, so that a later attempt of this
    group is not held up by anybody else.
    """

    def __init__(self, *, is_own_share: bool) -> None:
        super().__init__()
        self.is_own_share = is_own_share


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many may wait in one lane, in one group and in all, and for how many seconds."""

    lane: int
    group: int
    total: int
    seconds: float


_Turn = asyncio.Future[None]
_Lanes = dict[Hashable, deque[_Turn]]


class FairTurns:
    """Up to `at_once` turns at a time, one of each lane, which therefore keeps its order.

    Groups take turns, and so do the lanes of a group: however many wait in one lane, another lane
    is next. If the queue is full, the last one in the longest lane leaves it for one whose own
    lane is shorter. After a turn, a lane in which others wait rests `rest` times as long as that
    turn took, so that a full lane leaves time to everything else.
    """

    def __init__(self, at_once: int, bounds: Bounds, rest: float = 0) -> None:
        self._free = at_once
        self._bounds = bounds
        self._rest = rest
        # The lanes that have a turn or rest, and when their turns began.
        self._running: dict[tuple[Hashable, Hashable], float] = {}
        # Both mappings are in the order of turns; a group or lane moves to the end after its turn.
        self._groups: dict[Hashable, _Lanes] = {}

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(_size, self._groups.values()))

    def has_room(self, group: Hashable, lane: Hashable) -> bool:
        """Whether one more may wait in a lane, as far as that lane's own bound goes."""
        return len(self._groups.get(group, {}).get(lane, ())) < self._bounds.lane

    async def acquire(self, group: Hashable, lane: Hashable) -> None:
        """Wait for a turn. Each must be ended with `release`. Raises `Crowded`."""
        if self._free and (group, lane) not in self._running:
            self._start(group, lane)
            return
        self._make_room(group, lane)
        turn: _Turn = asyncio.get_running_loop().create_future()
        self._groups.setdefault(group, {}).setdefault(lane, deque()).append(turn)
        try:
            async with asyncio.timeout(self._bounds.seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.release(group, lane)  # it came just as the wait was given up
            else:
                self._leave(group, lane, turn)
            if isinstance(error, TimeoutError):
                raise Crowded(is_own_share=group in self._groups) from None
            raise

    def release(self, group: Hashable, lane: Hashable) -> None:
        """End a turn and start the next one."""
        self._free += 1
        self._to_end(group, lane)
        loop = asyncio.get_running_loop()
        rest = self._rest * (loop.time() - self._running[group, lane])
        if rest and self._groups.get(group, {}).get(lane):
            loop.call_later(rest, self._end_rest, group, lane)
        else:
            del self._running[group, lane]
        self._start_next()

    def _end_rest(self, group: Hashable, lane: Hashable) -> None:
        del self._running[group, lane]
        self._start_next()

    def _start(self, group: Hashable, lane: Hashable) -> None:
        self._free -= 1
        self._running[group, lane] = asyncio.get_running_loop().time()

    def _start_next(self) -> None:
        while self._free and (found := self._next()):
            group, lane, turn = found
            self._leave(group, lane, turn)
            if turn.cancelled():
                continue
            self._to_end(group, lane)
            self._start(group, lane)
            turn.set_result(None)

    def _next(self) -> tuple[Hashable, Hashable, _Turn] | None:
        for group, lanes in self._groups.items():
            for lane, turns in lanes.items():
                if (group, lane) not in self._running:
                    return group, lane, turns[0]
        return None

    def _make_room(self, group: Hashable, lane: Hashable) -> None:
        """Let one more wait. Raises `Crowded` if no other has a larger share even after that."""
        lanes = self._groups.get(group, {})
        own = len(lanes.get(lane, ()))
        if not self.has_room(group, lane):
            raise Crowded(is_own_share=True)
        if _size(lanes) >= self._bounds.group:
            if len(_longest(lanes)) <= own + 1:
                raise Crowded(is_own_share=True)
            self._evict(group)
        elif self.waiting >= self._bounds.total:
            largest = max(self._groups, key=lambda name: _size(self._groups[name]))
            if _size(self._groups[largest]) <= _size(lanes) + 1:
                raise Crowded(is_own_share=bool(lanes))
            self._evict(largest)

    def _evict(self, group: Hashable) -> None:
        """Take the last one in the longest lane of a group out of the queue."""
        lanes = self._groups[group]
        lane = max(lanes, key=lambda name: len(lanes[name]))
        turn = lanes[lane][-1]
        self._leave(group, lane, turn)
        if not turn.cancelled():
            turn.set_exception(Crowded(is_own_share=True))

    def _leave(self, group: Hashable, lane: Hashable, turn: _Turn) -> None:
        lanes = self._groups.get(group, {})
        with suppress(KeyError, ValueError):
            lanes[lane].remove(turn)
            if not lanes[lane]:
                del lanes[lane]
            if not lanes:
                del self._groups[group]

    def _to_end(self, group: Hashable, lane: Hashable) -> None:
        if lanes := self._groups.pop(group, None):
            if turns := lanes.pop(lane, None):
                lanes[lane] = turns
            self._groups[group] = lanes


def _size(lanes: _Lanes) -> int:
    return sum(map(len, lanes.values()))


def _longest(lanes: _Lanes) -> deque[_Turn]:
    return max(lanes.values(), key=len)
