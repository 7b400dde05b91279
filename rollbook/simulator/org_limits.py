"""The rate limit of the simulated org: so many requests a minute of its clock, and who sent more than that."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping

from rollbook.simulator.clock import Clock

WINDOW = 60  # seconds


class Limits:
    """One bucket for all addresses.

    `refusals` counts what was answered 429 for the limit; `violations` those of them that were sent although a
    429 had been answered before; `most_in_window` the most requests that came within one window.
    """

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self.per_minute = per_minute
        self.refusals = 0
        self.violations = 0
        self.most_in_window = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._warned = False
        self._reset = 0  # epoch seconds
        self._used = 0  # with what others use
        self._came = 0

    def count(self) -> bool:
        """Counts one request; False if it is over the limit."""
        with self._lock:
            self._roll_over()
            self._used += 1
            self._came += 1
            self.most_in_window = max(self.most_in_window, self._came)
            if self._used <= self.per_minute:
                return True
            self.refusals += 1
            self.violations += self._warned
            self._warned = True
            return False

    def spend(self, requests: int) -> None:
        """Somebody else's program uses up that much of the same limit."""
        with self._lock:
            self._roll_over()
            self._used += requests

    def shut(self, seconds: int) -> None:
        """Uses the limit up until so many seconds from now, and takes a 429 to be answered."""
        with self._lock:
            self._roll_over()
            self._reset = math.ceil(self._clock.time()) + seconds
            self._used = max(self._used, self.per_minute)
            self._warned = True

    def headers(self) -> Mapping[str, str]:
        with self._lock:
            return {
                "X-Rate-Limit-Limit": str(self.per_minute),
                "X-Rate-Limit-Remaining": str(max(0, self.per_minute - self._used)),
                "X-Rate-Limit-Reset": str(self._reset),
            }

    def _roll_over(self) -> None:
        now = self._clock.time()
        if now >= self._reset:
            self._reset = math.ceil(now) + WINDOW
            self._used = self._came = 0
