"""The provisioning log: what a provisioning client asked, what became of it, before and after, and a hint.

The door composes the entry (scim/exchange.py); here it is stored, searched and forgotten. It is written in the
transaction of the change, or in a second one before a refusal is answered. Values of mapped fields stand in clear
for as long as the operator keeps them; an attribute that Rollbook only keeps is named without its value.

A request that makes one event has one row for both: the event's, with the columns of the line filled in.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, null, select, update

from rollbook import clock
from rollbook.activity.events import COLUMNS as OF_EVENT
from rollbook.activity.events import ROW as EVENT
from rollbook.activity.events import Actor
from rollbook.database import Row, Tx
from rollbook.database.statements import Insertion
from rollbook.database.tables import events

KEEP_DAYS = 90
FORGOTTEN = "(forgotten)"
_NOBODY = ""


class Entry(msgspec.Struct, frozen=True):
    """One request of a provisioning client, as the administrators read it.

    `decision` is one word of created, linked, restored, refreshed, updated, archived, deleted, unchanged, refused.
    `changes` are a field's value before and after; `write` takes them from the request's events, never from here.
    """

    method: str
    path: str
    status: int
    decision: str
    request_id: str
    key_id: str | None = None
    user_id: str | None = None
    changes: dict[str, list[Any]] = msgspec.field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    hint: str | None = None
    id: str = ""
    at: str = ""


_OF_LINE = ("method", "path", "status", "decision", "ignored", "hint")
_EVENT_AND_LINE = Insertion(events, *OF_EVENT, *_OF_LINE)
_LINE = Insertion(events, *(name for name in OF_EVENT if name != "kind"), *_OF_LINE)
_KIND, _SUBJECT, _CHANGES = (OF_EVENT.index(name) for name in ("kind", "subject_id", "changes"))
_MOVES = frozenset({"GroupJoined", "GroupLeft"})  # of which one request may make several
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, list[Any]]).decode
_SELECT = select(
    events.c.method,
    events.c.path,
    events.c.status,
    events.c.decision,
    events.c.request_id,
    events.c.actor,
    events.c.subject_id,
    events.c.changes,
    events.c.ignored,
    events.c.hint,
    events.c.id,
    events.c.at,
)
_OF_COMPANY = events.c.company_id == bindparam("company")
_IS_LINE = events.c.method.is_not(None)
_LAST = _SELECT.where(_OF_COMPANY, _IS_LINE).order_by(events.c.id.desc()).limit(1)
_FORGET_USER = update(events).where(_OF_COMPANY, events.c.subject_id == bindparam("user"))
_OF_NOBODY = select(events.c.id, events.c.path, events.c.hint).where(
    _OF_COMPANY, _IS_LINE, events.c.subject_id == bindparam("nobody")
)
_FORGET_LINE = update(events).where(_OF_COMPANY, events.c.id == bindparam("line"))


def begin(tx: Tx) -> None:
    """Keeps the events of this transaction back until `write`, which must follow unless the transaction fails."""
    tx.draft = []


def write(tx: Tx, company_id: str, entry: Entry, *, now: datetime) -> None:
    """Stores an entry and the events kept back since `begin`; id and instant of a line are given here."""
    kept, tx.draft = tx.draft or (), None
    ignored = _encode(entry.ignored).decode() if entry.ignored else "[]"
    of_line = (entry.method, entry.path, entry.status, entry.decision, ignored, entry.hint)
    if len(kept) == 1 and kept[0][_SUBJECT] == entry.user_id:
        tx.insert(_EVENT_AND_LINE, kept[0] + of_line)
        return
    for event in kept:
        tx.insert(EVENT, event)
    changes = _together(kept, entry.user_id)
    tx.insert(
        _LINE,
        (
            company_id,
            clock.new_id(),
            clock.text(now),
            str(Actor("scim", entry.key_id)),
            entry.user_id or _NOBODY,
            _encode(changes).decode() if changes else "{}",
            entry.request_id,
            *of_line,
        ),
    )


def search(
    tx: Tx,
    company_id: str,
    *,
    user_id: str | None = None,
    refused: bool = False,
    before: str | None = None,
    after: str | None = None,
    limit: int = 100,
) -> list[Entry]:
    """Entries newest first: the newest, those next older than the entry `before`, or next newer than `after`."""
    query = _SELECT.where(events.c.company_id == company_id, _IS_LINE)
    if user_id is not None:
        query = query.where(events.c.subject_id == user_id)
    if refused:
        query = query.where(events.c.decision == "refused")
    if before is not None:
        query = query.where(events.c.id < before)
    if after is not None:
        query = query.where(events.c.id > after).order_by(events.c.id).limit(limit)
        return [_entry(row) for row in reversed(tx.search(query))]
    return [_entry(row) for row in tx.search(query.order_by(events.c.id.desc()).limit(limit))]


def last(tx: Tx, company_id: str) -> Entry | None:
    """The newest entry of a company."""
    row = tx.one(_LAST, {"company": company_id})
    return _entry(row) if row else None


def forget_user(tx: Tx, company_id: str, user_id: str, names: Collection[str] = ()) -> None:
    """Takes a person's values out of their events and of the log; that something happened, and when, stays.

    Lines of nobody (a filter that was not understood, an address that is no id) are searched for the person's names.
    """
    tx.run(_FORGET_USER, {"company": company_id, "user": user_id, "changes": "{}", "hint": None})
    folded = [name.casefold() for name in names if name]
    for line, path, hint in tx.all(_OF_NOBODY, {"company": company_id, "nobody": _NOBODY}):
        text = f"{path} {hint or ''}".casefold()
        if any(name in text for name in folded):
            tx.run(_FORGET_LINE, {"company": company_id, "line": line, "path": FORGOTTEN, "hint": None})


def prune(tx: Tx, company_id: str, *, before: datetime, limit: int = 500) -> int:
    """Forgets at most `limit` entries written before an instant; returns how many. The events stay."""
    mine = events.c.company_id == company_id
    old = tx.search(
        select(events.c.id, events.c.kind)
        .where(mine, _IS_LINE, events.c.id < clock.first_id_at(before))
        .order_by(events.c.id)
        .limit(limit)
    )
    lines = [id_ for id_, kind in old if kind is None]
    told = [id_ for id_, kind in old if kind is not None]
    if lines:
        tx.search(delete(events).where(mine, events.c.id.in_(lines)).returning(events.c.id))
    if told:
        no_line = dict.fromkeys(_OF_LINE, null())  # None would be the JSON value null
        tx.search(update(events).where(mine, events.c.id.in_(told)).values(no_line).returning(events.c.id))
    return len(old)


def _together(kept: Collection[Row], user_id: str | None) -> dict[str, list[Any]]:
    """What these events changed in one user: each field's first value and its last, and the groups left and joined."""
    changes: dict[str, list[Any]] = {}
    moves: tuple[list[str], list[str]] = ([], [])
    for event in kept:
        if event[_SUBJECT] != user_id:
            continue
        if event[_KIND] in _MOVES:
            for names, name in zip(moves, _decode(event[_CHANGES])["group"], strict=True):
                names += [name] if name is not None else []
            continue
        for name, (old, new) in _decode(event[_CHANGES]).items():
            if name in changes and changes[name][0] == new:
                del changes[name]  # and back again
            else:
                changes[name] = [changes[name][0] if name in changes else old, new]
    if any(moves):
        changes["groups"] = [", ".join(names) or None for names in moves]
    return changes


def _entry(row: Row) -> Entry:
    method, path, status, decision, request_id, actor, subject_id, changes, ignored, hint, id_, at = row
    return Entry(
        method,
        path,
        status,
        decision,
        request_id,
        actor.partition(":")[2] or None,
        subject_id or None,
        _decode(changes),
        tuple(msgspec.json.decode(ignored)),
        hint,
        id_,
        at,
    )
