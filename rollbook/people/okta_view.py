"""What Okta was last seen to say of people who are not linked: from the rows that the standard integration read.

It only reads those rows; asking Okta is the standard integration's. Who is matched by rule is decided there, too: here
the same names only tell which person of Okta's a user seems to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy import ColumnElement, bindparam, or_, select

from rollbook.database import Tx
from rollbook.database.tables import okta_changes, okta_connections, okta_people, okta_runs
from rollbook.people import refused_matches
from rollbook.people.folding import fold
from rollbook.people.record import User

Status = Literal[
    "assigned with our id",
    "assigned without an id",
    "assigned with another id",
    "not assigned",
    "deprovisioned",
    "unknown",
]


@dataclass(frozen=True, slots=True)
class View:
    """Okta's view of a user: the status, what a reader must know besides ("" for nothing), and which click follows."""

    status: Status
    remark: str
    click: str


@dataclass(frozen=True, slots=True)
class _Person:
    okta_id: str
    login_key: str | None
    email_key: str | None
    status: str
    app_status: str | None
    app_external_id: str | None
    refused: str | None


UNSEEN = View("unknown", "", "either")
_RULES = ("user name", "e-mail")  # by which somebody may be a person of Okta's
_CLICKS_FOR_SCIM = frozenset({"provision", "import", "either", "reassign"})
_NOT_ASSIGNED = frozenset({"DEPROVISIONED", "INACTIVE", "REVOKED", "SUSPENDED", "UNASSIGNED"})
_CONNECTION = select(okta_connections.c.app_id, okta_connections.c.mode).where(
    okta_connections.c.company_id == bindparam("company"), okta_connections.c.state != "off"
)
# The newest run that has read everything: what it set aside, it set aside for a reason.
_LAST_RUN = (
    select(okta_runs.c.id)
    .where(okta_runs.c.company_id == bindparam("company"), okta_runs.c.read_at.is_not(None))
    .order_by(okta_runs.c.id.desc())
    .limit(1)
)
_SELECT = select(
    okta_people.c.okta_id,
    okta_people.c.login_key,
    okta_people.c.email_key,
    okta_people.c.status,
    okta_people.c.app_status,
    okta_people.c.app_external_id,
    okta_people.c.refused,
)


def views(tx: Tx, company_id: str, people: Sequence[User]) -> dict[str, View]:
    """Okta's view of each of these users, by their ids."""
    connection = tx.one(_CONNECTION, {"company": company_id})
    if connection is None or not people:
        return {user.id: UNSEEN for user in people}
    seen = _Seen(tx, company_id, people)
    app, mode = connection
    found = {user.id: seen.of(user, app=app is not None) for user in people}
    if mode == "full":  # no SCIM: whoever is known needs no click
        known = [user.id for user in people if user.link == "known" and found[user.id].click in _CLICKS_FOR_SCIM]
        found |= {user_id: replace(found[user_id], click="watched") for user_id in known}
        # Of whom something was set aside, the reason says what to do.
        found |= {user_id: replace(found[user_id], click="aside") for user_id in known if seen.is_set_aside(user_id)}
    return found


def is_watched(tx: Tx, company_id: str) -> bool:
    """Whether the company has the standard integration, and it is not switched off."""
    return tx.one(_CONNECTION, {"company": company_id}) is not None


class _Seen:
    """The rows that may be about some users."""

    def __init__(self, tx: Tx, company_id: str, people: Sequence[User]) -> None:
        external = [user.external_id for user in people if user.external_id]
        nameless = [user for user in people if not user.external_id]
        wanted: list[ColumnElement[bool]] = [okta_people.c.okta_id.in_(external)] if external else []
        if nameless:
            wanted.append(okta_people.c.login_key.in_([fold(user.user_name) for user in nameless]))
            wanted.append(okta_people.c.email_key.in_([fold(user.email) for user in nameless]))
        query = _SELECT.where(okta_people.c.company_id == company_id, or_(*wanted))
        found = [_Person(*row) for row in tx.search(query)]
        self._by_id = {person.okta_id: person for person in found}
        self._by_login = _grouped((person.login_key, person) for person in found)
        self._by_email = _grouped((person.email_key, person) for person in found)
        self._set_aside = _set_aside(tx, company_id, [user.id for user in people])
        self._refused = refused_matches.of_people(tx, company_id, [user.id for user in nameless])

    def of(self, user: User, *, app: bool) -> View:
        if user.external_id:
            candidates = [self._by_id[user.external_id]] if user.external_id in self._by_id else []
        else:
            candidates = self._by_login.get(fold(user.user_name)) or self._by_email.get(fold(user.email)) or []
        rule, aside = self._set_aside.get(user.id, ("", None))
        if len(candidates) > 1:
            ids = ", ".join(sorted(person.okta_id for person in candidates))
            return View("unknown", aside or f"More than one person in Okta has this name: {ids}.", "choose")
        if not candidates:
            if user.external_id:
                return View("unknown", aside or "Okta was not seen to list anybody with this external id.", "either")
            return View("unknown", aside or "", "either")
        (person,) = candidates
        status, remark, click = _status(person, user, app=app)
        if person.refused:
            remark = f"Okta's record of the person was set aside: {person.refused}"
        if (user.id, person.okta_id) in self._refused:
            remark, click = f"A person undid the match with {person.okta_id}, and no rule makes it again.", "choose"
        if aside is not None and click == "next_run":
            click = "choose" if rule in _RULES else "aside"  # whom nobody knows to be the person, no run archives
        return View(status, aside or remark, click)

    def is_set_aside(self, user_id: str) -> bool:
        """Whether the newest run could not do something about them."""
        return user_id in self._set_aside


def _status(person: _Person, user: User, *, app: bool) -> tuple[Status, str, str]:
    if person.status == "ABSENT":
        return "unknown", "Okta knows nobody with this external id, or no longer.", "decide"
    if person.status == "DEPROVISIONED":
        return "deprovisioned", "Okta reports the person as deactivated.", "next_run"
    if not app:
        return "unknown", "", "either"
    if person.app_status == "UNREADABLE":
        return "unknown", "Okta's record of the person's assignment could not be read.", "either"
    if person.app_status is None or person.app_status in _NOT_ASSIGNED:
        return "not assigned", "In Okta the person is not assigned to the app.", "import"
    if person.app_external_id is None:
        return "assigned without an id", "Okta's assignment holds no id, so Okta sends nothing.", "provision"
    if person.app_external_id == user.id:
        return "assigned with our id", "", "nothing"
    remark = f"Okta's assignment holds the id of another account, {person.app_external_id[:80]}, so nothing comes here."
    return "assigned with another id", remark, "reassign"


def _set_aside(tx: Tx, company_id: str, user_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """By which rule the newest run set these users aside, and why, in its own words."""
    run = tx.one(_LAST_RUN, {"company": company_id})
    if run is None:
        return {}
    query = select(okta_changes.c.user_id, okta_changes.c.rule, okta_changes.c.reason).where(
        okta_changes.c.company_id == company_id,
        okta_changes.c.run_id == run[0],
        okta_changes.c.kind == "set_aside",
        okta_changes.c.user_id.in_(user_ids),
    )
    return {user_id: (rule, reason) for user_id, rule, reason in tx.search(query)}


def _grouped(pairs: Iterable[tuple[str | None, _Person]]) -> dict[str, list[_Person]]:
    found: dict[str, list[_Person]] = {}
    for key, person in pairs:
        if key is not None:
            found.setdefault(key, []).append(person)
    return found
