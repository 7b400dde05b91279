"""What must not stay unseen when a user's record has changed: the alarms that follow in the same transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, func, select, text

from rollbook.activity import queue
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import companies, users
from rollbook.people import alarms
from rollbook.people.record import OF_COMPANY, User

# Two administrators who go at the same moment would each still count the other: they come here one after the other.
# Rows that point to the company are written meanwhile.
_IN_TURN = select(companies.c.id).where(companies.c.id == bindparam("company")).with_for_update(key_share=True)
# Written out, so that both databases see that the partial index on privileged users holds the answer.
_PRIVILEGED = text("users.role <> 'learner'")
_ACTIVE_ADMINS = select(func.count()).where(
    OF_COMPANY, _PRIVILEGED, users.c.role == "admin", users.c.archived_at.is_(None), users.c.deleted_at.is_(None)
)


def changed(tx: Tx, before: User, after: User, *, actor: Actor, now: datetime) -> None:
    """After a user's row was written."""
    if after.active and not before.active:
        _watch_restored(tx, after, actor=actor, now=now)
    _watch_admins(tx, before, after, actor=actor, now=now)


def _watch_restored(tx: Tx, user: User, *, actor: Actor, now: datetime) -> None:
    if user.privileged and actor.kind in ("scim", "okta"):
        detail = {"role": user.role, "by": str(actor)}
        alarms.sound(tx, user.company_id, "privileged_restored", user.id, detail, now=now)


def _watch_admins(tx: Tx, before: User, after: User, *, actor: Actor, now: datetime) -> None:
    """An archive, or another role, is honoured; that nobody is left who could undo it in Learning must not stay unseen.
    An administrator who is back settles it; one who is made is to read of it.
    """
    company_id = after.company_id
    was, is_ = (user.active and user.role == "admin" for user in (before, after))
    if is_ and not before.active:
        alarms.resolve(tx, company_id, "last_admin_archived", company_id, actor=actor, now=now)
    if is_ or not was:
        return
    tx.one(_IN_TURN, {"company": company_id})
    if active_admins(tx, company_id) == 0:
        detail = {"user_id": after.id, "cause": "role" if after.active else "archived"}
        alarms.sound(tx, company_id, "last_admin_archived", company_id, detail, now=now)
        queue.enqueue(tx, company_id, "tell_of_last_admin", {}, waiting_key="admin", now=now)


def active_admins(tx: Tx, company_id: str) -> int:
    """How many administrators a company has."""
    row = tx.one(_ACTIVE_ADMINS, {"company": company_id})
    return row[0] if row is not None else 0
