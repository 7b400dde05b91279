"""Who of ours some people of Okta's are, and what is there of them already: read for many at once, in as many
statements as for one. What follows from it is planning.py's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import bindparam

from rollbook.database import Tx
from rollbook.database.tables import users as table
from rollbook.okta import directory, names_taken
from rollbook.okta.directory import Person
from rollbook.okta.grounds import Grounds
from rollbook.okta.matching import Match, Names, Undecided, match
from rollbook.okta.planning import Situation
from rollbook.people import field_values, record, refused_matches, search
from rollbook.people.folding import fold
from rollbook.people.record import User

Answer = Match | Undecided | None

_LIVING = table.c.deleted_at.is_(None)
_NAMED = record.SELECT.where(
    record.any_of(
        table.c.user_name_key.in_(bindparam("logins", expanding=True)),
        table.c.email_key.in_(bindparam("emails", expanding=True)),
    ),
    _LIVING,
)
_NAMED_LOCKED = _NAMED.with_for_update()


def of_people(
    tx: Tx,
    company_id: str,
    run_id: str,
    people: Sequence[Person],
    grounds: Grounds,
    *,
    counted: bool,
    lock: bool = False,
) -> list[Situation]:
    """The situation of each, in their order. `counted` says that the run's own absences are in the rows already; with
    `lock` nobody else changes the users until this transaction ends.
    """
    known = search.by_external_ids(tx, company_id, [person.okta_id for person in people], lock=lock)
    unknown = [p for p in people if p.okta_id not in known and p.read_run == run_id]
    matches = _matches(tx, company_id, run_id, unknown, lock=lock)
    found = [*known.values(), *(one.user for one in matches.values() if isinstance(one, Match))]
    own = [target.field.id for target in (*grounds.targets, *grounds.others) if target.field and not target.column]
    held = field_values.of_many(tx, company_id, [user.id for user in found], own)
    situations = []
    for person in people:
        answer = matches.get(person.okta_id)
        user = known.get(person.okta_id) or (answer.user if isinstance(answer, Match) else None)
        fresh = person.read_run == run_id
        listed = fresh and bool(person.listed)
        away = person.missing_runs if counted or listed else 1 if grounds.first else person.missing_runs + 1
        situations.append(
            Situation(
                person.okta_id,
                person.status,
                person.texts,
                person.refused,
                fresh,
                listed,
                away,
                known.get(person.okta_id),
                answer,
                held.get(user.id, {}) if user else {},
            )
        )
    taken = names_taken.of_people(tx, company_id, run_id, situations, grounds)
    return [replace(each, taken=taken[each.okta_id]) if each.okta_id in taken else each for each in situations]


def concerned(tx: Tx, company_id: str, people: Sequence[Names]) -> set[str]:
    """Okta's ids of those whom we know by it, or who have a name of a user of ours."""
    if not people:
        return set()
    ours = set(search.by_external_ids(tx, company_id, [person.okta_id for person in people]))
    here = named(tx, company_id, people)
    logins, emails = {fold(user.user_name) for user in here}, {fold(user.email) for user in here}
    return ours | {p.okta_id for p in people if p.login_key in logins or p.email_key in emails}


def named(tx: Tx, company_id: str, people: Iterable[Names], *, lock: bool = False) -> list[User]:
    """The users who have one of these names, archived ones too; whoever was deleted is nobody."""
    people = list(people)
    logins = {person.login_key for person in people if person.login_key}
    emails = {person.email_key for person in people if person.email_key}
    if not logins and not emails:
        return []
    rows = tx.among(_NAMED_LOCKED if lock else _NAMED, {"company": company_id}, logins=logins, emails=emails)
    return sorted((User(*row) for row in rows), key=lambda user: user.id)


def _matches(
    tx: Tx, company_id: str, run_id: str, unknown: Sequence[Person], *, lock: bool
) -> dict[str, Match | Undecided]:
    candidates = named(tx, company_id, [person.names for person in unknown], lock=lock)
    if not candidates:
        return {}
    by_name: dict[str, list[User]] = {}
    by_email: dict[str, list[User]] = {}
    for user in candidates:
        by_name.setdefault(fold(user.user_name), []).append(user)
        by_email.setdefault(fold(user.email), []).append(user)
    others = directory.namesakes(tx, company_id, run_id, by_name.keys(), by_email.keys())
    refused = refused_matches.of_people(tx, company_id, [user.id for user in candidates])
    by_login: dict[str | None, list[Names]] = {}
    by_address: dict[str | None, list[Names]] = {}
    for other in others:
        by_login.setdefault(other.login_key, []).append(other)
        by_address.setdefault(other.email_key, []).append(other)
    matches = {}
    for person in unknown:
        mine = [*by_name.get(person.login_key or "", ()), *by_email.get(person.email_key or "", ())]
        if not mine:
            continue
        mine = list({user.id: user for user in mine}.values())
        rivals = [
            other
            for user in mine
            for other in (*by_login.get(fold(user.user_name), ()), *by_address.get(fold(user.email), ()))
        ]
        if answer := match(person.names, mine, rivals, refused):
            matches[person.okta_id] = answer
    return matches
