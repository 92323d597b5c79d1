"""Quantiles of a histogram, as Prometheus computes them."""

import math
from collections.abc import Mapping


def quantile(share: float, buckets: Mapping[float, float]) -> float | None:
    """Return the value that a `share` of the observations does not exceed; None without any.

    `buckets` maps upper bounds, of which one is infinite, to how many observations do not exceed
    them. Within a bucket, observations are taken to be spread evenly. Beyond the largest finite
    bound, the result is that bound.
    """
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0
    if total <= 0:
        return None
    rank = share * total
    lower, below = 0.0, 0.0
    for bound in bounds:
        count = buckets[bound]
        if count >= rank and count > below:
            if math.isinf(bound):
                return lower
            return lower + (bound - lower) * (rank - below) / (count - below)
        lower, below = bound, count
    return lower
