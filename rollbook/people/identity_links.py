"""Links between our users and the identity provider's: linked, known, unlinked.

A user is *linked* once a provisioning client created, restored or wrote to them by id; *known* once their external id
is recorded; *unlinked* before both. Only the first will ever be de-provisioned by Okta. `link` is the one verb that
decides, whoever asks: a POST, a write by id, a rule of the standard integration, the command line. Who is not linked,
and what mends it, is link_health.py's; who is meant to have no link, exemptions.py's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, update

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import okta_changes
from rollbook.errors import Conflict, InvalidValue
from rollbook.people import exemptions, record, refused_matches, users
from rollbook.people.record import User

UNDO_DAYS = 30
RULE = "rule"  # in the changes of UserLinked: the rule that recorded the external id


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """That a rule recorded an external id."""

    rule: str
    external_id: str
    at: str
    was: str | None  # the link before, where the match changed it


_UNDONE = update(okta_changes).where(
    okta_changes.c.company_id == bindparam("company"),
    okta_changes.c.user_id == bindparam("user"),
    okta_changes.c.okta_id == bindparam("external"),
    okta_changes.c.kind == "link",
    okta_changes.c.state == "applied",
)


def link(
    tx: Tx,
    user: User,
    *,
    external_id: str | None = None,
    by_client: bool,
    rule: str | None = None,
    actor: Actor,
    now: datetime,
) -> User:
    """Records that a client wrote to this user (`by_client`), or only which external id is theirs. Idempotent.

    A client's write ends an exemption; a person's word about the external id does not. With a `rule`, by which the
    match was made, the event names it and `undo` can take it back. Raises Conflict where the recorded external id is
    another one (the operator may correct it) or belongs to somebody else, for a deleted user, and for what a rule must
    not do: touch an exempt user, or make a match that a person undid. InvalidValue where there is nothing to record.
    """
    if not by_client and not external_id:
        raise InvalidValue("Give the identity provider's id of the user, in Okta: 00u…", field="external_id")
    record.refuse_deleted(user)
    if rule is not None and external_id:
        _refuse_rule(tx, user, external_id)
    values: dict[str, str | None] = {}
    if external_id and external_id != user.external_id:
        if user.external_id is not None and actor.kind != "operator":
            raise Conflict(
                f"User {user.id} is recorded with another external id. If Okta's person is really the same, correct it "
                "with: rollbook user link",
                field="external_id",
                holder_id=user.id,
            )
        values["external_id"] = external_id
        if rule is None and not by_client:
            refused_matches.allow(tx, user.company_id, user.id, external_id)
    target = "linked" if by_client else user.link if user.link in ("linked", "exempt") else "known"
    if target != user.link:
        values["link"] = target
        values["linked_at"] = clock.text(now) if target == "linked" else None
    changes: dict[str, list[Any]] = {
        name: [getattr(user, name), value] for name, value in values.items() if name != "linked_at"
    }
    if rule is not None and values:
        changes[RULE] = [None, rule]
    kinds = [("UserLinked", changes)]
    if user.link == "exempt" and target == "linked":
        exemptions.forget(tx, user.company_id, user.id)
        kinds.append(("ExemptionLifted", {}))
    return users.change(tx, user, values, kinds, actor=actor, now=now)


def undo(tx: Tx, user: User, *, actor: Actor, now: datetime) -> User:
    """Takes back what a rule matched within the last UNDO_DAYS: the external id is cleared, the user unlinked again,
    and no rule makes that match anew.

    Raises Conflict where no rule matched this user, too long ago, or Okta has taken the account over since.
    """
    record.refuse_deleted(user)
    match = rule_match(events.of_subject(tx, user.company_id, user.id), user)
    if match is None:
        raise Conflict(
            f"No rule recorded the external id of user {user.id}, so there is nothing to undo. What is wrong is "
            "corrected with: rollbook user link",
            field="external_id",
            holder_id=user.id,
        )
    if not undoable(match, user, now=now):
        if user.link == "linked":
            why = "Okta has written to this account since and holds its id: undo the match in Okta, under Assignments"
        else:
            why = f"The match is older than {UNDO_DAYS} days. What is wrong is corrected with: rollbook user link"
        raise Conflict(f"{why}.", field="external_id", holder_id=user.id)
    values: dict[str, Any] = {"external_id": None}
    changes = {"external_id": [user.external_id, None], RULE: [match.rule, None]}
    if user.link == "known":
        values["link"] = "unlinked"
        changes["link"] = ["known", "unlinked"]
    undone = users.change(tx, user, values, [("UserUnlinked", changes)], actor=actor, now=now)
    refused_matches.refuse(tx, user.company_id, user.id, match.external_id, actor=actor, now=now)
    key = {"company": user.company_id, "user": user.id, "external": match.external_id}
    tx.run(_UNDONE, key | {"state": "undone", "at": clock.text(now)})
    return undone


def rule_match(timeline: list[events.Event], user: User) -> RuleMatch | None:
    """The match by a rule that gave this user the external id they have; `timeline` is theirs, oldest first."""
    for event in reversed(timeline):
        if event.kind == "UserLinked" and "external_id" in event.changes:
            external_id, rule = event.changes["external_id"][1], event.changes.get(RULE)
            if rule is None or external_id != user.external_id:
                return None
            return RuleMatch(
                rule[1], external_id, event.at, event.changes["link"][0] if "link" in event.changes else None
            )
    return None


def undoable(match: RuleMatch, user: User, *, now: datetime) -> bool:
    """Whether a person may still take a match back: for so many days, and while no client took the account over."""
    taken_over = user.link == "linked" and match.was is not None
    return match.at >= clock.later(now, days=-UNDO_DAYS) and not taken_over


def _refuse_rule(tx: Tx, user: User, external_id: str) -> None:
    if user.link == "exempt":
        raise Conflict(
            f"User {user.id} is exempt: no rule links them. A person may, with: rollbook user link",
            field="link",
            holder_id=user.id,
        )
    if refused_matches.is_refused(tx, user.company_id, user.id, external_id):
        raise Conflict(
            f"A person undid this match of user {user.id}; no rule makes it again.",
            field="external_id",
            holder_id=user.id,
        )
