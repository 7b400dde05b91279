"""Events: the audit trail, and the outbox of what follows. Verbs record them; reactions.py says what they start.

An event is written in the transaction of the change it tells of, and so are the tasks that follow it (promise P7).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import bindparam, select

from rollbook import clock
from rollbook.activity import queue
from rollbook.activity.reactions import REACTIONS
from rollbook.database import Row, Tx
from rollbook.database.statements import Insertion
from rollbook.database.tables import events

Changes = Mapping[str, Sequence[Any]]  # field -> [before, after]


class Actor(msgspec.Struct, frozen=True):
    """Who does it: a provisioning client by its key, an API key, the operator, a signed-in user, a run of the standard
    integration, or a task.
    """

    kind: Literal["scim", "api", "operator", "user", "okta", "task"]
    id: str | None = None
    request_id: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}" if self.id else self.kind


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a timeline; `changes` maps a field to its value before and after."""

    id: str
    at: str
    kind: str
    actor: str
    subject_id: str
    changes: dict[str, list[Any]]
    request_id: str | None


COLUMNS = ("company_id", "id", "at", "kind", "actor", "subject_id", "changes", "request_id")
ROW = Insertion(events, *COLUMNS)
_encode = msgspec.json.Encoder().encode
_OF_SUBJECT = (
    select(
        events.c.id,
        events.c.at,
        events.c.kind,
        events.c.actor,
        events.c.subject_id,
        events.c.changes,
        events.c.request_id,
    )
    .where(
        events.c.company_id == bindparam("company"),
        events.c.subject_id == bindparam("subject"),
        events.c.kind.is_not(None),
    )
    .order_by(events.c.id)
)
_SELECT = select(*_OF_SUBJECT.selected_columns).order_by(events.c.id)
_FIRST = _OF_SUBJECT.where(events.c.kind == bindparam("of_kind")).limit(1)


def record(
    tx: Tx,
    company_id: str,
    kind: str,
    subject_id: str,
    changes: Changes | None = None,
    *,
    about: Mapping[str, Any] | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Writes the event and queues the tasks that REACTIONS names for its kind; what it is `about` besides the subject
    (a group, a lesson) is theirs to know and is not kept.

    Between `log.begin` and `log.write` the event waits, to become the line of the log as well.
    """
    text = _encode(changes).decode() if changes else "{}"
    values = (company_id, clock.new_id(), clock.text(now), kind, str(actor), subject_id, text, actor.request_id)
    if tx.draft is None:
        tx.insert(ROW, values)
    else:
        tx.draft.append(values)
    for reaction in REACTIONS.get(kind, ()):
        if reaction.only_if is not None and not (about and about.get(reaction.only_if)):
            continue
        queue.enqueue(
            tx,
            company_id,
            reaction.task,
            {"subject_id": subject_id, **(about or {})},
            waiting_key=reaction.waiting_key,
            now=now,
        )


def of_subject(tx: Tx, company_id: str, subject_id: str) -> list[Event]:
    """The timeline of a user (or a key, or the company itself), oldest first."""
    return [_event(row) for row in tx.all(_OF_SUBJECT, {"company": company_id, "subject": subject_id})]


def of_subjects(tx: Tx, company_id: str, subject_ids: Sequence[str], kinds: Sequence[str]) -> dict[str, list[Event]]:
    """The events of some kinds in the timelines of several, by subject, oldest first."""
    found: dict[str, list[Event]] = {}
    if subject_ids:
        query = _SELECT.where(
            events.c.company_id == company_id, events.c.subject_id.in_(subject_ids), events.c.kind.in_(kinds)
        )
        for row in tx.search(query):
            event = _event(row)
            found.setdefault(event.subject_id, []).append(event)
    return found


def first(tx: Tx, company_id: str, subject_id: str, kind: str) -> Event | None:
    """The oldest event of a kind in a timeline."""
    row = tx.one(_FIRST, {"company": company_id, "subject": subject_id, "of_kind": kind})
    return _event(row) if row else None


def _event(row: Row) -> Event:
    id_, at, kind, actor, subject, changes, request_id = row
    return Event(id_, at, kind, actor, subject, msgspec.json.decode(changes), request_id)
