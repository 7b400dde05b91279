"""Flapping: a reactivation that is followed at once by an older `active: false`, a race that Okta is known for.

The archive is honoured and flagged; whoever can ask Okta about this one person does (the task that follows
`UserFlapped`), and `settle` acts on the answer. Without an answer the alarm waits for an administrator.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.errors import Conflict
from rollbook.people import alarms, users
from rollbook.people.record import User

WITHIN_SECONDS = 120

# restored: back again; confirmed: Okta says that they left; settled: nothing was open any more, or they are here;
# held: Okta says that they are active, and a person must restore them (privileged, or the e-mail is taken);
# unknown: Okta gave no answer, and the alarm waits.
Outcome = Literal["restored", "confirmed", "settled", "held", "unknown"]


def watch(tx: Tx, before: User, *, actor: Actor, now: datetime) -> bool:
    """For whoever has just archived somebody for a provisioning client: flags it where a provisioning client had
    restored them within the last WITHIN_SECONDS; `before` is the user before that archive. Says whether it did.

    It costs nothing for everybody who was not restored just before.
    """
    back = before.away_until
    if back is None or back < clock.later(now, seconds=-WITHIN_SECONDS):
        return False
    restored = events.of_subjects(tx, before.company_id, [before.id], ("UserRestored",)).get(before.id)
    if not restored or not restored[-1].actor.startswith("scim"):
        return False
    changes, about = {"restored_at": [None, back]}, {"user_id": before.id}
    events.record(tx, before.company_id, "UserFlapped", before.id, changes, about=about, actor=actor, now=now)
    detail = {"restored_at": back, "archived_at": clock.text(now), "by": str(actor)}
    alarms.sound(tx, before.company_id, "flapping", before.id, detail, now=now)
    return True


def waiting(tx: Tx, company_id: str, user_id: str) -> User | None:
    """The user about whom Okta is to be asked; None where the matter is settled by now."""
    if alarms.find_open(tx, company_id, "flapping", user_id) is None:
        return None
    return users.find(tx, company_id, user_id)


def settle(tx: Tx, user: User, active_in_okta: bool | None, *, actor: Actor, now: datetime) -> Outcome:
    """Acts on what Okta says of a flagged person, None for no answer; `user` is locked. Idempotent.

    Nobody privileged comes back without a person's yes.
    """
    alarm = alarms.find_open(tx, user.company_id, "flapping", user.id)
    if alarm is None:
        return "settled"
    if user.active or user.deleted_at:
        return _resolved(tx, user, "settled", actor=actor, now=now)
    if active_in_okta is None:
        return "unknown"
    if not active_in_okta:
        return _resolved(tx, user, "confirmed", actor=actor, now=now)
    if not user.privileged:
        try:
            users.restore(tx, user, actor=actor, now=now)
        except Conflict:  # an active user has the e-mail by now: a person decides
            pass
        else:
            return _resolved(tx, user, "restored", actor=actor, now=now)
    detail = alarm.detail | {"okta": "active"}
    alarms.sound(tx, user.company_id, "flapping", user.id, detail, now=now)
    return "held"


def _resolved(tx: Tx, user: User, outcome: Outcome, *, actor: Actor, now: datetime) -> Outcome:
    alarms.resolve(tx, user.company_id, "flapping", user.id, actor=actor, now=now)
    return outcome
