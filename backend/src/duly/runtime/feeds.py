"""One user's changes, read and encoded once for all of the user's streams in this worker.

Without sharing, each change costs one query and one encoding per stream, and a user with many
streams slows down everybody else at the same worker.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from duly.database.scope import UserScope
from duly.services import sync

FIRST_LIMIT = 20
"""Changes that a stream reads at once while it is up to date."""

_MAX_LIMIT = 200
_PAGE_BYTES = 128 * 1024
"""Size of a page, unless its first change alone is larger. A stream holds one page in memory."""

_PIECE_BYTES = 16 * 1024
"""Size of what is sent at once. A slow reader must take one piece within the send timeout."""

_KEPT_BYTES = 64 * 1024
_PAGE_OVERHEAD = 1024
_LOOK_INTERVAL = 15.0

_WOKEN_AT_ONCE = 25
_PAUSE_PER_STREAM = 0.0004
"""Seconds: a user's streams leave the worker at least half of its time for other requests."""

Encode = Callable[[sync.Step], bytes]


@dataclass(frozen=True, slots=True)
class Page:
    """Encoded changes between two positions."""

    pieces: Sequence[bytes]
    start: sync.Position
    end: sync.Position
    has_more: bool
    generation: int
    """The generation of the feed when the page was read: it includes all changes up to then."""

    next_limit: int

    @property
    def size(self) -> int:
        """Bytes of memory that the page takes, roughly."""
        return _PAGE_OVERHEAD + sum(map(len, self.pieces))


class Subscription:
    """One stream's part in a feed. It must read a page of `generation` or later."""

    __slots__ = ("_woken", "feed", "generation")

    def __init__(self, feed: "Feed") -> None:
        self.feed = feed
        self.generation = feed.generation
        self._woken = asyncio.Event()

    def wake(self, generation: int) -> None:
        """Require a page of this generation."""
        self.generation = generation
        self._woken.set()

    async def wait(self, seconds: float) -> None:
        """Wait for the next `wake`, for at most that long."""
        self.feed.look()
        self._woken.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()


class Feed:
    """All streams of one user in this worker.

    Each wake-up starts a new generation. A stream that was woken needs a page read in that
    generation or later; the first stream to ask reads it, and the others share it.
    """

    def __init__(self, scope: UserScope) -> None:
        self._scope = scope
        self.generation = 0
        self.newest: int | None = None
        """The user's revision as last read."""
        self._subscriptions: dict[Subscription, None] = {}
        self._pages: dict[sync.Position, Page] = {}
        self._reads: dict[sync.Position, asyncio.Task[Page]] = {}
        self._woken_at = time.monotonic()
        self._waking: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._subscriptions)

    def subscribe(self) -> Subscription:
        """Add a stream."""
        subscription = Subscription(self)
        self._subscriptions[subscription] = None
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Remove a stream."""
        del self._subscriptions[subscription]
        if not self._subscriptions and self._waking is not None:
            self._waking.cancel()

    def wake(self) -> None:
        """Wake all streams, since something of the user's may have changed."""
        self.generation += 1
        self._woken_at = time.monotonic()
        if self._waking is None:
            self._waking = asyncio.create_task(self._wake_in_turn())

    def note(self, revision: int) -> None:
        """Wake all streams if a look has found a revision that was not read.

        A wake-up or a read in progress may cover it; if not, the next look finds it again.
        """
        is_busy = self._waking is not None or bool(self._reads)
        if not is_busy and (self.newest is None or self.newest < revision):
            self.wake()

    def look(self) -> None:
        """Wake all streams if nothing has for a while: an announcement may have been lost."""
        if time.monotonic() - self._woken_at >= _LOOK_INTERVAL:
            self.wake()

    async def _wake_in_turn(self) -> None:
        """Wake the streams a few at a time, until all have been woken for the last generation."""
        try:
            generation = None
            while generation != self.generation:
                generation = self.generation
                subscriptions = tuple(self._subscriptions)
                for start in range(0, len(subscriptions), _WOKEN_AT_ONCE):
                    some = subscriptions[start : start + _WOKEN_AT_ONCE]
                    for subscription in some:
                        subscription.wake(generation)
                    await asyncio.sleep(_PAUSE_PER_STREAM * len(some))
        finally:
            self._waking = None

    async def page(
        self, start: sync.Position, limit: int, generation: int, encode: Encode
    ) -> Page:
        """Return the changes after `start`, read by whichever stream asks first.

        A page of an older generation is returned if it was being read already; it is empty or
        followed by another one. Raises what `sync.read_changes` raises.
        """
        page = self._pages.get(start)
        if page is not None and (page.end != start or page.generation >= generation):
            return page
        read = self._reads.get(start)
        if read is None:
            read = asyncio.create_task(self._read(start, limit, encode))
            # A stream that ends cancels no query: that would need another connection, and
            # PgBouncer 1.18 can crash on it.
            read.add_done_callback(_retrieve)
            self._reads[start] = read
        return await asyncio.shield(read)

    async def _read(self, start: sync.Position, limit: int, encode: Encode) -> Page:
        generation = self.generation
        try:
            progress = await sync.read_changes(self._scope, start, limit)
        finally:
            del self._reads[start]
        page = _encoded(progress, start, generation, encode)
        if not page.has_more:
            self.newest = page.end.revision
        self._keep(page)
        return page

    def _keep(self, page: Page) -> None:
        """Keep the page for streams that come to its start later, and drop the oldest ones."""
        self._pages.pop(page.start, None)
        self._pages[page.start] = page
        size = sum(kept.size for kept in self._pages.values())
        for start in tuple(self._pages):
            if size <= _KEPT_BYTES:
                break
            size -= self._pages.pop(start).size


def _encoded(
    progress: sync.Progress, start: sync.Position, generation: int, encode: Encode
) -> Page:
    """Encode changes until the page is full; the rest is read again later."""
    pieces: list[bytes] = []
    piece = b""
    size = count = 0
    for step in progress.steps:
        event = encode(step)
        if count and size + len(event) > _PAGE_BYTES:
            break
        size += len(event)
        count += 1
        if piece and len(piece) + len(event) > _PIECE_BYTES:
            pieces.append(piece)
            piece = b""
        piece += event
    if piece:
        pieces.append(piece)
    is_cut = count < len(progress.steps)
    has_more = progress.has_more or is_cut
    return Page(
        pieces,
        start,
        progress.steps[count - 1].position if is_cut else progress.position,
        has_more,
        generation,
        _next_limit(count, size) if has_more else FIRST_LIMIT,
    )


def _next_limit(count: int, size: int) -> int:
    """Return how many changes fill the next page if they are as large as these."""
    return max(FIRST_LIMIT, min(_MAX_LIMIT, _PAGE_BYTES * count // size))


def _retrieve(read: "asyncio.Task[Page]") -> None:
    """Take the error of a read for which no stream waits any longer: asyncio would log it."""
    if not read.cancelled():
        read.exception()
