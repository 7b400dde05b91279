"""Counters of the SCIM door, without any label that names a company."""

from __future__ import annotations

import asyncio
from collections import Counter as Counts

from prometheus_client import Counter, Histogram

REQUESTS = Counter("rollbook_scim_requests", "SCIM requests answered", ["method", "status"])
SECONDS = Histogram(
    "rollbook_scim_request_seconds",
    "Time from the request's headers to its answer",
    ["method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.6, 1, 5, 15),
)
PUBLISH_SECONDS = 1
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


_seen: list[tuple[str, int, float]] = []


def observe(method: str, status: int, seconds: float) -> None:
    """Counts one answer. It reaches the metrics within PUBLISH_SECONDS: what is done for many at once costs each a
    fraction.
    """
    if not _seen:
        asyncio.get_running_loop().call_later(PUBLISH_SECONDS, publish)
    _seen.append((method, status, seconds))


def publish() -> None:
    """Counts what was observed since the last time."""
    global _seen
    seen, _seen = _seen, []
    for (method, status), answers in Counts((method, status) for method, status, _ in seen).items():
        REQUESTS.labels(_named(method), str(status)).inc(answers)
    durations = {method: SECONDS.labels(_named(method)) for method in {method for method, _, _ in seen}}
    for method, _, seconds in seen:
        durations[method].observe(seconds)


def _named(method: str) -> str:
    return method if method in _METHODS else "other"
