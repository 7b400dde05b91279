"""How fast Okta may be asked: never more than half of the limit that its answers show. Pure; conversation.py sleeps.

Okta's instants are counted from the answer's own Date, so that it does not matter what our clock shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from rollbook import clock

LONGEST_SECONDS = 900.0  # Okta's windows last a minute; an instant farther off is no such instant
MARGIN_SECONDS = 1.0  # both instants are whole seconds
MOST_BACKOFF_SECONDS = 30.0


class Pace:
    """When the next request may go. Instants are the caller's, in seconds: a clock that only goes forward.

    Okta counts by kind of address. One state for all of them waits now and then for nothing, and is right as well where
    they share one limit.
    """

    def __init__(self) -> None:
        self._free_at = 0.0

    def wait(self, at: float) -> float:
        """The seconds until the next request may go."""
        return max(0.0, self._free_at - at)

    def heard(self, headers: Mapping[str, str], at: float) -> None:
        """Takes note of an answer: once half of a window's requests are spent, by whomever, the rest is for others."""
        limit, remaining = _number(headers, "x-rate-limit-limit"), _number(headers, "x-rate-limit-remaining")
        left = until_reset(headers)
        if limit is None or remaining is None or left is None or limit < 1 or not 0 <= left <= LONGEST_SECONDS:
            return
        ours = max(1, limit // 2)
        if remaining <= limit - ours:
            self._free_at = at + left + MARGIN_SECONDS


def until_reset(headers: Mapping[str, str]) -> float | None:
    """The seconds from an answer until its window ends, negative where it has ended; None where it does not say."""
    reset = _number(headers, "x-rate-limit-reset")
    if reset is None:
        after = _number(headers, "retry-after")
        return None if after is None else float(after)
    try:
        said_at = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, OverflowError):
        said_at = clock.now().timestamp()
    return reset - said_at


def after_limit(headers: Mapping[str, str], times: int, jitter: float) -> float | None:
    """How long to wait after the `times`-th 429 in a row; None where the window ends too far off to wait for.

    A limit of requests at one time has no window: its 429 is waited for longer each time. `jitter` is 0 to 1.
    """
    left = until_reset(headers) or 0.0
    if left > LONGEST_SECONDS:
        return None
    return max(left + MARGIN_SECONDS, _doubling(times)) + 2 * jitter


def backoff(times: int, jitter: float) -> float:
    """How long to wait after the `times`-th failure in a row: about 0.5 s, 1 s, 2 s …; `jitter` is 0 to 1."""
    return _doubling(times) * (0.5 + jitter / 2)


def _doubling(times: int) -> float:
    return min(MOST_BACKOFF_SECONDS, 2.0 ** min(times - 1, 10))


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None
