"""The requests of all clients: when they were sent, and how they ended."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

CUT = 0
"""The status of a request whose connection ended without a response."""
HUNG = -1
"""The status of a request without a response in the time that a response may take."""
BIN = 0.5
"""Seconds of one point of the timeline."""
_LOOK = 0.02


@dataclass(frozen=True, slots=True)
class Sample:
    """The end of a request."""

    client: int
    ended: float
    status: int
    is_write: bool

    @property
    def is_acknowledged(self) -> bool:
        """Whether the response confirms a write."""
        return self.is_write and 200 <= self.status < 300

    @property
    def is_failure(self) -> bool:
        """Whether the client has to repeat the request."""
        return self.status in {CUT, HUNG} or self.status >= 500


@dataclass
class Timeline:
    """Acknowledged writes over the time in which clients were running, and the faults."""

    bins: Counter[int] = field(default_factory=Counter)
    marks: list[tuple[float, str]] = field(default_factory=list)
    seconds: float = 0.0


class Load:
    """Lets clients run and pause, and keeps what they note.

    `samples` are those of the current round.
    """

    def __init__(self, clients: int, timeline: Timeline) -> None:
        self.clients = clients
        self.timeline = timeline
        self.samples: list[Sample] = []
        self.findings: list[str] = []
        """Responses that no client may get."""
        self.is_over = False
        self._running = asyncio.Event()
        self._busy = 0
        self._resumed_at = 0.0

    def note(self, client: int, status: int, *, is_write: bool) -> None:
        """Note the end of a request."""
        sample = Sample(client, time.monotonic(), status, is_write)
        self.samples.append(sample)
        if sample.is_acknowledged:
            self.timeline.bins[int(self._place(sample.ended) / BIN)] += 1

    def mark(self, fault: str) -> None:
        """Mark a fault in the timeline."""
        self.timeline.marks.append((self._place(time.monotonic()), fault))

    async def turn(self) -> bool:
        """Wait until clients may run. Returns whether this one still should."""
        await self._running.wait()
        if not self.is_over:
            self._busy += 1
        return not self.is_over

    def rest(self) -> None:
        """End what `turn` began."""
        self._busy -= 1

    def resume(self) -> None:
        """Let the clients run, and begin a round."""
        self.samples = []
        self._resumed_at = time.monotonic()
        self._running.set()

    async def pause(self, limit: float) -> bool:
        """Let each client end its write, and stop. Returns whether all did so in time."""
        self._running.clear()
        did = await until(lambda: self._busy == 0, limit)
        self.timeline.seconds = self._place(time.monotonic())
        return did

    def end(self) -> None:
        """Let the clients end."""
        self.is_over = True
        self._running.set()

    def acknowledged(self, since: float, before: float = float("inf")) -> list[Sample]:
        """The writes that were confirmed in a period of this round."""
        return [one for one in self.samples if one.is_acknowledged and since <= one.ended < before]

    def are_all_served(self, since: float) -> bool:
        """Whether each client has had a write confirmed since then."""
        return len({one.client for one in self.acknowledged(since)}) == self.clients

    def recovered_at(self, since: float) -> float:
        """When each client had been served since then, and the last failed request had ended."""
        first: dict[int, float] = {}
        for one in self.acknowledged(since):
            first.setdefault(one.client, one.ended)
        if len(first) < self.clients:
            return float("inf")
        failed = [one.ended for one in self.samples if one.is_failure and one.ended > since]
        return max([*first.values(), *failed])

    def _place(self, moment: float) -> float:
        return self.timeline.seconds + moment - self._resumed_at


async def until(condition: Callable[[], bool], limit: float) -> bool:
    """Wait for a condition. Returns whether it came about in time."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_LOOK)
    return True
