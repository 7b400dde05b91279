"""Which of the names that people of Okta's are to get are somebody else's. It is asked while a run plans, so that no
plan promises what the verbs of people would refuse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rollbook.database import Tx
from rollbook.errors import Conflict
from rollbook.okta import directory
from rollbook.okta.grounds import Grounds
from rollbook.okta.person_record import ALIVE, GONE, key
from rollbook.okta.planning import Situation, was_pulled
from rollbook.people import claims, search
from rollbook.people.claims import Holders
from rollbook.people.folding import fold
from rollbook.people.record import User

USER_NAME, EMAIL = "user_name", "email"
_WORDS = {USER_NAME: "user name", EMAIL: "e-mail"}


class _Wanted(NamedTuple):
    """Names that are new to somebody, folded; `sign_in` is where the links of whoever comes back will go."""

    user_name: str | None
    email: str | None
    sign_in: str | None = None


def of_people(
    tx: Tx, company_id: str, run_id: str, people: Sequence[Situation], grounds: Grounds
) -> dict[str, dict[str, str]]:
    """By Okta's id and column, why the name cannot be given. Nobody whose names stay as they are costs a statement."""
    if not grounds.terms.full:
        return {}
    asked = [(person, _wanted(person, grounds)) for person in people if _concerns(person)]
    wanting = [(person, wanted) for person, wanted in asked if any(wanted)]
    if not wanting:
        return {}
    logins = {wanted.user_name for _, wanted in wanting if wanted.user_name}
    emails = {name for _, wanted in wanting for name in (wanted.email, wanted.sign_in) if name}
    new = {person.okta_id for person, _ in wanting if person.user is None}
    holders = claims.holders(tx, company_id, user_names=logins, external_ids=new, emails=emails)
    users = [person.user for person, _ in wanting if person.user is not None]
    also_logins, also_emails = {fold(user.user_name) for user in users}, {fold(user.email) for user in users}
    rivals = _Rivals(tx, company_id, run_id, logins | also_logins, emails | also_emails)
    found = {person.okta_id: _taken(person, wanted, holders, rivals) for person, wanted in wanting}
    return {okta_id: taken for okta_id, taken in found.items() if taken}


def _concerns(person: Situation) -> bool:
    """Whether the person may be given a name by this run."""
    if not person.fresh or person.refused or person.status in GONE:
        return False
    if person.user is None:
        return person.match is None and person.alive and person.listed
    return person.user.link != "exempt"


def _wanted(person: Situation, grounds: Grounds) -> _Wanted:
    user = person.user
    login, email = (None if name in grounds.missing else key(person.profile.get(name)) for name in grounds.terms.names)
    if user is None:
        return _Wanted(login, email)
    login = login if login != fold(user.user_name) else None
    if user.active:
        return _Wanted(login, email if email != fold(user.email) else None)
    # Of somebody privileged a new e-mail is held, and the links go on to the address that they had.
    is_new = email is not None and email != fold(user.email)
    held = user.privileged if is_new else user.confirmed_email is not None
    return _Wanted(login, email or fold(user.email), fold(user.sign_in_email) if held else None)


def _taken(person: Situation, wanted: _Wanted, holders: Holders, rivals: _Rivals) -> dict[str, str]:
    user, taken = person.user, {}
    if user is None and (refusal := holders.why_no_external_id(person.okta_id, None)):
        taken["external_id"] = refusal.message
    if wanted.user_name is not None:
        refusal = holders.why_no_user_name(wanted.user_name, user)
        if why := rivals.why_not(USER_NAME, wanted.user_name, person, refusal):
            taken[USER_NAME] = why
    if wanted.email is not None:
        refusal = holders.why_no_email(wanted.email, user)
        if why := rivals.why_not(EMAIL, wanted.email, person, refusal):
            taken[EMAIL] = why
    if user is not None and wanted.sign_in is not None and (refusal := holders.why_no_sign_in(wanted.sign_in, user)):
        taken[EMAIL] = refusal.message
    return taken


class _Rivals:
    """Whoever else of Okta's is to have some names by this run: it comes to the lowest of Okta's ids first, and that
    one gets it.
    """

    def __init__(self, tx: Tx, company_id: str, run_id: str, logins: set[str], emails: set[str]) -> None:
        found = directory.namesakes(tx, company_id, run_id, logins, emails)
        alive = [names for names in found if names.status in ALIVE]
        known = search.by_external_ids(tx, company_id, [names.okta_id for names in alive])
        self._named: dict[tuple[str, str | None], list[_Rival]] = {}
        for names in alive:
            user = known.get(names.okta_id)
            if _may_get(user, listed=names.listed):
                for column, name in ((USER_NAME, names.login_key), (EMAIL, names.email_key)):
                    self._named.setdefault((column, name), []).append(_Rival(names.okta_id, user))

    def why_not(self, column: str, name: str, person: Situation, refusal: Conflict | None) -> str | None:
        """Why this person does not get a name, with what the verbs would say to it; None where they do."""
        if refusal is not None:
            if person.user is not None and self._wants(column, fold(getattr(person.user, column)), refusal.holder_id):
                return (
                    f"Users {person.user.id} and {refusal.holder_id} are to exchange {_WORDS[column]}s, and neither "
                    "can go first. Give one of the two another one in Okta, until a run has written it."
                )
            return refusal.message
        others = (rival.okta_id for rival in self._named.get((column, name), ()))
        first = min((okta_id for okta_id in others if okta_id < person.okta_id), default=None)
        if first is None:
            return None
        return (
            f"In Okta {first} has this {_WORDS[column]} as well, and only one person can have it here. Give one of the "
            "two another one in Okta."
        )

    def _wants(self, column: str, name: str, user_id: str | None) -> bool:
        """Whether a user is to get this name and has another one yet."""
        users = (rival.user for rival in self._named.get((column, name), ()) if rival.user is not None)
        return any(user.id == user_id and fold(getattr(user, column)) != name for user in users)


class _Rival(NamedTuple):
    okta_id: str
    user: User | None


def _may_get(user: User | None, *, listed: bool) -> bool:
    """Whether somebody may get a name: they are here, or on the list and nobody here yet, or may come back by a run."""
    if user is None:
        return listed
    return user.link != "exempt" and (user.active or (listed and was_pulled(user)))
