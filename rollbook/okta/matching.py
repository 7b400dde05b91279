"""Who of ours is a person of Okta's: by rule, and only where one person alone is meant, on both sides.

The rules, in this order: external id, user name, e-mail. The first by which anybody comes into question decides. Whose
external id is theirs already needs no match; who that is, and who comes into question, situations.py asks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from rollbook.okta.person_record import ALIVE, GONE
from rollbook.people.folding import fold
from rollbook.people.record import User

Rule = Literal["user name", "e-mail"]
RULES: tuple[Rule, ...] = ("user name", "e-mail")


class Names(NamedTuple):
    """By what a person of Okta's is matched, folded, Okta's word for how they stand, and whether a list has them."""

    okta_id: str
    login_key: str | None
    email_key: str | None
    status: str = "ACTIVE"
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """One user of ours, and the rule that says so."""

    user: User
    rule: Rule


@dataclass(frozen=True, slots=True)
class Undecided:
    """Somebody comes into question, and a person must say who is who; `users` are ours."""

    rule: Rule
    reason: str
    users: tuple[User, ...]


def match(
    person: Names, users: Sequence[User], others: Sequence[Names], refused: Collection[tuple[str, str]]
) -> Match | Undecided | None:
    """`users` are those of ours with a name of the person's, `others` whoever else in Okta has a name of these users,
    `refused` the pairs (user id, Okta's id) that a person undid. None where nobody comes into question.
    """
    undone = [user for user in users if (user.id, person.okta_id) in refused]
    for rule in RULES:
        found = [user for user in users if user not in undone and _same(rule, user, person)]
        # An archived user keeps the text of an address that somebody active has by now.
        found = [user for user in found if user.active] or found
        if found:
            return _decide(rule, person, found, others)
    for rule in RULES:
        if held := [user for user in undone if _same(rule, user, person)]:
            reason = f"A person said that this is not user {held[0].id}, who has the same {rule}."
            return Undecided(rule, reason, tuple(held))
    return None


def _decide(rule: Rule, person: Names, found: list[User], others: Sequence[Names]) -> Match | Undecided:
    if len(found) > 1:
        ids = ", ".join(sorted(user.id for user in found))
        return Undecided(rule, f"Ambiguous: {len(found)} users have this {rule}: {ids}.", tuple(found))
    user = found[0]
    if user.external_id is not None:
        reason = f"User {user.id} has the same {rule} and is recorded with another external id."
        return Undecided(rule, reason, (user,))
    rivals = [other.okta_id for other in others if _is_rival(rule, user, person, other)]
    if rivals:
        ids = ", ".join(sorted(rivals)[:5])
        reason = f"Ambiguous: user {user.id} has the same {rule}, and so have others in Okta: {ids}."
        return Undecided(rule, reason, (user,))
    return Match(user, rule)


def _is_rival(rule: Rule, user: User, person: Names, other: Names) -> bool:
    """Whether the user is somebody else's in Okta as well: by this rule or a stronger one; and where this account is no
    longer in use while the other one is, by any, since an old account may have kept the names of a new one.
    """
    if other.okta_id == person.okta_id:
        return False
    left = person.status not in ALIVE and other.status not in GONE
    return any(_same(each, user, other) for each in (RULES if left else RULES[: RULES.index(rule) + 1]))


def _same(rule: Rule, user: User, person: Names) -> bool:
    if rule == "user name":
        return person.login_key is not None and fold(user.user_name) == person.login_key
    return person.email_key is not None and fold(user.email) == person.email_key
