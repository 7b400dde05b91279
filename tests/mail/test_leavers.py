"""No mail to the departed, and none that is old to whoever comes back (F14, F15)."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from random import Random
from time import monotonic, sleep
from typing import Any

import pytest
import time_machine

from rollbook import clock
from rollbook.activity import outbox
from rollbook.activity.events import Actor
from rollbook.mail import letters
from rollbook.mail.letters import Claimed
from rollbook.people import deletion, returners, users
from rollbook.people.record import User
from tests.cast import LEO
from tests.mail.conftest import PostedSchool
from tests.mail.sink import Sink

LONG = bool(os.environ.get("ROLLBOOK_LONG"))
RACES = 2_000 if LONG else 100
TURNS = 100 if LONG else 10
ASSIGNMENTS = 50 if LONG else 10


@pytest.fixture
def leo(school: PostedSchool) -> User:
    return school.hire(LEO)


def archive(school: PostedSchool, user: User) -> User:
    def work(tx: Any) -> User:
        held = users.get(tx, school.id, user.id, lock=True)
        return users.archive(tx, held, actor=Actor("scim", "key"), now=clock.now())

    return school.house.write(work)


def restore(school: PostedSchool, user: User) -> User:
    def work(tx: Any) -> User:
        held = users.get(tx, school.id, user.id, lock=True)
        return users.restore(tx, held, actor=Actor("scim", "key"), now=clock.now())

    return school.house.write(work)


def test_what_waits_for_a_leaver_is_cancelled_and_stays_so(school: PostedSchool, sink: Sink, leo: User) -> None:
    school.assign(leo, school.lesson("Fire safety"))
    archive(school, leo)
    (mail,) = school.box()
    assert (mail.state, mail.reason) == ("cancelled", "The person was archived.")
    restore(school, leo)
    school.deliver()
    assert sink.received == []


def test_somebody_archived_while_their_mail_is_under_way_gets_no_other(
    school: PostedSchool, sink: Sink, leo: User
) -> None:
    school.assign(leo, school.lesson("Fire safety"))
    school.assign(leo, school.lesson("Lifting"))
    sink.before = lambda stage, _: (archive(school, leo), None)[1] if stage == "RCPT" else None
    school.deliver()
    assert school.states() == [("first", "sent"), ("assigned", "cancelled")]
    assert len(sink.received) == 1


def test_whoever_comes_back_gets_the_next_mail_and_no_old_one(school: PostedSchool, sink: Sink, leo: User) -> None:
    school.assign(leo, school.lesson("Fire safety"))
    school.deliver()
    school.assign(leo, school.lesson("Lifting"))
    archive(school, leo)
    leo = restore(school, leo)
    school.assign(leo, school.lesson("Hygiene"))
    school.deliver()
    assert [mail.subject for mail in sink.received] == [
        "You have a new account and an assignment: Fire safety",
        "New assignment: Hygiene",
    ]


def test_a_mail_that_was_put_off_while_they_were_archived_does_not_follow_them_back(
    school: PostedSchool, sink: Sink, leo: User
) -> None:
    school.assign(leo, school.lesson("Fire safety"))
    sink.answers["leo@acme.example"] = "450 4.2.1 later"
    sink.before = lambda stage, _: archive(school, leo) and None if stage == "RCPT" else None
    school.deliver(runs=1)
    assert school.states(leo) == [("first", "queued")]
    sink.answers, sink.before = {}, lambda stage, recipient: None
    restore(school, leo)
    with time_machine.travel(clock.now() + timedelta(minutes=5), tick=True):
        school.deliver()
    assert sink.received == []
    assert school.states(leo) == [("first", "cancelled")]


def test_two_records_that_turn_out_to_be_one_person_cost_them_no_mail(
    school: PostedSchool, sink: Sink, leo: User
) -> None:
    school.do(deletion.delete, leo)
    again = school.hire(LEO)
    school.assign(again, school.lesson("Fire safety"))
    school.do(returners.join, school.ask(users.get, school.id, leo.id), again)
    school.deliver()
    assert school.states(again) == [("first", "sent")]


@pytest.mark.long
def test_coming_and_going_floods_nobody(
    school: PostedSchool, sink: Sink, leo: User, record_property: Callable[[str, object], None]
) -> None:
    chance = Random(15)
    lessons = [school.lesson(f"Lesson {number}") for number in range(ASSIGNMENTS)]
    for turn in range(TURNS):
        for lesson in chance.sample(lessons, 5):
            school.assign(leo, lesson)
        if chance.random() < 0.5:
            school.deliver()
        archive(school, leo)
        school.deliver()
        leo = restore(school, leo)
        if turn % 7 == 0:
            school.deliver()
    school.deliver()
    told = Counter(title for mail in sink.received for title in [mail.subject.rpartition(": ")[2]])
    assert told
    assert max(told.values()) == 1
    assert not [mail for mail in school.box() if mail.state in ("queued", "sending")]
    record_property("archived and restored", TURNS)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_no_mail_is_begun_after_an_archive(
    school: PostedSchool, record_property: Callable[[str, object], None]
) -> None:
    """Each time somebody is archived while the worker claims their mail: the one or the other comes first."""
    chance = Random(14)
    lesson = school.lesson()
    installation = school.house.installation
    ends: Counter[str] = Counter()

    def claim() -> object:
        return school.house.write(
            lambda tx: letters.claim(
                tx,
                school.id,
                sender="task:1",
                public_url=installation.settings.public_url,
                pepper=installation.pepper,
                now=clock.now(),
            )
        )

    for person in school.hire_many(RACES):
        school.assign(person, lesson)
        barrier = threading.Barrier(2)
        began: list[float] = []
        acknowledged: list[float] = []
        waits = chance.uniform(0, 0.004), chance.uniform(0, 0.004)

        def worker(barrier: threading.Barrier = barrier, wait: float = waits[0], began: list[float] = began) -> None:
            barrier.wait()
            sleep(wait)
            for _ in range(3):
                start = monotonic()
                if isinstance(claim(), Claimed):
                    began.append(start)

        def leaver(
            barrier: threading.Barrier = barrier,
            wait: float = waits[1],
            acknowledged: list[float] = acknowledged,
            person: User = person,
        ) -> None:
            barrier.wait()
            sleep(wait)
            archive(school, person)
            acknowledged.append(monotonic())

        threads = [threading.Thread(target=worker), threading.Thread(target=leaver)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
            assert not thread.is_alive()
        assert len(acknowledged) == 1
        assert len(began) <= 1
        assert not began or began[0] < acknowledged[0]
        (mail,) = school.ask(outbox.search, school.id, user_id=person.id)
        assert mail.state == ("sending" if began else "cancelled")
        ends[mail.state] += 1
    record_property("archives against claims", f"{ends['sending']} left before, {ends['cancelled']} were cancelled")
    assert min(ends["sending"], ends["cancelled"]) > 0
