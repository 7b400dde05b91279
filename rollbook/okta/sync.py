"""A run at work, step by step: it asks Okta, keeps what it hears, plans, and carries the plan out.

Each write is the lease's (lease.py), and keeps how far the run is.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from rollbook import clock
from rollbook.activity import queue
from rollbook.activity.queue import Task
from rollbook.database import Collision, Database, Tx
from rollbook.errors import RollbookError, Unavailable
from rollbook.okta import (
    applying,
    attention,
    changes,
    connections,
    directory,
    drafting,
    namesakes,
    questions,
    reading,
    runs,
    second_look,
    terms,
)
from rollbook.okta.answers import AppUser, Page, Person
from rollbook.okta.changes import Change
from rollbook.okta.circles import Circles
from rollbook.okta.connections import Connection
from rollbook.okta.failures import OktaFailure
from rollbook.okta.grounds import Grounds
from rollbook.okta.lease import Lease
from rollbook.okta.planning import RUNS_AWAY
from rollbook.okta.reading import AppPage, PeoplePage, Single, Source
from rollbook.okta.runs import Run
from rollbook.okta.terms import Terms

T = TypeVar("T")

REPLACED = "The token was replaced while the run used the one before; the next run reads with the new one."
MOST_RESTARTS = 3  # of a list whose cursor expired

# Notes of a run.
RESTARTS = "restarts"


class Sync:
    """The work at one run, in steps; `task` is the claimed task `pull`, and the right to write."""

    def __init__(self, database: Database, client: Source, connection: Connection, task: Task) -> None:
        self._database = database
        self._client = client
        self._connection = connection
        self._task = task
        self._lease = Lease(database, task)
        self._run: Run | None = None
        self._circles = Circles()
        self._grounds: Grounds | None = None
        self._fitting = applying.FEWEST_ROWS

    @property
    def run(self) -> Run | None:
        """The run after the last step; None before the first."""
        return self._run

    async def step(self) -> bool:
        """Does the next of it; False where nothing is left for this task: the run has ended, or is held.

        Raises LeaseLost. What Okta refuses ends the run and raises nothing.
        """
        if self._run is None:
            run_id = self._task.payload["run_id"]
            self._run = await self._database.read(lambda tx: runs.find(tx, self._task.company_id, run_id))
        run = self._run
        if run is None or run.is_over:
            return False
        try:
            run = await self._go_on(run)
        except runs.RunEnded:
            return False
        return not run.is_over

    async def _go_on(self, run: Run) -> Run:
        try:
            if run.state == "waiting":
                return await self._move(partial(reading.begin, run=run, org_url=self._connection.org_url))
            if run.state == "reading":
                return await self._read(run)
            if run.state == "planning":
                return await self._plan(run)
            return await self._apply(run)
        except OktaFailure as failure:
            return await self._move(partial(self._fail, run=run, failure=failure))

    async def renew(self) -> None:
        """Keeps the lease while Okta is waited for. Raises LeaseLost, and RunEnded where it was ended meanwhile."""

        def look(tx: Tx) -> None:
            run = runs.find(tx, self._task.company_id, self._task.payload["run_id"])
            if run is None or run.is_over:
                raise runs.RunEnded(self._task.id)

        await self._lease.write(look)

    async def _move(self, fn: Callable[[Tx], Run]) -> Run:
        """A write that changes how far the run is. With the last of them its task is done: nobody may find it once the
        run goes on, after a person's yes, under another.
        """

        def work(tx: Tx) -> Run:
            run = fn(tx)
            if run.is_over:
                queue.finish(tx, self._task, now=clock.now())
            return run

        self._run = await self._lease.write(work)
        return self._run

    # Reading.

    async def _read(self, run: Run) -> Run:
        agreed = _terms(run)
        if run.part == "singles":
            return await self._ask_singles(run, agreed)
        if run.part == "namesakes":
            return await self._ask_namesakes(run, agreed)
        try:
            page = await self._page(run, agreed)
        except OktaFailure as failure:
            if failure.kind != "cursor":
                raise
            return await self._again(run, failure)
        self._circles.watch(page.next)
        end: dict[str, Any] = {"cursor": page.next}
        if page.next is None:
            end["part"] = reading.next_part(agreed, run.part or "")
            self._circles = Circles()
        return await self._keep(run, agreed, page, end)

    async def _page(self, run: Run, agreed: Terms) -> Page[Person] | Page[AppUser]:
        if run.part == "people":
            return await self._client.people(agreed.group_id, run.cursor)
        if run.part == "deprovisioned":
            return await self._client.deprovisioned(run.cursor)
        assert agreed.app_id is not None
        return await self._client.app_users(agreed.app_id, run.cursor)

    async def _keep(self, run: Run, agreed: Terms, page: Page[Any], end: dict[str, Any]) -> Run:
        part: AppPage | PeoplePage
        if run.part == "app":
            part = AppPage(page)
        else:
            part = PeoplePage(agreed, "people" if run.part == "people" else "deprovisioned", page)
        more = True
        while more:
            run, more = await self._lease.write(partial(part.keep, run=run, end=end))
            self._run = run
        return run

    async def _again(self, run: Run, failure: OktaFailure) -> Run:
        """The list is read from its beginning; a run does so a few times only."""
        restarts = run.notes.get(RESTARTS, 0) + 1
        if restarts > MOST_RESTARTS:
            raise failure
        self._circles.begin_again()
        notes = {**run.notes, RESTARTS: restarts}
        return await self._move(lambda tx: runs.advance(tx, run, cursor=None, notes=notes))

    async def _ask_singles(self, run: Run, agreed: Terms) -> Run:
        """Asks for people of ours whom no list had, one by one."""

        def look(tx: Tx) -> tuple[list[tuple[str, str]], dict[str, int]]:
            wanted = directory.unseen(tx, run.company_id, run.id, after=run.cursor or "")
            rows = directory.people(tx, run.company_id, [okta_id for _, okta_id in wanted])
            return wanted, {person.okta_id: person.missing_runs for person in rows}

        wanted, away = await self._database.read(look)
        if not wanted:
            following = reading.next_part(agreed, "singles")
            return await self._move(lambda tx: runs.advance(tx, run, part=following, cursor=None))
        singles = await questions.people(self._client, agreed, wanted, away)
        keep = partial(reading.keep_singles, singles=singles, cursor=singles[-1].user_id)
        return await self._move(partial(keep, run=run, terms=agreed))

    async def _ask_namesakes(self, run: Run, agreed: Terms) -> Run:
        """Asks, for whom a rule takes for a leaver, whether the names are those of somebody else, who is active."""
        wanted = await self._database.read(lambda tx: namesakes.wanted(tx, run, agreed))
        if not wanted:
            return await self._move(partial(reading.finish, run=run))
        answers = await questions.namesakes_of(self._client, agreed, wanted)
        keep = partial(namesakes.keep, answers=answers, cursor=answers[-1].about.okta_id)
        return await self._move(partial(keep, run=run, terms=agreed))

    # Planning and applying.

    async def _plan(self, run: Run) -> Run:
        rests_on = await self._rests_on(run)
        made = await self._database.read(lambda tx: drafting.draft(tx, run, rests_on))
        if made.last is None:
            found = await self._database.read(lambda tx: drafting.totals(tx, run))
            return await self._move(lambda tx: drafting.finish(tx, run, rests_on, found, now=clock.now()))
        return await self._move(partial(drafting.keep, run=run, made=made))

    async def _apply(self, run: Run) -> Run:
        rests_on = await self._rests_on(run)
        rows = await self._database.read(lambda tx: applying.next_rows(tx, run, self._fitting))
        if not rows:
            waiting = await self._database.read(lambda tx: changes.waiting(tx, run))
            return await self._move(lambda tx: applying.finish(tx, run, waiting, now=clock.now()))
        return await self._look_again(run, rows, rests_on)

    async def _look_again(self, run: Run, rows: Sequence[Change], rests_on: Grounds) -> Run:
        """Carries out what still holds: what Okta says by now is kept, and planned anew with everything else."""
        agreed, now = _terms(run), clock.now()
        if second_look.is_old(run, now):
            run, rows = await self._ask_namesakes_again(run, rows, agreed)

        async def ask(user_id: str | None, okta_id: str) -> Single:
            return await questions.person(self._client, agreed, user_id, okta_id, away=RUNS_AWAY)

        looked = await second_look.look(run, rows, ask, most_seconds=questions.ASKING_SECONDS, now=now)
        if looked.unsure is not None:
            row, why_not = looked.unsure, second_look.UNSURE
            return await self._move(lambda tx: applying.pass_over(tx, run, row, why_not, now=now))
        if looked.answers:
            keep = partial(reading.keep_singles, singles=looked.answers, cursor=run.cursor)
            run = await self._move(partial(keep, run=run, terms=agreed))
        return await self._carry_out(run, looked.rows, rests_on)

    async def _ask_namesakes_again(
        self, run: Run, rows: Sequence[Change], agreed: Terms
    ) -> tuple[Run, Sequence[Change]]:
        """Before a leaver is linked by a rule; with those of the rows, in their order, of which that is known now."""
        wanted = await self._database.read(lambda tx: namesakes.of_links(tx, run, agreed, rows))
        if not wanted:
            return run, rows
        answers = await questions.namesakes_of(self._client, agreed, wanted)
        keep = partial(namesakes.keep, answers=answers, cursor=run.cursor)
        open_ = {each.okta_id for each in wanted[len(answers) :]}
        known = itertools.takewhile(lambda row: row.okta_id not in open_, rows)
        return await self._move(partial(keep, run=run, terms=agreed)), list(known)

    async def _carry_out(self, run: Run, rows: list[Change], rests_on: Grounds) -> Run:
        """Several rows in one write; where one of them cannot be done, each by itself."""
        try:
            return await self._carry_out_together(run, rows, rests_on)
        except Unavailable:
            raise
        except (RollbookError, Collision) as error:
            if len(rows) == 1:
                why_not = error.message if isinstance(error, RollbookError) else applying.ELSEWHERE
                return await self._move(lambda tx: applying.pass_over(tx, run, rows[0], why_not, now=clock.now()))
        for row in rows:
            run = await self._carry_out(run, [row], rests_on)
        return run

    async def _carry_out_together(self, run: Run, rows: list[Change], rests_on: Grounds) -> Run:
        def work(tx: Tx) -> tuple[Run, float]:
            began = time.monotonic()
            after = applying.carry_out(tx, run, rows, rests_on, now=clock.now())
            return after, time.monotonic() - began

        after, seconds = await self._lease.write(work)
        done = sum(after.counts.get(name, 0) - run.counts.get(name, 0) for name in ("applied", "passed_over"))
        self._fitting = applying.fitting(done, seconds)
        self._run = after
        return after

    async def _rests_on(self, run: Run) -> Grounds:
        if self._grounds is None:
            agreed = _terms(run)
            self._grounds = await self._database.read(lambda tx: drafting.grounds_of(tx, run, agreed))
        return self._grounds

    # What Okta refuses.

    def _fail(self, tx: Tx, run: Run, failure: OktaFailure) -> Run:
        """Nobody is archived for a failure: the run ends, and what it has not done is not done."""
        now = clock.now()
        # First the connection, then the run, as everybody does who locks both.
        connection = connections.find(tx, run.company_id, lock=True)
        if failure.kind == "refused" and connection and connection.sealed_token != self._connection.sealed_token:
            return runs.end(tx, run, "partial", REPLACED, now=now)
        if failure.kind in ("refused", "gone"):
            attention.ask_for(tx, run.company_id, failure.message, run_id=run.id, actor=run.actor, now=now)
            return runs.end(tx, run, "needs_attention", failure.message, now=now)
        return runs.end(tx, run, "partial", failure.message, now=now)


def _terms(run: Run) -> Terms:
    return terms.of_notes(run.notes)
