"""People who were deleted and may have come back under a new record, and joining the two."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam

from rollbook.activity import events
from rollbook.activity.events import Actor, Event
from rollbook.database import Tx
from rollbook.database.tables import users as table
from rollbook.errors import Conflict
from rollbook.people import deletion, field_values, following, memberships, record, users
from rollbook.people.folding import fold
from rollbook.people.record import User


@dataclass(frozen=True, slots=True)
class Returner:
    """`old` was deleted; `new` has one of its former names."""

    old: User
    new: User


_LIVING = record.SELECT.where(
    table.c.deleted_at.is_(None),
    record.any_of(table.c.user_name_key == bindparam("user_name_key"), table.c.email_key == bindparam("email_key")),
).order_by(table.c.id)


def search(tx: Tx, company_id: str, *, limit: int = 100) -> list[Returner]:
    """Deleted users, newest first, whose former names somebody living has by now."""
    deleted = users.search(
        tx,
        record.SELECT.where(
            table.c.company_id == company_id,
            table.c.deleted_at.is_not(None),
            table.c.joined_into.is_(None),
            table.c.user_name_key.is_(None),
        )
        .order_by(table.c.deleted_at.desc())
        .limit(limit),
    )
    pairs = []
    for old in deleted:
        names = {"company": company_id, "user_name_key": fold(old.user_name), "email_key": fold(old.email)}
        row = tx.one(_LIVING, names)
        if row is not None:
            pairs.append(Returner(old, record.of_row(row)))
    return pairs


def join(tx: Tx, old: User, new: User, *, actor: Actor, now: datetime) -> User:
    """Says that both records are one person: the new one goes on, with the old one's history, groups and fields.

    The event tells the learning side, whose task brings the assignments over. Idempotent.
    The role of the new record stays: it is raised by a person who means to. Raises Conflict where the old record is
    in use, or belongs to another one already.
    """
    if old.id == new.id:
        raise Conflict("Old and new are the same user; nothing is to be joined.", field="id", holder_id=old.id)
    if old.joined_into == new.id:
        return new
    if old.joined_into:
        raise Conflict(f"User {old.id} was joined to {old.joined_into} already.", field="id", holder_id=old.joined_into)
    if old.active:
        raise Conflict(f"User {old.id} is active; archive the record that is to end first.", field="id")
    if new.deleted_at:
        raise Conflict(f"User {new.id} was deleted; join into the record that goes on.", field="id")
    if old.deleted_at is None:
        old = deletion.delete(tx, old, actor=actor, now=now)
    kinds = [("UserJoined", {"joined_into": [None, new.id]})]
    users.change(tx, old, {"joined_into": new.id}, kinds, actor=actor, now=now)
    gone_at, came_at = old.archived_at, new.created_at
    if gone_at is not None and gone_at < came_at and users.back_since(tx, new.company_id, new.id) is None:
        # The time between the two records is their time away: what fell due in it is no news. What was asked of the new
        # record counts as it did, whenever it is found out that both are one person.
        users.change(tx, new, {"away_from": gone_at, "away_until": came_at}, [], actor=actor, now=now)
    changes, about = {"joined_from": [None, old.id]}, {"joined_from": old.id}
    events.record(tx, new.company_id, "UserJoined", new.id, changes, about=about, actor=actor, now=now)
    moved = memberships.inherit(tx, old, new, actor=actor, now=now)
    moved += field_values.inherit(tx, old, new, actor=actor, now=now)
    following.moved(tx, new.company_id, new.id, moved, actor=actor, now=now)
    return users.get(tx, new.company_id, new.id)


def timeline(tx: Tx, user: User) -> list[Event]:
    """The events of a user and of the records joined into it, oldest first."""
    joined = users.search(
        tx,
        record.SELECT.where(
            table.c.company_id == user.company_id,
            table.c.deleted_at.is_not(None),
            table.c.joined_into == user.id,
        ),
    )
    lines = events.of_subject(tx, user.company_id, user.id)
    for old in joined:
        lines += events.of_subject(tx, user.company_id, old.id)
    return sorted(lines, key=lambda event: event.id)
