"""Many people are assigned something while provisioning goes on beside it: small writes, and everybody once."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from rollbook import clock
from rollbook.activity import queue
from rollbook.database import Tx, tables
from rollbook.jobs.tasks import TASKS
from rollbook.learning import group_assignments
from rollbook.people import users
from rollbook.people.profiles import Profile
from rollbook.people.record import profile_of, with_fields
from tests.conftest import OPERATOR
from tests.learning.school import School

PEOPLE = 10_000 if os.environ.get("ROLLBOOK_LONG") else 1_000
MOST_ROWS = 500  # that a task writes at once
WRITTEN = (tables.assignments, tables.events, tables.outbox, tables.outbox_items, tables.tasks)


def rows(school: School) -> int:
    def count(tx: Tx) -> int:
        return sum(tx.search(select(func.count()).where(table.c.company_id == school.id))[0][0] for table in WRITTEN)

    return school.house.read(count)


def test_no_step_writes_more_rows_than_a_task_may(school: School) -> None:
    people = school.hire_many(2 * group_assignments.STEP + 1)
    act = school.do(group_assignments.create, school.everyone(), school.lesson())
    while act.under_way:
        before = rows(school)
        act = school.do(group_assignments.step, school.id, act.id)
        assert 0 < rows(school) - before < MOST_ROWS
    act = school.do(group_assignments.withdraw, act)
    while act.under_way:
        before, withdrawn = rows(school), Counter(_states(school))["withdrawn"]
        act = school.do(group_assignments.withdraw_step, school.id, act.id)
        assert Counter(_states(school))["withdrawn"] - withdrawn <= group_assignments.STEP
        assert rows(school) - before < MOST_ROWS
    assert Counter(_states(school)) == {"withdrawn": len(people)}


def test_a_crowd_is_assigned_while_people_come_change_and_leave(
    school: School, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    people = [user for _ in range(PEOPLE // 500) for user in school.hire_many(500)]
    lesson, everyone = school.lesson(), school.everyone()
    act = school.do(group_assignments.create, everyone, lesson, newcomers=False)
    assert act.total == PEOPLE
    database = school.house.installation.database
    task = school.claim("assign_group")
    waits: list[float] = []
    lasted: list[float] = []
    step = group_assignments.step

    def timed(*of: Any, **how: Any) -> Any:
        began = time.perf_counter()
        after = step(*of, **how)
        lasted.append(time.perf_counter() - began)
        return after

    monkeypatch.setattr(group_assignments, "step", timed)
    seen: list[int] = []
    leavers: list[str] = []

    async def provision(done: asyncio.Task[None]) -> None:
        """As Okta does: a hire, a change and a leaver, one after the other."""
        number = 0
        while not done.done():
            number += 1
            began = time.perf_counter()
            await database.write(lambda tx, n=number: _provision(tx, school, people, n, leavers), brief=True)  # type: ignore[misc]  # a lambda with a default
            waits.append(time.perf_counter() - began)
            await asyncio.sleep(0.01)
            state = await database.read(lambda tx: group_assignments.get(tx, school.id, act.id))
            seen.append(state.done)

    async def both() -> None:
        work = asyncio.ensure_future(TASKS["assign_group"](database, task))
        await provision(work)
        await work
        await database.write(lambda tx: queue.finish(tx, task, now=clock.now()))

    asyncio.run(both())
    finished = school.ask(group_assignments.get, school.id, act.id)
    assert finished.state == "open"
    assert len({done for done in seen if 0 < done < PEOPLE}) > 5  # provisioning was served between the steps
    told = Counter(school.house.read(lambda tx: _subjects(tx, school.id)))
    left = set(leavers)
    assert all(told[user.id] == 1 for user in people if user.id not in left)
    assert set(told.values()) == {1}
    mail = Counter((row["user_id"], row["state"]) for row in school.mail())
    assert all(mail[user.id, "queued"] == 1 for user in people if user.id not in left)
    assert not any(state == "queued" and user_id in left for user_id, state in mail)
    record_property("people assigned", PEOPLE)
    middle = sorted(lasted)[len(lasted) // 2]
    record_property("a step of it, median and longest, ms", f"{middle * 1000:.0f}, {max(lasted) * 1000:.0f}")
    record_property("slowest provisioning write beside it, ms", round(max(waits) * 1000, 1))
    record_property("provisioning writes beside it", len(waits))


def _provision(tx: Tx, school: School, people: list[Any], number: int, leavers: list[str]) -> None:
    now = clock.now()
    name = f"new{number}-{clock.new_id()[:18]}@acme.example"
    if number % 3 == 0:
        users.create(tx, school.id, Profile(name, name, "Nova", "Newt"), actor=OPERATOR, now=now)
        return
    user = users.get(tx, school.id, people[number * 7 % len(people)].id, lock=True)
    if number % 3 == 1:
        users.update(tx, user, with_fields(profile_of(user), location=f"Lyon {number}"), actor=OPERATOR, now=now)
    else:
        users.archive(tx, user, actor=OPERATOR, now=now)
        leavers.append(user.id)


def _subjects(tx: Tx, company_id: str) -> list[str]:
    query = select(tables.events.c.subject_id).where(
        tables.events.c.company_id == company_id, tables.events.c.kind == "AssignmentMade"
    )
    return [row[0] for row in tx.search(query)]


def _states(school: School) -> list[str]:
    return [row["state"] for row in school.rows(tables.assignments)]
