"""Completing lessons, by themselves and as parts of paths."""

from __future__ import annotations

import pytest

from rollbook.errors import Conflict, InvalidValue, NotFound
from rollbook.learning import assignments, completion, content, triggers
from rollbook.learning.assignments import Assignment
from rollbook.people import users
from rollbook.people.record import User
from tests.cast import LEO, MONA
from tests.learning.school import School


def progress(school: School, assignment: Assignment) -> list[tuple[str, bool]]:
    return [(lesson.title, at is not None) for lesson, at in school.ask(completion.progress_of, assignment)]


def state(school: School, user: User) -> list[tuple[str, int | None]]:
    return [(one.state, one.score) for one in school.of(user)]


def test_a_lesson_is_completed_once_and_the_mail_about_it_that_waits_ends(school: School) -> None:
    leo, lesson = school.hire(), school.lesson()
    assigned = school.assign(leo, lesson)
    done = school.complete(leo, lesson)
    assert (done.id, done.state, done.score) == (assigned.id, "completed", None)
    assert done.completed_at is not None
    assert school.complete(leo, lesson) == done == school.of(leo)[0]
    assert school.told(leo)[1:] == [
        (
            "AssignmentCompleted",
            {"content": [None, "Food safety"], "content_id": [None, lesson.id], "state": ["incomplete", "completed"]},
        )
    ]
    assert [(mail["state"], mail["reason"]) for mail in school.mail(leo)] == [
        ("cancelled", "The assignment was completed.")
    ]
    assert school.ask(completion.progress_of, done) == []


def test_another_score_is_written_and_told(school: School) -> None:
    leo, lesson = school.hire(), school.lesson()
    school.assign(leo, lesson)
    first = school.complete(leo, lesson, score=40)
    assert [school.complete(leo, lesson, score=score).score for score in (40, None, 0, 100)] == [40, 40, 0, 100]
    assert school.of(leo)[0].completed_at == first.completed_at
    assert [(kind, changes["score"]) for kind, changes in school.told(leo)[1:]] == [
        ("AssignmentCompleted", [None, 40]),
        ("AssignmentScored", [40, 0]),
        ("AssignmentScored", [0, 100]),
    ]


@pytest.mark.parametrize("score", [-1, 101, 10**9])
def test_what_is_no_score_is_refused(school: School, score: int) -> None:
    leo, lesson = school.hire(), school.lesson()
    school.assign(leo, lesson)
    with pytest.raises(InvalidValue, match="from 0 to 100"):
        school.complete(leo, lesson, score=score)
    assert state(school, leo) == [("incomplete", None)]


def test_nobody_completes_what_is_not_theirs_to_do(school: School) -> None:
    leo, lesson, other = school.hire(), school.lesson(), school.lesson("Knives")
    path = school.path(lesson)
    school.assign(leo, other)
    with pytest.raises(NotFound, match="Food safety is not assigned to Leo Linden; assign it first"):
        school.complete(leo, lesson)
    with pytest.raises(InvalidValue, match="is a path; it is completed by completing its lessons"):
        school.complete(leo, path)
    school.do(content.archive, other)
    with pytest.raises(Conflict, match="Knives is archived"):
        school.complete(leo, school.content(other))
    archived = school.do(users.archive, leo)
    with pytest.raises(Conflict, match="Leo Linden is archived and completes nothing"):
        school.complete(archived, lesson)
    assert state(school, leo) == [("incomplete", None)]


def test_a_path_is_completed_by_its_lessons_with_their_mean_score(school: School) -> None:
    leo, lessons = school.hire(), [school.lesson(title) for title in ("One", "Two", "Three", "Four")]
    path = school.path(*lessons)
    assigned = school.assign(leo, path)
    assert progress(school, assigned) == [("One", False), ("Two", False), ("Three", False), ("Four", False)]
    for lesson, score in zip(reversed(lessons), (91, None, 80, 80), strict=True):
        school.complete(leo, lesson, score=score)
    assert state(school, leo) == [("completed", 84)]  # 83.67
    school.complete(leo, lessons[0], score=76)
    school.complete(leo, lessons[0], score=76)
    assert state(school, leo) == [("completed", 82)]  # 82.33
    assert school.kinds(leo) == [
        "AssignmentMade",
        *["LessonCompleted"] * 4,
        "AssignmentCompleted",
        "LessonScored",
        "AssignmentScored",
    ]
    assert school.told(leo)[1][1] == {
        "content": [None, "First week"],
        "content_id": [None, path.id],
        "lesson": [None, "Four"],
        "lesson_id": [None, lessons[3].id],
        "score": [None, 91],
    }


def test_a_half_is_rounded_up_and_a_path_without_scores_has_none(school: School) -> None:
    leo, mona, one, two = school.hire(LEO), school.hire(MONA), school.lesson("One"), school.lesson("Two")
    path = school.path(one, two)
    for user, scores in ((leo, (50, 51)), (mona, (None, None))):
        school.assign(user, path)
        for lesson, score in zip((one, two), scores, strict=True):
            school.complete(user, lesson, score=score)
    assert state(school, leo) == [("completed", 51)]
    assert state(school, mona) == [("completed", None)]


def test_an_enforced_order_names_the_lesson_that_comes_first(school: School) -> None:
    leo, one, two, three = school.hire(), school.lesson("One"), school.lesson("Two"), school.lesson("Three")
    assigned = school.assign(leo, school.path(one, two, three, enforced_order=True))
    with pytest.raises(Conflict, match="are done in their order; One comes first"):
        school.complete(leo, three)
    school.complete(leo, one)
    school.complete(leo, one)
    with pytest.raises(Conflict, match="Two comes first"):
        school.complete(leo, three)
    assert progress(school, assigned) == [("One", True), ("Two", False), ("Three", False)]
    school.complete(leo, two)
    school.complete(leo, three)
    assert state(school, leo) == [("completed", None)]


def test_a_lesson_assigned_by_itself_is_done_before_its_turn_and_once_more_in_its_turn(school: School) -> None:
    leo, one, two = school.hire(), school.lesson("One"), school.lesson("Two")
    path = school.assign(leo, school.path(one, two, enforced_order=True))
    school.assign(leo, two)
    assert school.complete(leo, two).content_id == two.id
    assert progress(school, path) == [("One", False), ("Two", False)]
    with pytest.raises(Conflict, match="One comes first"):
        school.complete(leo, two)
    school.complete(leo, one)
    school.complete(leo, two)
    assert state(school, leo) == [("completed", None), ("completed", None)]
    assert school.kinds(leo)[2:] == [
        "AssignmentCompleted",
        "LessonCompleted",
        "LessonCompleted",
        "AssignmentCompleted",
    ]


def test_one_lesson_counts_for_itself_and_every_open_path_that_holds_it(school: School) -> None:
    leo, one, two = school.hire(), school.lesson("One"), school.lesson("Two")
    short, long, hidden, taken = (
        school.path(one, title="Short"),
        school.path(one, two, title="Long"),
        school.path(one, title="Hidden"),
        school.path(one, title="Taken back"),
    )
    for thing in (one, short, long, hidden, taken):
        school.assign(leo, thing)
    school.do(content.archive, hidden)
    school.do(assignments.withdraw, school.of(leo)[4])
    school.complete(leo, one, score=60)
    assert state(school, leo) == [
        ("completed", 60),
        ("completed", 60),
        ("incomplete", None),
        ("incomplete", None),
        ("withdrawn", None),
    ]
    assert progress(school, school.of(leo)[2]) == [("One", True), ("Two", False)]
    assert progress(school, school.of(leo)[3]) == [("One", False)]


def test_another_round_of_a_path_begins_with_nothing_done(school: School) -> None:
    leo, one, two = school.hire(), school.lesson("One"), school.lesson("Two")
    path = school.path(one, two)
    school.assign(leo, path)
    for lesson in (one, two):
        school.complete(leo, lesson, score=90)
    again = school.assign(leo, path)
    assert (again.round, again.score) == (2, None)
    assert progress(school, again) == [("One", False), ("Two", False)]
    school.complete(leo, two, score=10)
    assert progress(school, again) == [("One", False), ("Two", True)]
    assert [(past.state, past.score) for past in school.ask(assignments.history, again)] == [("completed", 90)]


def test_only_a_completion_that_sets_something_off_asks_for_a_task(school: School) -> None:
    leo, one, two, three = school.hire(), school.lesson("One"), school.lesson("Two"), school.lesson("Three")
    path = school.path(one, two)
    for cause in (one, path):
        school.do(triggers.on_completion, cause, three)
    for thing in (one, path):
        school.assign(leo, thing)
    school.complete(leo, two)
    assert school.tasks("after_completion") == []
    school.complete(leo, one)
    school.complete(leo, one)
    causes = [task["payload"] for task in school.tasks("after_completion")]
    assert len(causes) == 2
    assert [cause_id in "".join(causes) for cause_id in (one.id, two.id, path.id)] == [True, False, True]
