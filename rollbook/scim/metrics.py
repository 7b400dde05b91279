"""Counters of the SCIM door, without any label that names a company."""

from __future__ import annotations

from functools import lru_cache

from prometheus_client import Counter, Histogram

REQUESTS = Counter("rollbook_scim_requests", "SCIM requests answered", ["method", "status"])
SECONDS = Histogram(
    "rollbook_scim_request_seconds",
    "Time from the request's headers to its answer",
    ["method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.6, 1, 5, 15),
)
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


@lru_cache(maxsize=256)
def _children(method: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(method, str(status)), SECONDS.labels(method)


def observe(method: str, status: int, seconds: float) -> None:
    """Counts one answer."""
    requests, duration = _children(method if method in _METHODS else "other", status)
    requests.inc()
    duration.observe(seconds)
