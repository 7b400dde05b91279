"""Lists of learning: only those who are here, and what is published."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rollbook import clock
from rollbook.learning import assignment_lists, assignments, content, content_record, due
from rollbook.people import companies, users
from tests.cast import LEO, MONA
from tests.learning.school import School


def listed(school: School, **how: Any) -> list[tuple[str, str]]:
    lines = school.ask(assignment_lists.search, school.id, **how)
    return [(line.given_name, line.title) for line in lines]


def test_an_archived_person_is_in_no_list_until_they_are_restored(school: School) -> None:
    leo, mona, lesson = school.hire(LEO), school.hire(MONA), school.lesson()
    for user in (leo, mona):
        school.assign(user, lesson, due_on="2026-01-31")
    both = [("Leo", "Food safety"), ("Mona", "Food safety")]
    asks: list[dict[str, Any]] = [{}, {"content_id": lesson.id}, {"overdue_on": due.day(clock.now())}]
    assert [listed(school, **how) for how in asks] == [both] * 3
    leo = school.do(users.archive, leo)
    assert [listed(school, **how) for how in asks] == [both[1:]] * 3
    assert listed(school, user_id=leo.id) == []
    school.do(users.restore, leo)
    assert [listed(school, **how) for how in asks] == [both] * 3


def test_archived_content_and_what_was_withdrawn_are_listed_when_asked_for(school: School) -> None:
    leo = school.hire()
    for title in ("published", "archived", "withdrawn"):
        school.assign(leo, school.lesson(title))
    school.do(content.archive, school.ask(content_record.named, school.id, "archived"))
    school.do(assignments.withdraw, school.of(leo)[2])
    assert listed(school) == [("Leo", "published")]
    assert listed(school, archived_content=True) == [("Leo", "archived")]
    assert listed(school, withdrawn=True) == [("Leo", "withdrawn")]


def test_what_fell_due_while_they_were_away_is_marked(school: School) -> None:
    leo, now = school.hire(), clock.now()
    for title, days in (("away", -3), ("before", -9), ("later", 9), ("never", None)):
        how = {"due_on": due.in_days(now, days)} if days is not None else {}
        school.do(assignments.assign, leo, school.lesson(title), act_id=title, now=now - timedelta(days=20), **how)
    leo = school.do(users.archive, leo, now=now - timedelta(days=5))
    school.do(users.restore, leo, now=now - timedelta(hours=1))
    lines = school.ask(assignment_lists.search, school.id)
    assert [line.title for line in lines if line.returned] == ["away"]
    assert listed(school, overdue_on=due.day(now)) == [("Leo", "away"), ("Leo", "before")]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_list_comes_in_pages_and_from_one_company(school: School, limit: int) -> None:
    leo = school.hire()
    for title in ("One", "Two", "Three"):
        school.assign(leo, school.lesson(title))
    titles: list[str] = []
    after = ""
    while page := school.ask(assignment_lists.search, school.id, after=after, limit=limit):
        titles += [line.title for line in page]
        after = page[-1].assignment.id
    assert titles == ["One", "Two", "Three"]
    other = school.do(companies.create, f"umbra-{clock.new_id()[:18]}", "Umbra")
    assert school.ask(assignment_lists.search, other.id) == []
