"""The audit report: who was here on a day, leavers included, as they were; for administrators, and on record."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.errors import Forbidden, InvalidValue
from rollbook.learning import assignments, inheritance
from rollbook.learning.reports import audit
from rollbook.people import companies, deletion, erasure, memberships, returners, users
from rollbook.people.authorization import Who
from tests.cast import ADA, LEO, MONA, OTTO
from tests.conftest import OPERATOR
from tests.learning.school import School


def at(day: str, hour: int = 12) -> dict[str, Any]:
    """The instant of a verb."""
    return {"now": clock.moment(f"{day}T{hour:02}:00:00.000000Z")}


def read(school: School, day: str, **only: Any) -> list[dict[str, Any]]:
    """The report of a day, or of some columns."""
    who, as_of = Who(school.id, OPERATOR, "admin"), date.fromisoformat(day)
    reading = school.house.write(lambda tx: audit.begin(tx, who, as_of, now=clock.now()))
    keys = [column["key"] for column in audit.COLUMNS]
    return [
        dict(zip(keys, row, strict=True)) for page in audit.pages(school.house, reading, **only) for row in page.rows
    ]


def names(school: School, day: str) -> list[str]:
    return [row["name"] for row in read(school, day)]


def test_leavers_are_in_it_for_as_long_as_they_were_here(school: School) -> None:
    leo = school.hire(**at("2026-03-01"))
    leo = school.do(users.archive, leo, **at("2026-03-10"))
    assert names(school, "2026-02-28") == []
    assert names(school, "2026-03-01") == names(school, "2026-03-10") == ["Leo Linden"]
    assert names(school, "2026-03-11") == []
    leo = school.do(users.restore, leo, **at("2026-03-20"))
    assert names(school, "2026-03-19") == []
    assert names(school, "2026-03-20") == ["Leo Linden"]
    school.do(deletion.delete, leo, **at("2026-04-01"))
    assert names(school, "2026-03-05") == names(school, "2026-04-01") == ["Leo Linden"]
    assert names(school, "2026-03-15") == names(school, "2026-04-02") == []
    (row,) = read(school, "2026-03-05")
    assert row["archived_at"] == "2026-04-01T12:00:00.000000Z"


def test_whoever_was_created_archived_was_never_here(school: School) -> None:
    leo = school.hire(active=False, **at("2026-03-01"))
    assert names(school, "2026-03-01") == names(school, "2026-03-05") == []
    school.do(users.restore, leo, **at("2026-03-07"))
    assert names(school, "2026-03-01") == names(school, "2026-03-06") == []
    assert names(school, "2026-03-07") == ["Leo Linden"]


def test_it_says_what_was_so_on_that_day(school: School) -> None:
    leo = school.hire(**at("2026-03-01"))
    bakers = school.group()
    school.do(memberships.join, bakers, leo, **at("2026-03-02"))
    leo = school.do(users.set_fields, leo, {"location": "Turin"}, **at("2026-03-10"))
    leo = school.do(users.set_role, leo, "manager", **at("2026-03-11"))
    school.do(memberships.leave, bakers, leo, **at("2026-03-12"))

    def then(day: str) -> tuple[Any, ...]:
        (row,) = read(school, day)
        return row["location"], row["role"], row["groups"]

    assert then("2026-03-01") == ("Lyon", "learner", None)
    assert then("2026-03-02") == then("2026-03-09") == ("Lyon", "learner", "Bakers")
    assert then("2026-03-10") == ("Turin", "learner", "Bakers")
    assert then("2026-03-11") == ("Turin", "manager", "Bakers")
    assert then("2026-03-12") == ("Turin", "manager", None)


def test_assignments_are_as_they_were(school: School) -> None:
    leo, safety, bread = school.hire(**at("2026-03-01")), school.lesson(), school.lesson("Bread")
    school.assign(leo, safety, due_on="2026-03-10", **at("2026-03-02"))
    school.complete(leo, safety, score=70, **at("2026-03-12"))
    school.assign(leo, safety, due_on="2026-04-10", **at("2026-04-01"))
    taken_back = school.assign(leo, bread, **at("2026-03-03"))
    school.do(assignments.withdraw, taken_back, **at("2026-03-05"))
    school.do(users.archive, leo, **at("2026-04-20"))

    def had(day: str) -> list[tuple[Any, ...]]:
        keys = ("title", "status", "due_on", "completed_at", "score")
        return [tuple(row[key] for key in keys) for row in read(school, day)]

    done_at = "2026-03-12T12:00:00.000000Z"
    assert had("2026-03-01") == [(None, None, None, None, None)]
    first = ("Food safety", "incomplete", "2026-03-10", None, None)
    assert had("2026-03-02") == had("2026-03-05") == had("2026-03-10") == [first]
    assert had("2026-03-04") == [first, ("Bread", "incomplete", None, None, None)]
    assert had("2026-03-11") == [("Food safety", "overdue", "2026-03-10", None, None)]
    assert had("2026-03-12") == had("2026-03-31") == [("Food safety", "completed", "2026-03-10", done_at, 70)]
    assert had("2026-04-01") == had("2026-04-10") == [("Food safety", "incomplete", "2026-04-10", None, None)]
    assert had("2026-04-11") == [("Food safety", "overdue", "2026-04-10", None, None)]


def test_what_was_withdrawn_stays_so_when_it_is_assigned_again_or_inherited(school: School) -> None:
    leo, safety, bread = school.hire(**at("2026-03-01")), school.lesson(), school.lesson("Bread")
    for lesson in (safety, bread):
        one = school.assign(leo, lesson, **at("2026-03-02"))
        school.do(assignments.withdraw, one, **at("2026-03-05"))
    school.assign(leo, safety, **at("2026-04-01"))

    def titles(day: str) -> list[str]:
        return [row["title"] for row in read(school, day) if row["title"]]

    assert sorted(titles("2026-03-03")) == ["Bread", "Food safety"]
    assert titles("2026-03-10") == []
    assert titles("2026-04-01") == ["Food safety"]
    leo = school.do(deletion.delete, leo, **at("2026-04-05"))
    back = school.hire(**at("2026-06-01"))
    school.do(returners.join, leo, back, **at("2026-06-02"))
    school.do(inheritance.inherit, school.id, leo.id, back.id, **at("2026-06-02"))
    assert titles("2026-03-10") == []
    assert titles("2026-06-03") == ["Food safety"]


def test_what_a_returner_had_done_stays_with_the_record_of_then(school: School) -> None:
    leo, safety = school.hire(**at("2026-03-01")), school.lesson()
    school.assign(leo, safety, **at("2026-03-02"))
    school.complete(leo, safety, score=70, **at("2026-03-03"))
    leo = school.do(deletion.delete, leo, **at("2026-03-10"))
    back = school.hire(**at("2026-06-01"))
    school.do(returners.join, leo, back, **at("2026-06-02"))
    assert school.do(inheritance.inherit, school.id, leo.id, back.id, **at("2026-06-02")) is None
    assert [one.user_id for one in school.of(back)] == [back.id]

    def had(day: str) -> list[tuple[Any, ...]]:
        return [(row["user_id"], row["status"], row["score"]) for row in read(school, day)]

    assert had("2026-03-05") == [(leo.id, "completed", 70)]
    assert had("2026-06-01") == [(back.id, None, None)]
    assert had("2026-06-02") == [(back.id, "completed", 70)]


def test_an_erased_person_was_here_without_a_name(school: School) -> None:
    leo = school.hire(**at("2026-03-01"))
    leo = school.do(users.archive, leo, **at("2026-03-10"))
    school.do(erasure.erase, leo, **at("2026-03-20"))
    (row,) = read(school, "2026-03-05")
    assert (row["user_id"], row["name"], row["email"], row["location"]) == (leo.id, "erased erased", "erased", None)
    assert names(school, "2026-03-12") == []


def test_it_comes_in_pages_of_people(school: School) -> None:
    people = school.hire_many(5)
    safety, bread = school.lesson(), school.lesson("Bread")
    for person in people:
        school.assign(person, safety)
        school.assign(person, bread)
    leavers = [school.do(users.archive, person) for person in people[1:3]]
    today = clock.now().date()
    reading = audit.Reading(school.id, today)
    rows, after = [], None
    for _ in range(9):
        page = school.ask(audit.page, reading, after=after, limit=2)
        rows += page.rows
        after = page.next
        if after is None:
            break
    assert [row[0] for row in rows] == [person.id for person in people for _ in range(2)]
    assert {row[0] for row in rows if row[11]} == {leaver.id for leaver in leavers}
    assert len(read(school, today.isoformat(), limit=2)) == 4
    for refused in ({"limit": 0}, {"limit": 1001}, {"after": "x"}):
        with pytest.raises(InvalidValue):
            school.ask(audit.page, reading, **refused)


def test_pages_skip_people_who_were_not_here_without_ending(school: School) -> None:
    first, *between, last = school.hire_many(8)
    for person in between:
        school.do(users.archive, person)
    tomorrow = clock.now().date() + timedelta(days=1)
    found = list(audit.pages(school.house, audit.Reading(school.id, tomorrow)))
    assert [row[0] for page in found for row in page.rows] == [first.id, last.id]
    page = school.ask(audit.page, audit.Reading(school.id, tomorrow), limit=1)
    page = school.ask(audit.page, audit.Reading(school.id, tomorrow), after=page.next, limit=1)
    assert [row[0] for row in page.rows] == [last.id]


def test_reading_it_is_on_record(school: School) -> None:
    ada = school.hire(ADA, "admin")
    who = Who(school.id, Actor("user", ada.id), "admin")
    school.house.write(lambda tx: audit.begin(tx, who, date(2026, 3, 1), now=clock.now()))
    told = [event for event in school.ask(events.of_subject, school.id, school.id) if event.kind == "AuditReportRead"]
    assert [(event.actor, event.changes) for event in told] == [(f"user:{ada.id}", {"as_of": [None, "2026-03-01"]})]


@pytest.mark.parametrize("role", ["learner", "creator", "manager"])
def test_only_an_administrator_reads_it(school: School, role: Any) -> None:
    mona = school.hire(MONA, role)
    who = Who(school.id, Actor("user", mona.id), role)
    with pytest.raises(Forbidden):
        school.house.write(lambda tx: audit.begin(tx, who, date(2026, 3, 1), now=clock.now()))
    assert "AuditReportRead" not in [event.kind for event in school.ask(events.of_subject, school.id, school.id)]


def test_a_day_to_come_is_refused(school: School) -> None:
    who, tomorrow = Who(school.id, OPERATOR, "admin"), clock.now().date() + timedelta(days=1)
    with pytest.raises(InvalidValue, match="still to come"):
        school.house.write(lambda tx: audit.begin(tx, who, tomorrow, now=clock.now()))


def test_another_company_s_people_are_not_in_it(school: School) -> None:
    school.hire(LEO, **at("2026-03-01"))
    umbra = school.do(companies.create, f"umbra-{clock.new_id()[:18]}", "Umbra")
    school.do(users.create, umbra.id, OTTO, **at("2026-03-01"))
    assert names(school, "2026-03-01") == ["Leo Linden"]
    assert names(School(school.house, umbra.id), "2026-03-01") == ["Otto Oleander"]
