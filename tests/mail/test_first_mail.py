"""Which mail somebody gets, and that they get it once: the first, plain ones, the welcome, and none (promise P4)."""

from __future__ import annotations

import re

import pytest

from rollbook import clock
from rollbook.activity import outbox
from rollbook.activity.events import Actor
from rollbook.activity.outbox import Item
from rollbook.learning import assignments, content
from rollbook.people import company_settings, invitations, users
from rollbook.people.record import User, profile_of, with_fields
from tests.cast import ADA, CLEO, LEO, MONA
from tests.mail.conftest import PostedSchool
from tests.mail.sink import Sink


@pytest.fixture
def leo(school: PostedSchool) -> User:
    return school.hire(LEO)


def test_the_first_assignment_of_a_silent_person_is_one_combined_mail(
    school: PostedSchool, sink: Sink, leo: User
) -> None:
    assert school.deliver() == 0
    lesson = school.lesson("Fire safety")
    assignment = school.assign(leo, lesson, due_on="2099-12-01")
    school.deliver()
    (mail,) = sink.received
    assert mail.recipients == ["leo@acme.example"]
    assert mail.subject == "You have a new account and an assignment: Fire safety"
    for part in (mail.part("plain"), mail.part("html")):
        assert "Fire safety" in part
        assert "1 December 2099" in part
        assert re.search(
            rf"http://127\.0\.0\.1:8000/sign-in/rb_link_[0-9a-z_]+\?next=/assignments/{assignment.id}", part
        )
    (row,) = school.box()
    assert (row.kind, row.state, row.subject, row.id) == ("first", "sent", mail.subject, mail.id)
    assert school.deliver() == 0


def test_later_assignments_are_plain_mails(school: PostedSchool, sink: Sink, leo: User) -> None:
    for title in ("Fire safety", "Lifting", "Hygiene"):
        school.assign(leo, school.lesson(title))
        school.deliver()
    assert school.states() == [("first", "sent"), ("assigned", "sent"), ("assigned", "sent")]
    assert [mail.subject for mail in sink.received][1:] == ["New assignment: Lifting", "New assignment: Hygiene"]


def test_two_that_wait_are_a_first_mail_and_a_plain_one(school: PostedSchool, sink: Sink, leo: User) -> None:
    school.assign(leo, school.lesson("Fire safety"))
    school.assign(leo, school.lesson("Lifting"))
    school.deliver()
    assert school.states() == [("first", "sent"), ("assigned", "sent")]


def test_several_assignments_of_one_act_are_one_mail(school: PostedSchool, sink: Sink, leo: User) -> None:
    titles = ("Fire safety", "Lifting", "Hygiene")
    school.assign_all(leo, *(school.lesson(title) for title in titles))
    school.deliver()
    (mail,) = sink.received
    assert mail.subject == "You have a new account and 3 assignments"
    assert all(title in mail.part("plain") and title in mail.part("html") for title in titles)
    assert "?next=/assignments\n" in mail.part("plain")


def test_what_comes_late_to_an_act_gets_a_mail_of_its_own(school: PostedSchool, sink: Sink, leo: User) -> None:
    act_id = clock.new_id()
    for title in ("Fire safety", "Lifting", "Hygiene"):
        school.assign(leo, school.lesson(title), act_id=act_id)
        school.deliver()
    assert [mail.state for mail in school.box()] == ["sent"] * 3
    assert [title for mail in sink.received for title in ("Fire", "Lifting", "Hygiene") if title in mail.subject] == [
        "Fire",
        "Lifting",
        "Hygiene",
    ]


def test_an_assignment_without_a_mail_is_withheld_and_leaves_the_first_one_open(
    school: PostedSchool, sink: Sink, leo: User
) -> None:
    school.assign(leo, school.lesson("Fire safety"), notify=False)
    school.deliver()
    assert sink.received == []
    (row,) = school.box()
    assert row.state == "withheld"
    assert row.reason
    school.assign(leo, school.lesson("Lifting"))
    school.deliver()
    assert [mail.subject for mail in sink.received] == ["You have a new account and an assignment: Lifting"]


def test_nobody_hears_twice_of_one_round_and_again_of_the_next(school: PostedSchool, sink: Sink, leo: User) -> None:
    lesson = school.lesson("Fire safety")
    assignment = school.assign(leo, lesson)
    school.deliver()
    school.assign(leo, lesson)
    item = [Item(assignment.id, assignment.round)]
    for _ in range(3):
        assert (
            school.house.write(
                lambda tx: outbox.put(
                    tx, school.id, leo.id, "assigned", act_id=clock.new_id(), items=item, now=clock.now()
                )
            )
            is None
        )
    school.deliver()
    assert len(sink.received) == 1
    school.complete(leo, lesson)
    school.assign(leo, lesson)
    school.deliver()
    assert len(sink.received) == 2


def test_what_is_done_or_withdrawn_before_the_mail_leaves_is_not_in_it(
    school: PostedSchool, sink: Sink, leo: User
) -> None:
    fire, lifting, hygiene = (school.lesson(title) for title in ("Fire safety", "Lifting", "Hygiene"))
    school.assign_all(leo, fire, lifting, hygiene)
    school.complete(leo, fire)
    withdrawn = next(one for one in school.of(leo) if one.content_id == hygiene.id)
    school.do(assignments.withdraw, withdrawn)
    school.deliver()
    (mail,) = sink.received
    assert mail.subject == "You have a new account and an assignment: Lifting"
    assert "Fire safety" not in mail.part("html")


def test_a_mail_about_nothing_any_more_is_cancelled_with_its_reason(
    school: PostedSchool, sink: Sink, leo: User
) -> None:
    fire, lifting = school.lesson("Fire safety"), school.lesson("Lifting")
    school.assign(leo, fire)
    school.complete(leo, fire)
    school.assign(leo, lifting)
    school.do(content.archive, lifting)
    school.deliver()
    assert sink.received == []
    assert {mail.state for mail in school.box()} == {"cancelled"}
    assert all(mail.reason for mail in school.box())


def test_a_privileged_person_is_welcomed_at_once_and_that_counts_as_the_first_mail(
    school: PostedSchool, sink: Sink
) -> None:
    pepper = school.house.installation.pepper
    ada, _ = school.do(invitations.invite, school.id, ADA, "admin", pepper=pepper)
    school.deliver()
    assert [(mail.recipients, mail.subject) for mail in sink.received] == [
        (["ada@acme.example"], "Your Rollbook account at Acme")
    ]
    school.assign(ada, school.lesson("Fire safety"))
    school.deliver()
    assert school.states(ada) == [("welcome", "sent"), ("assigned", "sent")]


def test_no_welcome_without_a_word_for_it(school: PostedSchool, sink: Sink, leo: User) -> None:
    pepper = school.house.installation.pepper
    school.do(invitations.invite, school.id, ADA, "admin", mail=False, pepper=pepper)
    school.do(invitations.invite, school.id, MONA, "learner", pepper=pepper)
    school.do(users.set_role, leo, "manager")
    school.deliver()
    assert sink.received == []
    school.do(invitations.welcome, leo)
    school.do(invitations.welcome, leo)  # one waits already
    school.deliver()
    assert [mail.recipients for mail in sink.received] == [["leo@acme.example"]]


def test_a_company_can_have_its_mail_off(school: PostedSchool, sink: Sink, leo: User) -> None:
    school.do(company_settings.put, school.id, "mail", "off")
    school.assign(leo, school.lesson("Fire safety"))
    school.deliver()
    assert sink.received == []
    (row,) = school.box()
    assert (row.state, row.reason) == ("withheld", "The company's mail is off.")
    school.do(company_settings.put, school.id, "mail", "on")
    school.assign(leo, school.lesson("Lifting"))
    school.deliver()
    assert [mail.subject for mail in sink.received] == ["You have a new account and an assignment: Lifting"]


def test_a_mail_goes_to_the_address_that_was_confirmed(school: PostedSchool, sink: Sink) -> None:
    """Provisioning moved an administrator's address, and nobody has confirmed the new one."""
    ada = school.hire(ADA, "admin")
    moved = with_fields(profile_of(ada), email="else@acme.example")
    school.do(users.update, ada, moved, actor=Actor("scim", "key"))
    school.assign(school.ask(users.get, school.id, ada.id), school.lesson())
    school.deliver()
    assert [mail.recipients for mail in sink.received] == [["ada@acme.example"]]


def test_somebody_is_written_to_in_their_language(school: PostedSchool, sink: Sink) -> None:
    lesson = school.lesson("Brandschutz")
    for profile, fields, subject in (
        (LEO, {"locale": "de-CH"}, "Sie haben ein neues Konto und eine Aufgabe: Brandschutz"),
        (MONA, {"preferred_language": "fr-FR, en;q=0.5"}, "Vous avez un nouveau compte et une formation : Brandschutz"),
        (CLEO, {"locale": "tlh"}, "You have a new account and an assignment: Brandschutz"),
    ):
        person = school.hire(with_fields(profile, **fields))
        school.assign(person, lesson)
        school.deliver()
        assert sink.to(profile.email)[0].subject == subject
