"""What a new member of a group receives: what is assigned to the group for newcomers too, and what its triggers assign.

All of it is one act and so one mail. Nothing is reassigned: whoever had it before keeps it as it is.
"""

from __future__ import annotations

from datetime import datetime

from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.learning import assignments, content_record, due, group_assignments, triggers
from rollbook.learning.assignments import Assignment, Wanted
from rollbook.learning.group_assignments import GroupAssignment
from rollbook.people import groups, memberships, rulebook, users
from rollbook.people.groups import Group
from rollbook.people.record import User


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
    wanted = _wanted(tx, group, since=since)
    return assignments.assign_all(tx, user, list(wanted.values()), act_id=act_id, standing="keep", actor=actor, now=now)


def greet_returner(
    tx: Tx, company_id: str, user_id: str, *, act_id: str, actor: Actor, now: datetime
) -> list[Assignment]:
    """Assigns to somebody who was restored what a newcomer of their groups was to be given when they joined, and they
    do not have: they joined while they were archived, or were archived before their turn came. Days count from now.

    Not what was assigned after they had joined: that was not for those who were away. Safe to run twice.
    """
    user = users.get(tx, company_id, user_id, lock=True)
    if user.deleted_at or not user.active:
        return []
    joined = memberships.followed_of(tx, user)
    everyone = groups.get(tx, company_id, rulebook.everyone_id(tx, company_id))
    if everyone.followed:
        joined[everyone.id] = _came_at(tx, user)
    wanted: dict[str, Wanted] = {}
    for group_id, joined_at in joined.items():
        group = groups.get(tx, company_id, group_id)
        wanted = _wanted(tx, group, since=now, made_before=joined_at) | wanted
    return assignments.assign_all(tx, user, list(wanted.values()), act_id=act_id, standing="keep", actor=actor, now=now)


def _came_at(tx: Tx, user: User) -> str:
    """When somebody came into the company: whoever was made archived did when they were restored for the first time."""
    made = events.first(tx, user.company_id, user.id, "UserCreated")
    if made is not None and "archived_at" in made.changes:
        restored = events.first(tx, user.company_id, user.id, "UserRestored")
        if restored is not None:
            return restored.at
    return user.created_at


def _wanted(tx: Tx, group: Group, *, since: datetime, made_before: str | None = None) -> dict[str, Wanted]:
    """What a newcomer of the group receives, by its content; where asked for, only what was there before an instant."""
    acts = [act for act in group_assignments.of_group(tx, group) if act.newcomers]
    fired = triggers.of_group(tx, group)
    if made_before is not None:
        acts = [act for act in acts if act.created_at <= made_before]
        fired = [trigger for trigger in fired if trigger.created_at <= made_before]
    wanted: dict[str, Wanted] = {}
    for act in acts:
        content = content_record.get(tx, act.company_id, act.content_id)
        if content.state == "published":
            wanted[content.id] = Wanted(content, _due_on(act, since), act.notify, group_assignment_id=act.id)
    for one in triggers.wanted_of(tx, fired, since=since):
        wanted.setdefault(one.content.id, one)
    return wanted


def _due_on(act: GroupAssignment, since: datetime) -> str | None:
    """A day that was past before somebody joined is none of theirs."""
    if act.due_days is not None:
        return due.in_days(since, act.due_days)
    return act.due_on if act.due_on is not None and act.due_on >= due.day(since) else None
