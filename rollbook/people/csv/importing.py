"""Importing people: a file's rows planned against the people who are there, and carried out in small steps.

Rows are planned while reading, and only those that change something are planned again under a lock and written, so
that a file which says what is so already disturbs nobody. Killed anywhere, the same file may be imported again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, BinaryIO, Protocol, TypeVar

import msgspec

from rollbook import clock, spreadsheet
from rollbook.database import Collision, Tx
from rollbook.errors import InvalidValue, RollbookError, Unavailable
from rollbook.people import field_values, identity_links, invitations, users
from rollbook.people.authorization import Who
from rollbook.people.csv import columns as columns_
from rollbook.people.csv import plan as plan_
from rollbook.people.csv import roster
from rollbook.people.csv.columns import Cells, Columns
from rollbook.people.csv.plan import Plan, Problem, Work
from rollbook.people.csv.roster import Seen
from rollbook.people.record import User, profile_of
from rollbook.spreadsheet import Sheet

T = TypeVar("T")

PLANNED_AT_ONCE = 100
MOST_WRITTEN = 400  # rows of the database in one write
MOST_PEOPLE, FEWEST_PEOPLE = 50, 10  # in one write
AIM_SECONDS = 0.025  # of a write: provisioning waits for it
_ELSEWHERE = "Others are changing the same person just now; import the file again."


class Engine(Protocol):
    """The database, as far as an import needs it."""

    def read(self, fn: Callable[[Tx], T]) -> T: ...
    def write(self, fn: Callable[[Tx], T]) -> T: ...


class Import:
    """One import of one file. `size` is how many rows it has, blank ones too."""

    def __init__(self, engine: Engine, file: BinaryIO, *, who: Who, mail: bool = True) -> None:
        """Looks the file through. Raises InvalidValue where it cannot be read or its headings are not ours."""
        self._engine, self._who, self._mail = engine, who, mail
        self._columns: Columns = engine.read(lambda tx: columns_.of_company(tx, who.company_id))
        self._sheet: Sheet = spreadsheet.read(file, is_heading=self._columns.is_heading)
        self._headings = self._columns.of_headings(self._sheet.headings)
        self._people = FEWEST_PEOPLE
        self.size = self._sheet.size

    def preview(self) -> Iterator[Plan]:
        """What `run` would do with each row, in their order; nothing is written."""
        seen = Seen()
        for rows in self._batches():
            draft, plans = self._engine.read(partial(self._planned, rows=rows, seen=seen, lock=False))
            seen.keep(draft, names=True)
            yield from self._in_order(rows, plans)

    def run(self) -> Iterator[Plan]:
        """Carries out each row, all of it or nothing, and says what became of it, in their order."""
        seen = Seen()
        for rows in self._batches():
            draft, plans = self._engine.read(partial(self._planned, rows=rows, seen=seen, lock=False))
            done = {plan.row: plan for plan in plans}
            waiting = [(row, said) for row, said in rows if not isinstance(said, Problem) and done[row].work]
            while waiting:
                chunk = self._chunk(waiting, done)
                waiting = waiting[len(chunk) :]
                for plan in self._carry_out(chunk, seen):
                    done[plan.row] = plan
            seen.keep(draft, names=False)
            yield from self._in_order(rows, list(done.values()))

    def _batches(self) -> Iterator[list[tuple[int, Cells | Problem]]]:
        read = ((number, self._said(cells)) for number, cells in self._sheet.rows())
        while batch := list(islice(read, PLANNED_AT_ONCE)):
            yield batch

    def _said(self, cells: Sequence[str]) -> Cells | Problem:
        try:
            return columns_.cells_of(self._headings, cells)
        except InvalidValue as error:
            return Problem(None, error.message)

    def _planned(
        self, tx: Tx, rows: Sequence[tuple[int, Cells | Problem]], seen: Seen, *, lock: bool
    ) -> tuple[Seen, list[Plan]]:
        draft = seen.draft()
        readable = [(row, said) for row, said in rows if not isinstance(said, Problem)]
        own = any(column in self._columns.own for column in self._headings if column)
        here = roster.load(tx, self._who.company_id, [said for _, said in readable], draft, custom=own, lock=lock)
        return draft, [plan_.plan(tx, row, said, here, self._columns, who=self._who) for row, said in readable]

    def _in_order(self, rows: Sequence[tuple[int, Cells | Problem]], plans: Sequence[Plan]) -> Iterator[Plan]:
        made = {plan.row: plan for plan in plans}
        for row, said in rows:
            yield Plan(row, "error", "", problems=(said,)) if isinstance(said, Problem) else made[row]

    def _chunk(self, waiting: Sequence[tuple[int, Cells]], plans: dict[int, Plan]) -> list[tuple[int, Cells]]:
        chunk: list[tuple[int, Cells]] = []
        size = 0
        for row, said in waiting[: self._people]:
            work = plans[row].work
            size += work.size if work else 0
            if chunk and size > MOST_WRITTEN:
                break
            chunk.append((row, said))
        return chunk

    def _carry_out(self, chunk: Sequence[tuple[int, Cells]], seen: Seen) -> list[Plan]:
        """Writes a few rows in one transaction; where one of them cannot be written after all, each in its own."""
        try:
            draft, plans, seconds = self._engine.write(lambda tx: self._write(tx, chunk, seen))
        except Unavailable:
            raise
        except (RollbookError, Collision) as error:
            if len(chunk) > 1:
                return [plan for row in chunk for plan in self._carry_out([row], seen)]
            message = error.message if isinstance(error, RollbookError) else _ELSEWHERE
            row, said = chunk[0]
            name = said.get("user_name") or said.get("email") or ""
            return [Plan(row, "error", name, problems=(Problem(getattr(error, "field", None), message),))]
        fitting = min(int(len(chunk) * AIM_SECONDS / seconds), 2 * len(chunk))
        self._people = max(FEWEST_PEOPLE, min(MOST_PEOPLE, fitting))
        seen.keep(draft, names=False)
        return plans

    def _write(self, tx: Tx, chunk: Sequence[tuple[int, Cells]], seen: Seen) -> tuple[Seen, list[Plan], float]:
        began = time.monotonic()
        draft, plans = self._planned(tx, chunk, seen, lock=True)
        done = []
        for plan in plans:
            if plan.work is not None:
                user = self._apply(tx, plan.work)
                draft.rows[user.id] = plan.row
                if plan.action == "create":
                    draft.made[user.id] = plan.row
                plan = replace(plan, user_id=user.id)
            done.append(plan)
        return draft, done, max(time.monotonic() - began, 1e-6)

    def _apply(self, tx: Tx, work: Work) -> User:
        actor, now = self._who.actor, clock.now()
        user = work.user
        own = field_values.changes(tx, user, dict(work.custom), actor=actor)
        if user is None:
            active = work.active is not False
            user = users.create(
                tx,
                self._who.company_id,
                plan_.profile_of(work),
                role=work.role or "learner",
                active=active,
                own=own,
                actor=actor,
                now=now,
            )
            if user.privileged and active and self._mail:
                invitations.welcome(tx, user, actor=actor, now=now)
        else:
            if work.external_id is not None:
                user = identity_links.link(
                    tx, user, external_id=work.external_id, by_client=False, actor=actor, now=now
                )
            profile = msgspec.structs.replace(profile_of(user), **work.texts)
            user = users.update(tx, user, profile, active=work.active, role=work.role, own=own, actor=actor, now=now)
        return user


def counted(plans: Counter[str]) -> dict[str, int]:
    """How many rows had each action, none left out."""
    return {action: plans[action] for action in plan_.ACTIONS}


def as_json(plan: Plan) -> dict[str, Any]:
    """A row's plan as doors show it."""
    return {
        "row": plan.row,
        "action": plan.action,
        "user": plan.who,
        "user_id": plan.user_id,
        "changes": plan.changes,
        "problems": [{"column": problem.column, "problem": problem.message} for problem in plan.problems],
    }
