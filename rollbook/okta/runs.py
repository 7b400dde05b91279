"""Runs: each pull from a company's Okta, by whom or for which hour it was asked, how far it is and what became of it.

waiting → reading → planning → (held →) applying → done. What a run does is sync.py's, its plan changes.py's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_ignore

from rollbook import clock
from rollbook.activity import events, queue
from rollbook.activity.events import Actor
from rollbook.database import Row, Tx
from rollbook.database.tables import okta_runs as table
from rollbook.errors import Conflict, NotFound
from rollbook.people import alarms

Purpose = Literal["sync", "preview"]
State = Literal[
    "waiting",
    "reading",
    "planning",
    "held",
    "applying",
    "done",
    "partial",
    "needs_attention",
    "skipped",
    "dropped",
]

PULL = "pull"  # the task that works at a run
SCHEDULE = "schedule"  # who asked, of a run of the calendar
# Notes: what a yes is asked for, that the one for each person was said, and how often a yes was asked for.
WHOLE, EACH, ASKED = "held_as_a_whole", "yes_for_each", "asked"

_REPLACED = "A newer run took its place; nobody had said yes to it."
_ABANDONED = "Its work was given up after failing again and again: rollbook doctor says how. The next run begins anew."


class RunEnded(Exception):
    """The run is no longer in the state in which it was worked at; whoever worked at it stops."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as stored. `counts` are for people; `notes` are what it needs to go on where it was left."""

    id: str
    company_id: str
    slot: str | None
    purpose: Purpose
    state: State
    part: str | None
    cursor: str | None
    counts: dict[str, int]
    reason: str | None
    asked_by: str
    approved_by: str | None
    created_at: str
    started_at: str | None
    read_at: str | None
    ended_at: str | None
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def question(self) -> int | None:
        """Which yes a held run waits for: 1 is the first; None where it waits for none."""
        return self.notes.get(ASKED, 1) if self.state == "held" else None

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do for its task: it has ended, or waits for a person's yes."""
        return self.ended_at is not None or self.state == "held"

    @property
    def actor(self) -> Actor:
        """Who writes what the run writes."""
        return Actor("okta", self.id)


_COLUMNS = tuple(table.c[name] for name in Run.__dataclass_fields__)
_JSON = ("counts", "notes")
_OF_COMPANY = table.c.company_id == bindparam("company")
_ONE = select(*_COLUMNS).where(_OF_COMPANY, table.c.id == bindparam("run"))
_ONE_LOCKED = _ONE.with_for_update()
_OPEN = select(*_COLUMNS).where(_OF_COMPANY, table.c.ended_at.is_(None)).with_for_update()
_OF_SLOT = select(*_COLUMNS).where(_OF_COMPANY, table.c.slot == bindparam("of"))
_LATEST = select(*_COLUMNS).where(_OF_COMPANY).order_by(table.c.id.desc()).limit(1)
_INSERT = insert(table)
# Of several workers at the same hour one makes the run; and only one run of a company is open.
_INSERT_FIRST = insert_or_ignore(table).on_conflict_do_nothing().returning(table.c.id)
_UPDATE = (
    update(table)
    .where(_OF_COMPANY, table.c.id == bindparam("run"), table.c.state == bindparam("was"))
    .returning(table.c.id)
)


def create_for_slot(tx: Tx, company_id: str, slot: datetime, *, now: datetime) -> Run | None:
    """The run of an hour of the calendar, with its task. None where there is one already, or while another run is under
    way; a held one, older than the hour, is dropped.
    """
    if of_slot(tx, company_id, slot) is not None:
        return None
    _clear(tx, company_id, older_than=slot, now=now)
    run = _new(company_id, "sync", SCHEDULE, slot=slot, now=now)
    if tx.one(_INSERT_FIRST, _row(run)) is None:
        return None
    queue.enqueue(tx, company_id, PULL, {"run_id": run.id}, now=now)
    return run


def skip_slot(tx: Tx, company_id: str, slot: datetime, reason: str, *, now: datetime) -> Run | None:
    """Writes down that there was no run for an hour, and why. None where the hour has its row already."""
    at = clock.text(now)
    skipped = replace(
        _new(company_id, "sync", SCHEDULE, slot=slot, now=now), state="skipped", reason=reason, ended_at=at
    )
    return skipped if tx.one(_INSERT_FIRST, _row(skipped)) is not None else None


def create_by_hand(tx: Tx, company_id: str, purpose: Purpose, *, actor: Actor, now: datetime) -> Run:
    """A run that a person asks for, with its task. Raises Conflict while another one is open."""
    _clear(tx, company_id, older_than=None, now=now)
    other = find_open(tx, company_id)
    if other is not None:
        raise _is_open(other)
    run = _new(company_id, purpose, str(actor), slot=None, now=now)
    tx.run(_INSERT, _row(run))
    queue.enqueue(tx, company_id, PULL, {"run_id": run.id}, now=now)
    events.record(tx, company_id, "OktaRunAsked", run.id, {"purpose": [None, purpose]}, actor=actor, now=now)
    return run


def find(tx: Tx, company_id: str, run_id: str) -> Run | None:
    """The run with this id."""
    row = tx.one(_ONE, {"company": company_id, "run": run_id})
    return _run(row) if row else None


def get(tx: Tx, company_id: str, run_id: str, *, lock: bool = False) -> Run:
    """As `find`; raises NotFound."""
    row = tx.one(_ONE_LOCKED if lock else _ONE, {"company": company_id, "run": run_id})
    if row is None:
        raise NotFound(f"There is no run {run_id!r} in this company; `rollbook okta runs` lists them.")
    return _run(row)


def find_open(tx: Tx, company_id: str) -> Run | None:
    """The run of a company that has not ended."""
    row = tx.one(_OPEN, {"company": company_id})
    return _run(row) if row else None


def of_slot(tx: Tx, company_id: str, slot: datetime) -> Run | None:
    """The run of an hour of the calendar."""
    row = tx.one(_OF_SLOT, {"company": company_id, "of": clock.text(slot)})
    return _run(row) if row else None


def latest(tx: Tx, company_id: str) -> Run | None:
    """The newest run of a company."""
    row = tx.one(_LATEST, {"company": company_id})
    return _run(row) if row else None


def search(tx: Tx, company_id: str, *, before: str | None = None, limit: int = 50) -> list[Run]:
    """Runs, newest first, those before the id `before`."""
    query = select(*_COLUMNS).where(table.c.company_id == company_id).order_by(table.c.id.desc()).limit(limit)
    return [_run(row) for row in tx.search(query.where(table.c.id < before) if before is not None else query)]


def drop(tx: Tx, company_id: str, run_id: str, reason: str, *, actor: Actor, now: datetime) -> Run:
    """Ends an open run; what it has not done is not done. Raises NotFound, and Conflict where it has ended."""
    run = get(tx, company_id, run_id, lock=True)
    if run.ended_at:
        raise Conflict(f"Run {run.id} is {WORDS[run.state]}, so there is nothing to drop.", field="state")
    dropped = _drop(tx, run, reason, actor=actor, now=now)
    events.record(tx, company_id, "OktaRunDropped", run.id, {"state": [run.state, "dropped"]}, actor=actor, now=now)
    return dropped


def advance(tx: Tx, run: Run, **values: Any) -> Run:
    """Writes how far a run is; `values` are columns, and `counts` and `notes` as they are to be. Raises RunEnded where
    somebody else has ended or moved it.
    """
    after = replace(run, **values)
    if tx.one(_UPDATE, {"company": run.company_id, "run": run.id, "was": run.state, **_row(after, values)}) is None:
        raise RunEnded(run.id)
    return after


def end(tx: Tx, run: Run, state: State, reason: str | None = None, *, now: datetime, **values: Any) -> Run:
    """Ends a run. Raises RunEnded."""
    return advance(tx, run, state=state, reason=reason, ended_at=clock.text(now), **values)


def hold(tx: Tx, run: Run, reason: str, *, now: datetime, **values: Any) -> Run:
    """A run waits for a person's yes, and the alarm says so. Raises RunEnded."""
    notes = values.pop("notes", run.notes)
    asked = {**notes, ASKED: notes.get(ASKED, 0) + 1}
    held = advance(tx, run, state="held", reason=reason, notes=asked, **values)
    detail = {"run_id": run.id, "reason": reason, "counts": held.counts}
    alarms.sound(tx, run.company_id, "okta_held", run.company_id, detail, now=now)
    return held


def counted(run: Run, more: Mapping[str, int]) -> dict[str, int]:
    """The run's counts with these added."""
    return {**run.counts, **{name: run.counts.get(name, 0) + number for name, number in more.items() if number}}


WORDS: dict[State, str] = {
    "waiting": "waiting to begin",
    "reading": "under way",
    "planning": "under way",
    "held": "held and waits for a person's yes",
    "applying": "under way",
    "done": "done",
    "partial": "ended, with only a part read",
    "needs_attention": "ended and needs attention",
    "skipped": "skipped",
    "dropped": "dropped",
}


def _clear(tx: Tx, company_id: str, *, older_than: datetime | None, now: datetime) -> None:
    """Makes way for a new run: of a run that waits for a yes since before an hour, and of one that nobody works at."""
    other = find_open(tx, company_id)
    if other is None:
        return
    if other.state == "held":
        if older_than is not None and other.created_at < clock.text(older_than):
            _drop(tx, other, _REPLACED, actor=other.actor, now=now)
    elif queue.open_since(tx, company_id, PULL) is None:
        end(tx, other, "partial", _ABANDONED, now=now)


def _drop(tx: Tx, run: Run, reason: str, *, actor: Actor, now: datetime) -> Run:
    dropped = end(tx, run, "dropped", reason, now=now)
    if run.state == "held":
        alarms.resolve(tx, run.company_id, "okta_held", run.company_id, actor=actor, now=now)
    return dropped


def _is_open(other: Run) -> Conflict:
    what_to_do = "wait until it ends"
    if other.state == "held":
        what_to_do = (
            f"look at it with rollbook okta plan SUBDOMAIN {other.id}, then say yes with okta approve or no with okta "
            "drop"
        )
    return Conflict(f"Run {other.id} is {WORDS[other.state]}; {what_to_do}.", field="run", holder_id=other.id)


def _new(company_id: str, purpose: Purpose, asked_by: str, *, slot: datetime | None, now: datetime) -> Run:
    return Run(
        id=clock.new_id(),
        company_id=company_id,
        slot=clock.text(slot) if slot is not None else None,
        purpose=purpose,
        state="waiting",
        part=None,
        cursor=None,
        counts={},
        reason=None,
        asked_by=asked_by,
        approved_by=None,
        created_at=clock.text(now),
        started_at=None,
        read_at=None,
        ended_at=None,
    )


def _row(run: Run, names: Iterable[str] = tuple(Run.__dataclass_fields__)) -> dict[str, Any]:
    """These columns as they are stored."""
    row = {name: getattr(run, name) for name in names}
    return {name: msgspec.json.encode(value).decode() if name in _JSON else value for name, value in row.items()}


def _run(row: Row) -> Run:
    values = dict(zip(Run.__dataclass_fields__, row, strict=True))
    return Run(**{name: msgspec.json.decode(value) if name in _JSON else value for name, value in values.items()})
