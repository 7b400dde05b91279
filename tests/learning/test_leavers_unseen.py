"""People come and go while reports are read: whoever is out for certain is in none of them (promise P5)."""

from __future__ import annotations

import os
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from rollbook import clock
from rollbook.database import Tx
from rollbook.learning import assignments, reports
from rollbook.learning.reports import EXPORTS, REPORTS, Filters
from rollbook.people import users
from rollbook.people.authorization import Who
from rollbook.people.groups import Group
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from tests.conftest import OPERATOR, House
from tests.learning.school import School

LONG = bool(os.environ.get("ROLLBOOK_LONG"))
READS = 100_000 if LONG else 1_000
COUNTS_ACTS = {"provisioning"}  # it names nobody, and counts acts of leavers too


@dataclass
class Absence:
    """Who is archived for certain, and since which of their archives."""

    since: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> dict[str, int]:
        with self.lock:
            return dict(self.since)


@dataclass
class Leaver:
    """Somebody with a lesson, a group and a mark of their own, so that a total betrays them too."""

    user: User
    lesson_id: str
    group: Group


def leavers(school: School, count: int) -> list[Leaver]:
    made = []
    for number in range(count):
        name = f"leaver{number}@acme.example"
        user = school.hire(Profile(name, name, "Leo", f"Leaver {number}", location="Lyon"))
        lesson = school.lesson(f"Lesson of {number}")
        school.assign(user, lesson, due_on="2020-01-01")
        made.append(Leaver(user, lesson.id, school.group(user, name=f"Group of {number}")))
    return made


def come_and_go(house: House, people: list[Leaver], absence: Absence, stop: threading.Event) -> int:
    """Archives and restores by the verbs until it is told to stop; returns how often."""
    chance, times = random.Random(5), 0
    while not stop.is_set():
        one = chance.choice(people).user
        how: dict[str, Any] = {"actor": OPERATOR, "now": clock.now()}

        def archive(tx: Tx, one: User = one, how: dict[str, Any] = how) -> User:
            return users.archive(tx, users.get(tx, one.company_id, one.id, lock=True), **how)

        def restore(tx: Tx, one: User = one, how: dict[str, Any] = how) -> User:
            return users.restore(tx, users.get(tx, one.company_id, one.id, lock=True), **how)

        if one.id in absence.since:
            with absence.lock:  # before it is asked for: from now on they may be seen
                del absence.since[one.id]
            house.write(restore)
        else:
            house.write(archive)
            times += 1
            with absence.lock:
                absence.since[one.id] = times
        time.sleep(0.002)
    return times


def betrayed(page: reports.Page, name: str, gone: list[Leaver], everybody: int) -> list[str]:
    """Who of those who were gone all the time is in the page, by name or by number."""
    keys = [column["key"] for column in page.columns]
    rows = [dict(zip(keys, row, strict=True)) for row in page.rows]
    seen = {row.get("user_id") for row in rows}
    found = [f"{name} shows {one.user.family_name}" for one in gone if one.user.id in seen]
    by_id = {row.get("content_id") or row.get("group_id"): row for row in rows}
    for one in gone:
        for id_ in (one.lesson_id, one.group.id):
            row = by_id.get(id_, {})
            if name in ("content", "groups") and (row.get("assigned") or row.get("members")):
                found.append(f"{name} counts {one.user.family_name}")
    if name == "activity" and any(sum(row[key] for row in rows) > everybody - len(gone) for key in keys[1:]):
        found.append(f"activity counts more than are here: {rows[-1]}")
    return found


def read_all_the_time(
    house: House, company_id: str, people: list[Leaver], absence: Absence, reads: int, seed: int
) -> tuple[list[str], int]:
    """What betrays somebody in so many pages of reports, and how many absences they could have betrayed."""
    chance, found, looked_for = random.Random(seed), list[str](), 0
    who, names = Who(company_id, OPERATOR, "admin"), sorted({**REPORTS, **EXPORTS}.keys() - COUNTS_ACTS)
    today = clock.now().date()
    for _ in range(reads):
        name = chance.choice(names)
        takes = reports.named(name).takes
        filters = Filters(location=chance.choice((None, "Lyon"))) if "location" in takes else Filters()
        before = absence.now()
        page = house.read(
            lambda tx, name=name, filters=filters: reports.run(tx, who, name, filters, limit=200, today=today)  # type: ignore[misc]  # a lambda with a default
        )
        after = absence.now()
        gone = [one for one in people if before.get(one.user.id, 0) == after.get(one.user.id, -1)]
        looked_for += len(gone)
        found += betrayed(page, name, gone, len(people))
    return found, looked_for


def _watch(school: School, reads: int, record_property: Any) -> None:
    people, absence, stop = leavers(school, 12), Absence(), threading.Event()
    outcome: list[Any] = []
    threads = [
        threading.Thread(target=lambda: outcome.append(come_and_go(school.house, people, absence, stop)), daemon=True)
    ]
    readers = [
        threading.Thread(
            target=lambda seed=seed: outcome.append(
                read_all_the_time(school.house, school.id, people, absence, reads // 4, seed)
            ),
            daemon=True,
        )
        for seed in range(4)
    ]
    for thread in (*threads, *readers):
        thread.start()
    for thread in readers:
        thread.join()
    stop.set()
    threads[0].join()
    archived = next(each for each in outcome if isinstance(each, int))
    watched = [each for each in outcome if not isinstance(each, int)]
    assert len(watched) == len(readers), "a reader broke"
    looked_for = sum(each[1] for each in watched)
    record_property("reports read / archives meanwhile / chances / seen", f"{reads} / {archived} / {looked_for} / 0")
    assert [line for each in watched for line in each[0]] == []
    assert archived > 10
    assert looked_for > reads


def test_nobody_is_seen_after_their_archive_was_acknowledged(school: School, record_property: Any) -> None:
    _watch(school, 1_000, record_property)


@pytest.mark.long
@pytest.mark.skipif(not LONG, reason="`make test-long` runs it")
def test_nobody_is_seen_in_a_hundred_thousand_reports(school: School, record_property: Any) -> None:
    _watch(school, READS, record_property)


def test_a_restored_person_is_whole_in_every_report_again(school: School) -> None:
    leo, lesson = school.hire(), school.lesson()
    school.assign(leo, lesson, due_on="2020-01-01")
    school.group(leo)
    who = Who(school.id, OPERATOR, "admin")

    def all_of_them() -> dict[str, list[list[Any]]]:
        names = sorted({**REPORTS, **EXPORTS}.keys() - COUNTS_ACTS)
        return {name: school.ask(reports.run, who, name, today=date(2026, 11, 24)).rows for name in names}

    before = all_of_them()
    leo = school.do(users.archive, leo)
    assert not any(leo.id in row for rows in all_of_them().values() for row in rows)
    school.do(users.restore, leo)
    assert all_of_them() == before
    assert [one.state for one in school.ask(assignments.of_user, leo)] == ["incomplete"]
