"""What is to become of one person: pure, the same for a preview, for the plan of a run, and once more under the lock
before anything is written. Who the person is to us, situations.py brings, what Okta's profile says otherwise is
differences.py's, and what stops a whole run guards.py's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from rollbook.errors import InvalidValue
from rollbook.okta import differences
from rollbook.okta.grounds import Grounds
from rollbook.okta.matching import Match, Undecided
from rollbook.okta.person_record import ALIVE, DEPROVISIONED, GONE, SUSPENDED
from rollbook.people import profiles
from rollbook.people.fields import PREFIX, Field
from rollbook.people.folding import fold
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from rollbook.people.roles import PRIVILEGED, ROLES, Role

Kind = Literal["create", "change", "archive", "restore", "link", "set_aside"]
RUNS_AWAY = 2  # complete runs in a row without somebody that say that they left
PULLED = ("okta:", "scim:")  # who archived them: whom a person archived, no run restores


@dataclass(frozen=True, slots=True)
class Situation:
    """A person as Okta was read, and who of ours they are.

    `fresh`: read in this run; `listed`: found in the group, or the directory, in it; `away`: complete runs in a row
    that did not find them there, this one among them. `known` has their external id; else `match` says who it may be.
    `held` is what that user has in the company's own fields, by the field's id, `taken` why a name that Okta says
    cannot be given, by the column (names_taken.py).
    """

    okta_id: str
    status: str
    profile: dict[str, str]
    refused: str | None
    fresh: bool
    listed: bool
    away: int
    known: User | None = None
    match: Match | Undecided | None = None
    held: dict[str, str] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)

    @property
    def user(self) -> User | None:
        """Who of ours they are, as far as one alone comes into question."""
        return self.known or (self.match.user if isinstance(self.match, Match) else None)

    @property
    def alive(self) -> bool:
        return self.status in ALIVE


@dataclass(frozen=True, slots=True)
class Plan:
    """One thing to do. `changes` tell it: field -> [before, after]; `columns`, `own` and `role` do it. `waits` says why
    it needs a person's yes, whatever the rest of the run does.
    """

    kind: Kind
    okta_id: str
    user_id: str | None
    rule: str
    reason: str
    changes: dict[str, list[Any]] = field(default_factory=dict)
    columns: dict[str, str | None] = field(default_factory=dict)
    own: dict[Field, str | None] = field(default_factory=dict)
    role: Role = "learner"
    waits: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The plans for a person, and what was kept back: variables that would have cleared a value although nobody listed
    has them, and fields of another source that Okta says otherwise.
    """

    plans: tuple[Plan, ...] = ()
    withheld: tuple[str, ...] = ()
    not_ours: tuple[str, ...] = ()


NOTHING = Outcome()


def plan(grounds: Grounds, person: Situation) -> Outcome:
    """What is to be done about a person: at most one link and one thing more, and what of it cannot be done."""
    if person.known is not None:
        return _of_user(grounds, person, person.known)
    if not person.fresh:
        return NOTHING
    if isinstance(person.match, Match):
        return _of_match(grounds, person, person.match)
    if person.match is not None:
        return _of_undecided(grounds, person, person.match)
    return _create(grounds, person) if _arrives(grounds, person) else NOTHING


def _arrives(grounds: Grounds, person: Situation) -> bool:
    return grounds.terms.full and person.alive and person.listed


def _of_match(grounds: Grounds, person: Situation, match: Match) -> Outcome:
    user = match.user
    if user.link == "exempt":
        return NOTHING
    if not user.active:
        if not _arrives(grounds, person) or not was_pulled(user):
            return NOTHING
        if match.rule == "e-mail":
            reason = f"The archived user {user.id} shares the e-mail alone, and may be a different person."
            return Outcome((Plan("set_aside", person.okta_id, user.id, match.rule, reason),))
    if not person.alive and grounds.since is not None and user.updated_at >= grounds.since:
        return NOTHING  # Okta was not asked whether somebody else has the names that the user has now
    if not person.alive and person.refused:
        return _aside(person, user, person.refused)
    if person.alive and not person.listed and grounds.terms.full:
        return NOTHING  # whom full mode does not list, it would archive next
    waits = _privileged(user, "linked by a rule")
    link = Plan(
        "link",
        person.okta_id,
        user.id,
        match.rule,
        f"The {match.rule} is the same, and no other person has it on either side.",
        {"external_id": [None, person.okta_id]},
        waits=waits,
    )
    after = _of_user(grounds, person, user)
    then = tuple(_waiting(one, waits) for one in after.plans)
    return Outcome((link, *then), after.withheld, after.not_ours)


def _of_undecided(grounds: Grounds, person: Situation, undecided: Undecided) -> Outcome:
    here = [user for user in undecided.users if user.active and user.link != "exempt"]
    if person.alive:
        concerns_us = bool(here) or _arrives(grounds, person)
    else:  # whose names are another person's by now, of them nothing is to be done
        concerns_us = any(user.external_id is None for user in here)
    if not concerns_us:
        return NOTHING
    user_id = undecided.users[0].id if len(undecided.users) == 1 else None
    return Outcome((Plan("set_aside", person.okta_id, user_id, undecided.rule, undecided.reason),))


def _of_user(grounds: Grounds, person: Situation, user: User) -> Outcome:
    if user.link == "exempt":
        return NOTHING
    if not user.active:
        returns = _arrives(grounds, person) and person.fresh and was_pulled(user)
        return _restore(grounds, person, user) if returns else NOTHING
    left = _left(grounds, person)
    if left is not None:
        rule, reason = left
        changes = {"archived": [False, True]}
        waits = _privileged(user, "archived by a run")
        return Outcome((Plan("archive", person.okta_id, user.id, rule, reason, changes, waits=waits),))
    if not person.fresh or person.status in GONE:
        return NOTHING  # of whom nothing was heard, nothing is cleared
    if person.refused:
        return _aside(person, user, person.refused)
    return _change(grounds, person, user)


def _left(grounds: Grounds, person: Situation) -> tuple[str, str] | None:
    """By which rule somebody left, and why in words; None where they are here, or nothing is proven."""
    if grounds.nobody:
        return None
    if person.status == DEPROVISIONED:
        return "deprovisioned", "Okta reports the account as deactivated."
    if not grounds.terms.full:
        return None
    if person.status == SUSPENDED:
        return "suspended", "Okta reports the account as suspended."
    if not person.listed and person.away >= RUNS_AWAY and not grounds.uncertain:
        where = "in the group" if grounds.terms.group_id else "in Okta"
        return "absent", f"{person.away} complete runs in a row did not find the person {where}."
    return None


def _change(grounds: Grounds, person: Situation, user: User) -> Outcome:
    try:
        said = differences.between(grounds, person.profile, user, person.held)
    except InvalidValue as error:
        return _aside(person, user, error.message)
    columns = dict(said.columns)
    plans = [_kept(person, user, column) for column in person.taken if columns.pop(column, None) is not None]
    changes = {name: change for name, change in said.changes.items() if name not in person.taken}
    if changes:
        reason = "Okta's profile says so."
        plans.insert(0, Plan("change", person.okta_id, user.id, "profile", reason, changes, columns, said.own))
    not_ours = differences.of_others(grounds, person.profile, user, person.held)
    return Outcome(tuple(plans), said.withheld, not_ours)


def _restore(grounds: Grounds, person: Situation, user: User) -> Outcome:
    if why := person.refused or _why_taken(person):
        return _aside(person, user, why)
    try:
        said = differences.between(grounds, person.profile, user, person.held)
    except InvalidValue as error:
        return _aside(person, user, error.message)
    where = "in the group again" if grounds.terms.group_id else "in the directory again"
    reason = f"The account is active in Okta and {where}."
    changes = {"archived": [True, False], **said.changes}
    made = Plan("restore", person.okta_id, user.id, "returned", reason, changes, said.columns, said.own)
    return Outcome((made,), said.withheld)


def _create(grounds: Grounds, person: Situation) -> Outcome:
    if why := person.refused or _why_taken(person):
        return _aside(person, None, why)
    try:
        said = differences.between(grounds, person.profile, None, {})
        profiles.check(new_profile(said.columns, person.okta_id))
    except InvalidValue as error:
        return _aside(person, None, error.message)
    role = _role(grounds, person)
    changes: dict[str, list[Any]] = {"external_id": [None, person.okta_id], "role": [None, role], **said.changes}
    reason = "Nobody here has this external id, user name or e-mail."
    made = Plan("create", person.okta_id, None, "new", reason, changes, said.columns, said.own, role)
    return Outcome((made,))


def as_told(made: Plan, told: Mapping[str, list[Any]]) -> Plan | None:
    """Of a plan that is made anew as much as was told of the first one: fields that go from the same to the same. None
    where nothing is left.
    """
    same = {name for name, change in made.changes.items() if told.get(name) == change}
    if not same or ("archived" in made.changes and "archived" not in same):
        return None
    changes = {name: change for name, change in made.changes.items() if name in same}
    columns = {name: value for name, value in made.columns.items() if name in same}
    own = {each: value for each, value in made.own.items() if f"{PREFIX}{each.name}" in same}
    return replace(made, changes=changes, columns=columns, own=own)


def new_profile(columns: dict[str, str | None], okta_id: str) -> Profile:
    """The profile of somebody who is to be created."""
    texts: dict[str, Any] = dict(columns) | {name: columns.get(name) or "" for name in profiles.REQUIRED}
    return Profile(**texts, external_id=okta_id)


def _role(grounds: Grounds, person: Situation) -> Role:
    variable = grounds.terms.role_variable
    said = fold(person.profile.get(variable, "")) if variable else ""
    return next((role for role in ROLES if role == said), "learner")


def _kept(person: Situation, user: User, column: str) -> Plan:
    reason = f"{person.taken[column]} Until then it stays as it is."
    return Plan("set_aside", person.okta_id, user.id, "record", reason)


def _why_taken(person: Situation) -> str | None:
    return next(iter(person.taken.values()), None)


def _aside(person: Situation, user: User | None, reason: str) -> Outcome:
    return Outcome((Plan("set_aside", person.okta_id, user.id if user else None, "record", reason),))


def was_pulled(user: User) -> bool:
    """Whether an archived user may come back by a run: no person archived them."""
    return (user.archived_by or "").startswith(PULLED)


def _privileged(user: User, what: str) -> str | None:
    if user.role not in PRIVILEGED:
        return None
    return f"User {user.id} has the role {user.role}: a privileged user is {what} only with a person's yes."


def _waiting(one: Plan, waits: str | None) -> Plan:
    if waits is None or one.waits is not None or one.kind == "set_aside":
        return one
    return replace(one, waits=waits)
