"""Asking for a link: by an address, or by a link that is of no use any more; and where a mail's link leads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from time import monotonic

import httpx2
import pytest
import time_machine

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.console import sign_in as door
from rollbook.database.tables import metadata
from rollbook.people import companies, sign_in, users
from rollbook.people.record import User, profile_of, with_fields
from tests.cast import ADA, LEO, OTTO
from tests.console.desk import Page, link_of
from tests.mail.conftest import PostedSchool
from tests.mail.sink import Received, Sink
from tests.servers import PLAIN, ThreadServer


@pytest.fixture
def leo(school: PostedSchool) -> User:
    return school.hire(LEO)


@pytest.fixture
def http(server: ThreadServer) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, trust_env=False, verify=PLAIN, timeout=30) as client:
        yield client


@pytest.fixture
def subdomain(school: PostedSchool) -> str:
    return school.ask(companies.by_id, school.id).subdomain


def ask(http: httpx2.Client, company: str, email: str) -> httpx2.Response:
    form = Page(http.get("/")).forms[0]
    assert set(form.fields) == {"email", "company"}
    return http.post(form.action, data={"email": email, "company": company})


def link_in(mail: Received) -> str:
    found = re.search(r"http://127\.0\.0\.1:8000(/sign-in/\S+)", mail.part("plain"))
    assert found is not None
    assert found[1] in mail.part("html")
    return found[1]


def signed_in_at(http: httpx2.Client, link: str) -> str:
    """Presses the button of a link's page; where that leads."""
    form = Page(http.get(link)).forms[0]
    answer = http.post(form.action, data=form.fields)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_the_first_page_sends_a_link_that_works_once_within_a_quarter_of_an_hour(
    school: PostedSchool, sink: Sink, leo: User, http: httpx2.Client, subdomain: str
) -> None:
    answer = ask(http, subdomain.upper(), " LEO@acme.example ")
    assert answer.status_code == 200
    school.deliver()
    (mail,) = sink.received
    assert (mail.recipients, mail.subject) == (["leo@acme.example"], "Your sign-in link")
    assert "15 minutes" in mail.part("plain")
    with time_machine.travel(clock.now() + timedelta(minutes=14), tick=True):
        assert http.get(link_in(mail)).status_code == 200
    with time_machine.travel(clock.now() + timedelta(minutes=16), tick=True):
        assert http.get(link_in(mail)).status_code == 403
    assert signed_in_at(http, link_in(mail)) == "/"
    assert http.get("/assignments").status_code == 200


def test_a_link_that_was_asked_for_is_not_the_first_mail(
    school: PostedSchool, sink: Sink, leo: User, http: httpx2.Client, subdomain: str
) -> None:
    ask(http, subdomain, "leo@acme.example")
    school.deliver()
    school.assign(leo, school.lesson("Fire safety"))
    school.deliver()
    assert school.states() == [("link", "sent"), ("first", "sent")]


def test_nobody_learns_who_is_there(
    school: PostedSchool, sink: Sink, leo: User, http: httpx2.Client, subdomain: str
) -> None:
    ada = school.hire(ADA)
    school.do(users.archive, ada)
    asked = [
        (subdomain, "leo@acme.example"),
        (subdomain, "nobody@acme.example"),
        (subdomain, "ada@acme.example"),
        (subdomain, OTTO.email),
        ("nowhere", "leo@acme.example"),
        ("", ""),
        (subdomain, ""),
        ("%", "%"),
        (subdomain, "leo@acme.example\r\nBcc: x@y.example"),
        (subdomain, "leo\0@acme.example"),
        ("no\0where", "leo@acme.example"),
        ("é" * 5000, "x" * 5000 + "@acme.example"),
    ]
    answers = [ask(http, *one) for one in asked]
    links = [f"/sign-in/{link}?new" for link in (link_of(school.house, leo), "rb_link_x", "%00", "x" * 300)]
    answers += [http.post(link) for link in links]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert len({tuple(answer.headers.keys()) for answer in answers}) == 1
    school.deliver()
    assert {tuple(mail.recipients) for mail in sink.received} == {("leo@acme.example",)}
    assert len(sink.received) == 2


def test_no_answer_comes_sooner_because_there_was_nothing_to_do(leo: User, http: httpx2.Client, subdomain: str) -> None:
    """Each waits for a moment that was fixed when the question came: a lower bound, which no slow machine breaks."""
    for company, email in ((subdomain, "leo@acme.example"), (subdomain, "nobody@acme.example"), ("nowhere", "x@y.z")):
        began = monotonic()
        http.post("/sign-in", data={"email": email, "company": company})
        assert monotonic() - began >= door.ANSWER_SECONDS * 0.99


def test_at_most_three_an_hour_for_one_person(
    school: PostedSchool, sink: Sink, leo: User, http: httpx2.Client, subdomain: str
) -> None:
    for _ in range(5):
        ask(http, subdomain, "leo@acme.example")
    school.deliver()
    assert len(sink.received) == 3
    with time_machine.travel(clock.now() + timedelta(minutes=61), tick=True):
        ask(http, subdomain, "leo@acme.example")
        school.deliver()
    assert len(sink.received) == 4


@pytest.mark.parametrize("end", ["used", "expired", "ended"])
def test_a_link_of_no_use_offers_a_new_one_to_the_address_on_record(
    end: str, school: PostedSchool, sink: Sink, leo: User, http: httpx2.Client
) -> None:
    link = f"/sign-in/{link_of(school.house, leo)}"
    moment = clock.now()
    if end == "used":
        signed_in_at(http, link)
        http.cookies.clear()
    elif end == "expired":
        moment += timedelta(days=15)
    else:
        # The address changes, and with it the links end; the new one goes where the person is found now.
        moved = with_fields(profile_of(leo), email="linden@acme.example")
        school.do(users.update, leo, moved)
    with time_machine.travel(moment, tick=True):
        page = Page(http.get(link))
        assert page.status == 403
        assert [form.action for form in page.forms] == ["?new"]
        answer = http.post(f"{link}?new")
        assert (answer.status_code, answer.headers["referrer-policy"]) == (200, "no-referrer")
        school.deliver()
        (mail,) = sink.received
        assert mail.recipients == ["linden@acme.example" if end == "ended" else "leo@acme.example"]
        assert signed_in_at(http, link_in(mail)) == "/"


def test_the_leaver_s_links_offer_nothing(school: PostedSchool, sink: Sink, leo: User, http: httpx2.Client) -> None:
    link = f"/sign-in/{link_of(school.house, leo)}"
    school.do(users.archive, leo)
    assert Page(http.get(link)).forms[0].action == "?new"
    http.post(f"{link}?new")
    school.deliver()
    assert sink.received == []
    assert school.box() == []


def test_a_held_address_opens_nothing(school: PostedSchool, sink: Sink, http: httpx2.Client, subdomain: str) -> None:
    ada = school.hire(ADA, "admin")
    moved = with_fields(profile_of(ada), email="thief@acme.example")
    school.do(users.update, ada, moved, actor=Actor("scim", "key"))
    ask(http, subdomain, "thief@acme.example")
    school.deliver()
    assert sink.received == []
    ask(http, subdomain, "ada@acme.example")
    school.deliver()
    assert [mail.recipients for mail in sink.received] == [["ada@acme.example"]]


def test_a_link_that_waited_too_long_for_the_mail_server_is_not_sent(
    school: PostedSchool, sink: Sink, leo: User, http: httpx2.Client, subdomain: str
) -> None:
    ask(http, subdomain, "leo@acme.example")
    with time_machine.travel(clock.now() + timedelta(minutes=16), tick=True):
        school.deliver()
    assert sink.received == []
    assert school.states() == [("link", "cancelled")]


def test_a_link_does_not_wait_for_what_the_person_is_to_be_told(
    school: PostedSchool, sink: Sink, leo: User, http: httpx2.Client, subdomain: str
) -> None:
    sink.verdicts = {"leo@acme.example": "451 4.3.0 later"}
    school.assign(leo, school.lesson("Fire safety"))
    school.deliver()
    sink.verdicts = {}
    ask(http, subdomain, "leo@acme.example")
    school.deliver()
    assert [mail.subject for mail in sink.received] == ["Your sign-in link"]


def test_the_mail_s_link_leads_on_to_what_it_is_about(
    school: PostedSchool, sink: Sink, leo: User, http: httpx2.Client
) -> None:
    assignment = school.assign(leo, school.lesson("Fire safety"))
    school.deliver()
    link = link_in(sink.received[0])
    page = f"/assignments/{assignment.id}"
    assert signed_in_at(http, link) == page
    assert "Fire safety" in http.get(page).text
    again = http.get(link)  # opened again from the mail, by somebody who is in already
    assert (again.status_code, again.headers["location"]) == (303, page)
    assert http.post(Page(http.get("/assignments")).forms[0].action).status_code == 403  # and used up it stays


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/assignments/../sign-out", "/provisioning", "/assignments?x=1",
     "/assignments/x", "javascript:alert(1)", "/assignments\r\nSet-Cookie: x=1", "/\\evil.example"],
)  # fmt: skip
def test_a_link_leads_nowhere_else(elsewhere: str, school: PostedSchool, leo: User, http: httpx2.Client) -> None:
    link = f"/sign-in/{link_of(school.house, leo)}"
    form = Page(http.get(link, params={"next": elsewhere})).forms[0]
    assert set(form.fields) == {"form_token"}
    answer = http.post(form.action, data={**form.fields, "next": elsewhere})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_another_site_cannot_have_links_sent(
    school: PostedSchool, sink: Sink, leo: User, http: httpx2.Client, subdomain: str
) -> None:
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    form = {"email": "leo@acme.example", "company": subdomain}
    assert http.post("/sign-in", data=form, headers=foreign).status_code == 403
    link = f"/sign-in/{link_of(school.house, leo)}?new"
    assert http.post(link, headers=foreign).status_code == 403
    school.deliver()
    assert sink.received == []


def test_only_the_digest_of_a_mailed_link_is_kept(school: PostedSchool, sink: Sink, leo: User) -> None:
    school.assign(leo, school.lesson("Fire safety"))
    school.deliver()
    token = link_in(sink.received[0]).removeprefix("/sign-in/").partition("?")[0]
    secret = token.split("_")[4]
    for table in metadata.sorted_tables:
        if "company_id" in table.c and table.primary_key.columns:
            assert secret not in str(school.rows(table)), table.name
    assert timedelta(days=14) == sign_in.HANDED_OVER
