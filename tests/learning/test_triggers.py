"""Triggers: joining or completing sets something off, once, for whoever is here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rollbook import clock
from rollbook.errors import Conflict, InvalidValue, NotFound
from rollbook.learning import content, content_record, due, triggers
from rollbook.learning.content_record import Content
from rollbook.people import companies, users
from rollbook.people.record import User
from tests.cast import OTTO
from tests.learning.school import School


def fire(school: School, user: User, completed: Content, **how: Any) -> list[str]:
    how = {"act_id": clock.new_id(), "since": clock.now()} | how
    made = school.do(triggers.fire_after, school.id, user.id, completed.id, **how)
    return [school.ask(content_record.get, school.id, one.content_id).title for one in made]


def test_what_follows_a_completion_is_assigned_by_its_task_in_one_mail(school: School) -> None:
    leo, one = school.hire(), school.lesson("One")
    two, three = school.lesson("Two"), school.lesson("Three")
    made = [school.do(triggers.on_completion, one, two, due_days=7), school.do(triggers.on_completion, one, three)]
    assert school.ask(triggers.all_of, school.id) == made
    school.assign(leo, one, notify=False)
    school.complete(leo, one)
    assert len(school.of(leo)) == 1
    school.run_due("after_completion")
    assert [(one.content_id, one.trigger_id, one.due_on) for one in school.of(leo)[1:]] == [
        (two.id, made[0].id, due.in_days(clock.now(), 7)),
        (three.id, made[1].id, None),
    ]
    assert {one.assigned_by for one in school.of(leo)[1:]} == {"task:after_completion"}
    assert [mail["state"] for mail in school.mail(leo)] == ["withheld", "queued"]
    assert len(school.items()) == 2


def test_a_lesson_done_in_a_path_and_the_path_itself_set_off_what_follows(school: School) -> None:
    leo, one, two, last = school.hire(), school.lesson("One"), school.lesson("Two"), school.lesson("Last")
    path = school.path(one, two)
    school.do(triggers.on_completion, path, last)
    school.do(triggers.on_completion, one, school.lesson("After one"))
    school.assign(leo, path)
    school.complete(leo, one)
    school.run_due("after_completion")
    assert len(school.of(leo)) == 2
    school.complete(leo, two)
    school.run_due("after_completion")
    assert [assigned.content_id for assigned in school.of(leo)][2:] == [last.id]


def test_triggers_that_lead_back_to_where_they_began_come_to_an_end(school: School) -> None:
    leo, one, two = school.hire(), school.lesson("One"), school.lesson("Two")
    school.do(triggers.on_completion, one, two)
    school.do(triggers.on_completion, two, one)
    school.assign(leo, one)
    school.complete(leo, one)
    school.run_due("after_completion")
    school.complete(leo, two)
    school.run_due("after_completion")
    assert [(assigned.round, assigned.state) for assigned in school.of(leo)] == [(1, "completed"), (1, "completed")]
    with pytest.raises(InvalidValue, match="One cannot follow itself"):
        school.do(triggers.on_completion, one, one)


def test_days_count_from_the_completion_and_a_second_run_does_nothing(school: School) -> None:
    leo, one, two = school.hire(), school.lesson("One"), school.lesson("Two")
    school.do(triggers.on_completion, one, two, due_days=10)
    since = clock.now() - timedelta(days=4)
    assert fire(school, leo, one, since=since) == ["Two"]
    before, told = school.of(leo), school.told(leo)
    assert before[0].due_on == due.in_days(clock.now(), 6)
    fire(school, leo, one)
    assert (school.of(leo), school.told(leo), len(school.mail(leo))) == (before, told, 1)


def test_nothing_is_set_off_for_whoever_is_not_here_or_by_what_is_not_there(school: School) -> None:
    leo, one, two, three = school.hire(), school.lesson("One"), school.lesson("Two"), school.lesson("Three")
    ended = school.do(triggers.on_completion, one, two)
    school.do(triggers.on_completion, one, three)
    school.do(triggers.end, ended)
    school.do(content.archive, three)
    assert fire(school, leo, one) == []
    school.do(content.restore, three)
    leo = school.do(users.archive, leo)
    assert fire(school, leo, one) == []
    leo = school.do(users.restore, leo)
    assert fire(school, leo, one) == ["Three"]


def test_a_trigger_is_made_once_changed_and_ended_and_told_of_its_cause(school: School) -> None:
    bakers, one, two = school.group(), school.lesson("One"), school.lesson("Two")
    for cause, make in ((bakers, triggers.on_join), (one, triggers.on_completion)):
        made = school.do(make, cause, two, due_days=7)
        assert school.do(make, cause, two, due_days=7) == made
        changed = school.do(make, cause, two, due_days=9, notify=False)
        assert (changed.id, changed.due_days, changed.notify) == (made.id, 9, False)
        assert school.ask(triggers.get, school.id, made.id) == changed
        ended = school.do(triggers.end, made)
        assert ended.ended_at is not None
        assert school.ask(triggers.all_of, school.id) == []
        assert school.do(make, cause, two).id != made.id
        school.do(triggers.end, school.ask(triggers.all_of, school.id)[0])
        kinds = [kind for kind in school.kinds(cause) if kind.startswith("Trigger")]
        assert kinds == ["TriggerMade", "TriggerChanged", "TriggerEnded", "TriggerMade", "TriggerEnded"]
    assert len(school.ask(triggers.all_of, school.id, ended=True)) == 4
    named = {"trigger_id": [None, made.id], "content_id": [None, two.id]}
    assert school.told(one)[2:4] == [
        ("TriggerMade", named | {"content": [None, "Two"], "due_days": [None, 7], "notify": [None, True]}),
        ("TriggerChanged", named | {"due_days": [7, 9], "notify": [True, False]}),
    ]


def test_what_cannot_set_off_anything_is_refused(school: School) -> None:
    bakers, one, draft = school.group(), school.lesson("One"), school.lesson("Two", publish=False)
    with pytest.raises(Conflict, match="Two is a draft"):
        school.do(triggers.on_join, bakers, draft)
    with pytest.raises(Conflict, match="Two is a draft"):
        school.do(triggers.on_completion, one, draft)
    with pytest.raises(InvalidValue, match="Due in -1 days"):
        school.do(triggers.on_join, bakers, one, due_days=-1)
    other = school.do(companies.create, f"umbra-{clock.new_id()[:18]}", "Umbra")
    trigger = school.do(triggers.on_join, bakers, one)
    assert school.ask(triggers.find, other.id, trigger.id) is None
    assert school.ask(triggers.all_of, other.id) == []
    with pytest.raises(NotFound):
        school.ask(triggers.get, other.id, trigger.id)
    stranger = school.do(users.create, other.id, OTTO)
    with pytest.raises(NotFound):
        school.do(triggers.fire_after, school.id, stranger.id, one.id, act_id="act", since=clock.now())
