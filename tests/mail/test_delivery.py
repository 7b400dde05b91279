"""What becomes of a mail when the mail server is down, slow, refuses, or goes away in the middle (F12, F13)."""

from __future__ import annotations

import os
import sqlite3
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import time_machine
from msgspec.structs import replace

from rollbook import clock, settings
from rollbook.activity import events, outbox, queue, sending
from rollbook.activity.outbox import Item
from rollbook.activity.queue import Task
from rollbook.database.sqlite import BUSY_SECONDS
from rollbook.database.tables import sign_in_links
from rollbook.errors import Conflict
from rollbook.installation import open_installation
from rollbook.jobs import post
from rollbook.jobs.post import Post
from rollbook.mail.delivery import Server, ServerDown, Session, read_address
from rollbook.people import companies
from rollbook.people.record import User, with_fields
from tests.cast import LEO, MONA
from tests.conftest import OPERATOR, House
from tests.mail.conftest import PostedSchool
from tests.mail.sink import HOST, Faulty, Sink, free_port
from tests.servers import environment

MESSAGE = b"Subject: Does this arrive?\r\n\r\n.\r\n..yes\r\n"


@pytest.fixture
def faulty() -> Iterator[Callable[..., Faulty]]:
    made: list[Faulty] = []

    def make(**script: Any) -> Faulty:
        made.append(Faulty(**script))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def leo(school: PostedSchool) -> User:
    return school.hire(LEO)


def one_mail(school: PostedSchool, leo: User) -> None:
    school.assign(leo, school.lesson("Fire safety"))


def after(school: PostedSchool, port: int, *, seconds: float = 5) -> outbox.Mail:
    """The only mail of the company, after one delivery to this server."""
    school.by(port, mail_seconds=seconds).deliver(runs=1)
    (mail,) = school.box()
    return mail


# How each fault ends: state, and what the reason says. "queued" is certainly not sent.
FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "421 at the greeting": ({"greeting": "421 too busy"}, "queued", ""),
    "no greeting": ({"greeting": None}, "queued", ""),
    "421 at MAIL": ({"replies": {"MAIL": "421 4.3.2 closing"}}, "queued", "421 4.3.2"),
    "sender refused": ({"replies": {"MAIL": "550 5.7.1 leo@acme.example"}}, "queued", "ROLLBOOK_MAIL_FROM"),
    "sign-in wanted": ({"replies": {"RCPT": "530 5.7.0 sign in"}}, "queued", "530 5.7.0"),
    "recipient put off": ({"replies": {"RCPT": "450 4.2.1 later"}}, "queued", "450 4.2.1"),
    "recipient refused": ({"replies": {"RCPT": "550 5.1.1 leo@acme.example?"}}, "failed", "550 5.1.1"),
    "recipient refused, and gone": (
        {"replies": {"RCPT": "550 5.1.1 no"}, "hangs_up_after": "RCPT"},
        "failed",
        "550 5.1.1",
    ),
    "gone at RCPT": ({"replies": {"RCPT": None}}, "queued", ""),
    "gone at DATA": ({"replies": {"DATA": None}}, "queued", ""),
    "DATA put off": ({"replies": {"DATA": "451 4.3.0 later"}}, "queued", "451 4.3.0"),
    "DATA refused": ({"replies": {"DATA": "554 5.6.0 no"}}, "failed", "554 5.6.0"),
    "half a reply after the dot": ({"replies": {".": "half"}}, "unknown", "before the mail server answered"),
    "half a refusal after the dot": ({"replies": {".": "half no"}}, "unknown", "before the mail server answered"),
    "nonsense after the dot": ({"replies": {".": "OK"}}, "unknown", "before the mail server answered"),
    "nonsense at RCPT": ({"replies": {"RCPT": "OK"}}, "queued", "before the mail was handed over"),
    "put off after the dot": ({"replies": {".": "452 4.3.1 full"}}, "queued", "452 4.3.1"),
    "refused after the dot": ({"replies": {".": "552 5.3.4 too large"}}, "failed", "552 5.3.4"),
    "421 after the dot": ({"replies": {".": "421 4.3.2 closing"}}, "queued", "421 4.3.2"),
    "gone after the dot": ({"drop_after_dot": True}, "unknown", "before the mail server answered"),
    "silent after the dot": ({"replies": {".": "hang"}}, "unknown", "before the mail server answered"),
    "dripping after the dot": ({"replies": {".": "drip"}}, "unknown", "before the mail server answered"),
    "silent greeting": ({"greeting": "hang"}, "queued", ""),
    "dripping greeting": ({"greeting": "drip"}, "queued", ""),
    "silent at RCPT": ({"replies": {"RCPT": "hang"}}, "queued", "before the mail was handed over"),
    "dripping at DATA": ({"replies": {"DATA": "drip"}}, "queued", "before the mail was handed over"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_has_an_end_that_is_known_or_unknown(
    fault: str, school: PostedSchool, leo: User, faulty: Callable[..., Faulty]
) -> None:
    script, state, reason = FAULTS[fault]
    one_mail(school, leo)
    mail = after(school, faulty(**script).port, seconds=0.7)
    assert mail.state == state, mail
    assert reason in (mail.reason or "")
    assert "leo" not in (mail.reason or "")
    later = school.tasks("deliver_mail")
    assert len([task for task in later if task["state"] == "due"]) == (1 if state == "queued" else 0)


def test_a_server_that_is_down_costs_nothing_and_what_waited_is_sent_afterwards(
    school: PostedSchool, leo: User, sink: Sink
) -> None:
    for title in ("Fire safety", "Lifting", "Hygiene"):
        school.assign(leo, school.lesson(title))
    away = school.by(free_port())
    away.deliver(runs=1)
    assert [(mail.state, mail.attempts) for mail in school.box()] == [("queued", 0)] * 3
    away.deliver(runs=1)  # before its time the server is not asked again
    with time_machine.travel(clock.now() + timedelta(minutes=2), tick=True):
        school.deliver()
    assert [mail.subject for mail in sink.received] == [
        "You have a new account and an assignment: Fire safety",
        "New assignment: Lifting",
        "New assignment: Hygiene",
    ]


def test_a_server_that_greets_and_takes_nothing_is_asked_less_and_less_often(
    school: PostedSchool, faulty: Callable[..., Faulty]
) -> None:
    """Its greeting proves nothing. In each of twenty minutes somebody new is to be told something."""
    server = faulty(replies={"MAIL": "530 5.7.0 sign in"})
    refusing, lesson, begin = school.by(server.port), school.lesson("Fire safety"), clock.now()
    for minute in range(20):
        name = f"leo{minute}@acme.example"
        someone = school.hire(replace(LEO, user_name=name, email=name, external_id=None))
        with time_machine.travel(begin + timedelta(seconds=75 * minute), tick=False):
            school.assign(someone, lesson)
            refusing.deliver(runs=5)
    assert server.connections <= 6, server.connections  # after 1, 2, 4, 8 minutes


def test_a_lease_that_cannot_be_renewed_does_not_cost_the_mail(
    tmp_path: Path, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away while the mail server thinks: what was being said is heard out, and written down after."""
    monkeypatch.setattr(post, "EXTEND_SECONDS", 0.2)
    own = open_installation(settings.read(environment(tmp_path)))
    house = House(own)
    acme = house.write(lambda tx: companies.create(tx, "acme", "Acme", actor=OPERATOR, now=clock.now()))
    school = PostedSchool(house, acme.id, Post(own, Server(HOST, sink.port)))
    school.assign(school.hire(LEO), school.lesson("Fire safety"))
    file = own.settings.sqlite_path
    assert file is not None

    def hold(stage: str, _: str) -> None:
        if stage == "RCPT":
            with closing(sqlite3.connect(file, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                time.sleep(BUSY_SECONDS + 1)
                other.execute("ROLLBACK")

    sink.before = hold
    school.deliver(runs=1)
    assert school.states() == [("first", "sent")]
    assert len(sink.received) == 1
    own.close()


def test_tls_is_never_left_out_where_it_was_asked_for(
    school: PostedSchool, leo: User, sink: Sink, tmp_path: Path
) -> None:
    one_mail(school, leo)
    made = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem"
    subprocess.run(["openssl", *made.split()], cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    stranger = Sink(tls_context=context)
    try:
        for port in (sink.port, stranger.port):  # offers no TLS; offers one that nobody vouches for
            with pytest.raises(ServerDown, match="TLS"):
                Session(Server(HOST, port, "starttls"))
            post = Post(school.house.installation, Server(HOST, port, "starttls"))
            one = PostedSchool(school.house, school.id, post)
            one.deliver(runs=1)
    finally:
        stranger.close()
    assert [(mail.state, mail.attempts) for mail in school.box()] == [("queued", 0)]
    assert sink.received == stranger.received == []


def test_one_who_is_refused_or_put_off_holds_up_nobody_else(school: PostedSchool, leo: User, sink: Sink) -> None:
    sink.answers = {"leo@acme.example": "450 4.2.1 later"}
    lesson = school.lesson("Fire safety")
    school.assign(leo, lesson)
    for person in school.hire_many(10):
        school.assign(person, lesson)
    school.deliver()
    assert len(sink.received) == 10
    assert school.states(leo) == [("first", "queued")]
    assert school.states().count(("first", "sent")) == 10


def test_what_a_person_is_told_keeps_its_order(school: PostedSchool, leo: User, sink: Sink) -> None:
    sink.answers = {"leo@acme.example": "450 4.2.1 later"}
    school.assign(leo, school.lesson("Fire safety"))
    school.deliver()
    sink.answers = {}
    school.assign(leo, school.lesson("Lifting"))
    school.deliver()
    assert sink.received == []  # the first one waits for its time, and the second for the first
    with time_machine.travel(clock.now() + timedelta(minutes=2), tick=True):
        school.deliver()
    assert [mail.subject for mail in sink.received] == [
        "You have a new account and an assignment: Fire safety",
        "New assignment: Lifting",
    ]


def test_after_five_days_it_has_failed_and_the_next_one_is_the_first(
    school: PostedSchool, leo: User, sink: Sink
) -> None:
    sink.answers = {"leo@acme.example": "450 4.2.1 later"}
    school.assign(leo, school.lesson("Fire safety"))
    began = moment = clock.now()
    turns = 0
    while school.box()[0].state == "queued":
        turns += 1
        assert turns <= sending.ATTEMPTS
        with time_machine.travel(moment, tick=False):
            school.deliver(runs=1)
        moment = clock.moment(school.box()[0].due_at) + timedelta(seconds=1)
    (mail,) = school.box()
    assert (mail.state, mail.attempts) == ("failed", sending.ATTEMPTS)
    assert "five days" in (mail.reason or "")
    assert timedelta(days=4.9) < moment - began < timedelta(days=7)
    sink.answers = {}
    school.assign(leo, school.lesson("Lifting"))
    school.deliver()
    assert school.states() == [("first", "failed"), ("first", "sent")]


def test_a_server_that_closes_after_some_mails_is_asked_again_at_once(
    school: PostedSchool, faulty: Callable[..., Faulty]
) -> None:
    server = faulty()

    def busy(_: bytes) -> None:
        server.replies["MAIL"] = None if server.replies.get("MAIL", "") is not None and server.taken % 2 else "250 OK"

    server.hear_out = busy
    lesson = school.lesson("Fire safety")
    for person in school.hire_many(6):
        school.assign(person, lesson)
    original = server._speak

    def afresh(connection: Any) -> None:
        server.replies.pop("MAIL", None)
        original(connection)

    server._speak = afresh  # type: ignore[method-assign]  # the sink of this test alone
    school.by(server.port).deliver()
    assert server.taken == 6
    assert server.connections > 1
    assert {(mail.state, mail.attempts) for mail in school.box()} <= {("sent", 1), ("sent", 2)}


def task_of(school: PostedSchool) -> Task:
    task = school.house.write(lambda tx: queue.claim(tx, school.id, only="deliver_mail", now=clock.now()))
    assert task is not None
    return task


def begin(school: PostedSchool, leo: User) -> tuple[str, str]:
    """A mail that is `sending`, and its sender."""
    one_mail(school, leo)
    sender = sending.sender_of(task_of(school))
    (mail,) = school.box()

    def work(tx: Any) -> None:
        held = sending.hold(tx, school.id, mail.id)
        assert held is not None
        sending.take(tx, school.id, held, sender=sender, kind="first", subject="x", now=clock.now())

    school.house.write(work)
    return mail.id, sender


def test_a_mail_whose_sender_is_gone_is_unknown_and_never_sent_again_by_itself(
    school: PostedSchool, leo: User, sink: Sink
) -> None:
    mail_id, sender = begin(school, leo)
    settle = lambda now: school.house.write(lambda tx: sending.settle_lost(tx, school.id, now=now))  # noqa: E731
    assert settle(clock.now()) == 0  # the lease still runs
    later = clock.now() + timedelta(seconds=queue.LEASE_SECONDS + 1)
    assert settle(later) == 1
    assert settle(later) == 0
    with time_machine.travel(later + timedelta(days=3), tick=True):
        school.deliver()
    assert sink.received == []
    (mail,) = school.box()
    assert (mail.id, mail.state) == (mail_id, "unknown")
    assert "not sent again" in (mail.reason or "")
    # It was only slow, and knows now. Nobody else could have said so.
    report = lambda by: school.house.write(  # noqa: E731
        lambda tx: sending.report(tx, school.id, mail_id, sender=by, state="sent", now=clock.now())
    )
    assert not report("somebody:1")
    assert report(sender)
    assert school.states() == [("first", "sent")]
    assert not report(sender)


def test_an_unknown_first_mail_is_not_greeted_again(school: PostedSchool, leo: User, sink: Sink) -> None:
    begin(school, leo)
    school.house.write(
        lambda tx: sending.settle_lost(tx, school.id, now=clock.now() + timedelta(seconds=queue.LEASE_SECONDS + 1))
    )
    school.assign(leo, school.lesson("Lifting"))
    school.deliver()
    assert school.states() == [("first", "unknown"), ("assigned", "sent")]


def test_a_person_may_have_it_sent_again_once(
    school: PostedSchool, leo: User, sink: Sink, faulty: Callable[..., Faulty]
) -> None:
    one_mail(school, leo)
    lost = after(school, faulty(drop_after_dot=True).port)
    assert lost.state == "unknown"
    again = school.do(outbox.resend, school.id, lost.id)
    with pytest.raises(Conflict):
        school.do(outbox.resend, school.id, lost.id)
    school.deliver()
    assert [mail.subject for mail in sink.received] == ["You have a new account and an assignment: Fire safety"]
    assert [mail.id for mail in sink.received] == [again.id]
    assert school.states() == [("first", "unknown"), ("first", "sent")]
    with pytest.raises(Conflict, match="sent"):
        school.do(outbox.resend, school.id, again.id)
    assert [item["mail_id"] for item in school.items()] == [again.id]
    kinds = [event.kind for event in school.house.read(lambda tx: _events(tx, school.id, leo.id))]
    assert kinds.count("MailResent") == 1


def _events(tx: Any, company_id: str, user_id: str) -> list[Any]:
    return events.of_subject(tx, company_id, user_id)


def test_a_link_that_certainly_reached_nobody_is_ended(school: PostedSchool, leo: User, sink: Sink) -> None:
    sink.verdicts = {"leo@acme.example": "550 5.7.1 no"}
    one_mail(school, leo)
    school.deliver()
    (link,) = school.rows(sign_in_links)
    assert link["ended_at"] is not None


def test_the_text_arrives_as_it_was_written(sink: Sink) -> None:
    session = Session(Server(HOST, sink.port))
    assert session.deliver(MESSAGE, sender="a@acme.example", recipient="b@acme.example").verdict == "sent"
    session.close()
    (mail,) = sink.received
    assert mail.content == MESSAGE


def test_a_server_that_goes_in_the_middle_of_the_text_has_not_taken_it(faulty: Callable[..., Faulty]) -> None:
    session = Session(Server(HOST, faulty(drop_in_data=True).port))
    long = b"Subject: x\r\n\r\n" + b"More than any buffer on the way takes at once.\r\n" * 1_000_000
    outcome = session.deliver(long, sender="a@acme.example", recipient="b@acme.example")
    assert outcome.verdict == "closed"
    assert not session.is_open


def test_the_server_is_read_from_one_address() -> None:
    assert read_address("smtp://mail.example") == Server("mail.example", 25, "none")
    assert read_address("smtp://u%40x:p%3A%2F@mail.example?starttls=1") == Server(
        "mail.example", 587, "starttls", "u@x", "p:/"
    )
    assert read_address("smtps://u:p@mail.example:4465") == Server("mail.example", 4465, "whole", "u", "p")
    assert read_address("smtp://mail.example:26?starttls=0") == Server("mail.example", 26, "none")


def test_a_late_item_does_not_disturb_what_is_being_sent(school: PostedSchool, leo: User, sink: Sink) -> None:
    act = clock.new_id()
    school.assign(leo, school.lesson("Fire safety"), act_id=act)

    def meanwhile(stage: str, _: str) -> None:
        sink.before = lambda *_: None
        school.assign(leo, school.lesson("Lifting"), act_id=act)

    sink.before = meanwhile
    school.deliver()
    assert [mail.subject for mail in sink.received] == [
        "You have a new account and an assignment: Fire safety",
        "New assignment: Lifting",
    ]


def test_nothing_is_put_for_what_a_mail_tells_already(school: PostedSchool, leo: User) -> None:
    item = [Item("0199c0de-0000-7000-8000-000000000001", 1)]

    def put(act: str) -> str | None:
        return school.house.write(
            lambda tx: outbox.put(tx, school.id, leo.id, "assigned", act_id=act, items=item, now=clock.now())
        )

    assert put("a")
    assert put("a") is None
    assert put("b") is None
    assert len(school.box()) == 1


def test_the_address_of_nobody_fails_and_says_so(school: PostedSchool, sink: Sink) -> None:
    person = school.hire(with_fields(MONA, email="mona@acme..example"))
    one_mail(school, person)
    school.deliver()
    (mail,) = school.box()
    assert mail.state == "failed"
    assert "no address" in (mail.reason or "")


OUTAGE_MAILS = 10_000 if os.environ.get("ROLLBOOK_LONG") else 100
EACH = 5


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_six_hours_without_a_mail_server_lose_nothing_and_mix_nothing_up(
    school: PostedSchool, sink: Sink, record_property: Callable[[str, object], None]
) -> None:
    """Away, then back and moody: every mail arrives once, those of a person in the order in which they were put."""
    chance = Random(12)
    lessons = [school.lesson(f"Lesson {number}") for number in range(EACH)]
    began = clock.now()
    for person in school.hire_many(OUTAGE_MAILS // EACH):
        for lesson in lessons:
            school.assign(person, lesson)
    away = school.by(free_port())
    for hour in range(6):
        with time_machine.travel(began + timedelta(hours=hour), tick=True):
            away.deliver(runs=2)
    assert sink.received == []
    assert {(mail.state, mail.attempts) for mail in school.box()} == {("queued", 0)}

    def moody(stage: str, recipient: str) -> None:
        if stage == "RCPT":
            sink.answers = {recipient: "450 4.2.1 later"} if chance.random() < 0.1 else {}

    sink.before = moody
    moment = began + timedelta(hours=6, minutes=5)
    for _ in range(60):
        with time_machine.travel(moment, tick=True):
            school.deliver(runs=OUTAGE_MAILS)
        if {mail.state for mail in school.box()} == {"sent"}:
            break
        moment += timedelta(hours=2)
    assert {mail.state for mail in school.box()} == {"sent"}
    assert len({mail.id for mail in sink.received}) == len(sink.received) == OUTAGE_MAILS
    told: dict[str, list[str]] = {}
    for mail in sink.received:
        told.setdefault(mail.recipients[0], []).append(mail.subject.rpartition(" ")[2])
    assert len(told) == OUTAGE_MAILS // EACH
    assert set(map(tuple, told.values())) == {tuple(map(str, range(EACH)))}
    record_property("mails after six hours away", OUTAGE_MAILS)
