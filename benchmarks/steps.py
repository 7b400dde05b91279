"""`python -m benchmarks steps`: how long each write of the long tasks lasts while provisioning goes on beside it, and
how long provisioning takes then. The design allows a task's write 50 ms.
"""

from __future__ import annotations

import asyncio
import io
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks import townspeople
from benchmarks.servers import installation_on
from rollbook import clock
from rollbook.activity import queue
from rollbook.activity.events import Actor
from rollbook.cli.output import stay_at_work
from rollbook.database import Database, Tx
from rollbook.installation import Installation
from rollbook.jobs.tasks import TASKS
from rollbook.learning import group_assignments, lessons
from rollbook.people import companies, groups, smart_groups, users
from rollbook.people.authorization import Who
from rollbook.people.csv.importing import Import
from rollbook.people.profiles import Profile
from rollbook.people.record import profile_of, with_fields

T = TypeVar("T")

RESULTS = Path(__file__).with_name("STEPS.md")
ENGINES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
ALLOWED_MS = 50
PEOPLE = 10_000
ROWS = 5_000  # of the file that is imported
PAUSE_SECONDS = 0.02  # between two writes of provisioning
_OPERATOR = Actor("operator")
_HEADERS = (
    *("task", "engine", "writes", "median, ms", "99 %, ms", "longest, ms", f"over {ALLOWED_MS} ms"),
    *("writes beside", "median, ms", "longest, ms"),
)


@dataclass
class Timed:
    """Seconds that the writes of one task lasted, from the first statement to the last, and whole writes of
    provisioning beside them, with their wait and their commit.
    """

    writes: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)

    def cells(self) -> list[str]:
        """From the third of _HEADERS on."""
        lasted, beside = sorted(self.writes), sorted(self.beside)
        late = sum(1 for seconds in lasted if seconds * 1000 > ALLOWED_MS)
        of_task = [_ms(lasted[len(lasted) // 2]), _ms(lasted[len(lasted) * 99 // 100]), _ms(lasted[-1])]
        return [
            f"{len(lasted):,}",
            *of_task,
            str(late),
            f"{len(beside):,}",
            _ms(beside[len(beside) // 2]),
            _ms(beside[-1]),
        ]

    def clocked(self, fn: Callable[[Tx], T]) -> Callable[[Tx], T]:
        """The same work, remembered."""

        def work(tx: Tx) -> T:
            began = time.perf_counter()
            try:
                return fn(tx)
            finally:
                self.writes.append(time.perf_counter() - began)

        return work


class _Watched:
    """A task's database, whose writes are timed."""

    def __init__(self, database: Database, timed: Timed) -> None:
        self._database, self._timed = database, timed

    async def read(self, fn: Callable[[Tx], T], *, brief: bool = False) -> T:
        return await self._database.read(fn, brief=brief)

    async def write(self, fn: Callable[[Tx], T], *, brief: bool = False) -> T:
        return await self._database.write(self._timed.clocked(fn), brief=brief)


class _WatchedEngine:
    """The same for work that is no coroutine."""

    def __init__(self, database: Database, timed: Timed) -> None:
        self._engine, self._timed = database.engine, timed

    def read(self, fn: Callable[[Tx], T]) -> T:
        return self._engine.read(fn)

    def write(self, fn: Callable[[Tx], T]) -> T:
        return self._engine.write(self._timed.clocked(fn))


def run(console: Console, *, write: bool) -> None:
    """Measures, prints, and writes STEPS.md. Raises NotStarted."""
    rows = []
    for name, title in ENGINES.items():
        with installation_on(name) as (installation, address):
            for task, timed in _measure(installation, address):
                rows.append([task, title, *timed.cells()])
    table = Table(*_HEADERS, box=SIMPLE_HEAD)
    for row in rows:
        table.add_row(*row)
    console.print(_conditions())
    console.print(table)
    if write:
        lines = [f"| {' | '.join(row)} |" for row in (_HEADERS, ["---"] * len(_HEADERS), *rows)]
        title = "# Results of `python -m benchmarks steps`"
        RESULTS.write_text("\n".join([title, "", _conditions(), "", *lines, ""]), encoding="utf-8")
        console.print(f"Written to {RESULTS.name}.")


def _conditions() -> str:
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {os.cpu_count()} cores · a company of {PEOPLE:,} people; "
        f"a file of {ROWS:,} rows; beside each task one client changes people, {PAUSE_SECONDS * 1000:.0f} ms after "
        "each answer, in the same process"
    )


def _measure(installation: Installation, address: str) -> Iterator[tuple[str, Timed]]:
    database = installation.database
    write = database.engine.write
    company_id = write(lambda tx: companies.create(tx, "steps", "Steps", actor=_OPERATOR, now=clock.now())).id
    people = townspeople.fill(database, address, company_id, PEOPLE)
    stay_at_work()  # as the worker does, and the command that imports

    def task(name: str) -> Callable[[Timed], Awaitable[None]]:
        return partial(_run_task, database, company_id, name)

    write(partial(_give_rule, company_id=company_id))
    yield "a rule is built and switched on", _beside(database, company_id, people, task("build_rule"))
    act_id = write(partial(_assign, company_id=company_id))
    yield "a lesson is assigned to everybody", _beside(database, company_id, people, task("assign_group"))
    write(partial(_withdraw, company_id=company_id, act_id=act_id))
    yield "and withdrawn", _beside(database, company_id, people, task("withdraw_group"))
    yield "a file is imported", _beside(database, company_id, people, partial(_import, database, company_id))


def _give_rule(tx: Tx, company_id: str) -> None:
    half = " or ".join(f'location = "{townspeople.town(number)}"' for number in range(townspeople.TOWNS // 2))
    smart_groups.create(tx, company_id, "Half of them", half, actor=_OPERATOR, now=clock.now())


def _assign(tx: Tx, company_id: str) -> str:
    how: Any = {"actor": _OPERATOR, "now": clock.now()}
    lesson = lessons.create(tx, company_id, "Food safety", "Wash your hands.", publish=True, **how)
    everyone = groups.named(tx, company_id, "Everyone")
    return group_assignments.create(tx, everyone, lesson, due_days=14, newcomers=False, **how).id


def _withdraw(tx: Tx, company_id: str, act_id: str) -> None:
    act = group_assignments.get(tx, company_id, act_id, lock=True)
    group_assignments.withdraw(tx, act, actor=_OPERATOR, now=clock.now())


async def _run_task(database: Database, company_id: str, name: str, timed: Timed) -> None:
    task = await database.write(lambda tx: queue.claim(tx, company_id, only=name, now=clock.now()))
    assert task is not None
    await TASKS[name](_Watched(database, timed), task)  # type: ignore[arg-type]  # it is a database to the task
    await database.write(lambda tx: queue.finish(tx, task, now=clock.now()))


async def _import(database: Database, company_id: str, timed: Timed) -> None:
    lines = [f"new{number}@acme.example,New,Nettle {number},Lyon\n" for number in range(ROWS)]
    file = io.BytesIO(("email,given_name,family_name,location\n" + "".join(lines)).encode())
    who = Who(company_id, _OPERATOR, "admin")
    work = Import(_WatchedEngine(database, timed), file, who=who)
    await asyncio.to_thread(lambda: sum(1 for _ in work.run()))


def _beside(database: Database, company_id: str, people: list[str], task: Callable[[Timed], Awaitable[None]]) -> Timed:
    """Runs the task while one client changes people, one after the other."""
    timed = Timed()

    async def both() -> None:
        running = asyncio.ensure_future(task(timed))
        number = 0
        while not running.done():
            change = partial(_change, company_id=company_id, user_id=people[number * 7 % len(people)], number=number)
            began = time.perf_counter()
            await database.write(change, brief=True)
            timed.beside.append(time.perf_counter() - began)
            number += 1
            await asyncio.sleep(PAUSE_SECONDS)
        await running

    asyncio.run(both())
    return timed


def _change(tx: Tx, company_id: str, user_id: str, number: int) -> None:
    user = users.get(tx, company_id, user_id, lock=True)
    profile: Profile = with_fields(profile_of(user), job_title=f"Job {number}")
    users.update(tx, user, profile, actor=_OPERATOR, now=clock.now())


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"
