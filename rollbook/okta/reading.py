"""What becomes of what Okta answered: pages of its lists and single people, kept while a run reads.

The lists come in the order of PARTS. Each page is kept together with the place where its list goes on, so that a run
that was killed goes on there. Asking is sync.py's, and what a failure means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args

import msgspec

from rollbook import clock
from rollbook.database import Tx
from rollbook.okta import attention, connections, directory, person_record, runs, situations
from rollbook.okta.answers import AppUser, Page, Person, Refused
from rollbook.okta.directory import Seen
from rollbook.okta.matching import Names
from rollbook.okta.person_record import ABSENT, DEPROVISIONED, UNREADABLE, Kept
from rollbook.okta.runs import Run
from rollbook.okta.terms import TERMS, Terms, of_connection

Part = Literal["people", "deprovisioned", "app", "singles", "namesakes"]
PARTS: tuple[Part, ...] = get_args(Part)
WRITTEN_AT_ONCE = 50  # people of a page who changed

# Notes of a run: how many of those listed have each variable, records without so much as an id, and of those how many
# were on the list of people; of the app's list records that cannot be read, and of those the ones without an id.
PRESENT, NAMELESS, UNCERTAIN = "present", "nameless", "nameless_listed"
APP_UNREADABLE, APP_NAMELESS = "app_unreadable", "app_nameless"


class Source(Protocol):
    """Okta, as far as a run asks it: client.py's Client. Every method raises OktaFailure."""

    async def people(self, group_id: str | None, after: str | None) -> Page[Person]: ...
    async def deprovisioned(self, after: str | None) -> Page[Person]: ...
    async def app_users(self, app_id: str, after: str | None) -> Page[AppUser]: ...
    async def person(self, okta_id: str) -> Person | None: ...
    async def is_member(self, okta_id: str, group_id: str) -> bool: ...
    async def namesakes(self, okta_id: str, names: Sequence[str], variables: Sequence[str]) -> list[Person] | None: ...


@dataclass(frozen=True, slots=True)
class Single:
    """What Okta said of one person by their id; `found` is None where it knows nobody, `user_id` where we do not."""

    user_id: str | None
    okta_id: str
    found: Person | Refused | None
    listed: bool


def parts_of(terms: Terms) -> tuple[Part, ...]:
    """The lists that a run reads, in order."""
    return tuple(part for part in PARTS if part != "app" or terms.app_id is not None)


def next_part(terms: Terms, part: str) -> Part | None:
    """The list after this one, None after the last."""
    parts = parts_of(terms)
    where = parts.index(next(each for each in parts if each == part)) + 1
    return parts[where] if where < len(parts) else None


@dataclass(slots=True)
class _Sorted:
    """A page's people by what is to be written of them."""

    changed: list[Kept] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    refused: list[tuple[str, Refused]] = field(default_factory=list)
    new: int = 0  # met for the first time in this run
    present: Counter[str] = field(default_factory=Counter)
    more: bool = False


class PeoplePage:
    """A page of people on its way into the database, in one write or, where many changed, in a few."""

    def __init__(self, terms: Terms, part: Literal["people", "deprovisioned"], page: Page[Person]) -> None:
        self._listed = part == "people"
        found = {p.id: person_record.kept(p.id, p.status, p.profile, terms.variables, terms.names) for p in page.items}
        self._people = list(found.values())
        self._refused = {each.id: each for each in page.refused if each.id is not None and each.id not in found}
        self._nameless = sum(each.id is None for each in page.refused)

    def keep(self, tx: Tx, run: Run, end: dict[str, Any]) -> tuple[Run, bool]:
        """Writes the next of it and how far the run is, with the last of it also the columns of `end`. Says whether
        more is left. Safe to run again.
        """
        company_id = run.company_id
        known = directory.seen(tx, company_id, [p.okta_id for p in self._people] + list(self._refused))
        sorted_ = self._sort(tx, run, known)
        for person in sorted_.changed:
            listed = self._is_listed(run, known.get(person.okta_id))
            directory.put(tx, company_id, person, listed=listed, run_id=run.id)
        for okta_id, each in sorted_.refused:
            listed = self._is_listed(run, known.get(okta_id))
            directory.refuse(tx, company_id, okta_id, each.why, each.status, listed=listed, run_id=run.id)
        values: dict[str, Any] = {"read_run": run.id}
        directory.note_seen(tx, company_id, sorted_.seen, values | ({"missing_runs": 0} if self._listed else {}))
        told = self._told(run, sorted_)
        return runs.advance(tx, run, **told, **({} if sorted_.more else end)), sorted_.more

    def _sort(self, tx: Tx, run: Run, known: dict[str, Seen]) -> _Sorted:
        people = self._people if self._listed else _concerning_us(tx, run.company_id, self._people, known)
        sorted_ = _Sorted()
        for person in people:
            before = known.get(person.okta_id)
            is_new = before is None or before.read_run != run.id
            if before is None or (before.digest, before.listed) != (person.digest, self._is_listed(run, before)):
                if len(sorted_.changed) == WRITTEN_AT_ONCE:
                    sorted_.more = True
                    continue
                sorted_.changed.append(person)
            elif is_new:
                sorted_.seen.append(person.okta_id)
            if is_new:
                sorted_.new += 1
                sorted_.present.update(list(person.profile) if self._listed else ())
        for okta_id, refused in self._refused.items():
            before = known.get(okta_id)
            if before is None or before.read_run != run.id:
                if len(sorted_.changed) + len(sorted_.refused) >= WRITTEN_AT_ONCE:
                    sorted_.more = True
                    break
                sorted_.new += 1
                sorted_.refused.append((okta_id, refused))
        return sorted_

    def _is_listed(self, run: Run, before: Seen | None) -> bool:
        """Whoever is on the list of this run stays so, also where a later list has them."""
        return self._listed or (before is not None and before.read_run == run.id and bool(before.listed))

    def _told(self, run: Run, sorted_: _Sorted) -> dict[str, Any]:
        part = "people" if self._listed else "deprovisioned"
        nameless = 0 if sorted_.more else self._nameless
        counts = runs.counted(run, {part: sorted_.new, "unreadable": len(sorted_.refused) + nameless})
        notes = dict(run.notes)
        if sorted_.present:
            notes[PRESENT] = dict(Counter(notes.get(PRESENT, {})) + sorted_.present)
        if nameless:
            notes[NAMELESS] = notes.get(NAMELESS, 0) + nameless
            notes[UNCERTAIN] = notes.get(UNCERTAIN, 0) + (nameless if self._listed else 0)
        return {"counts": counts, "notes": notes}


class AppPage:
    """A page of the app's list, Okta's own view of each link, written some at a time."""

    def __init__(self, page: Page[AppUser]) -> None:
        said = {each.id: (each.status, each.external_id) for each in page.items}
        self._unreadable = {each.id for each in page.refused if each.id is not None and each.id not in said}
        self._nameless = sum(each.id is None for each in page.refused)
        # Whose record cannot be read is in the list all the same.
        self._said = said | dict.fromkeys(self._unreadable, (UNREADABLE, None))

    def keep(self, tx: Tx, run: Run, end: dict[str, Any]) -> tuple[Run, bool]:
        """As PeoplePage.keep."""
        known = directory.seen(tx, run.company_id, self._said)
        fresh = {okta_id for okta_id in self._said if okta_id not in known or known[okta_id].app_run != run.id}
        unchanged, changed = [], []
        for okta_id, said in self._said.items():
            before = known.get(okta_id)
            if before is None or (before.app_status, before.app_external_id) != said:
                changed.append(okta_id)
            elif okta_id in fresh:
                unchanged.append(okta_id)
        now = changed[:WRITTEN_AT_ONCE]
        for okta_id in now:
            status, external_id = self._said[okta_id]
            directory.put_app(tx, run.company_id, okta_id, status, external_id, run_id=run.id)
        # Those who are the same cost one statement, however many they are; but no write has rows without end.
        also = unchanged if len(changed) <= WRITTEN_AT_ONCE else []
        directory.note_seen(tx, run.company_id, also, {"app_run": run.id})
        more = len(changed) > WRITTEN_AT_ONCE
        told = self._told(run, fresh.intersection([*now, *also]), 0 if more else self._nameless)
        return runs.advance(tx, run, **told, **({} if more else end)), more

    def _told(self, run: Run, new: set[str], nameless: int) -> dict[str, Any]:
        refused = len(new & self._unreadable) + nameless
        counts = runs.counted(run, {"app": len(new - self._unreadable), "unreadable": refused})
        if not refused:
            return {"counts": counts}
        notes = dict(run.notes)
        notes[APP_UNREADABLE] = notes.get(APP_UNREADABLE, 0) + refused
        if nameless:
            notes[APP_NAMELESS] = notes.get(APP_NAMELESS, 0) + nameless
        return {"counts": counts, "notes": notes}


def begin(tx: Tx, run: Run, *, org_url: str) -> Run:
    """Reads that org, on the terms of this moment. Under the lock: whoever changes them from now on finds the run, and
    drops it.
    """
    now = clock.now()
    connection = connections.get(tx, run.company_id, lock=True)
    if connection.state == "off":
        return runs.end(tx, run, "dropped", connections.OFF, now=now)
    if connection.org_url != org_url:
        return runs.end(tx, run, "dropped", connections.MOVED, now=now)
    notes = {TERMS: msgspec.to_builtins(of_connection(tx, connection))}
    return runs.advance(tx, run, state="reading", part=PARTS[0], cursor=None, started_at=clock.text(now), notes=notes)


def finish(tx: Tx, run: Run) -> Run:
    """Everything was read: only now does absence mean anything, and what needed attention needs it no more."""
    now = clock.now()
    attention.settle(tx, run.company_id, actor=run.actor, now=now)
    return runs.advance(tx, run, state="planning", part=None, cursor=None, read_at=clock.text(now))


def keep_singles(tx: Tx, run: Run, terms: Terms, singles: Sequence[Single], *, cursor: str | None) -> Run:
    """What Okta said of people one by one, whom no list had, or once more before something is done."""
    known = directory.seen(tx, run.company_id, [single.okta_id for single in singles])
    absent = unreadable = 0
    for single in singles:
        if isinstance(single.found, Refused):
            unreadable += 1
            directory.refuse(
                tx,
                run.company_id,
                single.okta_id,
                single.found.why,
                single.found.status,
                listed=single.listed,
                run_id=run.id,
            )
            continue
        if single.found is None:
            absent += 1
            person = Kept(single.okta_id, ABSENT, {})
        else:
            found = single.found
            person = person_record.kept(single.okta_id, found.status, found.profile, terms.variables, terms.names)
        before = known.get(single.okta_id)
        if before and not single.listed and (before.digest, before.listed) == (person.digest, 0):
            directory.note_seen(tx, run.company_id, [single.okta_id], {"read_run": run.id})
        else:
            directory.put(tx, run.company_id, person, listed=single.listed, run_id=run.id)
    counts = runs.counted(run, {"asked": len(singles), "absent": absent, "unreadable": unreadable})
    return runs.advance(tx, run, counts=counts, cursor=cursor)


def is_listed(terms: Terms, found: Person | Refused | None) -> bool | None:
    """Whether whom no list had belongs to the list all the same; None where only the group can say so."""
    if found is None or found.status == DEPROVISIONED:
        return False
    return True if terms.group_id is None else None


def _concerning_us(tx: Tx, company_id: str, people: Sequence[Kept], known: dict[str, Seen]) -> list[Kept]:
    """Of those who left long ago: whom we know, and whoever has a name of somebody here. Nothing is kept of others."""
    strangers = [person for person in people if person.okta_id not in known]
    names = [Names(person.okta_id, person.login_key, person.email_key) for person in strangers]
    ours = situations.concerned(tx, company_id, names)
    return [person for person in people if person.okta_id in known or person.okta_id in ours]
