"""The outbox: each mail that is to be sent, was sent or was withheld, with its state. What it says is mail/'s.

Promise P4: the key of an item is (company, user, assignment, round, kind), so nobody hears twice of the same thing.
The row holds neither address nor text; both are made when the mail is sent, which sending.py keeps the states of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import bindparam, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from rollbook import clock
from rollbook.activity import events, queue
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import outbox, outbox_items
from rollbook.errors import Conflict, InvalidValue, NotFound

Kind = Literal["first", "assigned", "reminder", "overdue", "welcome", "link"]
State = Literal["queued", "sending", "sent", "cancelled", "unknown", "failed", "withheld"]
STATES: tuple[State, ...] = get_args(State)

NOTICE = "notice"  # that something was assigned, whether the mail that tells it is the first one or a plain one
DELIVER = "deliver_mail"  # the task that takes mail to the mail server
WAITING_KEY = "mail"

_AGAIN = "again:"  # begins the act of a mail that a person had sent once more


@dataclass(frozen=True, slots=True)
class Item:
    """What a mail is about: a round of an assignment; `kind` is NOTICE, `reminder:N` or `overdue:N`."""

    assignment_id: str
    round: int
    kind: str = NOTICE


@dataclass(frozen=True, slots=True)
class Mail:
    """A row of the outbox; `subject` as sent, `at` is when it came into its state."""

    id: str
    user_id: str
    kind: Kind
    subject: str | None
    state: State
    reason: str | None
    at: str
    created_at: str
    due_at: str
    attempts: int
    act_id: str

    @property
    def is_resent(self) -> bool:
        """Whether a person asked for it, in place of one whose end is unknown or that failed."""
        return self.act_id.startswith(_AGAIN)


SELECT = select(
    outbox.c.id,
    outbox.c.user_id,
    outbox.c.kind,
    outbox.c.subject,
    outbox.c.state,
    outbox.c.reason,
    outbox.c.at,
    outbox.c.created_at,
    outbox.c.due_at,
    outbox.c.attempts,
    outbox.c.act_id,
)
OF_COMPANY = outbox.c.company_id == bindparam("company")
ONE = (OF_COMPANY, outbox.c.id == bindparam("mail"))

_PUT = insert(outbox).on_conflict_do_nothing()
_OF_ACT = SELECT.where(
    OF_COMPANY, outbox.c.user_id == bindparam("user"), outbox.c.act_id == bindparam("act")
).with_for_update()
_ONE_LOCKED = SELECT.where(*ONE).with_for_update()
_UPDATE = update(outbox).where(*ONE)
_PUT_ITEM = insert(outbox_items).on_conflict_do_nothing()
_KNOWN = select(outbox_items.c.mail_id).where(
    outbox_items.c.company_id == bindparam("company"),
    outbox_items.c.user_id == bindparam("user"),
    outbox_items.c.assignment_id == bindparam("assignment"),
    outbox_items.c.round == bindparam("nth"),
    outbox_items.c.kind == bindparam("of"),
)
_ITEMS = (
    select(outbox_items.c.assignment_id, outbox_items.c.round, outbox_items.c.kind)
    .where(outbox_items.c.company_id == bindparam("company"), outbox_items.c.mail_id == bindparam("mail"))
    .order_by(outbox_items.c.assignment_id, outbox_items.c.kind)
)
_MOVE_ITEMS = update(outbox_items).where(
    outbox_items.c.company_id == bindparam("company"), outbox_items.c.mail_id == bindparam("former")
)
_OF_ASSIGNMENT = (
    outbox_items.c.company_id == bindparam("company"),
    outbox_items.c.user_id == bindparam("user"),
    outbox_items.c.assignment_id == bindparam("assignment"),
)
_WAITING_ABOUT = (
    select(outbox.c.id)
    .where(
        OF_COMPANY, outbox.c.state == "queued", outbox.c.id.in_(select(outbox_items.c.mail_id).where(*_OF_ASSIGNMENT))
    )
    .order_by(outbox.c.id)
    .with_for_update()
)
_OTHERS = select(func.count()).where(
    outbox_items.c.company_id == bindparam("company"),
    outbox_items.c.mail_id == bindparam("mail"),
    outbox_items.c.assignment_id != bindparam("assignment"),
)
_DROP_ITEM = delete(outbox_items).where(*_OF_ASSIGNMENT, outbox_items.c.mail_id == bindparam("mail"))
_CANCEL_USER = update(outbox).where(OF_COMPANY, outbox.c.user_id == bindparam("user"), outbox.c.state == "queued")
_SINCE = select(outbox.c.id, outbox.c.state).where(
    OF_COMPANY,
    outbox.c.user_id == bindparam("user"),
    outbox.c.kind == bindparam("of"),
    outbox.c.created_at >= bindparam("since"),
)
_COUNTS = select(outbox.c.state, func.count()).where(OF_COMPANY).group_by(outbox.c.state)
_ANY_OPEN = select(outbox.c.id).where(OF_COMPANY, text("outbox.state IN ('queued', 'sending')")).limit(1)


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

    Where the act's mail has left already, what comes late gets a mail of its own. None where every item was told of
    already. `withheld` is the reason why it is not to be sent: it stands in the outbox, and its items may still be told
    of by another mail.
    """
    fresh = [item for item in items if not _is_known(tx, company_id, user_id, item)]
    if items and not fresh:
        return None
    state: State = "withheld" if withheld else "queued"
    mail = _of_act(tx, company_id, user_id, kind, act_id, state, reason=withheld, now=now)
    while items and mail.state != state:
        mail = _of_act(tx, company_id, user_id, kind, f"{act_id}/{mail.id}", state, reason=withheld, now=now)
    if withheld:
        return mail.id
    for item in fresh:
        key = {"company_id": company_id, "user_id": user_id, "assignment_id": item.assignment_id}
        tx.run(_PUT_ITEM, {**key, "round": item.round, "kind": item.kind, "mail_id": mail.id})
    if mail.state == "queued":
        queue.enqueue_to_see(tx, company_id, DELIVER, waiting_key=WAITING_KEY, now=now)
    return mail.id


def ask_again(tx: Tx, company_id: str, *, now: datetime) -> bool:
    """Asks for the delivery of mail that nobody will deliver: its task was given up. Whether that was so."""
    if tx.one(_ANY_OPEN, {"company": company_id}) is None or queue.open_since(tx, company_id, DELIVER) is not None:
        return False
    queue.enqueue(tx, company_id, DELIVER, {}, waiting_key=WAITING_KEY, now=now)
    return True


def items_of(tx: Tx, company_id: str, mail_id: str) -> list[Item]:
    """What a mail is about."""
    return [Item(*row) for row in tx.all(_ITEMS, {"company": company_id, "mail": mail_id})]


def put_since(tx: Tx, company_id: str, user_id: str, kind: Kind, *, since: str) -> list[State]:
    """The states of a person's mails of a kind that were put here since an instant."""
    asked = {"company": company_id, "user": user_id, "of": kind, "since": since}
    return [row[1] for row in tx.all(_SINCE, asked)]


def resend(tx: Tx, company_id: str, mail_id: str, *, actor: Actor, now: datetime) -> Mail:
    """A new mail in place of one whose end is unknown or that failed, since a person asks for it.

    This is the one exception to promise P4, and theirs to decide: of an unknown mail nobody can say whether it arrived.
    Raises NotFound, and Conflict for a mail in another state or one that was sent again already.
    """
    row = tx.one(_ONE_LOCKED, {"company": company_id, "mail": mail_id})
    if row is None:
        raise NotFound(f"There is no mail {mail_id!r} in this company's outbox.")
    former = Mail(*row)
    if former.state not in ("unknown", "failed"):
        raise Conflict(
            f"This mail is {former.state}; only one that failed, or whose end is unknown, can be sent again.",
            field="state",
        )
    act_id = f"{_AGAIN}{former.id}"
    if tx.one(_OF_ACT, {"company": company_id, "user": former.user_id, "act": act_id}) is not None:
        raise Conflict("This mail was sent again already; look for the newer one in the outbox.", field="state")
    mail = _of_act(tx, company_id, former.user_id, former.kind, act_id, "queued", reason=None, now=now)
    tx.run(_MOVE_ITEMS, {"company": company_id, "former": former.id, "mail_id": mail.id})
    events.record(tx, company_id, "MailResent", former.user_id, {"mail": [former.id, mail.id]}, actor=actor, now=now)
    queue.enqueue_to_see(tx, company_id, DELIVER, waiting_key=WAITING_KEY, now=now)
    return mail


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
            tx.run(_UPDATE, {"company": company_id, "mail": mail_id, **values})


def search(
    tx: Tx,
    company_id: str,
    *,
    state: State | None = None,
    user_id: str | None = None,
    before: str | None = None,
    limit: int = 100,
) -> list[Mail]:
    """The mails of a company, newest first; `before` is the id of the last one seen."""
    query = SELECT.where(outbox.c.company_id == company_id)
    if state is not None:
        query = query.where(outbox.c.state == state)
    if user_id is not None:
        query = query.where(outbox.c.user_id == user_id)
    if before is not None:
        query = query.where(outbox.c.id < before)
    return [Mail(*row) for row in tx.search(query.order_by(outbox.c.id.desc()).limit(limit))]


def counts(tx: Tx, company_id: str) -> dict[State, int]:
    """How many mails of a company are in which state."""
    return dict(tx.all(_COUNTS, {"company": company_id}))


def read_state(text: str) -> State:
    """The state of that name; raises InvalidValue listing them."""
    for state in STATES:
        if state == text.strip().lower():
            return state
    raise InvalidValue(f"{text!r} is no state of a mail; use one of {', '.join(STATES)}.", field="state")


def _of_act(
    tx: Tx, company_id: str, user_id: str, kind: Kind, act_id: str, state: State, *, reason: str | None, now: datetime
) -> Mail:
    """The act's mail, made where there is none, and held until this transaction ends."""
    act = {"company": company_id, "user": user_id, "act": act_id}
    row = tx.one(_OF_ACT, act)
    if row is None:
        at = clock.text(now)
        values: dict[str, str | int | None] = {"company_id": company_id, "id": clock.new_id(), "user_id": user_id}
        values |= {"kind": kind, "act_id": act_id, "state": state, "reason": reason, "attempts": 0}
        tx.run(_PUT, values | {"due_at": at, "created_at": at, "at": at})
        row = tx.one(_OF_ACT, act)
    assert row is not None
    return Mail(*row)


def _is_known(tx: Tx, company_id: str, user_id: str, item: Item) -> bool:
    key = {"company": company_id, "user": user_id, "assignment": item.assignment_id}
    return tx.one(_KNOWN, {**key, "nth": item.round, "of": item.kind}) is not None
