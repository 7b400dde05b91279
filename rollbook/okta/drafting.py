"""A run plans: everybody of Okta's is walked through, some at a time, and what is to be done about each written down.

What that is says planning.py; the walk reads outside of any write, since whatever it plans is planned once more under
the lock before it is done (applying.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select

from rollbook.database import Tx
from rollbook.database.tables import users
from rollbook.okta import changes, directory, field_map, grounds, guards, planning, reading, runs, situations
from rollbook.okta.directory import FORGOTTEN_AFTER, MOST_MISSING
from rollbook.okta.grounds import Grounds
from rollbook.okta.guards import Counted
from rollbook.okta.planning import Plan
from rollbook.okta.runs import Run
from rollbook.okta.terms import EVERYBODYS, TERMS, Terms, of_notes
from rollbook.people import fields
from rollbook.people.fields import OWNER_WORDS

MOST_ROWS = 200  # in one write: of the plan, and of people who are missing or unassigned

# Notes of a run: by variable and by field, how many people were left as they are.
WITHHELD, NOT_OURS = "withheld", "not_ours"
# That everybody was walked through, and the variables whose loss needs a person's yes in the next run.
WALKED, HAD = "walked", "had"
_LOOKED_BACK = 50  # runs, for those before that came to an end

_ACTIVE = select(func.count()).where(
    users.c.company_id == bindparam("company"), users.c.archived_at.is_(None), users.c.deleted_at.is_(None)
)
_OURS = _ACTIVE.where(users.c.external_id.is_not(None), users.c.link != "exempt")


@dataclass(frozen=True, slots=True)
class Draft:
    """What a step of the walk comes to; `last` is the last person looked at, None where there is nobody left."""

    last: str | None
    plans: tuple[Plan, ...] = ()
    missing: tuple[str, ...] = ()
    unassigned: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    not_ours: tuple[str, ...] = ()
    anew: bool = False  # whoever is missing, is so for the first time


@dataclass(frozen=True, slots=True)
class Totals:
    """How many are active, how many of them have an external id of Okta's, and how many rows of the plan need a
    person's yes, each for itself.
    """

    active: int
    ours: int
    waiting: int


def grounds_of(tx: Tx, run: Run, terms: Terms) -> Grounds:
    """What the run's plan rests on, once it has read everything."""
    present = run.notes.get(reading.PRESENT, {})
    rests_on = grounds.of_company(
        terms, fields.all_of(tx, run.company_id), listed=run.counts.get("people", 0), present=present
    )
    walked, read = _runs_before(tx, run)
    return replace(
        rests_on,
        uncertain=bool(run.notes.get(reading.UNCERTAIN)),
        since=run.started_at,
        first=any(each is None or not terms.lists_as(of_notes(each.notes)) for each in (walked, read)),
        had=_had(walked) if walked is not None else frozenset(),
    )


def _runs_before(tx: Tx, run: Run) -> tuple[Run | None, Run | None]:
    """The last run before that walked through everybody to do something about them; and the last that read everything,
    and so may have counted some as missing although it was ended before it had walked through all.
    """
    earlier = runs.search(tx, run.company_id, before=run.id, limit=_LOOKED_BACK)
    syncs = [each for each in earlier if each.purpose == "sync" and TERMS in each.notes]
    walked = (each for each in syncs if each.notes.get(WALKED) or each.state == "done")
    read = (each for each in syncs if each.read_at is not None)
    return next(walked, None), next(read, None)


def _had(before: Run) -> frozenset[str]:
    """The variables that the run before met, or whose loss nobody has said yes to since."""
    unanswered = () if before.approved_by else before.notes.get(HAD, ())
    return frozenset((*before.notes.get(reading.PRESENT, {}), *unanswered))


def draft(tx: Tx, run: Run, rests_on: Grounds) -> Draft:
    """Looks at the next people; writes nothing."""
    people = directory.after(tx, run.company_id, run.cursor or "")
    found = situations.of_people(tx, run.company_id, run.id, people, rests_on, counted=False)
    plans: list[Plan] = []
    missing, unassigned, forgotten = [], [], []
    withheld: list[str] = []
    not_ours: list[str] = []
    last: str | None = None
    rows = 0
    # A record in the app's list of which nobody knows whose it is may be anybody's.
    app_read = bool(rests_on.terms.app_id) and not run.notes.get(reading.APP_NAMELESS)
    for person, situation in zip(people, found, strict=True):
        outcome = planning.plan(rests_on, situation)
        is_missing = not situation.listed and not rests_on.nobody and not rests_on.uncertain
        stranger = situation.known is None and not situation.fresh
        is_forgotten = is_missing and stranger and person.missing_runs >= FORGOTTEN_AFTER
        is_missing = is_missing and not is_forgotten and (rests_on.first or person.missing_runs < MOST_MISSING)
        is_unassigned = person.app_status is not None and app_read and person.app_run != run.id
        more = len(outcome.plans) + is_forgotten + is_missing + is_unassigned
        if rows and rows + more > MOST_ROWS:
            break
        rows += more
        last = person.okta_id
        plans += outcome.plans
        withheld += outcome.withheld
        not_ours += outcome.not_ours
        if is_forgotten:
            forgotten.append(person.okta_id)
        if is_missing:
            missing.append(person.okta_id)
        if is_unassigned:
            unassigned.append(person.okta_id)
    return Draft(
        last,
        tuple(plans),
        tuple(missing),
        tuple(unassigned),
        tuple(forgotten),
        tuple(withheld),
        tuple(not_ours),
        anew=rests_on.first,
    )


def keep(tx: Tx, run: Run, made: Draft) -> Run:
    """Writes a step down, with how far the walk is. Only a run that is to do something counts who was missing."""
    changes.add(tx, run, made.plans)
    if run.purpose == "sync":
        directory.note_missing(tx, run.company_id, made.missing, anew=made.anew)
        directory.forget(tx, run.company_id, made.forgotten)
    directory.note_unassigned(tx, run.company_id, [id_ for id_ in made.unassigned if id_ not in made.forgotten])
    counts = runs.counted(run, Counter(plan.kind for plan in made.plans))
    notes = {
        **run.notes,
        WITHHELD: _added(run.notes.get(WITHHELD, {}), made.withheld),
        NOT_OURS: _added(run.notes.get(NOT_OURS, {}), made.not_ours),
    }
    return runs.advance(tx, run, cursor=made.last, counts=counts, notes=notes)


def totals(tx: Tx, run: Run) -> Totals:
    """For `finish`. It walks through everybody, and so is read before the write."""
    (active,) = tx.one(_ACTIVE, {"company": run.company_id}) or (0,)
    (ours,) = tx.one(_OURS, {"company": run.company_id}) or (0,)
    return Totals(active, ours, changes.waiting(tx, run))


def finish(tx: Tx, run: Run, rests_on: Grounds, found: Totals, *, now: datetime) -> Run:
    """The plan is whole: it is carried out, or held, or, as a preview, only shown."""
    asides = list(_asides(run, rests_on))
    changes.add(tx, run, asides)
    counts = runs.counted(run, {"set_aside": len(asides)})
    counted = Counted(
        archives=counts.get("archive", 0),
        active=found.active,
        listed=counts.get("people", 0),
        ours=found.ours,
        withheld={name: n for name, n in run.notes.get(WITHHELD, {}).items() if name in asked_for(rests_on)},
    )
    notes = {**run.notes, WALKED: True, HAD: sorted(rests_on.had)}
    held = guards.held(rests_on.terms, counted)
    if run.purpose == "preview":
        reason = held or (guards.waiting(found.waiting) if found.waiting else None)
        return runs.end(tx, run, "done", reason, counts=counts, cursor=None, now=now)
    if held is not None:
        return runs.hold(tx, run, held, counts=counts, cursor=None, notes={**notes, runs.WHOLE: True}, now=now)
    return runs.advance(tx, run, state="applying", counts=counts, cursor=None, notes=notes)


def asked_for(rests_on: Grounds) -> frozenset[str]:
    """The variables whose loss holds a run: which every person has, which the company mapped itself, and of the others
    those that somebody had before. What was set here by hand and Okta never had, is no loss of Okta's.
    """
    own = {name for field, name in rests_on.terms.fields.items() if field_map.STANDARD.get(field) != name}
    return frozenset((*EVERYBODYS, *own, *rests_on.had))


def _asides(run: Run, rests_on: Grounds) -> Iterator[Plan]:
    """What concerns nobody in particular."""
    for target in rests_on.others:
        count = run.notes.get(NOT_OURS, {}).get(target.key, 0)
        if count and target.field is not None:
            owner = OWNER_WORDS[target.field.owner]
            reason = (
                f"{target.field.name} belongs to {owner}. Okta's {target.variable} says something else of "
                f"{guards.people(count)}, and it stays as it is."
            )
            yield Plan("set_aside", "", None, "owner", reason)
    if nameless := run.notes.get(reading.NAMELESS, 0):
        reason = f"{nameless:,} of Okta's records could not be read, not even whose they are."
        if run.notes.get(reading.UNCERTAIN):
            reason += " Since one of them may be anybody's, nobody counts as away for this run."
        yield Plan("set_aside", "", None, "record", reason)
    if unreadable := run.notes.get(reading.APP_UNREADABLE, 0):
        records = f"{unreadable:,} record{'' if unreadable == 1 else 's'}"
        reason = f"{records} in the app's list could not be read, so what Okta thinks of these links is not known."
        yield Plan("set_aside", "", None, "record", reason)


def _added(before: dict[str, int], more: tuple[str, ...]) -> dict[str, Any]:
    return dict(Counter(before) + Counter(more))
