"""Which of a company's slots still want a run, or a word that there was none. The hours themselves are slots.py's, the
runs runs.py's.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, or_, select

from rollbook import clock
from rollbook.database import Tx
from rollbook.database.tables import okta_runs
from rollbook.okta import connections, slots

_LAST = select(func.max(okta_runs.c.slot)).where(okta_runs.c.company_id == bindparam("company"))

_IN_THE_WAY = (
    select(okta_runs.c.id)
    .where(
        okta_runs.c.company_id == bindparam("company"),
        okta_runs.c.state != "skipped",
        okta_runs.c.created_at < bindparam("over"),
        or_(okta_runs.c.ended_at.is_(None), okta_runs.c.ended_at >= bindparam("until")),
    )
    .order_by(okta_runs.c.id.desc())
    .limit(1)
)


def open_slots(tx: Tx, company_id: str, *, now: datetime) -> list[datetime]:
    """The slots that have begun and have no run, in order: since the last that has one, or since the company's standard
    integration was switched on. None where it is off.
    """
    connection = connections.find(tx, company_id)
    if connection is None or connection.state == "off":
        return []
    row = tx.one(_LAST, {"company": company_id})
    since = max(connection.configured_at, row[0] if row is not None and row[0] is not None else "")
    return slots.between(clock.moment(since), now)


def in_the_way(tx: Tx, company_id: str, slot: datetime, *, margin: timedelta) -> str | None:
    """The run that was under way until it was too late for a slot, or until `margin` before: nobody need have looked
    in between.
    """
    over = slot + slots.LATE
    about = {"company": company_id, "over": clock.text(over), "until": clock.text(over - margin)}
    row = tx.one(_IN_THE_WAY, about)
    return row[0] if row is not None else None
