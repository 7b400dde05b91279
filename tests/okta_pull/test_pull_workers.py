"""Several workers at the same hours, killed anywhere: each slot has one run that does its work once."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any, TypeVar

import pytest

from rollbook import clock
from rollbook.activity import queue
from rollbook.activity.queue import Task
from rollbook.database import Database, Tx
from rollbook.okta import applying, runs
from rollbook.okta.lease import LeaseLost
from rollbook.okta.sync import Sync
from rollbook.people import companies
from tests.conftest import OPERATOR, House
from tests.okta_pull.pull import Company, company_of, okta_user, state

T = TypeVar("T")

LONG = bool(os.environ.get("ROLLBOOK_LONG"))
SLOTS = int(os.environ.get("ROLLBOOK_SLOTS") or (500 if LONG else 8))  # on each of the two databases
EVERY = 1 if LONG else 4  # of the writes of a run, at each of which it is killed
WORKERS = 8
FIRST = clock.moment("2026-01-01T06:00:00.000000Z")


class Killed(BaseException):
    """The process is gone."""


class Mortal:
    """The database as a process has it that dies at a write: before it is durable, or before anybody is told."""

    def __init__(self, database: Database, dies: Callable[[], str | None]) -> None:
        self._database = database
        self._dies = dies

    async def read(self, fn: Callable[[Tx], T]) -> T:
        return await self._database.read(fn)

    async def write(self, fn: Callable[[Tx], T]) -> T:
        death = self._dies()

        def work(tx: Tx) -> T:
            result = fn(tx)
            if death == "before":
                raise Killed
            return result

        done = await self._database.write(work)
        if death == "after":
            raise Killed
        return done


async def work_until_killed(company: Company, task: Task, dies: Callable[[], str | None]) -> bool:
    """Works at a claimed task; False where the worker died over it."""
    database: Any = Mortal(company.house.installation.database, dies)
    try:
        async with company.client() as client:
            sync = Sync(database, client, company.connection(), task)
            while await sync.step():
                pass
    except Killed:
        return False
    company.write(lambda tx: queue.finish(tx, task, now=clock.now()))
    return True


class Worker(threading.Thread):
    """A worker that dies now and then, or only falls asleep and comes back to a task that others have by then."""

    def __init__(self, company: Company, slots: Slots, seed: int) -> None:
        super().__init__(daemon=True)
        self._company, self._slots, self._chance = company, slots, Random(seed)
        self.deaths = self.lost = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while (slot := self._slots.now()) is not None:
                self._company.write(
                    lambda tx, slot=slot: runs.create_for_slot(tx, self._company.id, slot, now=clock.now())  # type: ignore[misc]  # a lambda with a default
                )
                task = self._company.claim()
                if task is not None:
                    self._work(task)
                self._slots.look()
        except BaseException as failure:  # noqa: BLE001 - told by the test
            self.failure = failure
            self._slots.stop()

    def _dies(self) -> str | None:
        drawn = self._chance.random()
        if drawn < 0.04:
            return "before" if drawn < 0.02 else "after"
        if drawn < 0.06:
            self._company.expire()  # it slept for longer than its lease; whoever looks next has the task
        return None

    def _work(self, task: Task) -> None:
        try:
            alive = asyncio.run(work_until_killed(self._company, task, self._dies))
        except LeaseLost:
            self.lost += 1
            return
        if not alive:
            self.deaths += 1
            self._company.expire()


class Slots:
    """The hours, one after the other: the next begins when the run of the last has ended."""

    def __init__(self, company: Company, count: int, before_each: Callable[[int], None]) -> None:
        self._company, self._count, self._before_each = company, count, before_each
        self._lock = threading.Lock()
        self._number = -1
        self._stopped = False
        self._begin_next()

    def now(self) -> Any:
        return None if self._stopped or self._number >= self._count else self.at(self._number)

    def at(self, number: int) -> Any:
        return FIRST + timedelta(hours=12) * number

    def look(self) -> None:
        with self._lock:
            if self.now() is None:
                return
            run = self._company.read(lambda tx: runs.of_slot(tx, self._company.id, self.at(self._number)))
            if run is not None and run.ended_at is not None:
                self._begin_next()

    def stop(self) -> None:
        self._stopped = True

    def _begin_next(self) -> None:
        self._number += 1
        if self._number < self._count:
            self._before_each(self._number)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_eight_workers_and_random_kills_make_one_effective_run_a_slot(
    company: Company, engine: str, record_property: Callable[[str, object], None]
) -> None:
    company.page_size = 3
    company.configure(mode="full", most_percent=100)
    company.org.add(*[okta_user(f"00u{number}", title="-") for number in range(7)])
    company.pull()

    def before_each(number: int) -> None:
        company.org.set_profile("00u0", title=f"Slot {number}")
        company.org.set_profile("00u6", department=f"Slot {number}", title="Cook")
        if number % 2 == 0:
            company.org.suspend("00u3")
        else:
            company.org.unsuspend("00u3")

    slots = Slots(company, SLOTS, before_each)
    workers = [Worker(company, slots, seed) for seed in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=7000)
    assert [worker.failure for worker in workers] == [None] * WORKERS
    made = [run for run in company.read(lambda tx: runs.search(tx, company.id, limit=10_000)) if run.slot is not None]
    assert Counter(run.slot for run in made) == Counter(clock.text(slots.at(number)) for number in range(SLOTS))
    assert {run.state for run in made} == {"done"}
    assert {run.counts["applied"] for run in made} == {3}
    people = company.people()
    for name, kinds in (
        ("0", ["UserCreated"] + ["UserUpdated"] * SLOTS),
        ("3", ["UserCreated", *(["UserArchived", "UserRestored"] * SLOTS)[:SLOTS]]),
        ("6", ["UserCreated"] + ["UserUpdated"] * SLOTS),
        ("1", ["UserCreated"]),
    ):
        assert company.kinds(people[f"{name}@acme.example"]) == kinds
    deaths, lost = sum(worker.deaths for worker in workers), sum(worker.lost for worker in workers)
    record_property(f"slots, deaths, leases lost, {engine}", (SLOTS, deaths, lost))
    if LONG:  # of few slots none may have met its death
        assert deaths > SLOTS / 4


def begin(company: Company) -> None:
    company.page_size = 4
    company.configure(mode="full", app_id=company.org.app_id, most_percent=100)
    company.field("Region", "region")
    company.org.add(*[okta_user(f"00u{number}", title="Cook", extra={"region": "South"}) for number in range(9)])
    company.pull()
    company.hire("before")
    company.org.add(okta_user("00ubefore"), okta_user("00unew"))
    company.org.deactivate("00u3")
    company.org.leave("00u5")
    company.org.set_profile("00u8", title="Chef", region="North")


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_run_killed_at_any_write_goes_on_and_does_everything_once(
    house: House, engine: str, record_property: Callable[[str, object], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As many writes each time, however busy the machine is.
    for limit in ("AIM_SECONDS", "MOST_SECONDS"):
        monkeypatch.setattr(applying, limit, 3600.0)

    def another(number: int) -> str:
        name = f"killed-{os.getpid()}-{number}"
        return house.write(lambda tx: companies.create(tx, name, "Acme", actor=OPERATOR, now=clock.now())).id

    def kinds(company: Company) -> dict[str, list[str]]:
        return {name: company.kinds(user) for name, user in company.people().items()}

    writes = 0

    def count() -> None:
        nonlocal writes
        writes += 1

    with company_of(house, another(0)) as company:
        begin(company)
        run = company.ask()
        task = company.claim()
        assert task is not None
        assert asyncio.run(work_until_killed(company, task, count))
        wanted, told, counts = state(company), kinds(company), company.run(run.id).counts
    assert writes > 10
    cases = [(at, when) for at in range(1, writes + 1) for when in ("before", "after")][::EVERY]
    for number, (at, when) in enumerate(cases, 1):
        with company_of(house, another(number)) as company:
            begin(company)
            run = company.ask()
            left = at

            def dies(when: str = when) -> str | None:
                nonlocal left
                left -= 1
                return when if left == 0 else None

            task = company.claim()
            assert task is not None
            assert not asyncio.run(work_until_killed(company, task, dies))
            company.expire()
            if company.run(run.id).ended_at is None:  # with its last write the task was done as well
                company.work()
            after = company.run(run.id)
            assert (after.state, after.counts) == ("done", counts), (at, when)
            assert state(company) == wanted, (at, when)
            assert kinds(company) == told, (at, when)
    record_property(f"kills, {engine}", len(cases))
