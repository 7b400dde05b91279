"""The outbox: each mail that is to be sent, was sent or was withheld, with its state. What it says is mail/'s.

Promise P4: the key of an item is (company, user, assignment, round, kind), so nobody hears twice of the same thing.
The row holds neither address nor text; both are made when the mail is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from rollbook import clock
from rollbook.activity import queue
from rollbook.database import Tx
from rollbook.database.tables import outbox, outbox_items

Kind = Literal["first", "assigned", "reminder", "overdue", "welcome", "link"]
State = Literal["queued", "sending", "sent", "cancelled", "unknown", "failed", "withheld"]

DELIVER = "deliver_mail"
NOTICE = "notice"  # that something was assigned, whether the mail that tells it is the first one or a plain one


@dataclass(frozen=True, slots=True)
class Item:
    """What a mail is about: a round of an assignment; `kind` is NOTICE, `reminder:N` or `overdue:N`."""

    assignment_id: str
    round: int
    kind: str = NOTICE


_OF_COMPANY = outbox.c.company_id == bindparam("company")
_PUT = insert(outbox).on_conflict_do_nothing()
_OF_ACT = select(outbox.c.id, outbox.c.state).where(
    _OF_COMPANY,
    outbox.c.user_id == bindparam("user"),
    outbox.c.act_id == bindparam("act"),
    outbox.c.kind == bindparam("of"),
)
_PUT_ITEM = insert(outbox_items).on_conflict_do_nothing()
_KNOWN = select(outbox_items.c.mail_id).where(
    outbox_items.c.company_id == bindparam("company"),
    outbox_items.c.user_id == bindparam("user"),
    outbox_items.c.assignment_id == bindparam("assignment"),
    outbox_items.c.round == bindparam("nth"),
    outbox_items.c.kind == bindparam("of"),
)
_OF_ASSIGNMENT = (
    outbox_items.c.company_id == bindparam("company"),
    outbox_items.c.user_id == bindparam("user"),
    outbox_items.c.assignment_id == bindparam("assignment"),
)
_WAITING_ABOUT = (
    select(outbox.c.id)
    .where(
        _OF_COMPANY, outbox.c.state == "queued", outbox.c.id.in_(select(outbox_items.c.mail_id).where(*_OF_ASSIGNMENT))
    )
    .order_by(outbox.c.id)
    .with_for_update()
)
_OTHERS = select(func.count()).where(
    outbox_items.c.company_id == bindparam("company"),
    outbox_items.c.mail_id == bindparam("mail"),
    outbox_items.c.assignment_id != bindparam("assignment"),
)
_CANCEL = update(outbox).where(_OF_COMPANY, outbox.c.id == bindparam("mail"))
_DROP_ITEM = delete(outbox_items).where(*_OF_ASSIGNMENT, outbox_items.c.mail_id == bindparam("mail"))
_CANCEL_USER = update(outbox).where(_OF_COMPANY, outbox.c.user_id == bindparam("user"), outbox.c.state == "queued")


def put(
    tx: Tx,
    company_id: str,
    user_id: str,
    kind: Kind,
    *,
    act_id: str,
    items: Sequence[Item] = (),
    withheld: str | None = None,
    now: datetime,
) -> str | None:
    """Queues a mail, or joins its items to the one that waits for the same act; the mail's id.

    None where every item was told of already. `withheld` is the reason why it is not to be sent: it stands in the
    outbox, and its items may still be told of by another mail.
    """
    fresh = [item for item in items if not _is_known(tx, company_id, user_id, item)]
    if items and not fresh:
        return None
    at = clock.text(now)
    row: dict[str, str | None] = {"company_id": company_id, "id": clock.new_id(), "user_id": user_id}
    row |= {"kind": kind, "act_id": act_id}
    row |= {"state": "withheld" if withheld else "queued", "reason": withheld, "due_at": at, "created_at": at, "at": at}
    tx.run(_PUT, {**row, "attempts": 0})
    waiting = tx.one(_OF_ACT, {"company": company_id, "user": user_id, "act": act_id, "of": kind})
    assert waiting is not None
    mail_id: str = waiting[0]
    for item in () if withheld else fresh:
        key = {"company_id": company_id, "user_id": user_id, "assignment_id": item.assignment_id}
        tx.run(_PUT_ITEM, {**key, "round": item.round, "kind": item.kind, "mail_id": mail_id})
    if not withheld:
        queue.enqueue(tx, company_id, DELIVER, {}, waiting_key="mail", now=now)
    return mail_id


def cancel_all(tx: Tx, company_id: str, user_id: str, *, reason: str, now: datetime) -> None:
    """Cancels what waits for a person; what is being sent is out of our hands."""
    values = {"state": "cancelled", "reason": reason, "at": clock.text(now)}
    tx.run(_CANCEL_USER, {"company": company_id, "user": user_id, **values})


def cancel_assignment(tx: Tx, company_id: str, user_id: str, assignment_id: str, *, reason: str, now: datetime) -> None:
    """Takes an assignment that is done or withdrawn out of what waits; a mail about nothing else is cancelled."""
    about = {"company": company_id, "user": user_id, "assignment": assignment_id}
    for (mail_id,) in tx.all(_WAITING_ABOUT, about):
        row = tx.one(_OTHERS, {"company": company_id, "mail": mail_id, "assignment": assignment_id})
        if row is not None and row[0]:
            tx.run(_DROP_ITEM, {**about, "mail": mail_id})
        else:
            values = {"state": "cancelled", "reason": reason, "at": clock.text(now)}
            tx.run(_CANCEL, {"company": company_id, "mail": mail_id, **values})


def _is_known(tx: Tx, company_id: str, user_id: str, item: Item) -> bool:
    key = {"company": company_id, "user": user_id, "assignment": item.assignment_id}
    return tx.one(_KNOWN, {**key, "nth": item.round, "of": item.kind}) is not None
