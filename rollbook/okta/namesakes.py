"""Before a rule takes somebody for a leaver, Okta is asked whether anybody else there has the same names: an old
account may still have the address of one that is in use, on no list of the run. What then follows is matching.py's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rollbook.database import Tx
from rollbook.okta import directory, person_record, runs, situations
from rollbook.okta.answers import Person
from rollbook.okta.changes import Change
from rollbook.okta.directory import ASKED_AT_ONCE
from rollbook.okta.person_record import DEPROVISIONED, SUSPENDED
from rollbook.okta.runs import Run
from rollbook.okta.terms import Terms
from rollbook.people.folding import fold

_UNPROVEN = (
    "Okta did not say for certain whether somebody else there has the same user name or e-mail, so nobody is matched. "
    "The next run asks again."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Somebody of Okta's who left; `names` are their own and those of the users here whom a rule takes for them."""

    okta_id: str
    names: tuple[str, ...]
    listed: bool
    status: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Who else has such a name, None where that is not certain."""

    about: Wanted
    found: list[Person] | None


def wanted(tx: Tx, run: Run, terms: Terms) -> list[Wanted]:
    """The next ASKED_AT_ONCE people at most, after the run's cursor; none where nobody is left."""
    statuses = _statuses(terms)
    after = run.cursor or ""
    found: list[Wanted] = []
    while not found and (people := directory.of_status(tx, run.company_id, run.id, statuses, after=after)):
        after = people[-1].okta_id
        found = _of(tx, run.company_id, terms, people)[:ASKED_AT_ONCE]
    return found


def of_links(tx: Tx, run: Run, terms: Terms, rows: Sequence[Change]) -> list[Wanted]:
    """Of rows that are to be carried out, in their order, those who left and are to be linked first."""
    linked = [row.okta_id for row in rows if row.kind == "link" and row.okta_id]
    people = {person.okta_id: person for person in directory.people(tx, run.company_id, linked)}
    left = [people[okta_id] for okta_id in linked if okta_id in people and people[okta_id].status in _statuses(terms)]
    return _of(tx, run.company_id, terms, left)


def keep(tx: Tx, run: Run, terms: Terms, answers: Sequence[Answer], *, cursor: str | None) -> Run:
    """Keeps whoever else has the names, as Okta has them by now, and how far the run is."""
    others = {person.id: person for answer in answers for person in answer.found or ()}
    known = directory.seen(tx, run.company_id, others)
    for okta_id, person in others.items():
        before = known.get(okta_id)
        kept = person_record.kept(okta_id, person.status, person.profile, terms.variables, terms.names)
        listed = before is not None and before.read_run == run.id and bool(before.listed)
        directory.put(tx, run.company_id, kept, listed=listed, run_id=run.id)
    for answer in answers:
        if answer.found is None:
            about = answer.about
            directory.refuse(
                tx, run.company_id, about.okta_id, _UNPROVEN, about.status, listed=about.listed, run_id=run.id
            )
    return runs.advance(tx, run, cursor=cursor)


def _statuses(terms: Terms) -> tuple[str, ...]:
    """Okta's words for those who left."""
    return (DEPROVISIONED, SUSPENDED) if terms.full else (DEPROVISIONED,)


def _of(tx: Tx, company_id: str, terms: Terms, people: Sequence[directory.Person]) -> list[Wanted]:
    here = [
        user
        for user in situations.named(tx, company_id, [person.names for person in people])
        if user.active and user.external_id is None and user.link != "exempt"
    ]
    found = []
    for person in people:
        meant = [u for u in here if fold(u.user_name) == person.login_key or fold(u.email) == person.email_key]
        if not meant:
            continue
        own = [text for text in (person.texts.get(name) for name in terms.names) if text]
        ours = [text for user in meant for text in (user.user_name, user.email)]
        names = dict.fromkeys(form for text in (*ours, *own) for form in (text, fold(text)))
        found.append(Wanted(person.okta_id, tuple(names), bool(person.listed), person.status))
    return found
