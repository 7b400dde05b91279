"""Forms: every address that takes one refuses what no page of ours sent. The list is the route table's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.routing import Route

from rollbook import clock
from rollbook.console import alarms as console_alarms
from rollbook.console import pages
from rollbook.people import exemptions
from tests.cast import CLEO, LEO, MONA, scim_user
from tests.conftest import House, Tenant
from tests.console.desk import OPERATOR, Desk, link_of, open_alarms, person
from tests.console.learning import assigned, published_lesson, published_path
from tests.console.okta import held_for_rita
from tests.okta_pull.pull import Company

# Asks for a link; whoever sends it is nobody yet, so there is nothing to have a token of. See test_link_requests.py.
ASKS = "/sign-in"

# What is done at an address with {action}, by what else stands in it.
ACTIONS = {"{user:uuid}": "lift", "{change:uuid}": "restore", "{run:uuid}": "drop", "": "confirm"}

FOREIGN = (
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1.evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
)


@pytest.fixture
def posts(house: House, acme: Tenant, okta: Company, ada: Desk) -> Callable[[], list[tuple[str, str]]]:
    """Every address of the route table that takes a POST, filled in with things that are there, and its right token."""
    held = person(house, acme.id, MONA, "manager")
    moved = scim_user(MONA, emails=[{"value": "else@acme.example", "primary": True}])
    assert acme.scim.put(f"/Users/{held.id}", json=moved).status_code == 200
    old = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    assert acme.scim.delete(f"/Users/{old}").status_code == 204
    new = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    alarm = next(open_alarms(house, acme.id))
    cleo = person(house, acme.id, CLEO)
    house.write(lambda tx: exemptions.exempt(tx, cleo, "A contractor", actor=OPERATOR, now=clock.now()))
    run = held_for_rita(okta)
    (archived,) = (change for change in okta.plan(run, "archive") if change.state == "applied")
    lesson = published_lesson(house, acme)
    alone, within = assigned(house, ada, lesson), assigned(house, ada, published_path(house, acme, [lesson]))

    def addresses() -> list[tuple[str, str]]:
        link = link_of(house, ada.user)
        link_token = ada.open(f"/sign-in/{link}").forms[0].fields["form_token"]
        filled = {"{alarm:uuid}": alarm.id, "{user:uuid}": cleo.id, "{old:uuid}": old, "{new:uuid}": new}
        filled |= {"{lesson:uuid}": lesson.id, "{run:uuid}": run.id, "{change:uuid}": archived.id}
        filled["{purpose}"] = "preview"
        found = []
        for route in pages.routes(house.installation):
            if isinstance(route, Route) and "POST" in (route.methods or set()) and route.path != ASKS:
                address = route.path.replace("{token}", link)
                filled["{action}"] = next(slug for name, slug in ACTIONS.items() if name in address)
                filled["{assignment:uuid}"] = within.id if "{lesson:uuid}" in address else alone.id
                for name, value in filled.items():
                    address = address.replace(name, value)
                found.append((address, link_token if link in address else ada.token()))
        return found

    return addresses


def test_the_route_table_holds_the_forms_we_know_of(posts: Callable[[], list[tuple[str, str]]]) -> None:
    assert len(posts()) == 10
    assert not [path for path, _ in posts() if "{" in path]


def test_no_form_without_its_token(posts: Callable[[], list[tuple[str, str]]], ada: Desk) -> None:
    for path, token in posts():
        for fields in ({}, {"form_token": ""}, {"form_token": token[:-1] + "~"}, {"form_token": "é" * 64}):
            assert ada.http.post(path, data=fields).status_code == 403, (path, fields)


def test_no_form_from_another_site_even_with_the_token(posts: Callable[[], list[tuple[str, str]]], ada: Desk) -> None:
    for path, token in posts():
        for headers in FOREIGN:
            answer = ada.http.post(path, data={"form_token": token}, headers=headers)
            assert answer.status_code == 403, (path, headers)


def test_every_form_with_its_token_is_taken(posts: Callable[[], list[tuple[str, str]]], ada: Desk) -> None:
    # There is one run at a time, so another begins after that one; signing out ends the session that all others need.
    last = ("/provisioning/standard/begin/preview", "/sign-out")
    for path, token in sorted(posts(), key=lambda entry: last.index(entry[0]) if entry[0] in last else -1):
        if not path.startswith("/sign-in/"):
            token = ada.token()  # the link has opened a new session by now
        own = {"Origin": str(ada.http.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
        answer = ada.http.post(path, data={"form_token": token}, headers=own)
        assert answer.status_code == 303, (path, answer.text)


def test_the_token_of_somebody_else_is_not_taken(
    posts: Callable[[], list[tuple[str, str]]], ada: Desk, umbra: Tenant, sit: Callable[..., Desk]
) -> None:
    otto = sit(umbra, LEO, "admin").token()
    for path, _ in posts():
        assert ada.http.post(path, data={"form_token": otto}).status_code == 403


def test_reading_an_address_of_a_form_changes_nothing(
    house: House, acme: Tenant, posts: Callable[[], list[tuple[str, str]]], ada: Desk
) -> None:
    addresses = [path for path, _ in posts()]
    before = [alarm.id for alarm in open_alarms(house, acme.id)]
    for path in addresses:
        assert ada.http.get(path).status_code in (200, 404, 405)
        assert ada.http.head(path).status_code in (200, 404, 405)
    assert [alarm.id for alarm in open_alarms(house, acme.id)] == before
    assert ada.http.get("/provisioning").status_code == 200
    for path in addresses:
        assert ada.http.get(path).status_code in (200, 404, 405)


def test_a_body_that_is_no_form_of_ours_is_refused_whole(ada: Desk) -> None:
    token = ada.token()
    for content, media, status in (
        (f"form_token={token}&x={'y' * 70_000}", "application/x-www-form-urlencoded", 400),
        ("&".join(f"x{number}=y" for number in range(100)), "application/x-www-form-urlencoded", 400),
        (f'{{"form_token": "{token}"}}', "application/json", 400),
        ("form_token=%ff%fe%00", "application/x-www-form-urlencoded", 403),
    ):
        answer = ada.http.post("/sign-out", content=content, headers={"Content-Type": media})
        assert answer.status_code == status
    assert ada.http.get("/provisioning").status_code == 200


def test_every_kind_of_alarm_has_words_and_an_action() -> None:
    assert set(console_alarms.ACTIONS) == set(console_alarms.WORDS)
    assert all(console_alarms.ACTIONS.values())
