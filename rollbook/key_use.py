"""When keys were last used and how often they failed, for each door: gathered in memory, stored at most once a minute.

A row per request would make every read a write; what is lost with a killed process is a minute of these.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from datetime import datetime
from functools import partial

import structlog

from rollbook import clock
from rollbook.database import Collision, Database, Tx
from rollbook.errors import NotFound, Unavailable
from rollbook.people import companies, keys
from rollbook.people.credentials import Holder
from rollbook.people.tokens import Pepper

SECONDS = 60
MOST_NAMES = 10_000  # what is remembered of callers who did not sign in is bounded

log = structlog.get_logger()


class KeyUse:
    """Last uses and failures since the last flush."""

    def __init__(self, database: Database, pepper: Pepper) -> None:
        self._database = database
        self._pepper = pepper
        self._used: dict[str, dict[str, tuple[datetime, str | None]]] = defaultdict(dict)
        self._failed: dict[str, Counter[str]] = {}

    def used(self, holder: Holder, key: str, now: datetime) -> None:
        """Remembers a use; a digest made under the previous secret is made anew with it."""
        digest = self._pepper.digest(key) if holder.stale_digest else None
        self._used[holder.company_id][holder.key_id] = (now, digest)

    def failed(self, subdomain: str | None, now: datetime) -> None:
        """Remembers a failed sign-in under the user name that was given, where that can be a company's."""
        name = (subdomain or "").strip().lower()
        if not companies.SUBDOMAIN.fullmatch(name):
            return
        if name in self._failed or len(self._failed) < MOST_NAMES:
            self._failed.setdefault(name, Counter())[clock.text(now)[:16]] += 1

    async def flush(self) -> None:
        """Stores what was gathered; what the database does not take stays for the next time."""
        for company_id, uses in list(self._used.items()):
            stored = dict(uses)
            await self._database.write(partial(keys.note_use, company_id=company_id, used=stored))
            # What was used again meanwhile is stored by the next flush.
            self._used[company_id] = {key: use for key, use in uses.items() if stored.get(key) != use}
            if not self._used[company_id]:
                del self._used[company_id]
        for subdomain, minutes in list(self._failed.items()):
            counted = Counter(minutes)
            await self._database.write(partial(_count, subdomain=subdomain, minutes=counted))
            minutes.subtract(counted)
            if not +minutes:
                del self._failed[subdomain]

    async def keep_flushing(self) -> None:
        """Flushes once a minute until cancelled."""
        while True:
            await asyncio.sleep(SECONDS)
            try:
                await self.flush()
            except (Unavailable, Collision) as error:
                log.warning("key use was not stored", kind=type(error).__name__)


def _count(tx: Tx, subdomain: str, minutes: Counter[str]) -> None:
    """A user name that is no company's is counted nowhere."""
    try:
        company = companies.get(tx, subdomain)
    except NotFound:
        return
    keys.note_failures(tx, company.id, minutes)
