"""How often one key may ask: a bucket of tokens for each, in this process alone. Doors say which keys, and answer 429.

A bucket exists only for a key that was found right: nobody empties the bucket of a key that they do not hold, and what
strangers send takes no memory. Several processes allow as many times over.
"""

from __future__ import annotations

import math
from datetime import datetime

MOST_BUCKETS = 4096


class RateLimit:
    """Each key may ask `burst` times at once, and `per_minute` times a minute in the long run."""

    def __init__(self, *, per_minute: int, burst: int) -> None:
        self.per_minute = per_minute
        self.burst = burst
        self._rate = per_minute / 60
        self._buckets: dict[str, tuple[float, datetime]] = {}  # how many tokens were left, and when

    def knows(self, key: str) -> bool:
        """Whether the key was found right lately; others are asked of the database first."""
        return key in self._buckets

    def take(self, key: str, now: datetime) -> int:
        """Takes a token of a key that was found right: 0, or the whole seconds until there is one again."""
        left, since = self._buckets.get(key, (float(self.burst), now))
        passed = max(0.0, (now - since).total_seconds())  # a clock may be set back
        left = min(float(self.burst), left + passed * self._rate)
        if left < 1:
            self._buckets[key] = (left, now)
            return max(1, math.ceil((1 - left) / self._rate))
        if key not in self._buckets and len(self._buckets) >= MOST_BUCKETS:
            self._forget_full(now)
        self._buckets[key] = (left - 1, now)
        return 0

    def _forget_full(self, now: datetime) -> None:
        """A bucket that is full again says no more than none."""
        for key, (left, since) in list(self._buckets.items()):
            if left + (now - since).total_seconds() * self._rate >= self.burst:
                del self._buckets[key]
