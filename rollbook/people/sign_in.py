"""One-time sign-in links and sessions. Both end with an archive, in the archive's own transaction.

A link is shown by GET and consumed by POST, since mail scanners open links; only its digest is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, bindparam, insert, select, update

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import sessions, sign_in_links, users
from rollbook.errors import Unauthorized
from rollbook.people import tokens
from rollbook.people.roles import Role
from rollbook.people.tokens import Pepper

HANDED_OVER_DAYS = 14  # a link that a person carries to the other: mailed, or printed by the command line
HANDED_OVER = timedelta(days=HANDED_OVER_DAYS)
REQUESTED = timedelta(minutes=15)  # one that somebody asked for and waits for
SESSION_HOURS = 12

_USELESS = "This sign-in link was used already, has expired, or was never valid. Ask for a new one."


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Whoever holds a session."""

    company_id: str
    user_id: str
    session_id: str
    role: Role
    given_name: str
    family_name: str


_INSERT_LINK = insert(sign_in_links)
_LINK = (
    select(
        sign_in_links.c.id,
        sign_in_links.c.user_id,
        sign_in_links.c.expires_at,
        sign_in_links.c.used_at,
        sign_in_links.c.ended_at,
        users.c.archived_at,
    )
    .join_from(
        sign_in_links,
        users,
        (users.c.company_id == sign_in_links.c.company_id) & (users.c.id == sign_in_links.c.user_id),
    )
    .where(sign_in_links.c.company_id == bindparam("company"), sign_in_links.c.digest == bindparam("digest"))
)
# The person before the link, as an archive has it: in two orders each would wait for the other.
_LINK_HELD = _LINK.with_for_update(read=True, of=users)
_CONSUME = (
    update(sign_in_links)
    .where(
        sign_in_links.c.company_id == bindparam("company"),
        sign_in_links.c.id == bindparam("link"),
        sign_in_links.c.used_at.is_(None),
        sign_in_links.c.ended_at.is_(None),
    )
    .returning(sign_in_links.c.id)
)
_INSERT_SESSION = insert(sessions)
_SESSION = (
    select(
        sessions.c.company_id,
        sessions.c.user_id,
        sessions.c.id,
        users.c.role,
        users.c.given_name,
        users.c.family_name,
        sessions.c.expires_at,
        sessions.c.ended_at,
        users.c.archived_at,
    )
    .join_from(sessions, users, (users.c.company_id == sessions.c.company_id) & (users.c.id == sessions.c.user_id))
    .where(sessions.c.company_id == bindparam("company"), sessions.c.digest == bindparam("digest"))
)
_END_SESSION = update(sessions).where(
    sessions.c.company_id == bindparam("company"),
    sessions.c.id == bindparam("session"),
    sessions.c.ended_at.is_(None),
)
_END_LINKS = update(sign_in_links).where(
    sign_in_links.c.company_id == bindparam("company"),
    sign_in_links.c.user_id == bindparam("user"),
    sign_in_links.c.used_at.is_(None),
    sign_in_links.c.ended_at.is_(None),
)
_END_LINK = update(sign_in_links).where(
    sign_in_links.c.company_id == bindparam("company"),
    sign_in_links.c.digest == bindparam("held"),
    sign_in_links.c.used_at.is_(None),
    sign_in_links.c.ended_at.is_(None),
)
_END_SESSIONS = update(sessions).where(
    sessions.c.company_id == bindparam("company"),
    sessions.c.user_id == bindparam("user"),
    sessions.c.ended_at.is_(None),
)


def issue_link(
    tx: Tx,
    company_id: str,
    user_id: str,
    *,
    lives: timedelta = HANDED_OVER,
    pepper: Pepper,
    actor: Actor,
    now: datetime,
) -> str:
    """The token of a new link, good once within the time. The caller has made sure the user is active."""
    token = tokens.make("link", company_id)
    tx.run(
        _INSERT_LINK,
        {
            "company_id": company_id,
            "id": clock.new_id(),
            "user_id": user_id,
            "digest": pepper.digest(token.text),
            "created_at": clock.text(now),
            "expires_at": clock.text(now + lives),
        },
    )
    events.record(tx, company_id, "SignInLinkIssued", user_id, actor=actor, now=now)
    return token.text


def check_link(tx: Tx, text: str, *, pepper: Pepper, now: datetime) -> None:
    """Raises Unauthorized where a link would not sign anybody in; changes nothing."""
    _usable(tx, text, _LINK, pepper=pepper, now=now)


def holder_of_link(tx: Tx, text: str, *, pepper: Pepper) -> tuple[str, str] | None:
    """Company and user of a link that was issued once, used and ended ones too; None for anything else."""
    token = tokens.read(text)
    if token is not None and token.scope == "link":
        for digest in _digests(pepper, text):
            row = tx.one(_LINK, {"company": token.company_id, "digest": digest})
            if row is not None:
                return token.company_id, row[1]
    return None


def consume_link(tx: Tx, text: str, *, pepper: Pepper, now: datetime) -> tuple[str, str]:
    """Uses a link up and opens a session: (session token, user id). Raises Unauthorized."""
    company_id, link_id, user_id = _usable(tx, text, _LINK_HELD, pepper=pepper, now=now)
    used = tx.one(_CONSUME, {"company": company_id, "link": link_id, "used_at": clock.text(now)})
    if used is None:
        raise Unauthorized(_USELESS)
    token = tokens.make("session", company_id)
    tx.run(
        _INSERT_SESSION,
        {
            "company_id": company_id,
            "id": clock.new_id(),
            "user_id": user_id,
            "digest": pepper.digest(token.text),
            "created_at": clock.text(now),
            "expires_at": clock.later(now, hours=SESSION_HOURS),
        },
    )
    events.record(tx, company_id, "SignedIn", user_id, actor=Actor("user", user_id), now=now)
    return token.text, user_id


def session(tx: Tx, text: str, *, pepper: Pepper, now: datetime) -> SignedIn | None:
    """Whoever holds this session, or None: it ended, ran out, or its holder is archived."""
    token = tokens.read(text)
    if token is None or token.scope != "session":
        return None
    for digest in _digests(pepper, text):
        row = tx.one(_SESSION, {"company": token.company_id, "digest": digest})
        if row is not None:
            *who, expires_at, ended_at, archived_at = row
            if ended_at or archived_at or expires_at <= clock.text(now):
                return None
            return SignedIn(*who)
    return None


def sign_out(tx: Tx, signed_in: SignedIn, *, now: datetime) -> None:
    """Ends a session."""
    values = {"company": signed_in.company_id, "session": signed_in.session_id, "ended_at": clock.text(now)}
    tx.run(_END_SESSION, values)


def end_links(tx: Tx, company_id: str, user_id: str, *, now: datetime) -> None:
    """Ends a user's unused links: their address changed hands."""
    tx.run(_END_LINKS, {"company": company_id, "user": user_id, "ended_at": clock.text(now)})


def end_link(tx: Tx, company_id: str, text: str, *, pepper: Pepper, now: datetime) -> None:
    """Ends one unused link: it never reached anybody."""
    tx.run(_END_LINK, {"company": company_id, "held": pepper.digest(text), "ended_at": clock.text(now)})


def end_all(tx: Tx, company_id: str, user_id: str, *, now: datetime) -> None:
    """Ends a user's links and sessions: they are archived (promise P2)."""
    end_links(tx, company_id, user_id, now=now)
    tx.run(_END_SESSIONS, {"company": company_id, "user": user_id, "ended_at": clock.text(now)})


def _usable(
    tx: Tx, text: str, look_up: Select[*tuple[Any, ...]], *, pepper: Pepper, now: datetime
) -> tuple[str, str, str]:
    token = tokens.read(text)
    if token is not None and token.scope == "link":
        for digest in _digests(pepper, text):
            row = tx.one(look_up, {"company": token.company_id, "digest": digest})
            if row is None:
                continue
            link_id, user_id, expires_at, used_at, ended_at, archived_at = row
            if not (used_at or ended_at or archived_at) and expires_at > clock.text(now):
                return token.company_id, link_id, user_id
    raise Unauthorized(_USELESS)


def _digests(pepper: Pepper, text: str) -> list[str]:
    return [pepper.digest(text)] if pepper.previous is None else [pepper.digest(text), pepper.former_digest(text)]
