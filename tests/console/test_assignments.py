"""The learner's pages: what they are to do, a lesson with its button, a path step by step; nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Browser

from rollbook import clock
from rollbook.database import Tx
from rollbook.learning import assignments, content
from rollbook.people import users
from tests.cast import ADA, LEO, MONA
from tests.conftest import House, Tenant
from tests.console.desk import OPERATOR, Desk, link_of, person
from tests.console.learning import assigned, published_path
from tests.console.learning import published_lesson as lesson
from tests.servers import ThreadServer

Sit = Callable[..., Desk]


@pytest.fixture
def leo(acme: Tenant, sit: Sit) -> Desk:
    return sit(acme, LEO)


def test_whoever_has_nothing_to_do_is_told_so(leo: Desk) -> None:
    assert leo.http.get("/").headers["location"] == "/assignments"
    page = leo.open("/assignments")
    assert "Hello, Leo" in page.text
    assert "Nothing is assigned to you yet" in page.text


def test_a_lesson_is_read_and_completed_once(house: House, acme: Tenant, leo: Desk) -> None:
    one = assigned(house, leo, lesson(house, acme), days=3)
    listed = leo.open("/assignments")
    assert "1 thing to do" in listed.text
    assert "Safe at the bench Ten minutes. due in 3 days" in listed.text
    address = f"/assignments/{one.id}"
    assert address in listed.links
    page = leo.open(address)
    assert "<strong>glasses</strong>" in page.html
    assert "&lt;script&gt;alert(1)" in page.html
    assert "javascript:" not in [link[:11] for link in page.links]
    assert leo.press(f"{address}/complete", on=address).headers["location"] == "/assignments?finished=yes"
    after = leo.open("/assignments?finished=yes")
    assert "Everything is done. Well done: that is completed." in after.text
    assert leo.open(address).forms[-1].action == "/sign-out"
    timeline = house.read(lambda tx: assignments.get(tx, acme.id, one.id))
    assert timeline.state == "completed"


def test_pressing_twice_completes_once(house: House, acme: Tenant, leo: Desk) -> None:
    one = assigned(house, leo, lesson(house, acme))
    address = f"/assignments/{one.id}"
    form = next(form for form in leo.open(address).forms if form.action.endswith("/complete"))
    answers = [leo.http.post(form.action, data=form.fields).status_code for _ in range(2)]
    assert answers == [303, 303]
    assert house.read(lambda tx: assignments.get(tx, acme.id, one.id)).round == 1


def test_a_path_in_its_order_opens_lesson_by_lesson(house: House, acme: Tenant, leo: Desk) -> None:
    parts = [lesson(house, acme, title) for title in ("Doors", "Tools", "People")]
    one = assigned(house, leo, published_path(house, acme, parts))
    address = f"/assignments/{one.id}"
    overview = leo.open(address)
    assert "0 of 3 lessons, one after the other" in overview.text
    steps = [f"{address}/lessons/{part.id}" for part in parts]
    assert [step in overview.links for step in steps] == [True, False, False]
    closed = leo.open(steps[1])
    assert "This lesson comes later" in closed.text
    assert "glasses" not in closed.text
    fields = leo.open(steps[0]).forms[-1].fields
    refused = leo.http.post(f"{steps[1]}/complete", data=fields)
    assert refused.status_code == 409
    assert "Doors" in refused.text
    assert leo.press(f"{steps[0]}/complete", on=steps[0]).headers["location"] == f"{steps[0]}?completed=yes"
    done = leo.open(f"{steps[0]}?completed=yes")
    assert "Done. Next: Tools" in done.text
    assert leo.press(f"{steps[1]}/complete", on=steps[1]).status_code == 303
    assert leo.press(f"{steps[2]}/complete", on=steps[2]).headers["location"] == "/assignments?finished=yes"
    assert "Completed" in leo.open(address).text


def test_a_path_without_an_order_is_done_in_any(house: House, acme: Tenant, leo: Desk) -> None:
    parts = [lesson(house, acme, title) for title in ("Doors", "Tools")]
    one = assigned(house, leo, published_path(house, acme, parts, enforced=False))
    last = f"/assignments/{one.id}/lessons/{parts[1].id}"
    assert leo.press(f"{last}/complete", on=last).status_code == 303
    assert "1 of 2 lessons" in leo.open("/assignments").text


def test_what_is_late_comes_first_and_what_fell_due_while_away_is_no_reproach(
    house: House, acme: Tenant, leo: Desk
) -> None:
    late, soon = lesson(house, acme, "Late one"), lesson(house, acme, "Soon one")
    assigned(house, leo, late, days=-2)
    assigned(house, leo, soon, days=1)
    page = leo.open("/assignments").text
    assert "2 things to do, 1 of them late." in page
    assert page.index("Late one") < page.index("Soon one")
    assert "2 days late" in page
    assert "due tomorrow" in page

    def away(tx: Tx) -> None:
        user = users.get(tx, acme.id, leo.user.id, lock=True)
        gone = users.archive(tx, user, actor=OPERATOR, now=clock.now() - timedelta(days=9))
        users.restore(tx, gone, actor=OPERATOR, now=clock.now())

    house.write(away)
    signed_in_again = Desk(str(leo.http.base_url).rstrip("/"), leo.user)
    link = f"/sign-in/{link_of(house, leo.user)}"
    signed_in_again.press(link, on=link)
    back = signed_in_again.open("/assignments").text
    assert "From before you were away" in back
    assert "days late" not in back
    signed_in_again.http.close()


def test_nobody_sees_or_completes_what_is_somebody_elses(
    house: House, acme: Tenant, umbra: Tenant, leo: Desk, sit: Sit
) -> None:
    one = assigned(house, leo, lesson(house, acme))
    address = f"/assignments/{one.id}"
    for other in (sit(acme, MONA, "manager"), sit(acme, ADA, "admin"), sit(umbra, LEO)):
        assert other.open(address).status == 404
        assert "Safe at the bench" not in other.open("/assignments").text
        answer = other.http.post(f"{address}/complete", data={"form_token": other.token()})
        assert answer.status_code == 404
    assert house.read(lambda tx: assignments.get(tx, acme.id, one.id)).state == "incomplete"


def test_withdrawn_and_archived_content_is_on_no_page(house: House, acme: Tenant, leo: Desk) -> None:
    first, second = lesson(house, acme, "First one"), lesson(house, acme, "Second one")
    one, two = assigned(house, leo, first), assigned(house, leo, second)
    house.write(lambda tx: assignments.withdraw(tx, one, actor=OPERATOR, now=clock.now()))
    house.write(lambda tx: content.archive(tx, second, actor=OPERATOR, now=clock.now()))
    assert "Nothing is assigned to you yet" in leo.open("/assignments").text
    assert {leo.open(f"/assignments/{each.id}").status for each in (one, two)} == {404}


def test_an_archive_takes_the_page_away_at_once(house: House, acme: Tenant, leo: Desk) -> None:
    one = assigned(house, leo, lesson(house, acme))
    address = f"/assignments/{one.id}"
    form = next(form for form in leo.open(address).forms if form.action.endswith("/complete"))

    def archive(tx: Tx) -> None:
        user = users.get(tx, acme.id, leo.user.id, lock=True)
        users.archive(tx, user, actor=OPERATOR, now=clock.now())

    house.write(archive)
    assert leo.http.post(form.action, data=form.fields).headers["location"] == "/"
    assert leo.http.get(address).headers["location"] == "/"
    assert house.read(lambda tx: assignments.get(tx, acme.id, one.id)).state == "incomplete"


def test_a_form_of_another_site_completes_nothing(house: House, acme: Tenant, leo: Desk) -> None:
    one = assigned(house, leo, lesson(house, acme))
    form = next(f for f in leo.open(f"/assignments/{one.id}").forms if f.action.endswith("/complete"))
    assert leo.http.post(form.action, data={}).status_code == 403
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert leo.http.post(form.action, data=form.fields, headers=foreign).status_code == 403


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True, scope="session")
def test_on_a_telephone_without_script(browser: Browser, house: House, server: ThreadServer, acme: Tenant) -> None:
    """Leo signs in, opens the late one, completes it; nothing is wider than the screen."""
    leo = person(house, acme.id, LEO)
    desk = Desk(server.url, leo)
    wide = "| a | b |\n|---|---|\n| " + "x" * 200 + " | y |\n\n```\n" + "long " * 60 + "\n```\n" + "w" * 300
    assigned(house, desk, lesson(house, acme, "T" * 120, wide), days=-3)
    parts = [lesson(house, acme, title) for title in ("Doors", "Tools")]
    assigned(house, desk, published_path(house, acme, parts), days=5)
    context = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server.url}/sign-in/{link_of(house, leo)}")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/assignments")
    _fits(page.content(), page.locator("html").bounding_box(), page.locator("body").bounding_box())
    page.get_by_role("link", name="TTT").click()
    _fits(page.content(), page.locator("html").bounding_box(), page.locator("main").bounding_box())
    page.get_by_role("button", name="Complete").click()
    page.wait_for_url("**/assignments?finished=yes")
    page.get_by_role("link", name="First week").click()
    page.get_by_role("link", name="Doors").click()
    page.get_by_role("button", name="Complete").click()
    page.get_by_role("link", name="Next lesson").click()
    page.get_by_role("button", name="Complete").click()
    page.get_by_text("Everything is done.").wait_for()
    context.close()
    desk.http.close()


def _fits(html: str, *boxes: object) -> None:
    for box in boxes:
        assert isinstance(box, dict), html
        assert box["x"] + box["width"] <= 390.5, box
