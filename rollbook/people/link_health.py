"""Link health: who is not linked, since when, why, what Okta says of them, and the exact click that mends it.

It only reads: links are identity_links.py's, exemptions exemptions.py's, and what Okta was last seen to say is written
by the standard integration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, bindparam, func, select, text

from rollbook.activity import events
from rollbook.database import Tx
from rollbook.database.tables import users as table
from rollbook.people import exemptions, identity_links, record, users
from rollbook.people.exemptions import Exemption
from rollbook.people.identity_links import RuleMatch
from rollbook.people.okta_view import Status, View, views
from rollbook.people.record import User

MOST = 1000
# What of a timeline says since when somebody's link is as it is.
_KINDS = ("UserLinked", "UserUnlinked", "UserHandedOver", "LinkExempted", "ExemptionLifted")


@dataclass(frozen=True, slots=True)
class NotLinked:
    """An active user to whom provisioning has no link, or needs none, and the click that mends it. Nothing of Okta's
    reaches one who is unlinked; one who is known is reached by each run of the standard integration.

    `reason` ends with the `remark`: what Okta's view adds, or why somebody is exempt; "" for nothing. `undoable` is the
    match by a rule that a person may still take back.
    """

    user: User
    link: str
    since: str
    reason: str
    what_to_do: str
    okta_status: Status
    remark: str
    undoable: RuleMatch | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many active people there are of each link."""

    unlinked: int
    known: int
    exempt: int

    @property
    def not_linked(self) -> int:
        """Those whom somebody should look at."""
        return self.unlinked + self.known


# Written out, so that both databases see that the partial index on those who are not linked holds the answer.
_ACTIVE = (text("users.link <> 'linked'"), table.c.archived_at.is_(None), table.c.deleted_at.is_(None))
_COUNTS = (
    select(table.c.link, func.count())
    .where(table.c.company_id == bindparam("company"), *_ACTIVE)
    .group_by(table.c.link)
)


def search(
    tx: Tx,
    company_id: str,
    *,
    which: Literal["not_linked", "unlinked", "known", "exempt"] = "not_linked",
    after: str = "",
    limit: int = 200,
    now: datetime,
) -> list[NotLinked]:
    """The active users who are unlinked or known, or those who are exempt, oldest first, after the id `after`."""
    query = (
        record.SELECT.where(table.c.company_id == company_id, table.c.id > after, _of(which), *_ACTIVE)
        .order_by(table.c.id)
        .limit(min(limit, MOST))
    )
    return _explained(tx, company_id, users.search(tx, query), now=now)


def everybody(tx: Tx, company_id: str, *, exempt: bool, now: datetime) -> list[NotLinked]:
    """The whole list, for the operator."""
    found: list[NotLinked] = []
    which: Literal["not_linked", "exempt"] = "exempt" if exempt else "not_linked"
    while page := search(tx, company_id, which=which, after=found[-1].user.id if found else "", limit=MOST, now=now):
        found += page
    return found


def of_user(tx: Tx, user: User, *, now: datetime) -> NotLinked | None:
    """The same of one person; None where they are linked, archived or deleted."""
    if user.link == "linked" or not user.active or user.deleted_at:
        return None
    return _explained(tx, user.company_id, [user], now=now)[0]


def counts(tx: Tx, company_id: str) -> Counts:
    """How many active people are unlinked, known and exempt."""
    found: dict[str, int] = dict(tx.all(_COUNTS, {"company": company_id}))
    return Counts(found.get("unlinked", 0), found.get("known", 0), found.get("exempt", 0))


def _of(which: str) -> ColumnElement[bool]:
    if which == "not_linked":
        return table.c.link.in_(("unlinked", "known"))
    return table.c.link == which


def _explained(tx: Tx, company_id: str, people: Sequence[User], *, now: datetime) -> list[NotLinked]:
    ids = [user.id for user in people]
    timelines = events.of_subjects(tx, company_id, ids, _KINDS)
    exempt = exemptions.of_people(tx, company_id, [user.id for user in people if user.link == "exempt"])
    seen = views(tx, company_id, people)
    return [_entry(user, timelines.get(user.id, []), exempt, seen[user.id], now=now) for user in people]


def _entry(
    user: User, timeline: list[events.Event], exempt: Mapping[str, Exemption], view: View, *, now: datetime
) -> NotLinked:
    since = next((event.at for event in reversed(timeline) if "link" in event.changes), user.created_at)
    match = identity_links.rule_match(timeline, user)
    if match is not None and not identity_links.undoable(match, user, now=now):
        match = None
    remark, what_to_do = view.remark, _CLICKS[view.click].format(name=user.display_name)
    if user.link == "exempt":
        remark = exempt[user.id].reason if user.id in exempt else ""
        what_to_do = "Nothing. To end the exemption: rollbook user exempt SUBDOMAIN USER --lift"
    reason = f"{WHY[user.link]} {remark}".strip()
    return NotLinked(user, user.link, since, reason, what_to_do, view.status, remark, match)


WHY = {
    "known": "The external id is recorded, but no provisioning client has written to this account yet.",
    "unlinked": "This account was not made by provisioning, and no provisioning client has written to it since.",
    "exempt": "A person said that this account is meant to have no link.",
}
_ASSIGNED = "In Okta open the Learning app, Assignments, {name}, and click Provision User."
_IMPORT = "Import, Import Now, and confirm the match."
_CLICKS = {
    "provision": _ASSIGNED,
    "import": "In Okta open the Learning app, " + _IMPORT,
    "either": _ASSIGNED + " If the person is not assigned yet: " + _IMPORT,
    "reassign": "If that account is not theirs any more: in Okta open the Learning app, Assignments, remove {name} and "
    "assign them again, so that Okta looks this account up by its user name.",
    "nothing": "Nothing: Okta holds this account's id, and its next write to {name} links it. To see it now, change an "
    "attribute of theirs in Okta.",
    "next_run": "Nothing: the next run of the standard integration archives {name}, within its guards.",
    "watched": "Nothing: each run of the standard integration looks after {name}, and archives them once Okta reports "
    "them gone.",
    "aside": "What the reason asks for; then the next run of the standard integration looks again.",
    "decide": "If {name} has left, archive them: rollbook user archive. If not, record the right external id: rollbook "
    "user link.",
    "choose": "Record the external id of the right person in Okta: rollbook user link. Or correct the user name or the "
    "e-mail of one of them, in Okta or in Learning.",
}
