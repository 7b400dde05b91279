"""What a new member of a group receives: what is assigned to the group for newcomers too, and what its triggers assign.

All of it is one act and so one mail. Nothing is reassigned: whoever had it before keeps it as it is.
"""

from __future__ import annotations

from datetime import datetime

from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.learning import assignments, due, group_assignments, triggers
from rollbook.learning import content as contents
from rollbook.learning.assignments import Assignment, Wanted
from rollbook.learning.group_assignments import GroupAssignment
from rollbook.people import groups, memberships, users


def greet(
    tx: Tx,
    company_id: str,
    user_id: str,
    group_id: str,
    *,
    act_id: str,
    since: datetime,
    actor: Actor,
    now: datetime,
) -> list[Assignment]:
    """Assigns to somebody who joined a group at `since`, from which their days count; nothing to whoever is archived,
    or has left it again. Safe to run twice.
    """
    user = users.get(tx, company_id, user_id, lock=True)
    group = groups.find(tx, company_id, group_id)
    if user.deleted_at or not user.active or group is None or group.archived_at:
        return []
    if not memberships.holds(tx, group, user):
        return []
    wanted: dict[str, Wanted] = {}
    for act in group_assignments.of_group(tx, group):
        content = contents.get(tx, company_id, act.content_id)
        if act.newcomers and content.state == "published":
            wanted[content.id] = Wanted(content, _due_on(act, since), act.notify, group_assignment_id=act.id)
    for one in triggers.wanted_of(tx, triggers.of_group(tx, group), since=since):
        wanted.setdefault(one.content.id, one)
    return assignments.assign_all(tx, user, list(wanted.values()), act_id=act_id, standing="keep", actor=actor, now=now)


def _due_on(act: GroupAssignment, since: datetime) -> str | None:
    """A day that was past before somebody joined is none of theirs."""
    if act.due_days is not None:
        return due.in_days(since, act.due_days)
    return act.due_on if act.due_on is not None and act.due_on >= due.day(since) else None
