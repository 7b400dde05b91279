"""A group is assigned something, in steps that may end anywhere; whoever joins later receives it; it is taken back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from rollbook import clock
from rollbook.activity import queue
from rollbook.errors import Conflict, InvalidValue, NotFound
from rollbook.jobs.tasks import TASKS
from rollbook.learning import assignments, content, content_record, due, group_assignments, newcomers, triggers
from rollbook.learning.content_record import Content
from rollbook.learning.group_assignments import GroupAssignment
from rollbook.people import companies, groups, memberships, users
from rollbook.people.groups import Group
from rollbook.people.record import User
from tests.cast import LEO, MONA
from tests.conftest import OPERATOR
from tests.learning.school import School


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step serves as many as it is told to, however slow the machine is."""
    monkeypatch.setattr(group_assignments, "SECONDS", 60.0)


def give(school: School, group: Group, what: Content, **how: Any) -> GroupAssignment:
    return school.do(group_assignments.create, group, what, **how)


def walk(school: School, act: GroupAssignment, *, limit: int = 50) -> GroupAssignment:
    """Every step of what is under way, as the task takes them."""
    step = group_assignments.step if act.state == "assigning" else group_assignments.withdraw_step
    while act.under_way:
        act = school.do(step, school.id, act.id, limit=limit)
    return act


def greet(school: School, user: User, group: Group, **how: Any) -> list[str]:
    """As the task does when somebody has joined; what they were given, by title."""
    how = {"act_id": clock.new_id(), "since": clock.now()} | how
    made = school.do(newcomers.greet, school.id, user.id, group.id, **how)
    return [school.ask(content_record.get, school.id, one.content_id).title for one in made]


def states(school: School, *people: User) -> list[list[tuple[int, str]]]:
    return [[(one.round, one.state) for one in school.of(user)] for user in people]


def is_followed(school: School, group: Group) -> bool:
    return school.ask(groups.get, school.id, group.id).followed


def test_a_group_s_members_are_assigned_in_steps_and_told_once(school: School) -> None:
    people, lesson = school.hire_many(7), school.lesson()
    bakers = school.group(*people)
    outside = school.hire(LEO)
    act = give(school, bakers, lesson, due_on="2027-01-31")
    assert (act.state, act.total, act.done) == ("assigning", 7, 0)
    assert states(school, *people) == [[]] * 7
    seen = []
    while act.under_way:
        act = school.do(group_assignments.step, school.id, act.id, limit=3)
        seen.append((act.state, act.done))
    assert seen == [("assigning", 3), ("assigning", 6), ("open", 7)]
    assert school.do(group_assignments.step, school.id, act.id) == act
    assert states(school, *people, outside) == [[(1, "incomplete")]] * 7 + [[]]
    assert {(one.due_on, one.group_assignment_id) for user in people for one in school.of(user)} == {
        ("2027-01-31", act.id)
    }
    assert [school.kinds(user) for user in people] == [["AssignmentMade"]] * 7
    assert [(mail["state"], mail["kind"]) for mail in school.mail()] == [("queued", "assigned")] * 7
    assert len(school.items()) == 7
    assert school.kinds(bakers) == ["GroupAssignmentMade", "GroupAssignmentDone"]
    assert [task["name"] for task in school.tasks("assign_group")] == ["assign_group"]


def test_a_step_that_takes_too_long_ends_early_and_loses_nobody(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_assignments, "SECONDS", 0.0)
    people, lesson = school.hire_many(4), school.lesson()
    act = give(school, school.group(*people), lesson)
    act = school.do(group_assignments.step, school.id, act.id)
    assert (act.state, act.done) == ("assigning", 1)
    act = walk(school, act)
    assert (act.state, act.done) == ("open", 4)
    act = school.do(group_assignments.withdraw, act)
    assert school.do(group_assignments.withdraw_step, school.id, act.id).done == 1
    act = walk(school, act)
    assert (act.state, act.done) == ("withdrawn", 4)
    assert [school.kinds(user) for user in people] == [["AssignmentMade", "AssignmentWithdrawn"]] * 4


def test_asked_for_again_it_is_there_and_other_terms_go_through_the_members_once_more(school: School) -> None:
    leo, mona, lesson = school.hire(LEO), school.hire(MONA), school.lesson()
    bakers = school.group(leo, mona)
    act = walk(school, give(school, bakers, lesson, due_on="2027-01-31"))
    school.complete(mona, lesson)
    assert give(school, bakers, lesson, due_on="2027-01-31") == act
    assert len(school.tasks("assign_group")) == 1
    again = give(school, bakers, lesson, due_on="2027-02-28", notify=False)
    assert (again.id, again.state, again.done) == (act.id, "assigning", 0)
    walk(school, again)
    assert states(school, leo, mona) == [[(1, "incomplete")], [(1, "completed")]]
    assert school.of(leo)[0].due_on == "2027-02-28"
    assert school.told(bakers)[2] == (
        "GroupAssignmentChanged",
        {
            "content": [None, "Food safety"],
            "content_id": [None, lesson.id],
            "due_on": ["2027-01-31", "2027-02-28"],
            "notify": [True, False],
        },
    )
    assert len(school.mail(leo)) == 1
    walk(school, give(school, bakers, lesson, due_on="2028-01-31", reassign=True))
    assert states(school, leo, mona) == [[(1, "incomplete")], [(2, "incomplete")]]
    assert [act.id for act in school.ask(group_assignments.of_company, school.id)] == [again.id]


def test_what_cannot_be_assigned_to_a_group_is_refused(school: School) -> None:
    bakers, lesson, draft = school.group(), school.lesson(), school.lesson("Knives", publish=False)
    with pytest.raises(Conflict, match="Knives is a draft; publish it before"):
        give(school, bakers, draft)
    for how in ({"due_on": "soon"}, {"due_days": -1}, {"due_days": 10**6}):
        with pytest.raises(InvalidValue):
            give(school, bakers, lesson, **how)
    other = school.do(companies.create, f"umbra-{clock.new_id()[:18]}", "Umbra")
    theirs = school.ask(groups.named, other.id, "everyone")
    with pytest.raises(NotFound, match="no lesson or path"):
        give(school, theirs, lesson)
    school.do(groups.archive, bakers)
    with pytest.raises(Conflict, match="Bakers is archived; restore it first"):
        give(school, bakers, lesson)
    assert school.ask(group_assignments.of_company, school.id) == []
    assert school.tasks("assign_group") == []


def test_archived_people_are_passed_over_even_between_two_steps(school: School) -> None:
    people, lesson = school.hire_many(4), school.lesson()
    bakers = school.group(*people)
    people[0] = school.do(users.archive, people[0])
    act = give(school, bakers, lesson)
    assert act.total == 3
    act = school.do(group_assignments.step, school.id, act.id, limit=1)
    people[3] = school.do(users.archive, people[3])
    walk(school, act, limit=1)
    assert states(school, *people) == [[], [(1, "incomplete")], [(1, "incomplete")], []]


def test_everyone_is_whoever_is_active(school: School) -> None:
    leo, mona, lesson = school.hire(LEO), school.hire(MONA), school.lesson()
    mona = school.do(users.archive, mona)
    act = walk(school, give(school, school.everyone(), lesson))
    assert (act.total, act.done) == (1, 1)
    assert states(school, leo, mona) == [[(1, "incomplete")], []]


def test_where_content_or_group_is_archived_meanwhile_it_ends_with_those_who_were_served(school: School) -> None:
    people, lesson = school.hire_many(3), school.lesson()
    bakers = school.group(*people)
    act = school.do(group_assignments.step, school.id, give(school, bakers, lesson).id, limit=1)
    school.do(content.archive, lesson)
    act = walk(school, act, limit=1)
    assert (act.state, act.done) == ("open", 1)
    assert states(school, *people[1:]) == [[], []]


class Killed(Exception):
    pass


@pytest.mark.parametrize("whole_tasks", [False, True])
def test_killed_at_every_step_it_goes_on_without_repeating_or_losing_anybody(school: School, whole_tasks: bool) -> None:
    """A step whose transaction is lost is taken again; one that was committed is not."""
    people, lesson = school.hire_many(9), school.lesson()
    act = give(school, school.group(*people), lesson)

    def dies(tx: Any) -> None:
        group_assignments.step(tx, school.id, act.id, limit=2, actor=OPERATOR, now=clock.now())
        raise Killed

    while act.under_way:
        with pytest.raises(Killed):
            school.house.write(dies)
        before = school.ask(group_assignments.get, school.id, act.id)
        act = school.do(group_assignments.step, school.id, act.id, limit=2)
        assert before.done < act.done or act.state == "open"
    if whole_tasks:
        school.run_due("assign_group")
        assert school.tasks("assign_group")[0]["state"] == "done"
    assert [school.kinds(user) for user in people] == [["AssignmentMade"]] * 9
    assert len(school.mail()) == len(school.items()) == 9
    act = school.do(group_assignments.withdraw, act)
    assert act.total == 9

    def dies_again(tx: Any) -> None:
        group_assignments.withdraw_step(tx, school.id, act.id, limit=2, actor=OPERATOR, now=clock.now())
        raise Killed

    while act.under_way:
        with pytest.raises(Killed):
            school.house.write(dies_again)
        act = school.do(group_assignments.withdraw_step, school.id, act.id, limit=2)
    assert (act.state, act.done) == ("withdrawn", 9)
    assert [school.kinds(user) for user in people] == [["AssignmentMade", "AssignmentWithdrawn"]] * 9
    assert {mail["state"] for mail in school.mail()} == {"cancelled"}


def test_two_workers_at_once_serve_everybody_once(school: School) -> None:
    people, lesson = school.hire_many(30), school.lesson()
    act = give(school, school.group(*people), lesson)
    database = school.house.installation.database

    async def worker() -> None:
        state = act
        while state.under_way:
            state = await database.write(
                lambda tx: group_assignments.step(tx, school.id, act.id, limit=3, actor=OPERATOR, now=clock.now())
            )

    async def both() -> None:
        await asyncio.gather(worker(), worker())

    asyncio.run(both())
    assert school.ask(group_assignments.get, school.id, act.id).done == 30
    assert [school.kinds(user) for user in people] == [["AssignmentMade"]] * 30
    assert len(school.mail()) == 30


def test_a_worker_that_lost_its_lease_lets_go(school: School) -> None:
    people, lesson = school.hire_many(3), school.lesson()
    give(school, school.group(*people), lesson)
    lost = school.claim("assign_group")
    later = clock.now() + timedelta(seconds=queue.LEASE_SECONDS + 1)
    second = school.house.write(lambda tx: queue.claim(tx, school.id, now=later))
    assert second is not None
    assert second.id == lost.id
    asyncio.run(TASKS["assign_group"](school.house.installation.database, lost))
    assert states(school, *people) == [[]] * 3
    asyncio.run(TASKS["assign_group"](school.house.installation.database, second))
    assert states(school, *people) == [[(1, "incomplete")]] * 3


def test_withdrawing_takes_back_only_what_came_from_it_and_is_not_done(school: School) -> None:
    own, done, archived, plain, twice = school.hire_many(5)
    lesson = school.lesson()
    before = school.assign(own, lesson)
    bakers = school.group(own, done, archived, plain, twice)
    cooks = school.group(twice, name="Cooks")
    act = walk(school, give(school, bakers, lesson))
    other = walk(school, give(school, cooks, lesson))
    school.complete(done, lesson)
    archived = school.do(users.archive, archived)
    act = school.do(group_assignments.withdraw, act)
    assert school.do(group_assignments.withdraw, act) == act
    act = walk(school, act, limit=1)
    assert (act.state, act.done) == ("withdrawn", 2)
    assert states(school, own, done, archived, plain, twice) == [
        [(1, "incomplete")],
        [(1, "completed")],
        [(1, "withdrawn")],
        [(1, "withdrawn")],
        [(1, "incomplete")],
    ]
    assert school.of(own) == [before]
    assert school.of(twice)[0].group_assignment_id == other.id
    assert school.kinds(bakers)[2:] == ["GroupAssignmentWithdrawn", "GroupAssignmentDone"]
    with pytest.raises(NotFound, match="is not assigned to the group Bakers"):
        school.ask(group_assignments.of_pair, bakers, lesson)
    again = walk(school, give(school, bakers, lesson))
    assert again.id != act.id
    assert states(school, own, done, plain) == [[(1, "incomplete")], [(1, "completed")], [(2, "incomplete")]]


def test_taking_it_back_while_it_is_still_being_given_ends_with_nobody_who_has_it(school: School) -> None:
    people, lesson = school.hire_many(5), school.lesson()
    act = give(school, school.group(*people), lesson)
    school.do(group_assignments.step, school.id, act.id, limit=3)
    act = school.do(group_assignments.withdraw, act)
    assert school.do(group_assignments.step, school.id, act.id) == act
    walk(school, act)
    assert states(school, *people) == [[(1, "withdrawn")]] * 3 + [[]] * 2


def test_a_newcomer_receives_what_is_open_with_days_counted_from_joining(school: School) -> None:
    bakers, leo = school.group(), school.hire()
    titles = ("day", "days", "both", "past", "not for newcomers", "taken back", "archived")
    lessons = {title: school.lesson(title) for title in titles}
    now = clock.now()
    terms: dict[str, dict[str, Any]] = {
        "day": {"due_on": due.in_days(now, 9)},
        "days": {"due_days": 3, "notify": False},
        "both": {"due_on": due.in_days(now, 9), "due_days": 5},
        "past": {"due_on": due.in_days(now, -9)},
        "not for newcomers": {"newcomers": False},
    }
    acts = {title: walk(school, give(school, bakers, lessons[title], **terms.get(title, {}))) for title in titles}
    walk(school, school.do(group_assignments.withdraw, acts["taken back"]))
    school.do(content.archive, lessons["archived"])
    school.do(triggers.on_join, bakers, school.lesson("triggered"), due_days=1)
    school.do(triggers.on_join, bakers, lessons["day"], due_days=1)
    school.do(memberships.join, bakers, leo)
    joined = now - timedelta(days=2)
    assert greet(school, leo, bakers, since=joined) == ["day", "days", "both", "past", "triggered"]
    assert [one.due_on for one in school.of(leo)] == [
        due.in_days(now, 9),
        due.in_days(now, 1),
        due.in_days(now, 3),
        None,
        due.in_days(now, -1),
    ]
    assert sorted((mail["state"], mail["reason"]) for mail in school.mail(leo) if mail["state"] == "queued") == [
        ("queued", None)
    ]
    assert len(school.items()) == 4
    told = school.told(leo)
    assert len(greet(school, leo, bakers)) == 5
    assert school.told(leo) == told
    assert len(school.mail(leo)) == 2


def test_a_newcomer_keeps_what_they_had_as_it_is(school: School) -> None:
    leo, bakers = school.hire(), school.group()
    lessons = [school.lesson(title) for title in ("completed", "withdrawn", "incomplete")]
    for lesson in lessons:
        school.assign(leo, lesson, due_on="2027-01-31")
        walk(school, give(school, bakers, lesson, due_on="2027-06-30"))
    school.complete(leo, lessons[0])
    school.do(assignments.withdraw, school.of(leo)[1])
    before, told = school.of(leo), school.told(leo)
    school.do(memberships.join, bakers, leo)
    greet(school, leo, bakers)
    assert (school.of(leo), school.told(leo)) == (before, told)


@pytest.mark.parametrize("what", ["archived", "left", "group archived"])
def test_nobody_is_greeted_who_is_not_there(school: School, what: str) -> None:
    leo, bakers = school.hire(), school.group()
    walk(school, give(school, bakers, school.lesson()))
    school.do(memberships.join, bakers, leo)
    if what == "archived":
        leo = school.do(users.archive, leo)
    elif what == "left":
        school.do(memberships.leave, bakers, leo)
    else:
        school.do(groups.archive, bakers)
    assert greet(school, leo, bakers) == []
    assert school.of(leo) == []


def test_a_group_is_followed_while_something_is_assigned_to_whoever_joins(school: School) -> None:
    bakers, lesson, knives = school.group(), school.lesson(), school.lesson("Knives")
    walk(school, give(school, bakers, lesson, newcomers=False))
    assert not is_followed(school, bakers)
    act = give(school, bakers, lesson)
    assert is_followed(school, bakers)
    trigger = school.do(triggers.on_join, bakers, knives)
    school.do(group_assignments.withdraw, act)
    assert is_followed(school, bakers)
    ended = school.do(triggers.end, trigger)
    assert school.do(triggers.end, ended) == ended
    assert not is_followed(school, bakers)
    give(school, school.everyone(), lesson)
    assert is_followed(school, school.everyone())
