"""How a mail leaves the outbox: claimed in a transaction of its own before anything is said to the mail server, then
reported. Whoever claims names themselves, and only they report.

queued → sending → sent, failed, or queued again; sending → unknown where nobody is left who could say.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Text, bindparam, cast, exists, or_, select, text, update

from rollbook import clock
from rollbook.activity import queue
from rollbook.activity.outbox import OF_COMPANY, ONE, SELECT, Kind, Mail
from rollbook.activity.queue import Task
from rollbook.database import Tx
from rollbook.database.tables import outbox, tasks

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 60, 3600
ATTEMPTS = 126  # with the waits above, five days

_LOST = "The worker that sent it ended before it could say whether it arrived. It is not sent again by itself."
_GIVEN_UP = "The mail server put it off for five days."

# Written out, so that both databases see that the partial index on open mail holds the answer.
_OPEN = text("outbox.state IN ('queued', 'sending')")
_earlier = outbox.alias("earlier")
# What a person is told keeps its order; whoever waits at the door for a link does not wait for it.
_NONE_BEFORE = ~exists().where(
    _earlier.c.company_id == bindparam("company"),
    _earlier.c.user_id == outbox.c.user_id,
    _earlier.c.id < outbox.c.id,
    or_(_earlier.c.state == "queued", _earlier.c.state == "sending"),
    _earlier.c.kind != "link",
)
_WAITING = (OF_COMPANY, _OPEN, outbox.c.state == "queued", (outbox.c.kind == "link") | _NONE_BEFORE)
_NEXT = SELECT.where(*_WAITING, outbox.c.due_at <= bindparam("now")).order_by(outbox.c.due_at, outbox.c.id).limit(1)
_NEXT_AT = select(outbox.c.due_at).where(*_WAITING).order_by(outbox.c.due_at, outbox.c.id).limit(1)
_HELD = SELECT.where(*ONE, outbox.c.state == "queued").with_for_update()
_UPDATE = update(outbox).where(*ONE)
_REPORT = (
    update(outbox)
    .where(*ONE, outbox.c.sender == bindparam("by"), or_(outbox.c.state == "sending", outbox.c.state == "unknown"))
    .returning(outbox.c.id)
)
_BEHIND = update(outbox).where(
    OF_COMPANY,
    outbox.c.user_id == bindparam("user"),
    outbox.c.state == "queued",
    outbox.c.kind != "link",
    outbox.c.id > bindparam("mail"),
    outbox.c.due_at < bindparam("until"),
)
_GREETED = select(outbox.c.id).where(
    OF_COMPANY,
    outbox.c.user_id == bindparam("user"),
    or_(outbox.c.kind == "first", outbox.c.kind == "welcome"),
    or_(outbox.c.state == "sending", outbox.c.state == "sent", outbox.c.state == "unknown"),
)
_AT_WORK = exists().where(
    tasks.c.company_id == bindparam("company"),
    tasks.c.state == "running",
    tasks.c.lease_until > bindparam("now"),
    outbox.c.sender == tasks.c.id + ":" + cast(tasks.c.generation, Text),
)
_SETTLE = update(outbox).where(OF_COMPANY, _OPEN, outbox.c.state == "sending", ~_AT_WORK).returning(outbox.c.id)


def sender_of(task: Task) -> str:
    """How a worker names itself on what it sends: its task, and the generation of its lease."""
    return f"{task.id}:{task.generation}"


def next_due(tx: Tx, company_id: str, *, now: datetime) -> Mail | None:
    """The mail that is to leave next; nothing is held by this."""
    row = tx.one(_NEXT, {"company": company_id, "now": clock.text(now)})
    return Mail(*row) if row else None


def hold(tx: Tx, company_id: str, mail_id: str) -> Mail | None:
    """The mail while it waits, held until this transaction ends; None where it left or was cancelled meanwhile.

    Whoever it is to is held before it, as an archive does.
    """
    row = tx.one(_HELD, {"company": company_id, "mail": mail_id})
    return Mail(*row) if row else None


def was_greeted(tx: Tx, company_id: str, user_id: str) -> bool:
    """Whether a first mail or a welcome went to this person, or may have."""
    return tx.one(_GREETED, {"company": company_id, "user": user_id}) is not None


def take(tx: Tx, company_id: str, mail: Mail, *, sender: str, kind: Kind, subject: str, now: datetime) -> None:
    """queued → sending, of a mail that is held. Once this is committed the mail may be sent, by this sender alone."""
    values: dict[str, str | int | None] = {"state": "sending", "sender": sender, "kind": kind, "subject": subject}
    values |= {"reason": None, "attempts": mail.attempts + 1, "at": clock.text(now)}
    tx.run(_UPDATE, {"company": company_id, "mail": mail.id, **values})


def drop(tx: Tx, company_id: str, mail: Mail, *, reason: str, withhold: bool = False, now: datetime) -> None:
    """queued → cancelled or withheld, of a mail that is held."""
    state = "withheld" if withhold else "cancelled"
    tx.run(_UPDATE, {"company": company_id, "mail": mail.id, "state": state, "reason": reason, "at": clock.text(now)})


def report(
    tx: Tx, company_id: str, mail_id: str, *, sender: str, state: str, reason: str | None = None, now: datetime
) -> bool:
    """sending → sent, failed or unknown, by its sender; also where somebody else took it for lost meanwhile.

    False where the mail is not this sender's.
    """
    values = {"state": state, "reason": reason, "at": clock.text(now)}
    return tx.one(_REPORT, {"company": company_id, "mail": mail_id, "by": sender, **values}) is not None


def postpone(
    tx: Tx, company_id: str, user_id: str, mail_id: str, *, attempts: int, sender: str, reason: str, now: datetime
) -> bool:
    """sending → queued, due after a back-off, since it certainly was not sent; failed after the last attempt.

    What waits behind it for the same person waits as long: looked at again and again it would delay the others.
    """
    if attempts >= ATTEMPTS:
        return report(tx, company_id, mail_id, sender=sender, state="failed", reason=f"{_GIVEN_UP} {reason}", now=now)
    values = {"state": "queued", "reason": reason, "at": clock.text(now)}
    values["due_at"] = clock.later(now, seconds=wait_after(attempts))
    if tx.one(_REPORT, {"company": company_id, "mail": mail_id, "by": sender, **values}) is None:
        return False
    behind = {"company": company_id, "user": user_id, "mail": mail_id, "until": values["due_at"]}
    tx.run(_BEHIND, {**behind, "due_at": values["due_at"]})
    return True


def put_back(tx: Tx, company_id: str, mail_id: str, *, sender: str, now: datetime) -> bool:
    """sending → queued and due at once: the connection had ended before the mail's turn came."""
    values = {"state": "queued", "at": clock.text(now), "due_at": clock.text(now)}
    return tx.one(_REPORT, {"company": company_id, "mail": mail_id, "by": sender, **values}) is not None


def wait_after(failures: int) -> float:
    """Seconds until the next attempt: a minute, doubled up to an hour, spread so that not all come at once."""
    return queue.spread(min(FIRST_WAIT_SECONDS * 2.0 ** (min(failures, 12) - 1), LONGEST_WAIT_SECONDS))


def settle_lost(tx: Tx, company_id: str, *, now: datetime) -> int:
    """sending → unknown, where the sender's task no longer runs or its lease ran out; how many."""
    at = clock.text(now)
    values = {"state": "unknown", "reason": _LOST, "at": at}
    return len(tx.all(_SETTLE, {"company": company_id, "now": at, **values}))


def next_at(tx: Tx, company_id: str) -> str | None:
    """When the next mail of a company may leave, or might have; None where none waits.

    What waits for an earlier one to the same person comes after that one's day.
    """
    row = tx.one(_NEXT_AT, {"company": company_id})
    return row[0] if row else None
