"""Links by the API: exempting, undoing a match, and the list with Okta's view; whole bodies, and what is refused."""

from __future__ import annotations

import msgspec
import pytest

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.people import identity_links, users
from rollbook.people.record import User
from tests.api.conftest import Api, told
from tests.cast import CLEO, LEO, MONA, scim_user
from tests.people import okta_rows

NOBODY = "01a00000-0000-7000-8000-000000000000"
RUN = Actor("task", NOBODY)
WHY = "A contractor, not in Okta"


def before(api: Api) -> User:
    """Somebody from before provisioning."""
    return api.hire(msgspec.structs.replace(LEO, external_id=None))


def match(api: Api, user: User) -> None:
    def work(tx: Tx) -> None:
        identity_links.link(
            tx,
            users.get(tx, api.id, user.id),
            external_id="00uleo",
            by_client=False,
            rule="user name",
            actor=RUN,
            now=clock.now(),
        )

    api.house.write(work)


def test_a_person_is_exempted_listed_apart_and_included_again(api: Api) -> None:
    leo = before(api)
    shown = api.get(f"/users/{leo.id}")
    exempt = api.send("PUT", f"/users/{leo.id}/exemption", {"reason": WHY})
    assert exempt == shown | {"link": "exempt", "updated_at": exempt["updated_at"]}
    assert api.send("PUT", f"/users/{leo.id}/exemption", {"reason": WHY}) == exempt
    assert api.get("/links")["items"] == []
    assert api.get("/links", exempt="true")["items"] == [
        {
            "user": exempt,
            "link": "exempt",
            "since": exempt["updated_at"],
            "reason": f"A person said that this account is meant to have no link. {WHY}",
            "what_to_do": "Nothing. To end the exemption: rollbook user exempt SUBDOMAIN USER --lift",
            "okta_status": "unknown",
        }
    ]
    assert [user["id"] for user in api.get("/users", link="exempt")["items"]] == [leo.id]
    lifted = api.send("DELETE", f"/users/{leo.id}/exemption")
    assert lifted == shown | {"updated_at": lifted["updated_at"]}
    assert api.send("DELETE", f"/users/{leo.id}/exemption") == lifted
    timeline = api.get(f"/users/{leo.id}/events")["items"]
    assert [(event["kind"], event["actor"]) for event in timeline[1:]] == [
        ("LinkExempted", f"api:{api.key_id}"),
        ("ExemptionLifted", f"api:{api.key_id}"),
    ]


def test_a_linked_person_is_not_exempted(api: Api) -> None:
    leo = api.tenant.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    refused = told(api.ask("PUT", f"/users/{leo}/exemption", {"reason": WHY}))
    assert (refused["status"], refused["field"], refused["holder_id"]) == (409, "link", leo)
    assert "Okta reaches this account" in refused["detail"]


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": None}, {"reason": "x" * 501}])
def test_a_reason_must_be_given(api: Api, body: dict[str, object]) -> None:
    leo = before(api)
    assert told(api.ask("PUT", f"/users/{leo.id}/exemption", body))["status"] == 400
    assert api.get(f"/users/{leo.id}")["link"] == "unlinked"


def test_a_match_by_rule_is_undone(api: Api) -> None:
    leo = before(api)
    refused = told(api.ask("POST", f"/users/{leo.id}/unlink"))
    assert (refused["status"], refused["field"]) == (409, "external_id")
    match(api, leo)
    known = api.get(f"/users/{leo.id}")
    assert (known["link"], known["external_id"]) == ("known", "00uleo")
    undone = api.send("POST", f"/users/{leo.id}/unlink")
    assert undone == known | {"link": "unlinked", "external_id": None, "updated_at": undone["updated_at"]}


def test_the_list_tells_what_okta_says(api: Api) -> None:
    leo, mona, cleo = before(api), api.hire(MONA), api.hire(CLEO)

    def work(tx: Tx) -> None:
        okta_rows.connect(tx, api.id)
        okta_rows.person(tx, api.id, "00uleo", LEO.user_name, status="DEPROVISIONED")
        okta_rows.person(tx, api.id, "00umona", MONA.user_name, app_status="ACTIVE")

    api.house.write(work)
    items = api.get("/links")["items"]
    assert {item["user"]["id"]: item["okta_status"] for item in items} == {
        leo.id: "deprovisioned",
        mona.id: "assigned without an id",
        cleo.id: "unknown",
    }
    assert items[1]["what_to_do"] == (
        "In Okta open the Learning app, Assignments, Mona Marigold, and click Provision User."
    )
    first = api.get("/links", limit=2)
    assert first["items"] + api.get("/links", limit=2, cursor=first["next"])["items"] == items
    assert told(api.ask("GET", f"/links?exempt=true&cursor={first['next']}"))["status"] == 400


def test_another_company_s_person_is_nobody(api: Api, other: Api) -> None:
    leo = before(other)
    match(other, leo)
    for method, path, body in (
        ("PUT", "exemption", {"reason": WHY}),
        ("DELETE", "exemption", None),
        ("POST", "unlink", None),
    ):
        theirs = told(api.ask(method, f"/users/{leo.id}/{path}", body))
        nobody = told(api.ask(method, f"/users/{NOBODY}/{path}", body))
        assert (theirs["status"], theirs["detail"].replace(leo.id, "")) == (404, nobody["detail"].replace(NOBODY, ""))
    assert other.get(f"/users/{leo.id}")["link"] == "known"
