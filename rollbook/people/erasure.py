"""Erasing a person: their data goes, that there was somebody stays. It cannot be undone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, or_, update

from rollbook.activity import events, log
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import okta_changes, okta_people, sessions, sign_in_links
from rollbook.people import (
    alarms,
    deletion,
    exemptions,
    field_values,
    group_managers,
    memberships,
    profiles,
    refused_matches,
    users,
)
from rollbook.people.folding import fold
from rollbook.people.record import User

ERASED = "erased"
_ABOUT_THEM: tuple[alarms.Kind, ...] = ("address_held", "flapping", "privileged_deleted", "privileged_restored")

_DELETE_LINKS = delete(sign_in_links).where(
    sign_in_links.c.company_id == bindparam("company"), sign_in_links.c.user_id == bindparam("user")
)
_DELETE_SESSIONS = delete(sessions).where(
    sessions.c.company_id == bindparam("company"), sessions.c.user_id == bindparam("user")
)
# What the standard integration read of a person, and what it planned for them: by their id, and by each of their names.
_OF_COMPANY = okta_people.c.company_id == bindparam("company")
_DELETE_READ = delete(okta_people).where(
    or_(
        and_(_OF_COMPANY, okta_people.c.okta_id == bindparam("okta")),
        and_(_OF_COMPANY, okta_people.c.login_key == bindparam("key")),
        and_(_OF_COMPANY, okta_people.c.email_key == bindparam("key")),
    )
)
_BLANK_PLANS = update(okta_changes).where(
    okta_changes.c.company_id == bindparam("company"), okta_changes.c.user_id == bindparam("user")
)
_BLANK_PLANS_OF_OKTA = update(okta_changes).where(
    okta_changes.c.company_id == bindparam("company"), okta_changes.c.okta_id == bindparam("okta")
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
    group_managers.forget(tx, user)
    field_values.forget(tx, user)
    exemptions.forget(tx, user.company_id, user.id)
    names = _names_of(tx, user)
    _forget_okta(tx, user, names)
    log.forget_user(tx, user.company_id, user.id, names)
    return erased


def _forget_okta(tx: Tx, user: User, names: set[str]) -> None:
    """What was read of them in Okta is gone, and of what was planned only that something was, and when.

    `names` are whatever they were known by. A match that a person undid was about somebody else.
    """
    others = {external_id for _, external_id in refused_matches.of_people(tx, user.company_id, [user.id])}
    refused_matches.forget(tx, user.company_id, user.id)
    blank = {"changes": "{}", "okta_id": None, "reason": ERASED, "why_not": None}
    tx.run(_BLANK_PLANS, {"company": user.company_id, "user": user.id, **blank})
    for name in names - others:
        tx.run(_DELETE_READ, {"company": user.company_id, "okta": name, "key": fold(name)})
        tx.run(_BLANK_PLANS_OF_OKTA, {"company": user.company_id, "okta": name, **blank})


def _names_of(tx: Tx, user: User) -> set[str]:
    """Whatever the person was ever known by, as the events still tell."""
    return {
        value
        for event in events.of_subject(tx, user.company_id, user.id)
        for name in ("user_name", "email", "external_id", "sign_in_email")
        for value in event.changes.get(name, [])
        if value and value != ERASED
    }
