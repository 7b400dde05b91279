"""What was asked of the simulated org, credentials left out: requests, attempts to write, how many at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the org saw it; `number` counts from 1."""

    method: str
    path: str
    query: Mapping[str, str]
    number: int
    at: datetime


class Log:
    """The last requests, every one that was no GET, and counts of all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests: deque[Request] = deque(maxlen=REMEMBERED)
        self.writes: list[Request] = []
        self.count = 0
        self.in_flight = 0
        self.most_in_flight = 0

    def note(self, method: str, path: str, query: Mapping[str, str], at: datetime) -> Request:
        with self._lock:
            self.count += 1
            request = Request(method, path, query, self.count, at)
            self.requests.append(request)
            if method != "GET":
                self.writes.append(request)
        return request

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Counts a request from its first line to the last byte of its answer."""
        with self._lock:
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            yield
        finally:
            with self._lock:
                self.in_flight -= 1

    def clear(self) -> None:
        """Forgets the requests and counts anew; the numbers go on."""
        with self._lock:
            self.requests.clear()
            self.writes.clear()
            self.most_in_flight = self.in_flight
