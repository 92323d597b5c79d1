"""What the metrics say about a moment: two looks at them, and the difference."""

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from duly.core.config import Settings
from duly.core.urls import local_url
from duly.utils.quantiles import quantile

_TIMEOUT = 5.0
_HEALTH = "/health/"


@dataclass(frozen=True, slots=True)
class Reading:
    """The metrics at one moment, as far as they are shown. Health checks are left out."""

    at: float
    values: Mapping[str, float]
    """Sums, by name."""

    requests: float = 0
    failures: float = 0
    """Responses with a status of 500 or more."""

    buckets: Mapping[float, float] = field(default_factory=dict)
    connections: Mapping[str, float] = field(default_factory=dict)
    """Open database connections, by state."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What happened between two readings."""

    requests: float
    """Each second."""

    failures: float
    """The share of all requests."""

    p99: float | None
    """In seconds; None without requests."""


def metrics_url(settings: Settings) -> str | None:
    """Return where the metrics are; None if they are nowhere."""
    if settings.metrics_port is None:
        return None
    return f"{local_url(settings.metrics_host, settings.metrics_port)}/metrics"


def is_ready(settings: Settings) -> bool | None:
    """Whether the service reaches its database; None if it does not respond."""
    try:
        url = f"{local_url(settings.host, settings.port)}/health/ready"
        return httpx.get(url, timeout=_TIMEOUT).is_success
    except httpx.HTTPError:
        return None


def read(url: str) -> Reading | None:
    """Read the metrics; None if nothing responds there, or something else does."""
    from prometheus_client.parser import text_string_to_metric_families

    try:
        response = httpx.get(url, timeout=_TIMEOUT)
        families = list(text_string_to_metric_families(response.text))
    except (httpx.HTTPError, ValueError):
        return None
    samples = [sample for family in families for sample in family.samples]
    if not any(sample.name == "duly_build_info" for sample in samples):
        return None
    values: dict[str, float] = defaultdict(float)
    buckets: dict[float, float] = defaultdict(float)
    connections: dict[str, float] = {}
    requests = failures = 0.0
    for sample in samples:
        if sample.labels.get("route", "").startswith(_HEALTH):
            continue
        values[sample.name] += sample.value
        if sample.name == "duly_requests_total":
            requests += sample.value
            failures += sample.value if sample.labels["status"].startswith("5") else 0
        elif sample.name == "duly_request_duration_seconds_bucket":
            buckets[float(sample.labels["le"])] += sample.value
        elif sample.name == "duly_pool_connections":
            connections[sample.labels["state"]] = sample.value
    return Reading(time.monotonic(), values, requests, failures, buckets, connections)


def rates(earlier: Reading, later: Reading) -> Rates:
    """Return what happened in between. If the service was restarted, what happened since then."""
    if later.requests < earlier.requests:
        earlier = Reading(earlier.at, {})
    requests = later.requests - earlier.requests
    buckets = {
        bound: count - earlier.buckets.get(bound, 0) for bound, count in later.buckets.items()
    }
    return Rates(
        requests / max(later.at - earlier.at, 1e-3),
        (later.failures - earlier.failures) / requests if requests else 0.0,
        quantile(0.99, buckets),
    )
