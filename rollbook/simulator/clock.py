"""The simulated org's own clock: the world's until somebody turns it, or one that stands until it is turned."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime, timedelta

from rollbook import clock


class Clock:
    """Runs with the world; with `standing_at`, an aware instant, it stands there and only `turn` moves it."""

    def __init__(self, standing_at: datetime | None = None) -> None:
        self._lock = threading.Lock()
        self._standing = standing_at
        self._turned = timedelta()

    def now(self) -> datetime:
        with self._lock:
            return (self._standing or clock.now()) + self._turned

    def time(self) -> float:
        """Seconds since the epoch."""
        return self.now().timestamp()

    def turn(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> datetime:
        """Moves the hands by so much, forward or (negative) back; gives the new time."""
        with self._lock:
            turned = self._turned + timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days)
            now = (self._standing or clock.now()) + turned  # raises OverflowError before the hands are moved
            self._turned = turned
        return now

    def turn_to(self, moment: datetime) -> datetime:
        """Moves the hands to an aware instant."""
        return self.turn(seconds=(moment - self.now()).total_seconds())

    async def sleep(self, seconds: float) -> None:
        """For a client that lives by this clock: the time passes at once."""
        self.turn(seconds=seconds)
        await asyncio.sleep(0)
