"""Claiming the next mail of a company: in one transaction it is decided whether it is still to leave, to whom and what
it is about, and it becomes `sending`. Only when that is committed is anything said to the mail server.

An archive of the person and the claim are one after the other: both hold the person's row first. Whoever was archived
before gets nothing; whoever is archived afterwards was still here when the mail left.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from rollbook import clock
from rollbook.activity import outbox, sending
from rollbook.activity.events import Actor
from rollbook.activity.outbox import Kind, Mail
from rollbook.database import Tx
from rollbook.learning import notices
from rollbook.learning.notices import Notice
from rollbook.mail import language
from rollbook.mail.messages import Letter, subject_of
from rollbook.people import companies, company_settings, sign_in, users
from rollbook.people.record import User
from rollbook.people.tokens import Pepper

ABOUT_ASSIGNMENTS: frozenset[Kind] = frozenset({"first", "assigned", "reminder", "overdue"})

_ARCHIVED = "The person was archived."
_MAIL_OFF = "The company's mail is off."
_STALE = "The link was asked for too long ago."
_NOTHING_LEFT = "Nothing is left to tell: completed, withdrawn, or assigned anew."


@dataclass(frozen=True, slots=True)
class Claimed:
    """A mail that is now `sending`, in the hands of whoever claimed it."""

    letter: Letter
    user_id: str
    attempts: int
    token: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """A mail that needed no sending any more, or that somebody else took; there may be another."""

    mail_id: str


def claim(
    tx: Tx, company_id: str, *, sender: str, public_url: str, pepper: Pepper, now: datetime
) -> Claimed | Dropped | None:
    """The next mail that is due, claimed or dropped; None where none is due."""
    candidate = sending.next_due(tx, company_id, now=now)
    if candidate is None:
        return None
    user = users.get(tx, company_id, candidate.user_id, lock=True)
    mail = sending.hold(tx, company_id, candidate.id)
    if mail is None:
        return Dropped(candidate.id)
    reason, withheld = _why_not(tx, user, mail, now)
    if reason is not None:
        sending.drop(tx, company_id, mail, reason=reason, withhold=withheld, now=now)
        return Dropped(mail.id)
    soon, late = _open_assignments(tx, user, mail)
    if mail.kind in ABOUT_ASSIGNMENTS and not soon and not late:
        sending.drop(tx, company_id, mail, reason=_NOTHING_LEFT, now=now)
        return Dropped(mail.id)
    kind = _kind(tx, user, mail, late)
    lives = sign_in.REQUESTED if kind == "link" else sign_in.HANDED_OVER
    token = sign_in.issue_link(tx, company_id, user.id, lives=lives, pepper=pepper, actor=Actor("task"), now=now)
    settings = company_settings.get(tx, company_id)
    letter = Letter(
        mail_id=mail.id,
        kind=kind,
        language=language.choose(user.preferred_language, user.locale, settings.language),
        recipient=user.sign_in_email,
        given_name=user.given_name,
        company=companies.by_id(tx, company_id).name,
        notices=tuple(soon),
        late=tuple(late),
        link=f"{public_url}/sign-in/{token}{_leading_on([*late, *soon])}",
        good_until=None if kind == "link" else _last_whole_day(now, lives),
        good_minutes=int(lives.total_seconds() // 60),
    )
    sending.take(tx, company_id, mail, sender=sender, kind=kind, subject=subject_of(letter), now=now)
    return Claimed(letter, user.id, mail.attempts + 1, token)


def _why_not(tx: Tx, user: User, mail: Mail, now: datetime) -> tuple[str | None, bool]:
    """The reason not to send this, and whether it is withheld by a setting rather than pointless."""
    if not user.active:
        return _ARCHIVED, False
    back_since = users.back_since(tx, user.company_id, user.id)
    if back_since is not None and mail.created_at < back_since:
        # The archive cancelled what waited; this was just being tried, or was asked for in the same moment.
        return _ARCHIVED, False
    if mail.kind == "link" and mail.created_at < clock.text(now - sign_in.REQUESTED):
        return _STALE, False
    if mail.kind in ABOUT_ASSIGNMENTS and not company_settings.get(tx, user.company_id).mail:
        return _MAIL_OFF, True
    return None, False


def _open_assignments(tx: Tx, user: User, mail: Mail) -> tuple[list[Notice], list[Notice]]:
    """What the mail is about and still counts: what is to be done, and what is overdue."""
    items = outbox.items_of(tx, user.company_id, mail.id)
    rounds = {(item.assignment_id, item.round): item for item in items}
    found = notices.still_open(tx, user.company_id, user.id, {item.assignment_id for item in items})
    still = [(notice, rounds.get((notice.assignment_id, notice.round))) for notice in found]
    late = [notice for notice, item in still if item is not None and item.kind.startswith("overdue:")]
    soon = [notice for notice, item in still if item is not None and not item.kind.startswith("overdue:")]
    return soon, late


def _kind(tx: Tx, user: User, mail: Mail, late: list[Notice]) -> Kind:
    """First or assigned is decided here: whoever was never greeted is greeted now."""
    if mail.kind in ("first", "assigned"):
        if mail.is_resent:
            return mail.kind
        return "assigned" if sending.was_greeted(tx, user.company_id, user.id) else "first"
    if mail.kind in ("reminder", "overdue"):
        return "overdue" if late else "reminder"
    return mail.kind


def _leading_on(told: list[Notice]) -> str:
    """Where the link leads once it has signed somebody in: to the one thing that the mail is about, or to all."""
    if not told:
        return ""
    return f"?next=/assignments/{told[0].assignment_id}" if len(told) == 1 else "?next=/assignments"


def _last_whole_day(now: datetime, lives: timedelta) -> str:
    return (now + lives - timedelta(days=1)).date().isoformat()
