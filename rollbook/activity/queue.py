"""The queue: tasks claimed by an update that must change exactly one row, held by a lease with a generation.

A worker that lost its lease holds an old generation, and whatever it reports changes no row. What a task does
is in jobs/tasks.py; this module knows only names and payloads. All of it is safe to run twice.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Select, bindparam, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from rollbook import clock
from rollbook.database import Tx
from rollbook.database.tables import tasks

LEASE_SECONDS = 60
ATTEMPTS = 10  # with the back-off below some four hours, then given up and shown
_TRIES = 3
BACKOFF_SECONDS = (5, 15, 60, 300, 900, 1800, 3600)


@dataclass(frozen=True, slots=True)
class Task:
    """A claimed task. `generation` is the right to report on it."""

    company_id: str
    id: str
    name: str
    payload: dict[str, Any]
    attempts: int
    generation: int
    created_at: str  # when it was asked for: at the event that it follows


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A task that failed for good: the operator sees it in `rollbook doctor`."""

    company_id: str
    id: str
    name: str
    error: str
    ended_at: str


# The dialect's insert compiles for SQLite as well: both know ON CONFLICT DO NOTHING.
_INSERT = insert(tasks).on_conflict_do_nothing()
# Written out, so that both databases see that the partial index on open tasks holds the answer.
_OPEN = text("tasks.state IN ('due', 'running')")
_COMPANIES_WITH_DUE = select(tasks.c.company_id).where(_OPEN, tasks.c.due_at <= bindparam("now")).distinct()
_COMPANIES_WITH_DUE_NAMED = _COMPANIES_WITH_DUE.where(tasks.c.name == bindparam("only"))
_BACKLOG = select(func.count(), func.min(tasks.c.due_at)).where(_OPEN, tasks.c.due_at <= bindparam("now"))
_OPEN_SINCE = select(func.min(tasks.c.created_at)).where(
    tasks.c.company_id == bindparam("company"),
    _OPEN,
    tasks.c.name == bindparam("task"),
)
_DUE_SINCE = select(func.min(tasks.c.due_at)).where(
    tasks.c.company_id == bindparam("company"),
    _OPEN,
    tasks.c.name == bindparam("task"),
)
_NEXT = (
    select(tasks.c.id, tasks.c.name, tasks.c.payload, tasks.c.attempts, tasks.c.generation, tasks.c.created_at)
    .where(tasks.c.company_id == bindparam("company"), _OPEN, tasks.c.due_at <= bindparam("now"))
    .order_by(tasks.c.due_at, tasks.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_NEXT_NAMED = _NEXT.where(tasks.c.name == bindparam("only"))
_BY_GENERATION = (
    update(tasks)
    .where(
        tasks.c.company_id == bindparam("company"),
        tasks.c.id == bindparam("task"),
        tasks.c.generation == bindparam("held"),
        _OPEN,
    )
    .returning(tasks.c.id)
)
# Shared, since those who ask for it need not wait for each other; a claim passes over what is held.
_WAITING_HELD = (
    select(tasks.c.id)
    .where(
        tasks.c.company_id == bindparam("company"),
        tasks.c.name == bindparam("task"),
        tasks.c.waiting_key == bindparam("key"),
    )
    .with_for_update(read=True)
)
_FAILED = (
    select(tasks.c.company_id, tasks.c.id, tasks.c.name, tasks.c.error, tasks.c.ended_at)
    .where(tasks.c.company_id == bindparam("company"), tasks.c.state == "failed")
    .order_by(tasks.c.ended_at.desc())
    .limit(50)
)


@cache
def _companies_with_due_but(names: tuple[str, ...]) -> Select[Any]:
    return _COMPANIES_WITH_DUE.where(*(tasks.c.name != name for name in names))


@cache
def _next_but(names: tuple[str, ...]) -> Select[Any]:
    return _NEXT.where(*(tasks.c.name != name for name in names))


def enqueue(
    tx: Tx,
    company_id: str,
    name: str,
    payload: dict[str, Any],
    *,
    now: datetime,
    due_at: datetime | None = None,
    waiting_key: str | None = None,
) -> None:
    """Queues a task in the caller's transaction; does nothing where one with this waiting key still waits.

    That one may run before this transaction is committed; where it must not, `enqueue_to_see`.
    """
    tx.run(
        _INSERT,
        {
            "company_id": company_id,
            "id": clock.new_id(),
            "name": name,
            "payload": msgspec.json.encode(payload).decode(),
            "waiting_key": waiting_key,
            "state": "due",
            "due_at": clock.text(due_at or now),
            "attempts": 0,
            "generation": 0,
            "created_at": clock.text(now),
        },
    )


def enqueue_to_see(tx: Tx, company_id: str, name: str, *, waiting_key: str, now: datetime) -> None:
    """As `enqueue` with a waiting key, of a task that must see what this transaction writes.

    On PostgreSQL the task that waits could be claimed, look, find nothing and end before this is committed; so it is
    held until then. Where it was claimed meanwhile there is another one, under no key if that happens again and again.
    """
    for _ in range(_TRIES):
        enqueue(tx, company_id, name, {}, waiting_key=waiting_key, now=now)
        if tx.one(_WAITING_HELD, {"company": company_id, "task": name, "key": waiting_key}) is not None:
            return
    enqueue(tx, company_id, name, {}, now=now)


def companies_with_due(tx: Tx, now: datetime, *, only: str | None = None, but: tuple[str, ...] = ()) -> list[str]:
    """The companies that have work now, where asked for with one name only, or with any but those: the one question
    that goes across companies.
    """
    at = clock.text(now)
    if only is not None:
        return [row[0] for row in tx.all(_COMPANIES_WITH_DUE_NAMED, {"now": at, "only": only})]
    return [row[0] for row in tx.all(_companies_with_due_but(but), {"now": at})]


def claim(
    tx: Tx,
    company_id: str,
    *,
    only: str | None = None,
    but: tuple[str, ...] = (),
    alone_among: tuple[str, ...] = (),
    now: datetime,
) -> Task | None:
    """Takes the task of a company that has been due longest, or None; a lease that ran out is due again.

    Where asked for, one with this name only, or any but those; and none while a task of a name in `alone_among` runs.
    """
    if alone_among and _runs_among(tx, company_id, alone_among, now):
        return None
    mine = {"company": company_id, "now": clock.text(now)}
    if only is not None:
        row = tx.one(_NEXT_NAMED, {**mine, "only": only})
    else:
        row = tx.one(_next_but(but), mine)
    if row is None:
        return None
    task_id, name, payload, attempts, generation, created_at = row
    until = clock.later(now, seconds=LEASE_SECONDS)
    values = {
        "state": "running",
        "attempts": attempts + 1,
        "generation": generation + 1,
        "lease_until": until,
        "due_at": until,
        # What happens from here on may concern what this run no longer sees: it may be asked for again.
        "waiting_key": None,
    }
    if not _report(tx, company_id, task_id, generation, values):
        return None
    return Task(company_id, task_id, name, msgspec.json.decode(payload), attempts + 1, generation + 1, created_at)


def extend(tx: Tx, task: Task, *, now: datetime) -> bool:
    """Renews the lease of a task that takes longer; False where it was lost already."""
    until = clock.later(now, seconds=LEASE_SECONDS)
    return _report(tx, task.company_id, task.id, task.generation, {"lease_until": until, "due_at": until})


def finish(tx: Tx, task: Task, *, now: datetime) -> bool:
    """Marks it done; False where the lease was lost and somebody else has it."""
    values = {"state": "done", "ended_at": clock.text(now), "lease_until": None}
    return _report(tx, task.company_id, task.id, task.generation, values)


def postpone(tx: Tx, task: Task, error: str, *, now: datetime) -> bool:
    """After a failure: due again after a back-off, or given up (state `failed`) after the last attempt.

    `error` is the kind of the failure, never its text: a text may hold a personal datum.
    """
    if task.attempts >= ATTEMPTS:
        values = {"state": "failed", "ended_at": clock.text(now), "lease_until": None, "error": error}
    else:
        wait = BACKOFF_SECONDS[min(task.attempts, len(BACKOFF_SECONDS)) - 1]
        due = clock.later(now, seconds=spread(wait))
        values = {"state": "due", "due_at": due, "lease_until": None, "error": error}
    return _report(tx, task.company_id, task.id, task.generation, values)


def given_up(tx: Tx, company_id: str) -> list[GivenUp]:
    """The newest fifty tasks of a company that failed for good."""
    return [GivenUp(*row) for row in tx.all(_FAILED, {"company": company_id})]


def backlog(tx: Tx, *, now: datetime) -> tuple[int, str | None]:
    """How many tasks are due in all, and since when the oldest is."""
    count, oldest = tx.all(_BACKLOG, {"now": clock.text(now)})[0]
    return count, oldest


def open_since(tx: Tx, company_id: str, name: str) -> str | None:
    """Since when a task of this name waits or runs in a company; None where none does."""
    row = tx.one(_OPEN_SINCE, {"company": company_id, "task": name})
    return row[0] if row else None


def due_since(tx: Tx, company_id: str, name: str) -> str | None:
    """Since when a task of this name is due in a company, or when it is next: whoever works at one puts that off with
    each renewal. None where there is none.
    """
    row = tx.one(_DUE_SINCE, {"company": company_id, "task": name})
    return row[0] if row else None


def prune(tx: Tx, company_id: str, *, ended_before: str, limit: int = 500) -> int:
    """Forgets at most `limit` tasks that were done before an instant; returns how many."""
    done = tx.search(
        select(tasks.c.id)
        .where(tasks.c.company_id == company_id, tasks.c.state == "done", tasks.c.ended_at < ended_before)
        .limit(limit)
    )
    if done:
        tx.search(
            delete(tasks)
            .where(tasks.c.company_id == company_id, tasks.c.id.in_([row[0] for row in done]))
            .returning(tasks.c.id)
        )
    return len(done)


def spread(seconds: float) -> float:
    """A wait of so long or a fifth more, so that not all who wait come back at once."""
    return seconds * random.uniform(1, 1.2)  # noqa: S311 - guards nothing


def _runs_among(tx: Tx, company_id: str, names: tuple[str, ...], now: datetime) -> bool:
    """Whether one of them runs. Its rows are locked, so that of two who look at once the second sees what the first
    has claimed; always in the same order, so that neither waits for the other for ever.
    """
    rows = tx.search(
        select(tasks.c.state, tasks.c.lease_until)
        .where(tasks.c.company_id == company_id, _OPEN, tasks.c.name.in_(names))
        .order_by(tasks.c.id)
        .with_for_update()
    )
    return any(state == "running" and until > clock.text(now) for state, until in rows)


def _report(tx: Tx, company_id: str, task_id: str, generation: int, values: dict[str, Any]) -> bool:
    row = tx.one(_BY_GENERATION, {"company": company_id, "task": task_id, "held": generation, **values})
    return row is not None
