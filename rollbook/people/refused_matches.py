"""Refused matches: pairs of a user and an external id that a rule matched and a person undid. No rule matches them
again; a person may, and then the refusal is gone. Undoing itself is identity_links.py's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import refused_matches as table

_PAIR = (
    table.c.company_id == bindparam("company"),
    table.c.user_id == bindparam("user"),
    table.c.external_id == bindparam("external"),
)
_REFUSE = insert(table).on_conflict_do_nothing()
_ONE = select(table.c.user_id).where(*_PAIR)
_OF_PEOPLE = select(table.c.user_id, table.c.external_id).where(
    table.c.company_id == bindparam("company"), table.c.user_id.in_(bindparam("users", expanding=True))
)
_ALLOW = delete(table).where(*_PAIR)
_FORGET = delete(table).where(table.c.company_id == bindparam("company"), table.c.user_id == bindparam("user"))


def refuse(tx: Tx, company_id: str, user_id: str, external_id: str, *, actor: Actor, now: datetime) -> None:
    """From now on no rule makes this match. Idempotent; the event is the caller's."""
    pair = {"company_id": company_id, "user_id": user_id, "external_id": external_id}
    tx.run(_REFUSE, pair | {"refused_at": clock.text(now), "refused_by": str(actor)})


def is_refused(tx: Tx, company_id: str, user_id: str, external_id: str) -> bool:
    """Whether a person undid this match."""
    return tx.one(_ONE, {"company": company_id, "user": user_id, "external": external_id}) is not None


def of_people(tx: Tx, company_id: str, user_ids: Sequence[str]) -> set[tuple[str, str]]:
    """The refused pairs (user id, external id) of these people."""
    if not user_ids:
        return set()
    rows = tx.among(_OF_PEOPLE, {"company": company_id}, users=user_ids)
    return {(user_id, external_id) for user_id, external_id in rows}


def allow(tx: Tx, company_id: str, user_id: str, external_id: str) -> None:
    """A person made the match themselves: it is refused no longer."""
    tx.run(_ALLOW, {"company": company_id, "user": user_id, "external": external_id})


def forget(tx: Tx, company_id: str, user_id: str) -> None:
    """Takes every refusal of an erased person away: an external id is theirs too."""
    tx.run(_FORGET, {"company": company_id, "user": user_id})
