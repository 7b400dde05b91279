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
from rollbook.people import addresses, search, sign_in, users
from rollbook.people.folding import fold
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from rollbook.people.roles import Role
from rollbook.people.search import Equals
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
    user = _find(tx, company_id, profile.email)
    if user is None:
        user = users.create(tx, company_id, profile, role=role, actor=actor, now=now)
    if not user.active:
        raise Conflict(
            f"{user.display_name} is archived; restore them first: rollbook user restore",
            field="email",
            holder_id=user.id,
        )
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
        raise Conflict(
            f"{user.display_name} is archived; restore them first: rollbook user restore",
            field="archived_at",
            holder_id=user.id,
        )
    states = outbox.put_since(tx, user.company_id, user.id, "welcome", since="")
    if any(state in _WAITING for state in states):
        return
    outbox.put(tx, user.company_id, user.id, "welcome", act_id=clock.new_id(), now=now)
    events.record(tx, user.company_id, "UserWelcomed", user.id, actor=actor, now=now)


def _find(tx: Tx, company_id: str, email: str) -> User | None:
    for user_id in addresses.held_for(tx, company_id, email):
        return users.get(tx, company_id, user_id, lock=True)
    matches = search.page(tx, company_id, Equals("email", email), offset=0, limit=10).users
    active = [match for match in matches if match.active] or matches
    if not active:
        return None
    user = active[0]
    if fold(user.sign_in_email) != fold(email):
        raise Conflict(
            f"This address was given to {user.display_name} by provisioning and is not confirmed; sign-in links go to "
            f"the former one. If it is right: rollbook user confirm SUBDOMAIN {user.id}",
            field="email",
            holder_id=user.id,
        )
    return users.get(tx, company_id, user.id, lock=True)
