"""What the worker looks at on its own: many archives at once, a company that nobody can look after any more."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import time_machine
from structlog.testing import capture_logs

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.jobs.tasks import LOOK_AGAIN_SECONDS
from rollbook.people import alarms, mass_archive, users
from rollbook.people.record import User
from tests.cast import ADA
from tests.conftest import House
from tests.learning.school import School

CLIENT = Actor("scim", "key")


@pytest.fixture
def school(house: House, company_id: str) -> School:
    return School(house, company_id)


def test_an_archive_under_way_while_the_others_are_counted_is_counted_as_well(school: School) -> None:
    leavers = school.hire_many(mass_archive.LEAST + 1)
    for leaver in leavers[:-1]:
        school.do(users.archive, leaver, actor=CLIENT)
    begun, go_on = threading.Event(), threading.Event()

    def archive_last(tx: Tx) -> User:
        archived = users.archive(tx, leavers[-1], actor=CLIENT, now=clock.now())
        users.get(tx, school.id, archived.id)  # what was written is with the database, though not committed
        begun.set()
        go_on.wait(10)
        return archived

    writing = threading.Thread(target=school.house.write, args=(archive_last,))
    writing.start()
    assert begun.wait(10)
    if school.house.installation.settings.sqlite_path is not None:  # one writer: the count waits by itself
        go_on.set()
        writing.join()
    school.run_due("watch_archives")
    go_on.set()
    writing.join()
    with time_machine.travel(clock.now() + timedelta(seconds=LOOK_AGAIN_SECONDS + 61), tick=True):
        if school.house.read(lambda tx: alarms.find_open(tx, school.id, "mass_archive", school.id)) is None:
            school.run_due("watch_archives")
        found = school.house.read(lambda tx: alarms.find_open(tx, school.id, "mass_archive", school.id))
        assert found is not None
        assert found.detail["count"] == len(leavers)


def test_each_look_is_followed_by_one_that_is_a_minute_later(school: School) -> None:
    with time_machine.travel(clock.moment("2026-11-30T12:00:00.000000Z"), tick=False) as traveller:
        for seconds in (0, 59):
            school.do(users.archive, school.hire_many(1)[0], actor=CLIENT)
            school.run_due("watch_archives")
            traveller.shift(seconds or 59)
    waiting = sorted(task["due_at"][11:19] for task in school.tasks("watch_archives") if task["state"] == "due")
    assert waiting == ["12:01:00", "12:02:00"]


def test_a_second_look_asks_for_no_third(school: School) -> None:
    school.do(users.archive, school.hire(), actor=CLIENT)
    school.run_due("watch_archives")
    with time_machine.travel(clock.now() + timedelta(seconds=LOOK_AGAIN_SECONDS + 61), tick=True):
        school.run_due("watch_archives")
    assert [task["state"] for task in school.tasks("watch_archives")] == ["done", "done"]


def test_a_company_without_an_administrator_stands_in_the_log(school: School) -> None:
    ada = school.hire(ADA, role="admin")
    school.do(users.archive, ada, actor=CLIENT)
    with capture_logs() as lines:
        school.run_due("tell_of_last_admin")
    assert [(line["log_level"], line["event"], line["company_id"]) for line in lines] == [
        ("error", "a company has no administrator", school.id)
    ]
    assert ADA.email not in str(lines)


def test_a_company_that_has_an_administrator_again_does_not(school: School) -> None:
    ada = school.do(users.set_role, school.hire(ADA, role="admin"), "learner")
    school.do(users.set_role, ada, "admin")
    with capture_logs() as lines:
        school.run_due("tell_of_last_admin")
    assert lines == []
