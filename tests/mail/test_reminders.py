"""Reminders before the day and after it: once each, one mail a day, by the company's settings."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from rollbook import clock
from rollbook.activity import events, queue
from rollbook.errors import InvalidValue
from rollbook.jobs import reminding, schedule
from rollbook.jobs.tasks import TASKS
from rollbook.learning import assignments, content, reminders
from rollbook.people import company_settings, users
from rollbook.people.company_settings import CompanySettings
from rollbook.people.record import User
from tests.cast import LEO
from tests.mail.conftest import PostedSchool
from tests.mail.sink import Sink

# Nobody's session or link is to end in between: the days are in the future of the shared database's people.
MONDAY = datetime(2027, 3, 1, 7, 30, tzinfo=UTC)


def day(number: int) -> str:
    return (MONDAY + timedelta(days=number)).date().isoformat()


@pytest.fixture
def on() -> Iterator[Any]:
    """Travels: `on(3)` is the third day after that Monday."""
    travelling: list[Any] = []

    def travel(number: float) -> None:
        for old in travelling:
            old.stop()
        travelling[:] = [time_machine.travel(MONDAY + timedelta(days=number), tick=True)]
        travelling[0].start()

    yield travel
    for last in travelling:
        last.stop()


@pytest.fixture
def leo(school: PostedSchool, on: Any) -> User:
    on(0)
    return school.hire(LEO)


def remind(school: PostedSchool) -> None:
    """The task of the day, as the worker runs it."""

    def claim(tx: Any) -> Any:
        queue.enqueue(tx, school.id, "remind", {}, waiting_key="day", now=clock.now())
        return queue.claim(tx, school.id, only="remind", now=clock.now())

    task = school.house.write(claim)
    assert task is not None
    asyncio.run(TASKS["remind"](school.house.installation.database, task))
    school.house.write(lambda tx: queue.finish(tx, task, now=clock.now()))
    school.deliver()


def subjects(sink: Sink) -> list[str]:
    """What came since the last question."""
    found = [mail.subject for mail in sink.received]
    sink.received.clear()
    return found


def days_told(school: PostedSchool, sink: Sink, on: Any, days: range) -> dict[int, list[str]]:
    told = {}
    for number in days:
        on(number)
        remind(school)
        remind(school)  # twice, as after a crash
        if found := subjects(sink):
            told[number] = found
    return told


def test_an_assignment_is_reminded_of_before_and_after_its_day(
    school: PostedSchool, sink: Sink, leo: User, on: Any
) -> None:
    school.assign(leo, school.lesson("Fire safety"), due_on=day(10))
    school.deliver()
    assert subjects(sink) == ["You have a new account and an assignment: Fire safety"]
    assert days_told(school, sink, on, range(30)) == {
        3: ["Due 11 March 2027: Fire safety"],
        9: ["Due 11 March 2027: Fire safety"],
        11: ["Overdue: Fire safety"],
        17: ["Overdue: Fire safety"],
    }
    kinds = Counter(item["kind"] for item in school.items())
    assert kinds == {"notice": 1, "reminder:7": 1, "reminder:1": 1, "overdue:1": 1, "overdue:7": 1}


def test_several_of_one_day_are_one_mail(school: PostedSchool, sink: Sink, leo: User, on: Any) -> None:
    for title, due_on in (("Fire safety", 8), ("Lifting", 8), ("Hygiene", 0)):
        school.assign(leo, school.lesson(title), due_on=day(due_on))
    school.deliver()
    sink.received.clear()
    on(1)
    remind(school)
    (mail,) = sink.received
    assert mail.subject == "Overdue: Hygiene"
    assert "And due soon:" in mail.part("plain")
    assert all(title in mail.part("plain") for title in ("Fire safety", "Lifting", "Hygiene"))
    assert school.states()[-1] == ("overdue", "sent")


def test_what_is_done_withdrawn_or_archived_is_not_reminded_of(
    school: PostedSchool, sink: Sink, leo: User, on: Any
) -> None:
    done, withdrawn, hidden, kept = (school.lesson(title) for title in ("Done", "Withdrawn", "Hidden", "Kept"))
    for lesson in (done, withdrawn, hidden, kept):
        school.assign(leo, lesson, due_on=day(10), notify=False)
    school.complete(leo, done)
    school.do(assignments.withdraw, next(one for one in school.of(leo) if one.content_id == withdrawn.id))
    school.do(content.archive, hidden)
    on(9)
    remind(school)
    assert subjects(sink) == ["Due 11 March 2027: Kept"]


def test_who_heard_of_it_today_is_not_reminded_today(school: PostedSchool, sink: Sink, leo: User, on: Any) -> None:
    school.assign(leo, school.lesson("Fire safety"), due_on=day(1))
    remind(school)
    assert subjects(sink) == ["You have a new account and an assignment: Fire safety"]
    assert days_told(school, sink, on, range(1, 4)) == {2: ["Overdue: Fire safety"]}


def test_a_day_without_a_worker_is_made_up_for_on_the_next(
    school: PostedSchool, sink: Sink, leo: User, on: Any
) -> None:
    school.assign(leo, school.lesson("Fire safety"), due_on=day(10), notify=False)
    on(4)
    remind(school)
    assert subjects(sink) == ["Due 11 March 2027: Fire safety"]
    on(12)
    remind(school)
    assert subjects(sink) == ["Overdue: Fire safety"]


def test_nobody_is_told_of_what_fell_due_while_they_were_away(
    school: PostedSchool, sink: Sink, leo: User, on: Any
) -> None:
    for title, due_on in (("While away", 10), ("On the day of return", 12), ("Later", 20)):
        school.assign(leo, school.lesson(title), due_on=day(due_on), notify=False)

    def leave(tx: Any) -> None:
        users.archive(tx, users.get(tx, school.id, leo.id, lock=True), actor=events.Actor("scim"), now=clock.now())

    def come_back(tx: Any) -> None:
        users.restore(tx, users.get(tx, school.id, leo.id, lock=True), actor=events.Actor("scim"), now=clock.now())

    on(5)
    school.house.write(leave)
    assert days_told(school, sink, on, range(6, 12)) == {}
    on(12)
    school.house.write(come_back)
    assert days_told(school, sink, on, range(12, 23)) == {
        13: ["Overdue: On the day of return"],
        19: ["Overdue: On the day of return"],
        21: ["Overdue: Later"],
    }


def test_a_new_round_is_reminded_of_anew(school: PostedSchool, sink: Sink, leo: User, on: Any) -> None:
    lesson = school.lesson("Fire safety")
    school.assign(leo, lesson, due_on=day(3), notify=False)
    on(2)
    remind(school)
    school.complete(leo, lesson)
    on(4)
    school.assign(leo, lesson, due_on=day(9), notify=False)
    on(8)
    remind(school)
    assert subjects(sink) == ["Due 4 March 2027: Fire safety", "Due 10 March 2027: Fire safety"]


def test_a_company_decides_whether_and_when(school: PostedSchool, sink: Sink, leo: User, on: Any) -> None:
    school.assign(leo, school.lesson("Fire safety"), due_on=day(10), notify=False)
    put = lambda name, value: school.do(company_settings.put, school.id, name, value)  # noqa: E731
    put("reminder_days", "3")
    put("overdue_days", "none")
    put("language", "de")
    assert days_told(school, sink, on, range(20)) == {7: ["Fällig am 11. März 2027: Fire safety"]}
    school.assign(leo, school.lesson("Lifting"), due_on=day(25), notify=False)
    put("reminders", "off")
    assert days_told(school, sink, on, range(20, 30)) == {}
    assert put("reminders", "on").reminder_days == (3,)


def test_settings_are_kept_and_every_change_is_told(school: PostedSchool) -> None:
    put = lambda name, value: school.do(company_settings.put, school.id, name, value)  # noqa: E731
    assert school.ask(company_settings.get, school.id) == CompanySettings()
    put("reminder-days", " 14, 7,7, 1 ")
    put("reminder_days", "14,7,1")  # no news
    put("mail", "off")
    assert school.ask(company_settings.get, school.id) == CompanySettings(mail=False, reminder_days=(14, 7, 1))
    told = [
        event.changes
        for event in school.ask(events.of_subject, school.id, school.id)
        if event.kind == "CompanySettingChanged"
    ]
    assert told == [{"reminder_days": ["7,1", "14,7,1"]}, {"mail": ["on", "off"]}]
    for name, value in (
        ("reminder_days", "0"),
        ("reminder_days", "1,x"),
        ("reminder_days", "91"),
        ("reminder_days", "²"),
        ("overdue_days", "-1"),
        ("language", "tlh"),
        ("mail", "perhaps"),
        ("colour", "red"),
    ):
        with pytest.raises(InvalidValue):
            put(name, value)


def test_everybody_gets_one_mail_whatever_the_steps(
    school: PostedSchool, leo: User, on: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the pages and steps, everybody gets one mail about all of theirs."""
    monkeypatch.setattr(reminding, "ROWS_A_READ", 7)
    monkeypatch.setattr(reminding, "ROWS_A_WRITE", 4)
    lessons = [school.lesson(f"Lesson {number}") for number in range(9)]
    people = school.hire_many(12)
    for number, person in enumerate(people):
        for lesson in lessons[: 1 + number % 9]:
            school.assign(person, lesson, due_on=day(10), notify=False)
    on(9)

    def claim(tx: Any) -> Any:
        queue.enqueue(tx, school.id, "remind", {}, waiting_key="day", now=clock.now())
        return queue.claim(tx, school.id, only="remind", now=clock.now())

    task = school.house.write(claim)
    asyncio.run(TASKS["remind"](school.house.installation.database, task))
    waiting = [mail for mail in school.box() if mail.state == "queued"]
    assert Counter(mail.user_id for mail in waiting) == {person.id: 1 for person in people}
    assert len([item for item in school.items() if item["kind"] == "reminder:1"]) == sum(1 + n % 9 for n in range(12))


def test_occasions_are_those_of_today_and_what_yesterday_still_owes() -> None:
    told = reminders.occasions(MONDAY.date(), reminder_days=(1,), overdue_days=(1,))
    assert [(one.kind, one.due_on, one.told_on, one.is_over) for one in told] == [
        ("reminder:1", day(1), day(0), False),
        ("overdue:1", day(-1), day(0), False),
        ("reminder:1", day(0), day(-1), True),
        ("overdue:1", day(-2), day(-1), True),
    ]
    assert "remind" in schedule.DAILY
