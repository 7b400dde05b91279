"""Where a person signs in. A privileged user's address, changed by a key or by a run, is held until a person confirms
it: whoever holds a stolen key, or writes in Okta, must not lead an administrator's sign-in links to their own address.

`confirmed_email` is None while the e-mail itself is confirmed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select, update

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import users as table
from rollbook.people import alarms, sign_in
from rollbook.people.folding import fold

if TYPE_CHECKING:
    from rollbook.people.record import User

_CONFIRM = update(table).where(table.c.company_id == bindparam("company"), table.c.id == bindparam("user"))
# Of those who are here alone: whoever was archived signs in nowhere, and must not keep the address from the next one.
_BY_CONFIRMED = select(table.c.id).where(
    table.c.company_id == bindparam("company"),
    table.c.confirmed_email_key == bindparam("key"),
    table.c.archived_at.is_(None),
    table.c.deleted_at.is_(None),
)
_KEYS = ("scim", "api", "okta")  # a key or a token can be stolen; a person has signed in


def follow_change(user: User, values: Mapping[str, Any], *, actor: Actor) -> dict[str, Any]:
    """What a change of e-mail writes besides: the address to keep for sign-in, or that none needs keeping."""
    if "email" not in values:
        return {}
    if user.privileged and actor.kind in _KEYS:
        kept = user.sign_in_email
        if fold(kept) == fold(values["email"]):
            return {"confirmed_email": None, "confirmed_email_key": None}
        return {"confirmed_email": kept, "confirmed_email_key": fold(kept)}
    return {"confirmed_email": None, "confirmed_email_key": None} if user.confirmed_email else {}


def settle_change(tx: Tx, before: User, after: User, *, actor: Actor, now: datetime) -> None:
    """After a change of e-mail or user name: open links end, and a privileged user's change raises the alarm."""
    if fold(before.email) == fold(after.email) and fold(before.user_name) == fold(after.user_name):
        return
    sign_in.end_links(tx, after.company_id, after.id, now=now)
    if after.privileged and actor.kind in _KEYS:
        detail = {"links_go_to": after.sign_in_email, "by": str(actor)}
        alarms.sound(tx, after.company_id, "address_held", after.id, detail, now=now)


def confirm(tx: Tx, user: User, *, actor: Actor, now: datetime) -> None:
    """A person says that the new address is the user's: from now on links go there. Idempotent."""
    if user.confirmed_email is not None:
        values = {
            "confirmed_email": None,
            "confirmed_email_key": None,
            "version": user.version + 1,
            "updated_at": clock.text(now),
        }
        tx.run(_CONFIRM, {"company": user.company_id, "user": user.id, **values})
        changes = {"sign_in_email": [user.confirmed_email, user.email]}
        events.record(tx, user.company_id, "AddressConfirmed", user.id, changes, actor=actor, now=now)
    alarms.resolve(tx, user.company_id, "address_held", user.id, actor=actor, now=now)


def held_for(tx: Tx, company_id: str, email: str) -> list[str]:
    """The ids of active people whose sign-in goes to this address although their record shows another by now."""
    return [row[0] for row in tx.all(_BY_CONFIRMED, {"company": company_id, "key": fold(email)})]
