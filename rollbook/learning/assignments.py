"""Assigning and withdrawing. Completing is completion.py's, whole groups are group_assignments.py's.

A person has one assignment of a content; assigned again after it was completed or withdrawn, it opens another round.
An archived person's assignments stay as they are, and no list of learning shows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, Literal

from sqlalchemy import bindparam, insert, update

from rollbook import clock
from rollbook.activity import events, outbox
from rollbook.activity.events import Actor
from rollbook.activity.outbox import Item
from rollbook.database import Tx
from rollbook.database.statements import Insertion
from rollbook.database.tables import assignment_rounds
from rollbook.database.tables import assignments as table
from rollbook.errors import Conflict, NotFound
from rollbook.learning import content_record, due
from rollbook.learning.assignment_record import (
    Assignment,
    Round,
    find,
    find_locked,
    get,
    history,
    of_pair,
    of_user,
    returned,
)
from rollbook.learning.content_record import Content
from rollbook.people import record
from rollbook.people.record import User

__all__ = [
    "NOTIFY_OFF",
    "Assignment",
    "Round",
    "Wanted",
    "assign",
    "assign_all",
    "assign_many",
    "find",
    "get",
    "hand_over",
    "history",
    "of_pair",
    "of_user",
    "returned",
    "set_due",
    "withdraw",
]

NOTIFY_OFF = "notify was off"

# What becomes of an assignment that is there already: left alone whatever its state; made to say the new day, and
# opened again only where it was withdrawn; or opened again where it was completed as well.
Standing = Literal["keep", "adjust", "reassign"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person is to do until when, and whether they hear of it."""

    content: Content
    due_on: str | None = None
    notify: bool = True
    group_assignment_id: str | None = None
    trigger_id: str | None = None


_ROW = Insertion(table, "company_id", "id", *(name for name in table.c.keys() if name not in ("company_id", "id")))  # noqa: SIM118 - no dict: it goes through columns
_values = attrgetter(*_ROW.columns)
_UPDATE = update(table).where(table.c.company_id == bindparam("company"), table.c.id == bindparam("assignment"))
_KEEP_ROUND = insert(assignment_rounds)


def assign(
    tx: Tx,
    user: User,
    content: Content,
    *,
    act_id: str,
    due_on: str | None = None,
    notify: bool = True,
    group_assignment_id: str | None = None,
    trigger_id: str | None = None,
    reassign: bool = True,
    actor: Actor,
    now: datetime,
) -> Assignment:
    """Gives a person something to do, and tells them by mail unless `notify` is off. `user` was locked.

    Idempotent: what is incomplete already is no news, and at most gets another day. What was completed or withdrawn
    opens another round. With `reassign` off, whatever is there already stays untouched. Several assignments with one
    `act_id` make one mail. Raises Conflict for content that is not published and people who are archived or deleted.
    """
    wanted = Wanted(content, due_on, notify, group_assignment_id, trigger_id)
    standing: Standing = "reassign" if reassign else "keep"
    return assign_all(tx, user, [wanted], act_id=act_id, standing=standing, actor=actor, now=now)[0]


def assign_many(
    tx: Tx,
    user: User,
    content: Sequence[Content],
    *,
    act_id: str,
    due_on: str | None = None,
    notify: bool = True,
    reassign: bool = True,
    actor: Actor,
    now: datetime,
) -> list[Assignment]:
    """As `assign`, several contents in one act: one mail."""
    wanted = [Wanted(one, due_on, notify) for one in content]
    standing: Standing = "reassign" if reassign else "keep"
    return assign_all(tx, user, wanted, act_id=act_id, standing=standing, actor=actor, now=now)


def assign_all(
    tx: Tx,
    user: User,
    wanted: Sequence[Wanted],
    *,
    act_id: str,
    standing: Standing,
    actor: Actor,
    now: datetime,
) -> list[Assignment]:
    """As `assign`, each thing with its own day and voice, in one act. `user` was locked."""
    record.refuse_deleted(user)
    if not user.active:
        raise Conflict(f"{user.display_name} is archived and is assigned nothing; restore them first.", field="user")
    for one in wanted:
        if one.content.company_id != user.company_id:
            raise NotFound(f"There is no lesson or path {one.content.id!r} in this company.")
        content_record.refuse_unpublished(one.content)
        if one.due_on is not None:
            due.checked(one.due_on)
    made: list[Assignment] = []
    aloud: list[Item] = []
    silent = False
    for one in wanted:
        before = find_locked(tx, user, one.content.id)
        after = (
            _made(tx, user, one, actor=actor, now=now)
            if before is None
            else _met(tx, before, one, standing, actor=actor, now=now)
        )
        made.append(after)
        if before is None or after.round > before.round:
            if one.notify:
                aloud.append(Item(after.id, after.round))
            else:
                silent = True
    if aloud:
        outbox.put(tx, user.company_id, user.id, "assigned", act_id=act_id, items=aloud, now=now)
    if silent:
        # A mail of its own: what waits for the act would otherwise take the reason, or be taken for it.
        outbox.put(tx, user.company_id, user.id, "assigned", act_id=clock.new_id(), withheld=NOTIFY_OFF, now=now)
    return made


def set_due(tx: Tx, assignment: Assignment, due_on: str | None, *, actor: Actor, now: datetime) -> Assignment:
    """Gives what is incomplete another day, or none. Idempotent. Raises Conflict where it is not incomplete."""
    assignment = get(tx, assignment.company_id, assignment.id, lock=True)
    due_on = due.checked(due_on) if due_on is not None else None
    if due_on == assignment.due_on:
        return assignment
    content = content_record.get(tx, assignment.company_id, assignment.content_id)
    if assignment.state != "incomplete":
        raise Conflict(f"{content.title} is {assignment.state}, so it has no other day.", field="due_on")
    return _another_day(tx, assignment, content, due_on, actor=actor, now=now)


def withdraw(tx: Tx, assignment: Assignment, *, actor: Actor, now: datetime) -> Assignment:
    """Takes back what is incomplete, and the mail about it that waits. Idempotent. Raises Conflict where it is done."""
    assignment = get(tx, assignment.company_id, assignment.id, lock=True)
    if assignment.state == "withdrawn":
        return assignment
    content = content_record.get(tx, assignment.company_id, assignment.content_id)
    if assignment.state == "completed":
        raise Conflict(
            f"{content.title} was completed on {(assignment.completed_at or '')[:10]}, and that stays; "
            "only what is incomplete is withdrawn.",
            field="state",
        )
    changes = {"state": [assignment.state, "withdrawn"]}
    withdrawn = write(tx, assignment, {"state": "withdrawn"}, now=now)
    tell(tx, withdrawn, content, "AssignmentWithdrawn", changes, actor=actor, now=now)
    drop_mail(tx, withdrawn, "The assignment was withdrawn.", now=now)
    return withdrawn


def hand_over(tx: Tx, assignment: Assignment, group_assignment_id: str, *, actor: Actor, now: datetime) -> Assignment:
    """Says that a person has it by another group's assignment from now on; the assignment was locked."""
    changes = {"group_assignment_id": [assignment.group_assignment_id, group_assignment_id]}
    after = write(tx, assignment, {"group_assignment_id": group_assignment_id}, now=now)
    content = content_record.get(tx, assignment.company_id, assignment.content_id)
    tell(tx, after, content, "AssignmentChanged", changes, actor=actor, now=now)
    return after


def write(tx: Tx, assignment: Assignment, values: dict[str, Any], *, now: datetime) -> Assignment:
    """Changes the row, for the verbs of this package; the assignment was locked."""
    values = {"updated_at": clock.text(now), **values}
    tx.run(_UPDATE, {"company": assignment.company_id, "assignment": assignment.id, **values})
    return replace(assignment, **values)


def tell(
    tx: Tx,
    assignment: Assignment,
    content: Content,
    kind: str,
    changes: events.Changes,
    *,
    about: dict[str, Any] | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Records an event on the person's timeline that names the content."""
    named = {"content": [None, content.title], "content_id": [None, content.id]}
    if kind == "AssignmentWithdrawn":
        named = {name: [what, None] for name, (_, what) in named.items()}
    changes = {**named, **changes}
    events.record(tx, assignment.company_id, kind, assignment.user_id, changes, about=about, actor=actor, now=now)


def drop_mail(tx: Tx, assignment: Assignment, reason: str, *, now: datetime) -> None:
    """Takes an assignment out of the mail that waits."""
    outbox.cancel_assignment(tx, assignment.company_id, assignment.user_id, assignment.id, reason=reason, now=now)


def _made(tx: Tx, user: User, wanted: Wanted, *, actor: Actor, now: datetime) -> Assignment:
    at = clock.text(now)
    made = Assignment(
        id=clock.new_id(),
        company_id=user.company_id,
        user_id=user.id,
        content_id=wanted.content.id,
        round=1,
        state="incomplete",
        assigned_at=at,
        opened_at=at,
        assigned_by=str(actor),
        due_on=wanted.due_on,
        completed_at=None,
        score=None,
        group_assignment_id=wanted.group_assignment_id,
        trigger_id=wanted.trigger_id,
        updated_at=at,
    )
    tx.insert(_ROW, _values(made))
    tell(tx, made, wanted.content, "AssignmentMade", _day(None, made.due_on), actor=actor, now=now)
    return made


def _met(tx: Tx, before: Assignment, wanted: Wanted, standing: Standing, *, actor: Actor, now: datetime) -> Assignment:
    """What becomes of an assignment that is there already."""
    if standing == "keep" or (standing == "adjust" and before.state == "completed"):
        return before
    if before.state == "incomplete":
        if wanted.due_on in (None, before.due_on):
            return before
        return _another_day(tx, before, wanted.content, wanted.due_on, actor=actor, now=now)
    at = clock.text(now)
    row = {name: getattr(before, name) for name in ("round", "state", "opened_at", "due_on", "completed_at", "score")}
    # A round that was withdrawn ended then, not now.
    ended_at = before.updated_at if before.state == "withdrawn" else at
    tx.run(_KEEP_ROUND, {"company_id": before.company_id, "assignment_id": before.id, **row, "ended_at": ended_at})
    values = {
        "round": before.round + 1,
        "state": "incomplete",
        "opened_at": at,
        "assigned_by": str(actor),
        "due_on": wanted.due_on,
        "completed_at": None,
        "score": None,
        "group_assignment_id": wanted.group_assignment_id,
        "trigger_id": wanted.trigger_id,
    }
    after = write(tx, before, values, now=now)
    changes: dict[str, list[Any]] = {"round": [before.round, after.round], "state": [before.state, after.state]}
    if before.score is not None:
        changes["score"] = [before.score, None]
    changes |= _day(before.due_on, after.due_on)
    tell(tx, after, wanted.content, "AssignmentReassigned", changes, actor=actor, now=now)
    return after


def _another_day(
    tx: Tx, assignment: Assignment, content: Content, due_on: str | None, *, actor: Actor, now: datetime
) -> Assignment:
    after = write(tx, assignment, {"due_on": due_on}, now=now)
    tell(tx, after, content, "AssignmentChanged", _day(assignment.due_on, due_on), actor=actor, now=now)
    return after


def _day(before: str | None, after: str | None) -> dict[str, list[Any]]:
    return {"due_on": [before, after]} if before != after else {}
