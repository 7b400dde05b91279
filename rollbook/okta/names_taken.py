"""Which of the names that people of Okta's are to get are somebody else's. It is asked while a run plans, so that no
plan promises what the verbs of people would refuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rollbook.database import Tx
from rollbook.okta import directory
from rollbook.okta.grounds import Grounds
from rollbook.okta.matching import Names
from rollbook.okta.person_record import ALIVE, GONE, key
from rollbook.okta.planning import Situation
from rollbook.people import claims
from rollbook.people.folding import fold
from rollbook.people.record import User

USER_NAME, EMAIL = "user_name", "email"


class _Wanted(NamedTuple):
    """Names that are new to somebody, folded; `sign_in` is where the links of whoever comes back go."""

    user_name: str | None
    email: str | None
    sign_in: str | None


def of_people(
    tx: Tx, company_id: str, run_id: str, people: Sequence[Situation], grounds: Grounds
) -> dict[str, dict[str, str]]:
    """By Okta's id and column, why the name cannot be given. Nobody whose names stay as they are costs a statement."""
    if not grounds.terms.full:
        return {}
    variables = {target.column: target.variable for target in grounds.targets if target.variable not in grounds.missing}
    asked = [(person, _wanted(person, variables)) for person in people if _concerns(person)]
    wanting = [(person, wanted) for person, wanted in asked if any(wanted)]
    if not wanting:
        return {}
    logins = {wanted.user_name for _, wanted in wanting if wanted.user_name}
    emails = {name for _, wanted in wanting for name in (wanted.email, wanted.sign_in) if name}
    holders = claims.holders(tx, company_id, logins, emails)
    others = _of_okta(tx, company_id, run_id, variables, logins, emails)
    found = {person.okta_id: _taken(person, wanted, holders, others) for person, wanted in wanting}
    return {okta_id: taken for okta_id, taken in found.items() if taken}


def _concerns(person: Situation) -> bool:
    """Whether the person may be given a name by this run."""
    if not person.fresh or person.refused or person.status in GONE:
        return False
    if person.user is None:
        return person.match is None and person.alive and person.listed
    return person.user.link != "exempt"


def _wanted(person: Situation, variables: dict[str | None, str]) -> _Wanted:
    user = person.user
    login, email = (key(person.profile.get(variables.get(column, ""))) for column in (USER_NAME, EMAIL))
    if user is None:
        return _Wanted(login, email, None)
    login = login if login != fold(user.user_name) else None
    if user.active:
        return _Wanted(login, email if email != fold(user.email) else None, None)
    return _Wanted(login, email or fold(user.email), fold(user.confirmed_email) if user.confirmed_email else None)


def _taken(
    person: Situation, wanted: _Wanted, holders: Sequence[User], others: dict[tuple[str, str], list[Names]]
) -> dict[str, str]:
    user, taken = person.user, {}
    if why := claims.why_taken(user, holders, user_name=wanted.user_name):
        taken[USER_NAME] = why
    if why := claims.why_taken(user, holders, email=wanted.email):
        taken[EMAIL] = why
    if user is not None and wanted.sign_in is not None:
        theirs = (each for each in holders if each.id != user.id and each.active)
        if other := next((each for each in theirs if fold(each.email) == wanted.sign_in), None):
            taken[EMAIL] = claims.links_lead_to(user, other)
    for column, name, word in ((USER_NAME, wanted.user_name, "user name"), (EMAIL, wanted.email, "e-mail")):
        first = _first(others.get((column, name or ""), ()), before=person.okta_id)
        if column not in taken and first is not None:
            taken[column] = (
                f"In Okta {first} has this {word} as well, and only one person can have it here. Give one of the two "
                "another one in Okta."
            )
    return taken


def _of_okta(
    tx: Tx, company_id: str, run_id: str, variables: dict[str | None, str], logins: Iterable[str], emails: Iterable[str]
) -> dict[tuple[str, str], list[Names]]:
    """Whoever else the run read as active and listed, by column and name, as far as Okta's own names fill the two."""
    by_login = list(logins) if variables.get(USER_NAME) == "login" else []
    by_email = list(emails) if variables.get(EMAIL) == "email" else []
    found: dict[tuple[str, str], list[Names]] = {}
    for names in directory.namesakes(tx, company_id, run_id, by_login, by_email, listed=True):
        if names.status in ALIVE:
            found.setdefault((USER_NAME, names.login_key or ""), []).append(names)
            found.setdefault((EMAIL, names.email_key or ""), []).append(names)
    return found


def _first(others: Iterable[Names], *, before: str) -> str | None:
    """Of people with one name, runs come to the lowest of Okta's ids first, and that one gets it."""
    return min((other.okta_id for other in others if other.okta_id < before), default=None)
