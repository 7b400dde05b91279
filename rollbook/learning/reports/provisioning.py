"""*Provisioning*: how many people the provisioning client created, changed, archived and restored, day by day.

It counts acts and names nobody, so that it tells of leavers too: promise P5 leaves that to what shows provisioning.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from rollbook import clock
from rollbook.database import Tx
from rollbook.database.tables import events
from rollbook.learning.reports import days
from rollbook.learning.reports.days import Days
from rollbook.learning.reports.shape import Page, Question, Report, column, known

KINDS = {
    "UserCreated": "created",
    "UserUpdated": "changed",
    "UserFieldChanged": "changed",
    "UserArchived": "archived",
    "UserRestored": "restored",
}
COLUMNS = [
    column("day", "From", "date"),
    column("created", "Created", "number"),
    column("changed", "Changed", "number"),
    column("archived", "Archived", "number"),
    column("restored", "Restored", "number"),
]


def _page(tx: Tx, ask: Question) -> Page:
    steps = days.of_page(ask)
    counted: dict[str, list[tuple[str, int]]] = {key["key"]: [] for key in COLUMNS[1:]}
    for kind, day, number in tx.search(_acts(ask, steps)) if steps.names else ():
        counted[KINDS[kind]].append((day, number))
    sums: list[Counter[str]] = [steps.sums(of_kind) for of_kind in counted.values()]
    return Page(COLUMNS, [[name, *(each[name] for each in sums)] for name in steps.names], steps.next)


def _acts(ask: Question, steps: Days) -> Any:
    # An event's id is made within moments of its instant and leads the index; a day on either side is more than enough.
    first = clock.first_id_at(_instant(steps.first) - timedelta(days=1))
    last = clock.first_id_at(_instant(steps.end) + timedelta(days=1))
    return (
        select(events.c.kind, func.substr(events.c.at, 1, 10).label("day"), func.count())
        .where(events.c.company_id == ask.company_id, events.c.id >= known(first), events.c.id < known(last))
        .where(events.c.at >= known(steps.first), events.c.at < known(steps.end))
        .where(events.c.kind.in_(sorted(KINDS)), func.substr(events.c.actor, 1, 4) == "scim")
        .group_by(events.c.kind, "day")
    )


def _instant(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


REPORT = Report(
    "provisioning",
    "what provisioning did: people created, changed, archived, restored, by the day or the week",
    frozenset({"since", "until", "by"}),
    _page,
    parts=1,
    permission="see_provisioning",
)
