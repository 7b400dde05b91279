"""Whoever joins a group, by hand or by its rule, or the company, receives what newcomers receive: by the worker."""

from __future__ import annotations

import asyncio

import pytest

from rollbook import clock
from rollbook.activity import queue
from rollbook.jobs.tasks import TASKS
from rollbook.learning import content_record, group_assignments, triggers
from rollbook.people import groups, memberships, smart_groups, users
from rollbook.people.record import User
from tests.cast import LEO, MONA
from tests.learning.school import School


def work(school: School) -> list[str]:
    """The worker's work for this company until nothing is due, without the mail; the names of what it did."""
    database = school.house.installation.database
    done: list[str] = []
    while task := school.house.write(lambda tx: queue.claim(tx, school.id, now=clock.now())):
        if task.name != "deliver_mail":
            asyncio.run(TASKS[task.name](database, task))
            done.append(task.name)
        school.house.write(lambda tx, task=task: queue.finish(tx, task, now=clock.now()))  # type: ignore[misc]  # a lambda with a default
    return done


def titles(school: School, user: User) -> list[str]:
    return [school.ask(content_record.get, school.id, one.content_id).title for one in school.of(user)]


def test_joining_a_group_that_is_followed_is_answered_and_one_that_is_not_asks_for_nothing(school: School) -> None:
    leo, bakers = school.hire(LEO), school.group()
    school.do(memberships.join, bakers, leo)
    assert work(school) == []
    school.do(memberships.leave, bakers, leo)
    school.do(triggers.on_join, bakers, school.lesson(), due_days=3)
    school.do(memberships.join, school.ask(groups.get, school.id, bakers.id), leo)
    assert work(school) == ["greet_member"]
    assert titles(school, leo) == ["Food safety"]
    assert [mail["state"] for mail in school.mail(leo)] == ["queued"]


def test_a_mover_leaves_one_rule_joins_another_and_hears_once(school: School) -> None:
    leo = school.hire(LEO)
    lyon = school.do(smart_groups.create, school.id, "Lyon", 'location = "Lyon"')
    turin = school.do(smart_groups.create, school.id, "Turin", 'location = "Turin"')
    work(school)
    for group, title in ((lyon, "French"), (turin, "Italian")):
        school.do(triggers.on_join, school.ask(groups.get, school.id, group.id), school.lesson(title))
    school.do(users.set_fields, leo, {"location": "Turin"})
    assert work(school) == ["greet_member"]
    assert titles(school, leo) == ["Italian"]
    assert len(school.mail(leo)) == 1


@pytest.mark.parametrize("archived_first", [False, True])
def test_whoever_is_hired_receives_what_everyone_was_assigned(school: School, archived_first: bool) -> None:
    act = school.do(group_assignments.create, school.everyone(), school.lesson())
    work(school)
    mona = school.hire(MONA, active=not archived_first)
    if archived_first:
        assert work(school) == []
        mona = school.do(users.restore, mona)
    assert work(school) == ["greet_returner" if archived_first else "greet_member"]
    assert titles(school, mona) == ["Food safety"]
    mails = len(school.mail(mona))
    mona = school.do(users.archive, mona)
    mona = school.do(users.restore, mona)
    work(school)
    assert titles(school, mona) == ["Food safety"]
    assert len(school.mail(mona)) == mails
    school.do(group_assignments.withdraw, school.ask(group_assignments.get, school.id, act.id))
    work(school)
    leo = school.hire(LEO)
    assert work(school) == []
    assert titles(school, leo) == []


def test_whoever_was_archived_before_their_turn_receives_it_when_they_are_back(school: School) -> None:
    bakers = school.group()
    school.do(triggers.on_join, bakers, school.lesson(), due_days=3)
    school.do(group_assignments.create, bakers, school.lesson("Knives"))
    work(school)
    bakers = school.ask(groups.get, school.id, bakers.id)
    leo, mona = school.hire(LEO), school.hire(MONA)
    school.do(memberships.join, bakers, leo)
    leo = school.do(users.archive, leo)  # before the worker came to it
    mona = school.do(users.archive, mona)
    school.do(memberships.join, bakers, mona)  # while away
    work(school)
    assert titles(school, leo) == titles(school, mona) == []
    for user in (leo, mona):
        school.do(users.restore, user)
    work(school)
    assert sorted(titles(school, leo)) == sorted(titles(school, mona)) == ["Food safety", "Knives"]
    assert [mail["state"] for mail in school.mail(leo)] == ["queued"]


def test_what_a_group_was_assigned_while_they_were_away_is_not_theirs(school: School) -> None:
    leo = school.hire(LEO)
    bakers = school.group(leo)
    leo = school.do(users.archive, leo)
    school.do(group_assignments.create, bakers, school.lesson())
    school.do(triggers.on_join, school.ask(groups.get, school.id, bakers.id), school.lesson("Knives"))
    work(school)
    school.do(users.restore, leo)
    assert work(school)
    assert titles(school, leo) == []
    assert school.mail(leo) == []


def test_whoever_was_made_archived_and_came_and_went_at_once_receives_what_there_was_when_they_came(
    school: School,
) -> None:
    leo = school.hire(LEO, active=False)
    school.do(group_assignments.create, school.everyone(), school.lesson())
    work(school)
    for verb in (users.restore, users.archive):
        leo = school.do(verb, leo)
    school.do(group_assignments.create, school.everyone(), school.lesson("Knives"))
    work(school)
    school.do(users.restore, leo)
    work(school)
    assert titles(school, leo) == ["Food safety"]
