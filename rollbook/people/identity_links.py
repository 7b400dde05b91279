"""Links between our users and the identity provider's: linked, known, unlinked.

A user is *linked* once a provisioning client created, restored or wrote to them by id; *known* once their external id
is recorded; *unlinked* before both. Only the first will ever be de-provisioned by Okta. `link` is the one verb that
decides, whoever asks: a POST, a write by id, the command line.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import users as table
from rollbook.errors import Conflict, InvalidValue
from rollbook.people import record, users
from rollbook.people.record import User


@dataclass(frozen=True, slots=True)
class NotLinked:
    """An active user whom Okta's de-provisioning does not reach, and the click that mends it."""

    user: User
    link: str
    since: str
    reason: str
    what_to_do: str


def link(tx: Tx, user: User, *, external_id: str | None = None, by_client: bool, actor: Actor, now: datetime) -> User:
    """Records that a client wrote to this user (`by_client`), or only which external id is theirs. Idempotent.

    Raises Conflict where the recorded external id is another one (the operator may correct it) or belongs to
    somebody else, and for a deleted user; InvalidValue where there is nothing to record.
    """
    if not by_client and not external_id:
        raise InvalidValue("Give the identity provider's id of the user, in Okta: 00u…", field="external_id")
    record.refuse_deleted(user)
    values: dict[str, str | None] = {}
    if external_id and external_id != user.external_id:
        if user.external_id is not None and actor.kind != "operator":
            raise Conflict(
                f"User {user.id} is recorded with another external id. If Okta's person is really the same, correct it "
                "with: rollbook user link",
                field="external_id",
                holder_id=user.id,
            )
        values["external_id"] = external_id
    target = "linked" if by_client or user.link == "linked" else "known"
    if target != user.link:
        values["link"] = target
        values["linked_at"] = clock.text(now) if target == "linked" else None
    changes = {name: [getattr(user, name), value] for name, value in values.items() if name != "linked_at"}
    return users.change(tx, user, values, [("UserLinked", changes)], actor=actor, now=now)


def not_linked(tx: Tx, company_id: str, *, after: str = "", limit: int = 1000) -> list[NotLinked]:
    """The active users who are not linked, oldest first, those after the id `after`."""
    query = (
        record.SELECT.where(
            table.c.company_id == company_id,
            table.c.id > after,
            table.c.link != "linked",
            table.c.archived_at.is_(None),
            table.c.deleted_at.is_(None),
        )
        .order_by(table.c.id)
        .limit(limit)
    )
    return [_explained(user) for user in users.search(tx, query)]


def _explained(user: User) -> NotLinked:
    if user.link == "known":
        reason = "The external id is recorded, but no provisioning client has written to this account yet."
    else:
        reason = "This account was not made by provisioning, and no provisioning client has written to it since."
    what_to_do = (
        f"In Okta open the Learning app, Assignments, {user.display_name}, and click Provision User. "
        "If the person is not assigned yet: Import, Import Now, and confirm the match."
    )
    return NotLinked(user, user.link, user.created_at, reason, what_to_do)
