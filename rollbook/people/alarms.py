"""Alarms: what an administrator must know of and a person must settle. Raised in the transaction of their cause."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Row, Tx
from rollbook.database.tables import alarms
from rollbook.errors import NotFound

Kind = Literal[
    "address_held",
    "flapping",
    "last_admin_archived",
    "mass_archive",
    "okta_attention",
    "okta_held",
    "privileged_deleted",
    "privileged_restored",
]


@dataclass(frozen=True, slots=True)
class Alarm:
    """One matter; `subject_id` is the user it is about, or the company."""

    id: str
    kind: str
    subject_id: str
    raised_at: str
    detail: dict[str, Any]
    resolved_at: str | None


_COLUMNS = (
    alarms.c.id,
    alarms.c.kind,
    alarms.c.subject_id,
    alarms.c.raised_at,
    alarms.c.detail,
    alarms.c.resolved_at,
)
_OF_COMPANY = alarms.c.company_id == bindparam("company")
_INSERT = insert(alarms)
_RAISE = _INSERT.on_conflict_do_update(
    index_elements=["company_id", "open_key"], set_={"detail": _INSERT.excluded.detail}
)
_OPEN = select(*_COLUMNS).where(_OF_COMPANY, alarms.c.resolved_at.is_(None)).order_by(alarms.c.id.desc())
_ONE = select(*_COLUMNS).where(_OF_COMPANY, alarms.c.id == bindparam("alarm"))
_OPEN_ONE = select(*_COLUMNS).where(_OF_COMPANY, alarms.c.open_key == bindparam("key"))
_LAST_SETTLED = (
    select(*_COLUMNS)
    .where(
        _OF_COMPANY,
        alarms.c.kind == bindparam("kind"),
        alarms.c.subject_id == bindparam("subject"),
        alarms.c.resolved_at.is_not(None),
    )
    .order_by(alarms.c.id.desc())
    .limit(1)
)
_FORGET = update(alarms).where(
    _OF_COMPANY, alarms.c.subject_id == bindparam("subject"), alarms.c.kind == "address_held"
)
_RESOLVE = update(alarms).where(_OF_COMPANY, alarms.c.open_key == bindparam("key"))


def sound(
    tx: Tx, company_id: str, kind: Kind, subject_id: str, detail: dict[str, Any] | None = None, *, now: datetime
) -> None:
    """Raises an alarm; one that is open for the same matter only takes the new detail."""
    tx.run(
        _RAISE,
        {
            "company_id": company_id,
            "id": clock.new_id(),
            "kind": kind,
            "subject_id": subject_id,
            "open_key": f"{kind}:{subject_id}",
            "raised_at": clock.text(now),
            "detail": msgspec.json.encode(detail or {}).decode(),
        },
    )


def resolve(tx: Tx, company_id: str, kind: Kind, subject_id: str, *, actor: Actor, now: datetime) -> bool:
    """Settles the open alarm of a matter; False where none is open."""
    key = f"{kind}:{subject_id}"
    row = tx.one(_OPEN_ONE, {"company": company_id, "key": key})
    if row is None:
        return False
    at = clock.text(now)
    tx.run(
        _RESOLVE, {"company": company_id, "key": key, "open_key": None, "resolved_at": at, "resolved_by": str(actor)}
    )
    events.record(tx, company_id, "AlarmResolved", subject_id, {"alarm": [kind, None]}, actor=actor, now=now)
    return True


def forget(tx: Tx, company_id: str, subject_id: str) -> None:
    """Takes the address out of a person's settled alarms; that they were raised and settled stays."""
    tx.run(_FORGET, {"company": company_id, "subject": subject_id, "detail": "{}"})


def open_ones(tx: Tx, company_id: str) -> list[Alarm]:
    """The alarms nobody has settled, newest first."""
    return [_alarm(row) for row in tx.all(_OPEN, {"company": company_id})]


def find_open(tx: Tx, company_id: str, kind: Kind, subject_id: str) -> Alarm | None:
    """The open alarm of a matter."""
    row = tx.one(_OPEN_ONE, {"company": company_id, "key": f"{kind}:{subject_id}"})
    return _alarm(row) if row else None


def last_settled(tx: Tx, company_id: str, kind: Kind, subject_id: str) -> Alarm | None:
    """The newest alarm of a matter that somebody settled."""
    row = tx.one(_LAST_SETTLED, {"company": company_id, "kind": kind, "subject": subject_id})
    return _alarm(row) if row else None


def get(tx: Tx, company_id: str, alarm_id: str) -> Alarm:
    """Raises NotFound."""
    row = tx.one(_ONE, {"company": company_id, "alarm": alarm_id})
    if row is None:
        raise NotFound("There is no such alarm.")
    return _alarm(row)


def _alarm(row: Row) -> Alarm:
    id_, kind, subject_id, raised_at, detail, resolved_at = row
    return Alarm(id_, kind, subject_id, raised_at, msgspec.json.decode(detail), resolved_at)
