"""Asking for a sign-in link: by an address on the first page, or by a link that is of no use any more.

Nobody learns from the answer whether there is such a person; the mail goes to the confirmed address alone.
"""

from __future__ import annotations

from datetime import datetime

from rollbook import clock
from rollbook.activity import events, outbox
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.people import companies, sign_in, users
from rollbook.people.address_holders import who_signs_in_with
from rollbook.people.record import User
from rollbook.people.tokens import Pepper

AN_HOUR = 3  # mails that one person can be sent by whoever types their address


def by_address(tx: Tx, subdomain: str, email: str, *, request_id: str | None = None, now: datetime) -> None:
    """Queues the mail where an active person of the company signs in with this address."""
    if not (subdomain + email).isprintable():  # no name of anybody; PostgreSQL refuses a NUL with an error of its own
        return
    company = companies.find(tx, subdomain)
    if company is not None and "@" in email:
        _send(tx, who_signs_in_with(tx, company.id, email, lock=True), request_id=request_id, now=now)


def by_link(tx: Tx, text: str, *, pepper: Pepper, request_id: str | None = None, now: datetime) -> None:
    """Queues the mail to whoever a link, used, ended or expired, was once issued to."""
    held_by = sign_in.holder_of_link(tx, text, pepper=pepper)
    if held_by is not None:
        _send(tx, users.get(tx, *held_by, lock=True), request_id=request_id, now=now)


def _send(tx: Tx, user: User | None, *, request_id: str | None, now: datetime) -> None:
    """At most so many an hour; the person is held meanwhile, so that two requests at once are counted."""
    if user is None or not user.active:
        return
    recent = outbox.put_since(tx, user.company_id, user.id, "link", since=clock.later(now, hours=-1))
    if len(recent) >= AN_HOUR:
        return
    outbox.put(tx, user.company_id, user.id, "link", act_id=clock.new_id(), now=now)
    events.record(tx, user.company_id, "SignInLinkRequested", user.id, actor=Actor("user", None, request_id), now=now)
