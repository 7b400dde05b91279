"""A group is assigned something: its members in steps, and whoever joins later where that was asked for (newcomers.py).

Each step is one small write that moves the cursor with what it did, so it may end anywhere and is gone on with by
whoever comes next. Archived people are passed over.
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update

from rollbook import clock
from rollbook.activity import events, queue
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import assignments as rows_
from rollbook.database.tables import group_assignments as table
from rollbook.database.tables import users as people
from rollbook.errors import NotFound
from rollbook.learning import assignments, content_record, due, following
from rollbook.learning.assignments import Wanted
from rollbook.learning.content_record import Content
from rollbook.learning.group_assignment_record import (
    GroupAssignment,
    find,
    get,
    of_company,
    of_content,
    of_group,
    of_pair,
)
from rollbook.people import groups, memberships, record, users
from rollbook.people.groups import Group

__all__ = [
    "LOOKED_AT",
    "SECONDS",
    "STEP",
    "GroupAssignment",
    "create",
    "find",
    "get",
    "of_company",
    "of_content",
    "of_group",
    "of_pair",
    "step",
    "withdraw",
    "withdraw_step",
]

# A write serves so many people, or as many as it can in this time: provisioning waits for it no longer than 50 ms.
STEP = 50
SECONDS = 0.015
LOOKED_AT = 500  # assignments looked at in one write while an act is taken back

_INSERT = insert(table)
_UPDATE = update(table).where(table.c.company_id == bindparam("company"), table.c.id == bindparam("group_assignment"))
_INCOMPLETE = (
    rows_.c.company_id == bindparam("company"),
    rows_.c.content_id == bindparam("content"),
    rows_.c.state == "incomplete",
)
_COUNT_INCOMPLETE = select(func.count()).where(*_INCOMPLETE, rows_.c.group_assignment_id == bindparam("act"))
_NEXT_INCOMPLETE = (
    select(rows_.c.user_id, rows_.c.id, rows_.c.group_assignment_id)
    .where(*_INCOMPLETE, rows_.c.user_id > bindparam("after"))
    .order_by(rows_.c.user_id)
    .limit(LOOKED_AT)
)


def create(
    tx: Tx,
    group: Group,
    content: Content,
    *,
    due_on: str | None = None,
    due_days: int | None = None,
    notify: bool = True,
    newcomers: bool = True,
    reassign: bool = False,
    actor: Actor,
    now: datetime,
) -> GroupAssignment:
    """Begins to assign a content to the members of a group; a task does it in steps (`step`).

    A member to whom it is assigned already gets the new day at most; one from whom it was withdrawn gets it again; one
    who has completed it does so again only with `reassign`. Idempotent: a group has one open assignment of a content,
    and other terms change it and go through the members once more. Raises Conflict for an archived group and for
    content that is not published, and InvalidValue.
    """
    if content.company_id != group.company_id:
        raise NotFound(f"There is no lesson or path {content.id!r} in this company.")
    group = groups.get(tx, group.company_id, group.id, lock=True)
    groups.refuse_archived(group)
    content_record.refuse_unpublished(content)
    terms: dict[str, Any] = {
        "due_on": due.checked(due_on) if due_on is not None else None,
        "due_days": due.checked_days(due_days) if due_days is not None else None,
        "notify": notify,
        "newcomers": newcomers,
        "reassign": reassign,
    }
    before = next((one for one in of_group(tx, group) if one.content_id == content.id), None)
    begun: dict[str, Any] = {"state": "assigning", "cursor": "", "total": memberships.size(tx, group), "done": 0}
    if before is None:
        made = GroupAssignment(
            id=clock.new_id(),
            company_id=group.company_id,
            group_id=group.id,
            content_id=content.id,
            assigned_by=str(actor),
            created_at=clock.text(now),
            ended_at=None,
            **terms,
            **begun,
        )
        tx.run(_INSERT, asdict(made) | _stored(terms))
        changes = {name: [None, value] for name, value in terms.items()}
        _tell(tx, made, content, "GroupAssignmentMade", changes, actor=actor, now=now)
    else:
        changes = {name: [getattr(before, name), to] for name, to in terms.items() if getattr(before, name) != to}
        if not changes and not reassign:
            return before
        made = _write(tx, get(tx, before.company_id, before.id, lock=True), {**terms, **begun})
        _tell(tx, made, content, "GroupAssignmentChanged", changes, actor=actor, now=now)
    payload = {"group_assignment_id": made.id, "actor": str(actor)}
    queue.enqueue(tx, made.company_id, "assign_group", payload, now=now)
    following.watch(tx, group, now=now)
    return made


def step(
    tx: Tx, company_id: str, group_assignment_id: str, *, limit: int = STEP, actor: Actor, now: datetime
) -> GroupAssignment:
    """Assigns to the next members; goes on where the last step ended, and does nothing where the act is not under way.

    Where the group or the content was archived meanwhile, it ends with those who were served.
    """
    act = get(tx, company_id, group_assignment_id, lock=True)
    if act.state != "assigning":
        return act
    group, content = groups.get(tx, company_id, act.group_id), content_record.get(tx, company_id, act.content_id)
    possible = group.archived_at is None and content.state == "published"
    members = memberships.members(tx, group, after=act.cursor, limit=limit) if possible else []
    due_on = act.due_on or (due.in_days(now, act.due_days) if act.due_days is not None else None)
    wanted = [Wanted(content, due_on, act.notify, group_assignment_id=act.id)]
    act_id, began = clock.new_id(), time.monotonic()
    served = 0
    for user in _locked(tx, company_id, [member.id for member in members]):
        if served and time.monotonic() - began > SECONDS:
            break
        served += 1
        if user.active:
            assignments.assign_all(
                tx,
                user,
                wanted,
                act_id=act_id,
                standing="reassign" if act.reassign else "adjust",
                actor=actor,
                now=now,
            )
    values: dict[str, Any] = {"done": act.done + served}
    if served:
        values["cursor"] = members[served - 1].id
    if served < len(members) or len(members) == limit:
        return _write(tx, act, values)
    act = _write(tx, act, {**values, "total": values["done"], "state": "open"})
    _tell(tx, act, content, "GroupAssignmentDone", {"done": [0, act.done]}, actor=actor, now=now)
    return act


def withdraw(tx: Tx, act: GroupAssignment, *, actor: Actor, now: datetime) -> GroupAssignment:
    """Ends it: nobody new receives it, and a task takes it back in steps from whoever has it by this and is not done
    (`withdraw_step`). Idempotent.
    """
    group = groups.get(tx, act.company_id, act.group_id, lock=True)
    act = get(tx, act.company_id, act.id, lock=True)
    if act.ended_at:
        return act
    about = {"company": act.company_id, "content": act.content_id, "act": act.id}
    (total,) = tx.one(_COUNT_INCOMPLETE, about) or (0,)
    state = act.state
    ended = {"state": "withdrawing", "cursor": "", "total": total, "done": 0, "ended_at": clock.text(now)}
    act = _write(tx, act, ended)
    content = content_record.get(tx, act.company_id, act.content_id)
    _tell(tx, act, content, "GroupAssignmentWithdrawn", {"state": [state, act.state]}, actor=actor, now=now)
    payload = {"group_assignment_id": act.id, "actor": str(actor)}
    queue.enqueue(tx, act.company_id, "withdraw_group", payload, now=now)
    following.watch(tx, group, now=now)
    return act


def withdraw_step(
    tx: Tx, company_id: str, group_assignment_id: str, *, limit: int = STEP, actor: Actor, now: datetime
) -> GroupAssignment:
    """Takes it back from the next people who have it by this and are not done, archived ones too.

    Whoever is in another group to which it is assigned keeps it, as that group's from now on.
    """
    act = get(tx, company_id, group_assignment_id, lock=True)
    if act.state != "withdrawing":
        return act
    about = {"company": company_id, "content": act.content_id}
    looked_at = tx.all(_NEXT_INCOMPLETE, {**about, "after": act.cursor})
    theirs = [row for row in looked_at if row[2] == act.id]
    others = [one for one in of_content(tx, company_id, act.content_id) if one.id != act.id]
    other_groups = {one.id: groups.get(tx, company_id, one.group_id) for one in others}
    done, began = act.done, time.monotonic()
    served = 0
    for user_id, assignment_id, _ in theirs[:limit]:
        if served and time.monotonic() - began > SECONDS:
            break
        served += 1
        assignment = assignments.get(tx, company_id, assignment_id, lock=True)
        if assignment.state != "incomplete" or assignment.group_assignment_id != act.id:
            continue
        user = users.get(tx, company_id, user_id) if others else None
        keeper = next((one for one in others if user and memberships.holds(tx, other_groups[one.id], user)), None)
        if keeper is None:
            assignments.withdraw(tx, assignment, actor=actor, now=now)
            done += 1
        else:
            assignments.hand_over(tx, assignment, keeper.id, actor=actor, now=now)
    if served < len(theirs):
        return _write(tx, act, {"done": done, "cursor": theirs[served - 1][0]})
    if len(looked_at) == LOOKED_AT:
        return _write(tx, act, {"done": done, "cursor": looked_at[-1][0]})
    act = _write(tx, act, {"done": done, "total": done, "state": "withdrawn"})
    content = content_record.get(tx, company_id, act.content_id)
    _tell(tx, act, content, "GroupAssignmentDone", {"done": [0, act.done]}, actor=actor, now=now)
    return act


def _locked(tx: Tx, company_id: str, user_ids: list[str]) -> list[record.User]:
    if not user_ids:
        return []
    of_these = (people.c.company_id == company_id, people.c.id.in_(user_ids))
    return users.search(tx, record.SELECT.where(*of_these).order_by(people.c.id).with_for_update())


def _write(tx: Tx, act: GroupAssignment, values: dict[str, Any]) -> GroupAssignment:
    tx.run(_UPDATE, {"company": act.company_id, "group_assignment": act.id, **values, **_stored(values)})
    return replace(act, **values)


def _stored(values: dict[str, Any]) -> dict[str, int]:
    return {name: int(value) for name, value in values.items() if isinstance(value, bool)}


def _tell(
    tx: Tx,
    act: GroupAssignment,
    content: Content,
    kind: str,
    changes: events.Changes,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """On the group's timeline."""
    named = {"content": [None, content.title], "content_id": [None, content.id]}
    events.record(tx, act.company_id, kind, act.group_id, {**named, **changes}, actor=actor, now=now)
