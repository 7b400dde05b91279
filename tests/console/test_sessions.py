"""Who sees what: the signed out, learners, administrators, and whoever was archived a moment ago."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx2
import pytest
import time_machine

from rollbook import clock
from rollbook.people import sign_in, users
from tests.cast import ADA, CLEO, DEACTIVATE, LEO, MONA
from tests.conftest import House, Tenant
from tests.console.desk import OPERATOR, Desk
from tests.servers import ThreadServer


def test_who_is_signed_out_is_told_how_to_get_in(server: ThreadServer) -> None:
    with httpx2.Client(base_url=server.url, trust_env=False) as http:
        first = http.get("/")
        assert first.status_code == 200
        assert "rollbook user invite" in first.text
        page = http.get("/provisioning")
        assert (page.status_code, page.headers["location"]) == (303, "/")
        http.cookies.set("rollbook_session", "rb_session_nonsense")
        assert http.get("/provisioning").headers["location"] == "/"


def test_an_administrator_goes_straight_to_provisioning(ada: Desk) -> None:
    answer = ada.http.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/provisioning")
    assert "Provisioning" in ada.open("/provisioning").text


@pytest.mark.parametrize("role", ["learner", "creator", "manager"])
def test_everybody_else_sees_their_own_page_alone(role: str, acme: Tenant, sit: Callable[..., Desk]) -> None:
    desk = sit(acme, LEO, role)
    answer = desk.http.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/assignments")
    page = desk.open("/assignments")
    assert page.status == 200
    for words in ("Leo Linden", acme.company.name, role, "Nothing is assigned to you yet"):
        assert words in page.text
    refused = desk.open("/provisioning")
    assert refused.status == 403
    assert "for administrators" in refused.text
    assert acme.company.subdomain not in refused.html


def test_signing_out_ends_the_session_and_not_only_the_cookie(ada: Desk) -> None:
    kept = ada.http.cookies["rollbook_session"]
    answer = ada.press("/sign-out", on="/provisioning")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "rollbook_session" not in ada.http.cookies
    ada.http.cookies.set("rollbook_session", kept)
    assert ada.http.get("/provisioning").status_code == 303


def test_a_session_ends_after_twelve_hours(ada: Desk) -> None:
    with time_machine.travel(clock.now() + timedelta(hours=sign_in.SESSION_HOURS, seconds=1)):
        assert ada.http.get("/provisioning").status_code == 303


def test_an_archived_person_is_out_at_the_next_request(acme: Tenant, sit: Callable[..., Desk], ada: Desk) -> None:
    mona = sit(acme, MONA, "admin")
    assert mona.http.get("/provisioning").status_code == 200
    token = mona.token()
    assert acme.scim.patch(f"/Users/{mona.user.id}", json=DEACTIVATE).status_code == 200
    answer = mona.http.get("/provisioning")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    alarm = "01a00000-0000-7000-8000-000000000000"
    posted = mona.http.post(f"/provisioning/alarms/{alarm}/understood", data={"form_token": token})
    assert (posted.status_code, posted.headers["location"]) == (303, "/")
    assert ada.http.get("/provisioning").status_code == 200


def test_whoever_loses_the_role_loses_the_page(house: House, acme: Tenant, sit: Callable[..., Desk]) -> None:
    cleo = sit(acme, CLEO, "admin")
    house.write(
        lambda tx: users.set_role(
            tx, users.get(tx, acme.id, cleo.user.id, lock=True), "creator", actor=OPERATOR, now=clock.now()
        )
    )
    assert cleo.http.get("/provisioning").status_code == 403


def test_a_session_sees_its_own_company_alone(umbra: Tenant, acme: Tenant, ada: Desk) -> None:
    created = umbra.scim.post("/Users", json={**_otto(), "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"]})
    otto_id = created.json()["id"]
    for address in (f"/provisioning?person={otto_id}", "/provisioning?person=otto@umbra.example", "/provisioning"):
        page = ada.open(address)
        assert page.status == 200
        assert "Oleander" not in page.html
        assert umbra.company.subdomain not in page.html
    assert acme.company.subdomain in ada.open("/provisioning").html


def _otto() -> dict[str, object]:
    return {
        "userName": "otto@umbra.example",
        "name": {"givenName": "Otto", "familyName": "Oleander"},
        "emails": [{"value": "otto@umbra.example", "primary": True}],
    }


def test_the_second_administrator_is_not_signed_in_by_the_first(acme: Tenant, sit: Callable[..., Desk]) -> None:
    one, two = sit(acme, ADA, "admin"), sit(acme, MONA, "admin")
    assert one.token() != two.token()
    assert "Ada Lovage" in one.open("/provisioning").text
    assert "Mona Marigold" in two.open("/provisioning").text
