"""The provisioning log: what a provisioning client asked, what became of it, before and after, and a hint.

The door composes the entry (scim/app.py); here it is stored, searched and forgotten. It is written in the
transaction of the change, or in a second one before a refusal is answered. Values of mapped fields stand in clear
for as long as the operator keeps them; an attribute that Rollbook only keeps is named without its value.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, select, update

from rollbook import clock
from rollbook.database import Row, Tx
from rollbook.database.statements import Insertion
from rollbook.database.tables import provisioning_log

KEEP_DAYS = 90
FORGOTTEN = "(forgotten)"


class Entry(msgspec.Struct, frozen=True):
    """One request of a provisioning client, as the administrators read it.

    `decision` is one word of created, linked, restored, refreshed, updated, archived, deleted, unchanged, refused.
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


_ROW = Insertion(
    provisioning_log,
    *("company_id", "id", "at", "key_id", "method", "path", "status", "decision", "user_id", "changes", "ignored"),
    *("hint", "request_id"),
)
_encode = msgspec.json.Encoder().encode
_COLUMNS = (
    provisioning_log.c.method,
    provisioning_log.c.path,
    provisioning_log.c.status,
    provisioning_log.c.decision,
    provisioning_log.c.request_id,
    provisioning_log.c.key_id,
    provisioning_log.c.user_id,
    provisioning_log.c.changes,
    provisioning_log.c.ignored,
    provisioning_log.c.hint,
    provisioning_log.c.id,
    provisioning_log.c.at,
)
_OF_COMPANY = provisioning_log.c.company_id == bindparam("company")
_LAST = select(*_COLUMNS).where(_OF_COMPANY).order_by(provisioning_log.c.id.desc()).limit(1)
_FORGET_USER = (
    update(provisioning_log)
    .where(_OF_COMPANY, provisioning_log.c.user_id == bindparam("user"))
    .values(changes=bindparam("nothing"), hint=bindparam("no_hint"))
)
_OF_NOBODY = select(provisioning_log.c.id, provisioning_log.c.path, provisioning_log.c.hint).where(
    _OF_COMPANY, provisioning_log.c.user_id.is_(None)
)
_FORGET_LINE = (
    update(provisioning_log)
    .where(_OF_COMPANY, provisioning_log.c.id == bindparam("line"))
    .values(path=bindparam("no_path"), hint=bindparam("no_hint"))
)


def write(tx: Tx, company_id: str, entry: Entry, *, now: datetime) -> None:
    """Stores an entry; its id and instant are given here."""
    tx.insert(
        _ROW,
        (
            company_id,
            clock.new_id(),
            clock.text(now),
            entry.key_id,
            entry.method,
            entry.path,
            entry.status,
            entry.decision,
            entry.user_id,
            _encode(entry.changes).decode() if entry.changes else "{}",
            _encode(entry.ignored).decode() if entry.ignored else "[]",
            entry.hint,
            entry.request_id,
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
    query = select(*_COLUMNS).where(provisioning_log.c.company_id == company_id)
    if user_id is not None:
        query = query.where(provisioning_log.c.user_id == user_id)
    if refused:
        query = query.where(provisioning_log.c.decision == "refused")
    if before is not None:
        query = query.where(provisioning_log.c.id < before)
    if after is not None:
        query = query.where(provisioning_log.c.id > after).order_by(provisioning_log.c.id).limit(limit)
        return [_entry(row) for row in reversed(tx.search(query))]
    return [_entry(row) for row in tx.search(query.order_by(provisioning_log.c.id.desc()).limit(limit))]


def last(tx: Tx, company_id: str) -> Entry | None:
    """The newest entry of a company."""
    row = tx.one(_LAST, {"company": company_id})
    return _entry(row) if row else None


def forget_user(tx: Tx, company_id: str, user_id: str, names: Collection[str] = ()) -> None:
    """Takes a person's values out of the log; that something happened stays.

    Lines of nobody (a filter that was not understood, an address that is no id) are searched for the person's names.
    """
    tx.run(_FORGET_USER, {"company": company_id, "user": user_id, "nothing": "{}", "no_hint": None})
    folded = [name.casefold() for name in names if name]
    for line, path, hint in tx.all(_OF_NOBODY, {"company": company_id}):
        text = f"{path} {hint or ''}".casefold()
        if any(name in text for name in folded):
            tx.run(_FORGET_LINE, {"company": company_id, "line": line, "no_path": FORGOTTEN, "no_hint": None})


def prune(tx: Tx, company_id: str, *, before: datetime, limit: int = 500) -> int:
    """Forgets at most `limit` entries written before an instant; returns how many."""
    mine = provisioning_log.c.company_id == company_id
    old = tx.search(
        select(provisioning_log.c.id)
        .where(mine, provisioning_log.c.id < clock.first_id_at(before))
        .order_by(provisioning_log.c.id)
        .limit(limit)
    )
    if old:
        tx.search(
            delete(provisioning_log)
            .where(mine, provisioning_log.c.id.in_([row[0] for row in old]))
            .returning(provisioning_log.c.id)
        )
    return len(old)


def _entry(row: Row) -> Entry:
    method, path, status, decision, request_id, key_id, user_id, changes, ignored, hint, id_, at = row
    return Entry(
        method,
        path,
        status,
        decision,
        request_id,
        key_id,
        user_id,
        msgspec.json.decode(changes),
        tuple(msgspec.json.decode(ignored)),
        hint,
        id_,
        at,
    )
