"""That a worker lives: an instant among the facts, renewed every few seconds.

/readyz and doctor read it.
"""

from __future__ import annotations

from datetime import datetime

from rollbook import clock
from rollbook.database import Database, Tx, facts

SECONDS = 15
_FACT = "worker_heartbeat"


class Heartbeat:
    """Of one worker."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last: datetime | None = None

    async def beat(self, now: datetime) -> None:
        """Renews the instant, at most every SECONDS."""
        if self._last is None or (now - self._last).total_seconds() >= SECONDS:
            await self._database.write(lambda tx: facts.put(tx, _FACT, clock.text(now)))
            self._last = now


def last(tx: Tx) -> str | None:
    """When a worker last beat, or None where none ever did."""
    return facts.get(tx, _FACT)
