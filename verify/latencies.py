"""Durations of batches, counted in constant memory."""

from __future__ import annotations

import math

_FIRST_S = 0.001
BUCKET_RATIO = 1.1
_BUCKETS = 130
"""From 1 ms to beyond 200 s; 1.1 ** 130 is about 240,000."""


class Latencies:
    """Counts durations in constant memory: a histogram whose buckets grow by a tenth, as exact as percentiles are."""

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self.count = 0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        index = 0 if seconds <= _FIRST_S else int(math.log(seconds / _FIRST_S, BUCKET_RATIO)) + 1
        self._counts[min(index, _BUCKETS - 1)] += 1
        self.count += 1

    def percentile_ms(self, percent: float) -> float:
        """Milliseconds within which `percent` of the durations lie; 0 without any."""
        wanted = self.count * percent / 100
        so_far = 0
        for index, count in enumerate(self._counts):
            so_far += count
            if count and so_far >= wanted:
                return round(_FIRST_S * BUCKET_RATIO**index * 1000, 1)
        return 0.0

    def buckets(self) -> list[tuple[float, int]]:
        """(upper bound in milliseconds, count) of the buckets that hold anything, for pictures."""
        return [(round(_FIRST_S * BUCKET_RATIO**i * 1000, 1), n) for i, n in enumerate(self._counts) if n]
