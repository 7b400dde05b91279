"""That a worker lives: an instant in the table `installation`, renewed every few seconds.

/readyz and doctor read it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from rollbook import clock
from rollbook.database import Database, Tx
from rollbook.database.tables import installation

SECONDS = 15
_ROW = "worker_heartbeat"
_GET = select(installation.c.value).where(installation.c.name == bindparam("row"))
_PUT = insert(installation)
_PUT = _PUT.on_conflict_do_update(index_elements=["name"], set_={"value": _PUT.excluded.value})


class Heartbeat:
    """Of one worker."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last: datetime | None = None

    async def beat(self, now: datetime) -> None:
        """Renews the instant, at most every SECONDS."""
        if self._last is None or (now - self._last).total_seconds() >= SECONDS:
            await self._database.write(lambda tx: tx.run(_PUT, {"name": _ROW, "value": clock.text(now)}))
            self._last = now


def last(tx: Tx) -> str | None:
    """When a worker last beat, or None where none ever did."""
    row = tx.one(_GET, {"row": _ROW})
    return row[0] if row else None
