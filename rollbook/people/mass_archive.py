"""Many leavers at once: pushed archives are always honoured, but more than a threshold within an hour raise one alarm,
and one click restores them. The task that counts follows every archive (activity/reactions.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from rollbook import clock
from rollbook.activity import queue
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import users as table
from rollbook.errors import Conflict
from rollbook.people import alarms, record, users
from rollbook.people.alarms import Alarm

LEAST = 10
SHARE = 0.05
STEP = 50  # people restored in one write: provisioning waits for a write no longer than 50 ms


def watch(tx: Tx, company_id: str, *, now: datetime) -> Alarm | None:
    """Raises the alarm where provisioning archived too many within an hour; one that is open goes on for as long as
    the next archive follows within an hour. Whom an alarm was about that is settled is not counted again.
    """
    hour_ago = clock.later(now, hours=-1)
    open_alarm = alarms.find_open(tx, company_id, "mass_archive", company_id)
    since = hour_ago
    if open_alarm is not None and open_alarm.detail["until"] >= hour_ago:
        since = open_alarm.detail["since"]
    elif open_alarm is None:
        settled = alarms.last_settled(tx, company_id, "mass_archive", company_id)
        if settled is not None:
            since = max(since, clock.later(clock.moment(settled.detail["until"]), seconds=1e-6))
    count, first, last = _archived(tx, company_id, since)
    active = tx.search(
        select(func.count()).where(
            table.c.company_id == company_id, table.c.archived_at.is_(None), table.c.deleted_at.is_(None)
        )
    )[0][0]
    if count <= max(LEAST, SHARE * (active + count)):
        return open_alarm
    if open_alarm is not None:
        count, first, last = _archived(tx, company_id, open_alarm.detail["since"])
    detail = {"count": count, "of": active + count, "since": first, "until": last}
    alarms.sound(tx, company_id, "mass_archive", company_id, detail, now=now)
    return alarms.find_open(tx, company_id, "mass_archive", company_id)


def ask_restore(tx: Tx, company_id: str, alarm_id: str, *, actor: Actor, now: datetime) -> None:
    """The one click: queues the restore of everybody whom the alarm is about. Raises Conflict where it is settled."""
    alarm = alarms.get(tx, company_id, alarm_id)
    if alarm.kind != "mass_archive" or alarm.resolved_at:
        raise Conflict("This alarm is settled, or not about people archived together.", field="alarm")
    payload = {
        "since": alarm.detail["since"],
        "until": alarm.detail["until"],
        "actor": str(actor),
        "actor_id": actor.id,
    }
    queue.enqueue(tx, company_id, "restore_archived", payload, waiting_key="restore", now=now)


def restore_some(
    tx: Tx, company_id: str, *, since: str, until: str, after: str, actor: Actor, now: datetime
) -> tuple[str | None, int, int]:
    """Restores the next STEP people archived by provisioning between two instants, in the order of ids after `after`.

    Returns (the last id looked at, None when there is nobody left; restored; skipped because an active user has the
    e-mail by now).
    """
    query = (
        record.SELECT.where(*_pushed(company_id, since), table.c.archived_at <= until, table.c.id > after)
        .order_by(table.c.id)
        .limit(STEP)
        .with_for_update()
    )
    restored = skipped = 0
    last: str | None = None
    for user in users.search(tx, query):
        last = user.id
        try:
            users.restore(tx, user, actor=actor, now=now)
            restored += 1
        except Conflict:
            skipped += 1
    return last, restored, skipped


def _archived(tx: Tx, company_id: str, since: str) -> Any:
    """(how many, the first instant, the last one) of those whom provisioning archived since an instant."""
    columns = (func.count(), func.min(table.c.archived_at), func.max(table.c.archived_at))
    return tx.search(select(*columns).where(*_pushed(company_id, since)))[0]


def _pushed(company_id: str, since: str) -> tuple[Any, ...]:
    return (
        table.c.company_id == company_id,
        table.c.archived_at >= since,
        table.c.archived_by.like("scim:%"),
        table.c.deleted_at.is_(None),
    )
