"""Inviting: a person with a role, made in Learning, the one-time link with which they sign in, and their welcome.

Whoever provisioning brings is never welcomed by itself: their first mail is their first assignment.
"""

from __future__ import annotations

from datetime import datetime

from rollbook import clock
from rollbook.activity import events, outbox
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.errors import Conflict
from rollbook.people import address_holders, sign_in, users
from rollbook.people.folding import fold
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from rollbook.people.roles import Role
from rollbook.people.tokens import Pepper

_WAITING = ("queued", "sending")


def invite(
    tx: Tx,
    company_id: str,
    profile: Profile,
    role: Role,
    *,
    mail: bool = True,
    pepper: Pepper,
    actor: Actor,
    now: datetime,
) -> tuple[User, str]:
    """The person and the token of a new sign-in link; somebody who is here already only gets the link.

    With `mail` a privileged person is sent a welcome as well; a learner gets one when somebody asks for it (`welcome`).
    They are found by their confirmed address alone: an address that provisioning gave a privileged user opens
    nothing until a person confirms it. Raises Conflict for such an address, for an archived person, for another role.
    """
    user = address_holders.who_signs_in_with(tx, company_id, profile.email, lock=True)
    if user is None:
        _refuse_given(tx, company_id, profile.email)
        user = users.create(tx, company_id, profile, role=role, actor=actor, now=now)
    if not user.active:  # archived while their row was waited for
        raise _archived(user)
    if user.role != role:
        raise Conflict(
            f"{user.display_name} is here already, as {user.role}; change that with: rollbook user role",
            field="role",
            holder_id=user.id,
        )
    if mail and user.privileged:
        welcome(tx, user, actor=actor, now=now)
    return user, sign_in.issue_link(tx, company_id, user.id, pepper=pepper, actor=actor, now=now)


def welcome(tx: Tx, user: User, *, actor: Actor, now: datetime) -> None:
    """Queues the welcome mail; does nothing where one waits already. Raises Conflict for an archived person."""
    if not user.active:
        raise _archived(user)
    states = outbox.put_since(tx, user.company_id, user.id, "welcome", since="")
    if any(state in _WAITING for state in states):
        return
    outbox.put(tx, user.company_id, user.id, "welcome", act_id=clock.new_id(), now=now)
    events.record(tx, user.company_id, "UserWelcomed", user.id, actor=actor, now=now)


def _refuse_given(tx: Tx, company_id: str, email: str) -> None:
    """Raises Conflict where somebody has the address and does not sign in with it, or more than one does."""
    both = address_holders.signing_in_with(tx, company_id, email)
    if both:
        raise Conflict(
            f"Users {' and '.join(both)} sign in with this address. Say first whose it is: give one of them another "
            "e-mail, or confirm the one that the record shows: rollbook user confirm SUBDOMAIN USER",
            field="email",
            holder_id=both[0],
        )
    matches = address_holders.with_email(tx, company_id, email)
    if not matches:
        return
    user = min(matches, key=lambda match: not match.active)
    if fold(user.sign_in_email) == fold(email):
        raise _archived(user)
    message = (
        f"This address was given to {user.display_name} by provisioning and is not confirmed; sign-in links go to "
        f"the former one. If it is right: rollbook user confirm SUBDOMAIN {user.id}"
    )
    raise Conflict(message, field="email", holder_id=user.id)


def _archived(user: User) -> Conflict:
    return Conflict(
        f"{user.display_name} is archived; restore them first: rollbook user restore",
        field="archived_at",
        holder_id=user.id,
    )
