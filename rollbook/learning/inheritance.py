"""What a person's ended record was assigned goes over to the record that goes on (people/returners.py joins the two).

People know nothing of learning, so this follows the event, in a task.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam

from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import assignments as table
from rollbook.learning import assignments, completion, content_record
from rollbook.learning.assignment_record import SELECT, Assignment, find_locked
from rollbook.people import users

STEP = 50  # assignments in one write

_NEXT = (
    SELECT.where(
        table.c.company_id == bindparam("company"),
        table.c.user_id == bindparam("user"),
        table.c.id > bindparam("after"),
    )
    .order_by(table.c.id)
    .limit(bindparam("limit"))
    .with_for_update()
)


def inherit(
    tx: Tx,
    company_id: str,
    old_id: str,
    new_id: str,
    *,
    after: str = "",
    limit: int = STEP,
    actor: Actor,
    now: datetime,
) -> str | None:
    """Brings the next assignments over; returns the id to go on after, None where that was all. Safe to run twice.

    What the new record does not have goes over as it is, with its rounds and progress. Where it has the same content,
    what was completed in the old record counts, lesson by lesson for a path; nothing is taken from the new one.
    """
    new = users.get(tx, company_id, new_id)
    while new.joined_into:  # it ended as well meanwhile
        new = users.get(tx, company_id, new.joined_into)
    for user_id in sorted({old_id, new.id}):
        users.get(tx, company_id, user_id, lock=True)
    rows = tx.all(_NEXT, {"company": company_id, "user": old_id, "after": after, "limit": limit})
    for old in (Assignment(*row) for row in rows):
        theirs = find_locked(tx, new, old.content_id)
        if theirs is None:
            _move(tx, old, new.id, actor=actor, now=now)
        elif theirs.state == "incomplete":
            _credit(tx, old, theirs, actor=actor, now=now)
    return rows[-1][0] if len(rows) == limit else None


def _move(tx: Tx, old: Assignment, new_id: str, *, actor: Actor, now: datetime) -> None:
    # It changes hands, and nothing about it changes: when it was withdrawn stays known.
    moved = assignments.write(tx, old, {"user_id": new_id, "updated_at": old.updated_at}, now=now)
    content = content_record.get(tx, old.company_id, old.content_id)
    changes: dict[str, list[Any]] = {"user_id": [old.user_id, new_id], "state": [None, old.state]}
    assignments.tell(tx, moved, content, "AssignmentInherited", changes, actor=actor, now=now)


def _credit(tx: Tx, old: Assignment, theirs: Assignment, *, actor: Actor, now: datetime) -> None:
    content = content_record.get(tx, old.company_id, old.content_id)
    if old.state == "completed":
        values = {"state": "completed", "completed_at": old.completed_at, "score": old.score}
        done = assignments.write(tx, theirs, values, now=now)
        changes: dict[str, list[Any]] = {"user_id": [old.user_id, theirs.user_id], "state": [theirs.state, done.state]}
        assignments.tell(tx, done, content, "AssignmentInherited", changes, actor=actor, now=now)
        assignments.drop_mail(tx, done, "The assignment was completed.", now=now)
    elif old.state == "incomplete" and content.kind == "path":
        completion.take_over(tx, theirs, old, actor=actor, now=now)
