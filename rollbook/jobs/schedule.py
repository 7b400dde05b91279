"""The calendar: which task of every company falls due at which hour (UTC, for ever: no daylight saving)."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from rollbook.activity import queue
from rollbook.database import Database
from rollbook.people import companies

DAILY: dict[str, int] = {"prune": 3, "remind": 7}  # task -> hour


def due_since(last: datetime, now: datetime) -> list[str]:
    """The tasks whose hour began after `last` and no later than `now`."""
    names = []
    for name, hour in DAILY.items():
        slot = now.replace(hour=hour, minute=0, second=0, microsecond=0)
        if slot > now:
            slot -= timedelta(days=1)
        if last < slot:
            names.append(name)
    return names


async def queue_due(database: Database, *, last: datetime, now: datetime) -> None:
    """Queues what fell due; several workers may do so at once, and what waits already is not queued again."""
    names = due_since(last, now)
    if not names:
        return
    for company in await database.read(companies.all_of_them):
        for name in names:
            queue_it = partial(queue.enqueue, company_id=company.id, name=name, payload={}, waiting_key="day", now=now)
            await database.write(queue_it)
