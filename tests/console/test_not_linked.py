"""The page *Not linked*: who, since when, what Okta says, what to click; exempting somebody, and undoing a match."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, expect

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.console import not_linked
from rollbook.database import Tx
from rollbook.people import exemptions, identity_links, users
from rollbook.people.record import User
from tests.cast import ADA, CLEO, DEACTIVATE, LEO, MONA, scim_user
from tests.conftest import House, Tenant
from tests.console.desk import OPERATOR, Desk, Page, link_of, person
from tests.okta_pull.pull import Company
from tests.people import okta_rows
from tests.servers import ThreadServer

PAGE = "/provisioning/not-linked"
RUN = Actor("task", "run")
sqlite_alone = pytest.mark.parametrize("engine", ["sqlite"], indirect=True, scope="session")


def before(house: House, acme: Tenant, profile: Any = LEO, role: Any = "learner") -> User:
    """Somebody from before provisioning."""
    return person(house, acme.id, msgspec.structs.replace(profile, external_id=None), role)


def match(house: House, user: User, external_id: str = "00uleo") -> None:
    def work(tx: Tx) -> None:
        identity_links.link(
            tx, user, external_id=external_id, by_client=False, rule="user name", actor=RUN, now=clock.now()
        )

    house.write(work)


def again(house: House, user: User) -> User:
    return house.read(lambda tx: users.get(tx, user.company_id, user.id))


def link_ada(acme: Tenant, ada: Desk) -> None:
    """Ada herself is linked, so that she is in nobody's way."""
    assert acme.scim.put(f"/Users/{ada.user.id}", json=scim_user(ADA, externalId="00uada")).status_code == 200


def test_everybody_is_told_with_the_click(house: House, acme: Tenant, ada: Desk) -> None:
    link_ada(acme, ada)
    leo, mona = before(house, acme), before(house, acme, MONA, "manager")

    def work(tx: Tx) -> None:
        okta_rows.connect(tx, acme.id)
        okta_rows.person(tx, acme.id, "00uleo", LEO.user_name, app_status="ACTIVE")
        okta_rows.person(tx, acme.id, "00umona", MONA.user_name, status="DEPROVISIONED")

    house.write(work)
    page = ada.open(PAGE)
    assert "do not reach 2 accounts yet" in page.text
    assert "Unlinked 2 Known 0 Exempt 0" in page.text
    assert "Leo Linden leo@acme.example since" in page.text
    assert "In Okta: assigned without an id" in page.text
    assert "In Okta open the Learning app, Assignments, Leo Linden, and click Provision User." in page.text
    assert "In Okta: deprovisioned manager" in page.text
    assert "the next run of the standard integration archives Mona Marigold" in page.text
    assert f"{PAGE}/{leo.id}/exempt" in page.links
    match(house, leo)
    known = ada.open(f"{PAGE}?show=known")
    assert "Unlinked 1 Known 1 Exempt 0" in known.text
    assert "Matched by user name on" in known.text
    assert mona.user_name not in known.text
    provisioning = ada.open("/provisioning")
    assert "Not linked 2" in provisioning.text
    assert f"{PAGE}?show=unlinked" in provisioning.links


def test_runs_reach_whom_they_know(house: House, acme: Tenant, okta: Company, ada: Desk) -> None:
    match(house, before(house, acme))
    text = ada.open(PAGE).text
    assert "do not reach 2 accounts yet." in text  # nothing reads Okta
    assert "reached by each run" not in text
    okta.configure()
    for path in (PAGE, "/provisioning"):
        text = ada.open(path).text
        assert "do not reach 1 account yet. 1 account is known, and reached by each run" in text, path
    assert "Not linked 2 What to click" in text
    standard = ada.open("/provisioning/standard")
    assert "Not linked: 2 accounts" in standard.text
    assert PAGE in standard.links
    okta.configure(mode="full")
    assert "Not linked 1 What to click" in ada.open("/provisioning").text
    match(house, okta.read(lambda tx: users.get(tx, acme.id, ada.user.id)), "00uada")
    for path in (PAGE, "/provisioning"):
        text = ada.open(path).text
        assert "do not reach" not in text, path
        assert "2 accounts are known, and reached by each run" in text, path
    assert "Not linked 0 Runs reach the rest" in text


def test_a_company_that_is_linked_reads_so(acme: Tenant, ada: Desk) -> None:
    link_ada(acme, ada)
    page = ada.open(PAGE)
    assert "Everybody active is linked: Okta reaches them all" in page.text
    assert "Nobody active is unlinked." in page.text


def test_an_account_is_exempted_with_a_reason_and_included_again(house: House, acme: Tenant, ada: Desk) -> None:
    link_ada(acme, ada)
    leo = before(house, acme)
    path = f"{PAGE}/{leo.id}/exempt"
    asked = ada.open(path)
    assert "Is this account meant to have no link?" in asked.text
    (form,) = [form for form in asked.forms if form.action == path]
    answer = ada.http.post(path, data=form.fields | {"reason": "A contractor"})
    assert answer.headers["location"] == f"{PAGE}?show=exempt&done=exempt"
    page = ada.open(answer.headers["location"])
    assert "The account is exempt." in page.text
    assert "A contractor" in page.text
    assert "Everybody active is linked or exempt" in page.text
    assert "1 account is exempt" in ada.open("/provisioning").text
    assert again(house, leo).link == "exempt"
    lift = f"{PAGE}/{leo.id}/lift"
    assert ada.press(lift, on=f"{PAGE}?show=exempt").headers["location"] == f"{PAGE}?show=unlinked&done=lift"
    assert again(house, leo).link == "unlinked"
    told = house.read(lambda tx: events.of_subject(tx, acme.id, leo.id))[1:]
    assert [(event.kind, event.actor) for event in told] == [
        ("LinkExempted", f"user:{ada.user.id}"),
        ("ExemptionLifted", f"user:{ada.user.id}"),
    ]


def test_without_a_reason_nobody_is_exempted(house: House, acme: Tenant, ada: Desk) -> None:
    leo = before(house, acme)
    path = f"{PAGE}/{leo.id}/exempt"
    for reason in ("", "  ", "x" * 501):
        answer = ada.http.post(path, data={"form_token": ada.token(), "reason": reason})
        assert answer.status_code == 400
        again_ = Page(answer)
        assert "Is this account meant to have no link?" in again_.text
        assert "Say why this person is meant to have no link" in again_.text
        (form,) = [form for form in again_.forms if form.action == path]
        assert form.fields["reason"] == reason
    assert again(house, leo) == leo


def test_a_match_is_undone(house: House, acme: Tenant, ada: Desk) -> None:
    leo = before(house, acme)
    match(house, leo)
    path = f"{PAGE}/{leo.id}/unlink"
    assert path in ada.open(f"{PAGE}?show=known").links
    asked = ada.open(path)
    assert "Undo this match?" in asked.text
    assert "External id 00uleo Matched by user name" in asked.text
    assert ada.press(path, on=path).headers["location"] == f"{PAGE}?show=unlinked&done=unlink"
    assert (again(house, leo).link, again(house, leo).external_id) == ("unlinked", None)
    assert ada.open(path).status == 404
    assert ada.http.post(path, data={"form_token": ada.token()}).status_code == 409


def test_what_is_not_to_be_done_is_not_asked(house: House, acme: Tenant, ada: Desk) -> None:
    leo = before(house, acme)
    linked = acme.scim.post("/Users", json=scim_user(CLEO)).json()["id"]
    for address in (
        f"{PAGE}/{leo.id}/lift",
        f"{PAGE}/{leo.id}/unlink",
        f"{PAGE}/{leo.id}/anything",
        f"{PAGE}/{linked}/exempt",
        f"{PAGE}/01a00000-0000-7000-8000-000000000000/exempt",
        f"{PAGE}/%00/exempt",
    ):
        assert ada.open(address).status == 404, address
    refused = ada.http.post(f"{PAGE}/{linked}/exempt", data={"form_token": ada.token(), "reason": "A contractor"})
    assert refused.status_code == 409
    assert "Okta reaches this account" in refused.text


def test_pages_lead_through_everybody(house: House, acme: Tenant, ada: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    link_ada(acme, ada)
    monkeypatch.setattr(not_linked, "PER_PAGE", 3)
    names = [f"p{number}@acme.example" for number in range(8)]
    for name in names:
        before(house, acme, msgspec.structs.replace(LEO, user_name=name, email=name))
    seen, address, pages = [], PAGE, 0
    while address:
        page = ada.open(address)
        seen += re.findall(r"<bdi>(p\d@acme\.example)</bdi>", page.html)
        address = next((link for link in page.links if "after=" in link), "")
        pages += 1
    assert (seen, pages) == (names, 3)
    assert f"{PAGE}?show=unlinked" in page.links


@pytest.mark.parametrize(
    "query", ["show=x", "after=x", "after=%00", "show=known&after=' OR 1=1", "done=nothing", "done=%00"]
)
def test_an_address_that_means_nothing_shows_the_page(query: str, acme: Tenant, ada: Desk) -> None:
    assert ada.http.get(f"{PAGE}?{query}").status_code == 200


def test_it_is_for_administrators_of_the_company(
    house: House, acme: Tenant, umbra: Tenant, ada: Desk, sit: Callable[..., Desk]
) -> None:
    cleo = before(house, acme, CLEO)
    theirs = before(house, umbra, CLEO)
    mona, leo = sit(acme, MONA, "manager"), sit(acme, LEO)
    for desk in (mona, leo):
        for path in (PAGE, f"{PAGE}/{cleo.id}/exempt"):
            assert desk.http.get(path).status_code == 403
        answer = desk.http.post(f"{PAGE}/{cleo.id}/exempt", data={"form_token": desk.token(), "reason": "Mine"})
        assert answer.status_code == 403
    answer = ada.http.post(f"{PAGE}/{theirs.id}/exempt", data={"form_token": ada.token(), "reason": "Mine"})
    assert answer.status_code == 404
    assert again(house, theirs) == theirs
    assert again(house, cleo) == cleo


def test_a_flapping_person_is_restored_or_left(house: House, acme: Tenant, ada: Desk) -> None:
    reactivate = {**DEACTIVATE, "Operations": [{"op": "replace", "value": {"active": True}}]}
    ids = {}
    for profile, wanted in ((LEO, "bring-back"), (MONA, "keep")):
        ids[wanted] = acme.scim.post("/Users", json=scim_user(profile)).json()["id"]
        for body in (DEACTIVATE, reactivate, DEACTIVATE):
            assert acme.scim.patch(f"/Users/{ids[wanted]}", json=body).status_code == 200
    page = ada.open("/provisioning")
    assert re.search(r"Okta restored Leo Linden and archived them again \d+ seconds? later", page.text)
    assert "Okta is known to send a late deactivation" in page.text
    (back,) = [link for link in page.links if link.endswith("/bring-back") and _about(page, link) == "Leo Linden"]
    assert ada.press(back, on=back).headers["location"] == "/provisioning?done=bring-back"
    (keep,) = [form.action for form in ada.open("/provisioning").forms if form.action.endswith("/keep")]
    assert ada.press(keep, on="/provisioning").status_code == 303
    assert acme.scim.get(f"/Users/{ids['bring-back']}").json()["active"] is True
    assert acme.scim.get(f"/Users/{ids['keep']}").json()["active"] is False
    assert "archived them again" not in ada.open("/provisioning").text


def _about(page: Any, link: str) -> str:
    """Whom the alarm with this link is about."""
    titles = re.findall(r"<h3>(?:(?!<h3>).)*?" + re.escape(link), page.html, re.DOTALL)
    return "Leo Linden" if "Leo Linden" in titles[-1] else "somebody else"


@pytest.fixture
def screen(browser: Browser) -> Iterator[Callable[..., Page]]:
    contexts = []

    def open_(*, width: int = 1280, script: bool = False, scheme: Any = "light") -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=script, color_scheme=scheme
        )
        contexts.append(context)
        return context.new_page()

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture
def busy(house: House, acme: Tenant) -> Tenant:
    """People in every state, with long names."""
    ada = msgspec.structs.replace(ADA, user_name="other@acme.example", email="other@acme.example")
    assert acme.scim.post("/Users", json=scim_user(ada)).status_code == 201
    leo = before(house, acme)
    before(house, acme, CLEO, "creator")
    mean = "<script>alert(1)</script>"
    long = msgspec.structs.replace(
        MONA, user_name="m" * 70 + "@acme.example", given_name=mean, family_name="Marigold" * 9
    )
    mona = before(house, acme, long)
    hazel = msgspec.structs.replace(MONA, user_name="hazel", email="h@acme.example", given_name="Hazel")
    gone = before(house, acme, hazel)

    def work(tx: Tx) -> None:
        okta_rows.connect(tx, acme.id)
        okta_rows.person(tx, acme.id, "00uleo", LEO.user_name, app_status="ACTIVE")
        okta_rows.person(tx, acme.id, "00ucleo", CLEO.user_name)
        okta_rows.person(tx, acme.id, "00uhazel", "hazel", status="DEPROVISIONED")
        exemptions.exempt(tx, mona, f"{mean} A contractor " + "of the house " * 20, actor=OPERATOR, now=clock.now())

    house.write(work)
    match(house, leo)
    match(house, gone, "00uhazel")
    return acme


@sqlite_alone
@pytest.mark.parametrize("width", [390, 1280])
def test_it_reads_on_a_phone_and_works_without_script(
    width: int, screen: Callable[..., Page], house: House, server: ThreadServer, busy: Tenant
) -> None:
    page = screen(width=width)
    looking = screen(width=width, script=True)
    user = person(house, busy.id, ADA, "admin")
    for one in (page, looking):
        one.goto(f"{server.url}/sign-in/{link_of(house, user)}")
        one.get_by_role("button", name="Sign in").click()
        one.wait_for_url("**/provisioning")
    for show in ("unlinked", "known", "exempt"):
        looking.goto(f"{server.url}{PAGE}?show={show}")
        assert looking.evaluate("document.documentElement.scrollWidth <= innerWidth"), show
        wide = "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
        assert looking.evaluate(f"{wide}.map(e => e.outerHTML.slice(0, 80))") == [], show
        levels = looking.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(e => Number(e.tagName[1]))")
        assert levels[:3] == [1, 2, 3]
        ids = looking.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))
    page.get_by_role("link", name="Exempt somebody, or undo a match among those who are known").click()
    page.get_by_role("link", name="Undo the match of Leo Linden").click()
    page.get_by_role("button", name="Undo the match").click()
    expect(page.get_by_role("status")).to_contain_text("no rule makes it again")
    page.get_by_role("link", name="Exempt Leo Linden").click()
    page.get_by_label("Why is it meant to have no link?").fill("A contractor")
    page.get_by_role("button", name="Exempt").click()
    expect(page.get_by_role("status")).to_contain_text("The account is exempt")
    page.get_by_role("button", name="End the exemption of Leo Linden").click()
    expect(page.get_by_role("status")).to_contain_text("The exemption has ended")
