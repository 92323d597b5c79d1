"""The metrics of a worker. Imported only if `DULY_METRICS_PORT` is set.

In a worker of `duly serve`, prometheus_client keeps each value in a file that the supervisor reads:
see `duly.metrics_port`, which must have set the directory before this module is imported.
"""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from duly.core.errors import InternalError, QuotaExceeded, RateLimited, SecondFactorRequired
from duly.runtime.context import Context
from duly.runtime.outcomes import Outcome

_INTERVAL = 1.0
"""Seconds between two looks at what is counted. A worker that is killed loses what it has counted
since the last one.
"""

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_API = "/api/v1"
_SYNC = f"{_API}/sync"
_STREAM = f"{_API}/events"
"""It lasts for as long as its client wants."""

_WAYS = {
    f"{_API}/auth/login": "password",
    f"{_API}/auth/token": "password",
    f"{_API}/auth/factor": "second_factor",
    f"{_API}/auth/oidc/exchange": "provider",
}
_RESULTS: dict[int, str] = {200: "success", 401: "rejected", 429: "throttled"}
_ALL_RESULTS = (*_RESULTS.values(), "second_factor_required", "error")
_LIMITS = (
    *("requests", "turns", "streams", "exports"),
    *("sign_ins", "passwords", "registrations", "refreshes", "mails"),
)
_RESOURCES = ("tasks", "lists", "sections", "labels", "filters", "api_tokens")


class Metrics:
    """All metrics of one application."""

    def __init__(self) -> None:
        # A registry of its own: the supervisor reads the values from files, not from here.
        registry = CollectorRegistry()
        self._requests = Counter(
            "duly_requests",
            "Requests, by route template and status; 0: the client left before the response.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "duly_request_duration_seconds",
            "Duration of requests, except event streams, by route template.",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._sign_ins = Counter(
            "duly_sign_ins",
            "Attempts to sign in, by way and result.",
            ["way", "result"],
            registry=registry,
        )
        self._throttled = Counter(
            "duly_throttled_requests",
            "Requests that were rejected with 429, by limit.",
            ["limit"],
            registry=registry,
        )
        self._quota_hits = Counter(
            "duly_quota_hits",
            "Operations that were rejected because a quota was reached, by resource.",
            ["resource"],
            registry=registry,
        )
        self._internal_errors = Counter(
            "duly_internal_errors",
            "Requests that ended in 500, or were cut off, because of a bug.",
            registry=registry,
        )
        self._sync_pages = Counter(
            "duly_sync_pages",
            "Pages of sync that were sent; first: requested without a token, which begins a full sync.",
            ["kind"],
            registry=registry,
        )
        self._timeouts = Counter(
            "duly_database_timeouts",
            "Statements that were cancelled because they took too long, and waits for a connection.",
            ["kind"],
            registry=registry,
        )
        self._connections = Gauge(
            "duly_pool_connections",
            "Open database connections of all workers, by state.",
            ["state"],
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._capacity = Gauge(
            "duly_pool_capacity",
            "Database connections that all workers may open.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._waiting = Gauge(
            "duly_pool_waiting_requests",
            "Requests that wait for a database connection.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._streams = Gauge(
            "duly_open_streams",
            "Open event streams.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._tallies: dict[tuple[str, str | None, int], _Tally] = {}
        self._seen = {"statement": 0, "connection": 0}

    def record(self, outcome: Outcome) -> None:
        """Count a request."""
        key = outcome[:3]
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = _Tally()
        tally.buckets[bisect_left(_BUCKETS, outcome.seconds)] += 1
        tally.seconds += outcome.seconds
        if outcome.error is not None:
            self._record_error(outcome.error)
        elif outcome.route == _SYNC and outcome.status == HTTPStatus.OK:
            self._sync_pages.labels("next" if "token" in outcome.query else "first").inc()
        if outcome.route in _WAYS:
            self._sign_ins.labels(_WAYS[outcome.route], _result(outcome)).inc()

    def _record_error(self, error: Exception) -> None:
        if isinstance(error, RateLimited):
            self._throttled.labels(error.limit).inc()
        elif isinstance(error, QuotaExceeded):
            self._quota_hits.labels(error.details["what"]).inc()
        elif isinstance(error, InternalError):
            self._internal_errors.inc()

    @asynccontextmanager
    async def observing(self, context: Context) -> AsyncIterator[None]:
        """Look at the parts of the application once a second, and when the block ends."""
        self._begin()
        looking = asyncio.create_task(self._look_repeatedly(context))
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            self._look(context)

    def _begin(self) -> None:
        """Begin at 0: a rate does not include the increase that a series begins with."""
        for way in set(_WAYS.values()):
            for result in _ALL_RESULTS:
                self._sign_ins.labels(way, result)
        for limit in _LIMITS:
            self._throttled.labels(limit)
        for resource in _RESOURCES:
            self._quota_hits.labels(resource)
        for kind in ("first", "next"):
            self._sync_pages.labels(kind)

    async def _look_repeatedly(self, context: Context) -> None:
        while True:
            self._look(context)
            await asyncio.sleep(_INTERVAL)

    def _look(self, context: Context) -> None:
        self._add_requests()
        connections = context.pool.connections
        self._connections.labels("in_use").set(connections.in_use_count)
        self._connections.labels("idle").set(connections.idle_count)
        self._capacity.set(context.settings.pool_size)
        self._waiting.set(connections.queue_length)
        self._streams.set(context.hub.stream_count)
        counts = {"statement": connections.late_uses, "connection": connections.failed_waits}
        for kind, count in counts.items():
            self._timeouts.labels(kind).inc(count - self._seen[kind])
        self._seen = counts
        while context.quota_hits:
            resource, count = context.quota_hits.popitem()
            self._quota_hits.labels(resource).inc(count)

    def _add_requests(self) -> None:
        """Add what was counted since the last call. Writing each request down would cost much more
        than to count it.
        """
        tallies, self._tallies = self._tallies, {}
        for (method, route, status), tally in tallies.items():
            # Clients can send any method, and each would become a series.
            labels = method if method in _METHODS else "other", route or "none"
            self._requests.labels(*labels, str(status)).inc(sum(tally.buckets))
            if route == _STREAM:
                continue
            seconds = self._seconds.labels(*labels)
            seconds._sum.inc(tally.seconds)  # noqa: SLF001  # `observe` adds one at a time
            for bucket, count in zip(seconds._buckets, tally.buckets, strict=True):  # noqa: SLF001  # as above
                if count:
                    bucket.inc(count)


class _Tally:
    """Requests of one kind that were counted lately, by duration."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * (len(_BUCKETS) + 1)
        self.seconds = 0.0


def _result(outcome: Outcome) -> str:
    if isinstance(outcome.error, SecondFactorRequired):
        return "second_factor_required"
    return _RESULTS.get(outcome.status, "error")
