"""Exemptions: people who are meant to have no link (a contractor, an account of the house). No run links, changes or
archives them. Links themselves are identity_links.py's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import link_exemptions as table
from rollbook.errors import Conflict, InvalidValue
from rollbook.people import record, users
from rollbook.people.record import User

LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Exemption:
    """That somebody is meant to have no link, by whose word and why."""

    user_id: str
    reason: str
    exempted_at: str
    exempted_by: str


_COLUMNS = (table.c.user_id, table.c.reason, table.c.exempted_at, table.c.exempted_by)
_OF_USER = (table.c.company_id == bindparam("company"), table.c.user_id == bindparam("user"))
_ONE = select(*_COLUMNS).where(*_OF_USER)
_INSERT = insert(table)
_PUT = _INSERT.on_conflict_do_update(
    index_elements=["company_id", "user_id"],
    set_={name: _INSERT.excluded[name] for name in ("reason", "exempted_at", "exempted_by")},
)
_DELETE = delete(table).where(*_OF_USER)


def exempt(tx: Tx, user: User, reason: str, *, actor: Actor, now: datetime) -> User:
    """Says that this person is meant to have no link. The same reason again changes nothing, another one replaces it.

    Raises InvalidValue where no reason is given, Conflict for a linked user (Okta reaches them) and a deleted one.
    """
    record.refuse_deleted(user)
    reason = _checked(reason)
    if user.link == "linked":
        raise Conflict(
            f"User {user.id} is linked: Okta reaches this account and de-provisions it, so there is nothing to exempt. "
            "Remove the assignment in Okta first if the account is to live on without it.",
            field="link",
            holder_id=user.id,
        )
    before = find(tx, user.company_id, user.id)
    if before is not None and before.reason == reason:
        return user
    at = clock.text(now)
    row = {"company_id": user.company_id, "user_id": user.id, "reason": reason}
    tx.run(_PUT, row | {"exempted_at": at, "exempted_by": str(actor)})
    changes: dict[str, list[str | None]] = {"reason": [before.reason if before else None, reason]}
    if user.link != "exempt":
        changes |= {"link": [user.link, "exempt"]}
    return users.change(tx, user, {"link": "exempt"}, [("LinkExempted", changes)], actor=actor, now=now)


def lift(tx: Tx, user: User, *, actor: Actor, now: datetime) -> User:
    """Ends an exemption: known again where the external id is recorded, else unlinked. Idempotent."""
    if user.link != "exempt":
        return user
    before = find(tx, user.company_id, user.id)
    forget(tx, user.company_id, user.id)
    link = "known" if user.external_id else "unlinked"
    changes: dict[str, list[str | None]] = {
        "reason": [before.reason if before else None, None],
        "link": [user.link, link],
    }
    return users.change(tx, user, {"link": link}, [("ExemptionLifted", changes)], actor=actor, now=now)


def find(tx: Tx, company_id: str, user_id: str) -> Exemption | None:
    """The exemption of a person."""
    row = tx.one(_ONE, {"company": company_id, "user": user_id})
    return Exemption(*row) if row else None


def of_people(tx: Tx, company_id: str, user_ids: Sequence[str]) -> dict[str, Exemption]:
    """The exemptions of these people, by their ids."""
    if not user_ids:
        return {}
    query = select(*_COLUMNS).where(table.c.company_id == company_id, table.c.user_id.in_(user_ids))
    return {row[0]: Exemption(*row) for row in tx.search(query)}


def forget(tx: Tx, company_id: str, user_id: str) -> None:
    """Takes the row away; what the user's record says is the caller's."""
    tx.run(_DELETE, {"company": company_id, "user": user_id})


def _checked(reason: str) -> str:
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON or not reason.isprintable():
        raise InvalidValue(
            f"Say why this person is meant to have no link, in 1 to {LONGEST_REASON} characters without line breaks.",
            field="reason",
        )
    return reason
