"""Two records are one person: what the ended one was assigned and did goes over to the one that goes on."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from rollbook import clock
from rollbook.learning import assignments, completion, inheritance, reminders
from rollbook.people import deletion, returners, users
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from tests.cast import LEO, MONA
from tests.learning.school import School

AGAIN = Profile("leo@acme.example", "leo@acme.example", "Leo", "Linden")


def come_back(school: School, leo: User) -> tuple[User, User]:
    """Leo leaves for good and is hired again."""
    old = school.do(deletion.delete, leo)
    return old, school.hire(AGAIN)


def join(school: School, old: User, new: User) -> None:
    school.do(returners.join, old, new)
    school.run_due("inherit_assignments")


def test_assignments_go_over_with_their_rounds_and_progress_and_without_a_mail(school: School) -> None:
    leo, one, two = school.hire(), school.lesson("One"), school.lesson("Two")
    path = school.path(one, two)
    for what in (one, path):
        school.assign(leo, what, due_on="2027-01-31")
    school.complete(leo, one, score=70)
    school.assign(leo, one)
    before = school.of(leo)
    old, new = come_back(school, leo)
    join(school, old, new)
    after = school.of(new)
    assert [(had.id, had.round, had.state, had.due_on) for had in before] == [
        (has.id, has.round, has.state, has.due_on) for has in after
    ]
    assert school.of(old) == []
    assert [past.score for past in school.ask(assignments.history, after[0])] == [70]
    assert [at is not None for _, at in school.ask(completion.progress_of, after[1])] == [True, False]
    assert school.complete(new, two, score=80).score == 75
    assert school.kinds(new)[:2] == ["AssignmentInherited", "AssignmentInherited"]
    assert school.mail(new) == []


def test_what_both_have_counts_as_far_as_either_has_done_it(school: School) -> None:
    leo = school.hire()
    lessons = [school.lesson(title) for title in ("both done", "old done", "new done", "old withdrawn")]
    for lesson in lessons:
        school.assign(leo, lesson)
    for lesson, score in ((lessons[0], 10), (lessons[1], 20)):
        school.complete(leo, lesson, score=score)
    school.do(assignments.withdraw, school.of(leo)[3])
    old, new = come_back(school, leo)
    for lesson in lessons:
        school.assign(new, lesson)
    for lesson, score in ((lessons[0], 30), (lessons[2], 40)):
        school.complete(new, lesson, score=score)
    join(school, old, new)
    assert [(one.state, one.score) for one in school.of(new)] == [
        ("completed", 30),
        ("completed", 20),
        ("completed", 40),
        ("incomplete", None),
    ]
    told = school.told(new)
    assert [kind for kind, _ in told].count("AssignmentInherited") == 1
    assert told[-1][1]["user_id"] == [old.id, new.id]
    assert len(school.of(old)) == 4


def test_what_fell_due_between_the_two_records_is_returned_and_no_news(school: School) -> None:
    def at(day: str) -> dict[str, Any]:
        return {"now": clock.moment(f"{day}T12:00:00.000000Z")}

    leo = school.hire(**at("2026-01-01"))
    school.assign(leo, school.lesson(), due_on="2026-03-04", **at("2026-01-02"))
    old = school.do(deletion.delete, leo, **at("2026-02-01"))
    new = school.hire(AGAIN, **at("2026-03-10"))
    school.do(returners.join, old, new, **at("2026-03-10"))
    school.run_due("inherit_assignments")
    wanted = reminders.occasions(date(2026, 3, 11), reminder_days=[1], overdue_days=[7])
    assert school.ask(reminders.due, school.id, wanted) == []
    assert [one.due_on for one in school.ask(assignments.returned, school.ask(users.get, school.id, new.id))] == [
        "2026-03-04"
    ]


def test_what_is_asked_of_the_new_record_is_overdue_and_told_of_whenever_the_two_are_joined(school: School) -> None:
    def at(day: str) -> dict[str, Any]:
        return {"now": clock.moment(f"{day}T12:00:00.000000Z")}

    leo = school.hire(**at("2026-01-01"))
    old = school.do(deletion.delete, leo, **at("2026-01-15"))
    new = school.hire(AGAIN, **at("2026-02-01"))
    given = school.assign(new, school.lesson(), due_on="2026-02-20", **at("2026-02-02"))
    school.do(returners.join, old, new, **at("2026-02-26"))
    wanted = reminders.occasions(date(2026, 2, 27), reminder_days=[1], overdue_days=[7])
    assert [one.assignment_id for one in school.ask(reminders.due, school.id, wanted)] == [given.id]
    assert school.ask(assignments.returned, school.ask(users.get, school.id, new.id)) == []


def test_two_records_that_were_there_at_the_same_time_leave_no_time_away(school: School) -> None:
    leo = school.hire()
    other = school.hire(MONA)
    old = school.do(deletion.delete, leo)
    school.do(returners.join, old, other)
    assert school.ask(users.back_since, school.id, other.id) is None


def test_two_halves_of_a_path_are_a_whole_one(school: School) -> None:
    leo, one, two, three = school.hire(), school.lesson("One"), school.lesson("Two"), school.lesson("Three")
    half, whole = school.path(one, two, three, title="Half"), school.path(one, two, title="Whole")
    for path in (half, whole):
        school.assign(leo, path)
    school.complete(leo, one, score=60)
    old, new = come_back(school, leo)
    for path in (half, whole):
        school.assign(new, path)
    school.complete(new, two, score=81)
    join(school, old, new)
    assert [(assigned.state, assigned.score) for assigned in school.of(new)] == [
        ("incomplete", None),
        ("completed", 71),
    ]
    assert school.kinds(new)[-3:] == ["AssignmentInherited", "AssignmentInherited", "AssignmentCompleted"]


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_it_may_end_anywhere_and_run_twice(school: School, limit: int) -> None:
    leo = school.hire()
    lessons = [school.lesson(f"Lesson {n}") for n in range(5)]
    for lesson in lessons:
        school.assign(leo, lesson)
    school.complete(leo, lessons[3])
    old, new = come_back(school, leo)
    school.assign(new, lessons[3])
    school.do(returners.join, old, new)
    first = school.do(inheritance.inherit, school.id, old.id, new.id, limit=limit)
    assert (first is None) == (limit == 50)
    after: str | None = ""
    while after is not None:
        after = school.do(inheritance.inherit, school.id, old.id, new.id, after=after, limit=limit)
    assert sorted(one.content_id for one in school.of(new)) == sorted(lesson.id for lesson in lessons)
    assert school.kinds(new).count("AssignmentInherited") == 5
    assert [one.content_id for one in school.of(old)] == [lessons[3].id]


def test_a_record_that_ended_as_well_hands_on_to_the_last_one(school: School) -> None:
    leo, lesson = school.hire(LEO), school.lesson()
    assigned = school.assign(leo, lesson)
    old, middle = come_back(school, leo)
    school.do(returners.join, old, middle)
    last = school.hire(MONA)
    middle = school.do(deletion.delete, middle)
    school.do(returners.join, middle, last)
    for _ in range(2):
        school.run_due("inherit_assignments")
    assert [one.id for one in school.of(last)] == [assigned.id]
    assert school.of(middle) == school.of(old) == []
