"""Assignments: made once, told once, opened again on purpose, and never lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rollbook import clock
from rollbook.errors import Conflict, InvalidValue, NotFound
from rollbook.learning import assignments, content_record, due
from rollbook.people import companies, deletion, users
from tests.cast import LEO, MONA
from tests.learning.school import School


def test_an_assignment_is_made_and_told_once(school: School) -> None:
    leo, lesson = school.hire(), school.lesson()
    first = school.assign(leo, lesson, due_on="2027-01-31")
    assert (first.round, first.state, first.assigned_by) == (1, "incomplete", "operator")
    assert school.assign(leo, lesson, due_on="2027-01-31") == first
    assert school.assign(leo, lesson) == first
    assert school.of(leo) == [first]
    assert school.ask(assignments.get, school.id, first.id) == first
    assert school.told(leo) == [
        (
            "AssignmentMade",
            {
                "content": [None, "Food safety"],
                "content_id": [None, lesson.id],
                "due_on": [None, "2027-01-31"],
            },
        )
    ]
    assert [(mail["kind"], mail["state"]) for mail in school.mail(leo)] == [("assigned", "queued")]
    assert [(item["assignment_id"], item["round"], item["kind"]) for item in school.items()] == [
        (first.id, 1, "notice")
    ]


def test_another_day_is_another_day_and_no_round_and_no_mail(school: School) -> None:
    leo, lesson = school.hire(), school.lesson()
    first = school.assign(leo, lesson)
    later = school.assign(leo, lesson, due_on="2027-02-01")
    assert (later.id, later.round, later.due_on) == (first.id, 1, "2027-02-01")
    assert school.do(assignments.set_due, first, "2027-02-01") == later
    assert school.do(assignments.set_due, first, None).due_on is None
    assert school.kinds(leo) == ["AssignmentMade", "AssignmentChanged", "AssignmentChanged"]
    assert school.told(leo)[1][1]["due_on"] == [None, "2027-02-01"]
    assert len(school.mail(leo)) == 1


@pytest.mark.parametrize("day", ["", "tomorrow", "2027-02-30", "20270201", "2027-W05-1", "2027-2-1", "٢٠٢٧-٠١-٠١"])
def test_what_is_no_day_is_refused(school: School, day: str) -> None:
    leo, lesson = school.hire(), school.lesson()
    with pytest.raises(InvalidValue, match="write it as YYYY-MM-DD"):
        school.assign(leo, lesson, due_on=day)
    assert school.of(leo) == []


def test_what_was_completed_opens_another_round_and_the_old_one_is_history(school: School) -> None:
    leo, lesson = school.hire(), school.lesson()
    school.assign(leo, lesson, due_on="2027-01-31")
    done = school.complete(leo, lesson, score=80)
    assert school.assign(leo, lesson, reassign=False) == done
    again = school.assign(leo, lesson, due_on="2028-01-31")
    assert (again.id, again.round, again.state, again.completed_at, again.score) == (
        done.id,
        2,
        "incomplete",
        None,
        None,
    )
    assert (again.assigned_at, again.due_on) == (done.assigned_at, "2028-01-31")
    (past,) = school.ask(assignments.history, again)
    assert (past.round, past.state, past.completed_at, past.score, past.due_on) == (
        1,
        "completed",
        done.completed_at,
        80,
        "2027-01-31",
    )
    assert school.kinds(leo) == ["AssignmentMade", "AssignmentCompleted", "AssignmentReassigned"]
    assert school.told(leo)[2][1] == {
        "content": [None, "Food safety"],
        "content_id": [None, lesson.id],
        "round": [1, 2],
        "state": ["completed", "incomplete"],
        "score": [80, None],
        "due_on": ["2027-01-31", "2028-01-31"],
    }
    assert [item["round"] for item in school.items()] == [1, 2]


def test_withdrawing_takes_back_the_mail_that_waits(school: School) -> None:
    leo, lesson = school.hire(), school.lesson()
    assigned = school.assign(leo, lesson)
    withdrawn = school.do(assignments.withdraw, assigned)
    assert withdrawn.state == "withdrawn"
    assert school.do(assignments.withdraw, assigned) == withdrawn
    assert [(mail["state"], mail["reason"]) for mail in school.mail(leo)] == [
        ("cancelled", "The assignment was withdrawn.")
    ]
    assert school.told(leo)[1:] == [
        (
            "AssignmentWithdrawn",
            {"content": ["Food safety", None], "content_id": [lesson.id, None], "state": ["incomplete", "withdrawn"]},
        )
    ]
    with pytest.raises(NotFound, match="is not assigned to Leo Linden"):
        school.complete(leo, lesson)
    assert school.assign(leo, lesson, reassign=False) == withdrawn
    again = school.assign(leo, lesson)
    assert (again.round, again.state) == (2, "incomplete")
    assert [mail["state"] for mail in school.mail(leo)] == ["cancelled", "queued"]


def test_what_is_done_is_not_withdrawn_and_has_no_other_day(school: School) -> None:
    leo, lesson = school.hire(), school.lesson()
    done = school.assign(leo, lesson)
    school.complete(leo, lesson)
    with pytest.raises(Conflict, match="and that stays; only what is incomplete is withdrawn"):
        school.do(assignments.withdraw, done)
    with pytest.raises(Conflict, match="is completed, so it has no other day"):
        school.do(assignments.set_due, done, "2027-01-01")


def test_several_things_of_one_act_make_one_mail(school: School) -> None:
    leo, things = school.hire(), [school.lesson(title) for title in ("One", "Two", "Three")]
    school.do(assignments.assign, leo, things[0], act_id="before")
    made = school.do(assignments.assign_many, leo, things, act_id="act", due_on="2027-01-31")
    assert [one.content_id for one in made] == [thing.id for thing in things]
    before, act = school.mail(leo)
    assert {item["assignment_id"] for item in school.items() if item["mail_id"] == before["id"]} == {made[0].id}
    assert {item["assignment_id"] for item in school.items() if item["mail_id"] == act["id"]} == {
        made[1].id,
        made[2].id,
    }
    school.do(assignments.withdraw, made[1])
    assert [mail["state"] for mail in school.mail(leo)] == ["queued", "queued"]
    school.do(assignments.withdraw, made[2])
    assert [mail["state"] for mail in school.mail(leo)] == ["queued", "cancelled"]


def test_what_is_not_told_is_withheld_and_consumes_nothing(school: School) -> None:
    leo, lesson = school.hire(), school.lesson()
    school.assign(leo, lesson, notify=False)
    assert [(mail["state"], mail["reason"]) for mail in school.mail(leo)] == [("withheld", "notify was off")]
    assert school.items() == []
    assert school.tasks("deliver_mail") == []


def test_nothing_is_mailed_by_provisioning(school: School) -> None:
    leo = school.hire()
    for verb in (users.archive, users.restore, users.archive, users.restore):
        leo = school.do(verb, leo)
    assert school.mail() == []


def test_an_archived_or_deleted_person_is_assigned_nothing(school: School) -> None:
    leo, lesson = school.hire(), school.lesson()
    archived = school.do(users.archive, leo)
    with pytest.raises(Conflict, match="Leo Linden is archived and is assigned nothing; restore them first"):
        school.assign(archived, lesson)
    deleted = school.do(deletion.delete, archived)
    with pytest.raises(Conflict, match="was deleted"):
        school.assign(deleted, lesson)
    assert school.of(leo) == []


def test_archive_and_restore_leave_assignments_as_they_are(school: School) -> None:
    leo, lesson, other = school.hire(), school.lesson(), school.lesson("Knives")
    school.assign(leo, lesson, due_on="2027-01-31")
    school.assign(leo, other)
    school.complete(leo, other, score=70)
    before, told = school.of(leo), school.told(leo)
    leo = school.do(users.archive, leo)
    assert (school.of(leo), school.told(leo)) == (before, told)
    assert [(mail["state"], mail["reason"]) for mail in school.mail(leo)] == [
        ("cancelled", "The person was archived."),
        ("cancelled", "The assignment was completed."),
    ]
    leo = school.do(users.restore, leo)
    assert (school.of(leo), school.told(leo)) == (before, told)
    assert {mail["state"] for mail in school.mail(leo)} == {"cancelled"}


def test_what_fell_due_while_somebody_was_away_is_returned(school: School) -> None:
    now = clock.now()
    days = {name: due.in_days(now, n) for name, n in {"before": -9, "away": -4, "back": -1, "today": 0}.items()}
    leo = school.hire()
    long_ago = now - timedelta(days=20)
    made = {
        name: school.do(assignments.assign, leo, school.lesson(name), act_id=name, due_on=day, now=long_ago)
        for name, day in days.items()
    }
    school.do(assignments.assign, leo, school.lesson("no day"), act_id="act", now=long_ago)
    leo = school.do(users.archive, leo, now=now - timedelta(days=7))
    assert school.ask(assignments.returned, leo) == []
    leo = school.do(users.restore, leo, now=now - timedelta(days=1))
    late = school.do(assignments.assign, leo, school.lesson("late"), act_id="late", due_on=days["away"], now=now)
    assert school.ask(assignments.returned, leo) == [made["away"]]
    statuses = {one.id: one.status(due.day(now)) for one in school.of(leo)}
    overdue = {one_id for one_id, status in statuses.items() if status == "overdue"}
    assert overdue == {made["before"].id, made["away"].id, made["back"].id, late.id}
    school.complete(leo, school.content(school.ask(content_record.named, school.id, "away")))
    assert school.ask(assignments.returned, leo) == []


def test_companies_are_sealed(school: School) -> None:
    leo, lesson = school.hire(LEO), school.lesson()
    assigned = school.assign(leo, lesson)
    other = school.do(companies.create, f"umbra-{clock.new_id()[:18]}", "Umbra")
    assert school.ask(assignments.find, other.id, assigned.id) is None
    otto = school.do(users.create, other.id, MONA)
    with pytest.raises(NotFound, match="no lesson or path"):
        school.assign(otto, lesson)
    assert school.ask(assignments.of_user, otto) == []
