"""Erasing a person: their data goes, that there was somebody stays. It cannot be undone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete

from rollbook.activity import events, log
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import sessions, sign_in_links
from rollbook.people import alarms, deletion, field_values, memberships, profiles, users
from rollbook.people.record import User

ERASED = "erased"
_ABOUT_THEM: tuple[alarms.Kind, ...] = ("address_held", "privileged_deleted", "privileged_restored")

_DELETE_LINKS = delete(sign_in_links).where(
    sign_in_links.c.company_id == bindparam("company"), sign_in_links.c.user_id == bindparam("user")
)
_DELETE_SESSIONS = delete(sessions).where(
    sessions.c.company_id == bindparam("company"), sessions.c.user_id == bindparam("user")
)


def erase(tx: Tx, user: User, *, actor: Actor, now: datetime) -> User:
    """Archives and deletes the user where that has not happened, then blanks every personal datum of theirs:
    the record, the values in its events, alarms and the provisioning log, sessions and links. Idempotent.
    """
    if user.deleted_at is None:
        user = deletion.delete(tx, user, actor=actor, now=now)
    for kind in _ABOUT_THEM:
        alarms.resolve(tx, user.company_id, kind, user.id, actor=actor, now=now)
    values: dict[str, Any] = dict.fromkeys(profiles.TEXT_FIELDS)
    values |= dict.fromkeys(profiles.REQUIRED, ERASED)
    values |= dict.fromkeys(("former_user_name", "former_email", "former_external_id"))
    values |= dict.fromkeys(("user_name_key", "email_key", "confirmed_email", "confirmed_email_key"))
    values |= {"name_key": ERASED, "kept": "{}", "role": "learner"}
    if user.email == ERASED:  # no address reads so, while somebody's user name may
        return user
    erased = users.change(tx, user, values, [("UserErased", {})], actor=actor, now=now)
    tx.run(_DELETE_LINKS, {"company": user.company_id, "user": user.id})
    tx.run(_DELETE_SESSIONS, {"company": user.company_id, "user": user.id})
    alarms.forget(tx, user.company_id, user.id)
    memberships.forget(tx, user)
    field_values.forget(tx, user)
    names = _names_of(tx, user)
    log.forget_user(tx, user.company_id, user.id, names)
    return erased


def _names_of(tx: Tx, user: User) -> set[str]:
    """Whatever the person was ever known by, as the events still tell."""
    return {
        value
        for event in events.of_subject(tx, user.company_id, user.id)
        for name in ("user_name", "email", "external_id", "sign_in_email")
        for value in event.changes.get(name, [])
        if value and value != ERASED
    }
