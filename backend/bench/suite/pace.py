"""A load generator that keeps its rate, and measures from the time at which a request is due.

A generator that waits for each response before it sends the next request measures nothing while
the server stalls (coordinated omission). Here a thread triggers each request at its time, and one
whose connection is still busy waits in that connection's queue, as part of its latency.
"""

import asyncio
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import cast

import uvloop

from bench.suite.messages import COUNTER

_COUNTER = COUNTER.encode()
_PATIENCE = 15.0
_SWITCH_INTERVAL = 0.0002
_numbers = count(int(time.time()) % 10_000_000)


@dataclass
class Timings:
    """The result of one run. Latencies are in milliseconds and in order."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    served: list[float] = field(default_factory=list)
    """The latencies of successful requests only."""
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def errors(self) -> int:
        """The number of requests that failed; status 0 stands for a lost connection."""
        return sum(n for status, n in self.statuses.items() if not _is_success(status))

    @property
    def per_second(self) -> float:
        """Successful requests a second."""
        return (len(self.latencies) - self.errors) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the latency that `share` of the requests did not exceed."""
        return percentile(self.latencies, share)


def _is_success(status: int) -> bool:
    return 200 <= status < 400  # HTTP's own limits


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value that `share` of sorted values do not exceed."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def fresh(request: bytes) -> bytes:
    """Return the request with a number of its own if it has a counter."""
    return request.replace(_COUNTER, b"%08d" % (next(_numbers) % 100_000_000))


def drive(
    port: int, requests: Sequence[bytes], *, connections: int, seconds: float, rate: float | None
) -> Timings:
    """Send requests in turn at a constant rate, or without a pause if `rate` is None."""
    former = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL)  # the thread that triggers requests must not wait
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_drive(port, requests, connections, seconds, rate))
    finally:
        sys.setswitchinterval(former)


async def _drive(
    port: int, requests: Sequence[bytes], connections: int, seconds: float, rate: float | None
) -> Timings:
    loop = asyncio.get_running_loop()
    timings = Timings(seconds)
    took: Callable[[float, int], None] = partial(_note, timings)
    links = []
    for _ in range(connections):
        _, link = await loop.create_connection(lambda: _Link(took), "127.0.0.1", port)
        links.append(link)
    start = time.perf_counter() + 0.05
    end = start + seconds
    if rate is None:
        for number, link in enumerate(links):
            link.repeat(requests[number % len(requests) :: connections] or requests, end)
        await asyncio.sleep(end - time.perf_counter())
    else:
        thread = threading.Thread(target=_trigger, args=(loop, links, requests, start, end, rate))
        thread.start()
        await asyncio.to_thread(thread.join)
    deadline = time.perf_counter() + _PATIENCE
    for link in links:
        while link.is_busy and time.perf_counter() < deadline:  # noqa: ASYNC110  # an event would cost each request
            await asyncio.sleep(0.01)
    for link in links:
        link.close()
    timings.latencies.sort()
    timings.served.sort()
    return timings


def _note(timings: Timings, seconds: float, status: int) -> None:
    timings.latencies.append(seconds * 1000)
    timings.statuses[status] += 1
    if _is_success(status):
        timings.served.append(seconds * 1000)


def _trigger(  # noqa: PLR0917  # the arguments of a thread
    loop: asyncio.AbstractEventLoop,
    links: "Sequence[_Link]",
    requests: Sequence[bytes],
    start: float,
    end: float,
    rate: float,
) -> None:
    for number in count():
        due = start + number / rate
        if due >= end:
            return
        time.sleep(max(0.0, due - time.perf_counter()))
        request = fresh(requests[number % len(requests)])
        loop.call_soon_threadsafe(links[number % len(links)].put, request, due)


class _Link(asyncio.Protocol):
    """One keep-alive connection and the requests that are due on it."""

    def __init__(self, took: Callable[[float, int], None]) -> None:
        self._took = took
        self._waiting: deque[tuple[bytes, float]] = deque()
        self._due: float | None = None
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._next: Callable[[], bytes | None] = lambda: None

    @property
    def is_busy(self) -> bool:
        """Whether a response is awaited."""
        return self._due is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the requests that get no response as errors."""
        del exc
        self._transport = None
        while self._due is not None:
            self._finish(0)

    def put(self, request: bytes, due: float) -> None:
        """Send a request that is due, or queue it."""
        if self._due is None:
            self._send(request, due)
        else:
            self._waiting.append((request, due))

    def repeat(self, requests: Sequence[bytes], end: float) -> None:
        """Send one request after the other until `end`."""
        numbers = count()

        def following() -> bytes | None:
            return requests[next(numbers) % len(requests)] if time.perf_counter() < end else None

        self._next = following
        self._send(fresh(requests[next(numbers)]), time.perf_counter())

    def _send(self, request: bytes, due: float) -> None:
        self._due = due
        if self._transport is None:
            self._finish(0)
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take a piece of a response."""
        self._received += data
        if is_complete(self._received):
            status = int(self._received[9:12])
            self._received = b""
            self._finish(status)

    def _finish(self, status: int) -> None:
        assert self._due is not None
        self._took(time.perf_counter() - self._due, status)
        self._due = None
        if self._waiting:
            self._send(*self._waiting.popleft())
        elif self._transport is not None and (request := self._next()) is not None:
            self._send(fresh(request), time.perf_counter())

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()


def is_complete(received: bytes) -> bool:
    """Whether a response has arrived in full."""
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return False
    head = head.lower()
    if b"\r\ntransfer-encoding: chunked" in head:
        return body.endswith(b"0\r\n\r\n")
    length = head.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
    return head[9:12] in {b"204", b"304"} or len(body) >= int(length or b"0")
