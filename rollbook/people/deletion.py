"""Deletion: a provisioning client says that somebody is no user of its any more. The record stays and remembers, and
the names are free for the next one. Taking personal data away is erasure.py's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.errors import Conflict
from rollbook.people import alarms, users
from rollbook.people.record import User


def delete(tx: Tx, user: User, *, actor: Actor, now: datetime) -> User:
    """Archived and unknown to SCIM from now on; the names are freed and remembered in the former columns.

    A privileged user's names stay taken until a person frees them (`free`), and an alarm says so.
    """
    if user.deleted_at:
        return user
    at = clock.text(now)
    values: dict[str, Any] = {"deleted_at": at}
    kinds = []
    if user.active:
        values |= users.archiving(actor, now)
        kinds.append(("UserArchived", {"archived_at": [None, values["archived_at"]]}))
    if user.privileged:
        kinds.append(("UserDeleted", {"deleted_at": [None, at]}))
        deleted = users.change(tx, user, values, kinds, actor=actor, now=now)
        alarms.sound(tx, user.company_id, "privileged_deleted", user.id, {"by": str(actor)}, now=now)
        return deleted
    kinds.append(("UserDeleted", {"deleted_at": [None, at], **_given_up(user)}))
    return users.change(tx, user, values | _freed(user), kinds, actor=actor, now=now)


def free(tx: Tx, user: User, *, actor: Actor, now: datetime) -> User:
    """Gives up the names of a deleted privileged user. Raises Conflict where the user was not deleted."""
    if not user.deleted_at:
        raise Conflict(f"{user.display_name} was not deleted, so nothing is to be freed.", field="deleted_at")
    if user.former_user_name is not None:
        return user
    kinds = [("UserFreed", {"user_name": [user.user_name, None], **_given_up(user)})]
    freed = users.change(tx, user, _freed(user), kinds, actor=actor, now=now)
    alarms.resolve(tx, user.company_id, "privileged_deleted", user.id, actor=actor, now=now)
    return freed


def _freed(user: User) -> dict[str, Any]:
    return {
        "former_user_name": user.user_name,
        "former_email": user.email,
        "former_external_id": user.external_id,
        "user_name_key": None,
        "email_key": None,
        "external_id": None,
    }


def _given_up(user: User) -> dict[str, list[Any]]:
    """What the record itself loses with the names; user name and e-mail stay in it as text."""
    return {"external_id": [user.external_id, None]} if user.external_id is not None else {}
