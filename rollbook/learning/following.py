"""Which groups are followed: something is assigned to whoever joins them, by an open assignment or by a trigger."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select

from rollbook.database import Tx
from rollbook.database.tables import group_assignments, triggers
from rollbook.people import groups
from rollbook.people.groups import Group

_ASSIGNED = (
    select(group_assignments.c.id)
    .where(
        group_assignments.c.company_id == bindparam("company"),
        group_assignments.c.group_id == bindparam("group"),
        group_assignments.c.newcomers == 1,
        group_assignments.c.ended_at.is_(None),
    )
    .limit(1)
)
_TRIGGERED = (
    select(triggers.c.id)
    .where(
        triggers.c.company_id == bindparam("company"),
        triggers.c.group_id == bindparam("group"),
        triggers.c.ended_at.is_(None),
    )
    .limit(1)
)


def watch(tx: Tx, group: Group, *, now: datetime) -> None:
    """Says of a group, which was locked, whether it is followed from now on."""
    about = {"company": group.company_id, "group": group.id}
    followed = tx.one(_ASSIGNED, about) is not None or tx.one(_TRIGGERED, about) is not None
    groups.set_followed(tx, group, followed, now=now)
