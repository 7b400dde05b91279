"""/users: what is asked for is done, told whole, and recorded as the key's doing."""

from __future__ import annotations

from typing import Any

import pytest

from rollbook import clock
from rollbook.activity import log as provisioning_log
from rollbook.database import Tx
from rollbook.people import addresses, alarms, fields, users
from tests.api.conftest import Api, told
from tests.cast import ADA, DEACTIVATE, LEO, MONA, scim_user
from tests.conftest import OPERATOR

UNKNOWN = "0199c0de-1e00-7000-8000-000000000001"


def expected(user: dict[str, Any], **differs: Any) -> dict[str, Any]:
    """Leo as the API shows him, with the instants and ids of `user`."""
    leo = {
        "id": user["id"],
        "user_name": "leo@acme.example",
        "email": "leo@acme.example",
        "given_name": "Leo",
        "family_name": "Linden",
        "role": "learner",
        "location": None,
        "business_unit": None,
        "department": None,
        "job_title": None,
        "manager_name": None,
        "hire_date": None,
        "locale": None,
        "time_zone": None,
        "external_id": None,
        "link": "unlinked",
        "archived_at": None,
        "deleted_at": None,
        "custom": {},
        "created_at": user["created_at"],
        "updated_at": user["updated_at"],
    }
    return leo | differs


NEW = {"email": "leo@acme.example", "given_name": "Leo", "family_name": "Linden"}


def test_a_person_is_made_silently_and_told_whole(api: Api) -> None:
    answer = api.ask("POST", "/users", NEW)
    assert answer.status_code == 201
    leo = answer.json()
    assert leo == expected(leo)
    assert answer.headers["location"] == f"/api/v1/users/{leo['id']}"
    assert api.get(f"/users/{leo['id']}") == leo
    (event,) = api.get(f"/users/{leo['id']}/events")["items"]
    assert event == {
        "id": event["id"],
        "at": leo["created_at"],
        "kind": "UserCreated",
        "actor": f"api:{api.key_id}",
        "changes": {
            "role": [None, "learner"],
            "link": [None, "unlinked"],
            "user_name": [None, "leo@acme.example"],
            "email": [None, "leo@acme.example"],
            "given_name": [None, "Leo"],
            "family_name": [None, "Linden"],
        },
        "request_id": answer.headers["x-request-id"],
    }


def test_every_field_is_written_and_read(api: Api) -> None:
    api.send("POST", "/fields", {"name": "Region", "type": "choice", "choices": ["North", "South"]}, 201)
    full = NEW | {
        "user_name": "leo",
        "role": "creator",
        "location": "Lyon",
        "business_unit": "Sales",
        "department": "Bakery",
        "job_title": "Baker",
        "manager_name": "Mona Marigold",
        "locale": "fr-FR",
        "time_zone": "Europe/Paris",
        "external_id": "00uleo",
        "custom": {"region": "north"},
    }
    leo = api.send("POST", "/users", full, 201)
    assert leo == expected(leo, **(full | {"link": "known", "custom": {"Region": "North"}}))
    change = {"location": None, "department": "Cakes", "custom": {"Region": None}, "email": "leo.linden@acme.example"}
    changed = api.send("PATCH", f"/users/{leo['id']}", change)
    assert changed == leo | change | {"custom": {}, "updated_at": changed["updated_at"]}
    assert api.send("PATCH", f"/users/{leo['id']}", change) == changed
    assert api.send("PATCH", f"/users/{leo['id']}", {}) == changed
    kinds = [event["kind"] for event in api.get(f"/users/{leo['id']}/events")["items"]]
    assert kinds == ["UserCreated", "UserFieldChanged", "UserUpdated", "UserFieldChanged"]


def test_the_hire_date_is_whose_it_is(api: Api) -> None:
    leo = api.send("POST", "/users", NEW, 201)
    refused = api.ask("PATCH", f"/users/{leo['id']}", {"hire_date": "2026-11-02", "location": "Lyon"})
    assert refused.status_code == 403
    assert refused.json()["detail"].startswith("Hire date belongs to Okta SCIM, which would write over it.")
    assert api.get(f"/users/{leo['id']}") == leo
    (field,) = api.get("/fields")["items"]
    assert (field["name"], field["owner"]) == ("Hire date", "scim")
    api.send("PATCH", f"/fields/{field['id']}", {"owner": "learning"})
    assert api.send("PATCH", f"/users/{leo['id']}", {"hire_date": "2026-11-02"})["hire_date"] == "2026-11-02"
    refused = api.ask("PATCH", f"/users/{leo['id']}", {"hire_date": "2026-02-31"})
    assert refused.status_code == 400


def test_a_field_that_is_not_there_is_named(api: Api) -> None:
    answer = api.ask("POST", "/users", NEW | {"custom": {"Colour": "red"}})
    assert told(answer) == {
        "type": "urn:rollbook:problem:invalid-request",
        "title": "Bad Request",
        "status": 400,
        "detail": "The company has no field 'Colour' of its own; GET /fields lists them.",
        "errors": [
            {
                "in": "body",
                "name": "custom.Colour",
                "message": "The company has no field 'Colour' of its own; GET /fields lists them.",
            }
        ],
    }
    assert api.get("/users")["items"] == []


def test_a_name_that_another_has_is_a_conflict_that_says_whose(api: Api) -> None:
    leo = api.hire()
    answer = api.ask("POST", "/users", NEW)
    assert told(answer) == {
        "type": "urn:rollbook:problem:conflict",
        "title": "Conflict",
        "status": 409,
        "detail": f"The user name is taken by user {leo.id} (active). Open that person in Okta or in Learning and "
        "change one of the two user names.",
        "field": "user_name",
        "holder_id": leo.id,
    }


def test_out_and_in_again_is_the_same_person(api: Api) -> None:
    leo = api.send("POST", "/users", NEW, 201)
    gone = api.send("POST", f"/users/{leo['id']}/archive")
    assert gone == leo | {"archived_at": gone["archived_at"], "updated_at": gone["updated_at"]}
    assert gone["archived_at"]
    assert api.send("POST", f"/users/{leo['id']}/archive") == gone
    assert api.get("/users")["items"] == []
    assert api.get("/users", archived="true")["items"] == [gone]
    assert api.get("/users", archived="any")["items"] == [gone]
    back = api.send("POST", f"/users/{leo['id']}/restore")
    assert back == leo | {"updated_at": back["updated_at"]}
    assert api.send("POST", f"/users/{leo['id']}/restore") == back


def test_roles_are_set_but_no_key_makes_an_administrator(api: Api) -> None:
    leo = api.send("POST", "/users", NEW, 201)
    for role in ("manager", "creator", "learner"):
        assert api.send("PUT", f"/users/{leo['id']}/role", {"role": role})["role"] == role
    detail = "An API key may not do this (make admins); an administrator does it in the console, or the operator."
    forbidden = {"type": "about:blank", "title": "Forbidden", "status": 403, "detail": detail}
    assert told(api.ask("PUT", f"/users/{leo['id']}/role", {"role": "admin"})) == forbidden
    assert told(api.ask("POST", "/users", NEW | {"email": "eve@acme.example", "role": "admin"})) == forbidden
    ada = api.hire(ADA, "admin")
    assert api.send("PUT", f"/users/{ada.id}/role", {"role": "admin"})["role"] == "admin"  # as it is
    api.send("POST", f"/users/{ada.id}/archive")
    assert told(api.ask("POST", f"/users/{ada.id}/restore")) == forbidden


def test_a_stolen_key_does_not_move_an_administrator_s_sign_in_address(api: Api) -> None:
    ada = api.hire(ADA, "admin")
    assert api.send("PATCH", f"/users/{ada.id}", {"email": "ada@evil.example"})["email"] == "ada@evil.example"

    def held(tx: Tx) -> tuple[str, list[str], list[str]]:
        found = users.get(tx, api.id, ada.id)
        alarmed = [alarm.kind for alarm in alarms.open_ones(tx, api.id)]
        return found.sign_in_email, alarmed, addresses.held_for(tx, api.id, ADA.email)

    assert api.house.read(held) == ("ada@acme.example", ["address_held"], [ada.id])
    leo = api.hire(LEO)
    api.send("PATCH", f"/users/{leo.id}", {"email": "leo@new.example"})
    assert api.house.read(lambda tx: users.get(tx, api.id, leo.id)).sign_in_email == "leo@new.example"


def test_a_deleted_person_is_remembered_and_not_written_to(api: Api) -> None:
    leo = api.tenant.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    assert api.tenant.scim.delete(f"/Users/{leo}").status_code == 204
    seen = api.get(f"/users/{leo}")
    assert seen["deleted_at"] == seen["archived_at"] is not None
    for parameters in ({}, {"archived": "true"}, {"archived": "any"}):
        assert api.get("/users", **parameters)["items"] == []
    for method, path, body in (
        ("PATCH", "", {"location": "Lyon"}),
        ("PATCH", "", {"external_id": "00u1"}),
        ("POST", "/restore", None),
    ):
        assert api.send(method, f"/users/{leo}{path}", body, 409)["field"] == "deleted_at"


def test_an_external_id_is_recorded_once(api: Api) -> None:
    leo, mona = api.hire(MONA), api.hire(ADA)
    known = api.send("PATCH", f"/users/{leo.id}", {"external_id": "00u1"})
    assert (known["external_id"], known["link"]) == ("00u1", "known")
    assert api.send("PATCH", f"/users/{leo.id}", {"external_id": "00u2"}, 409)["field"] == "external_id"
    taken = api.send("PATCH", f"/users/{mona.id}", {"external_id": "00u1"}, 409)
    assert (taken["field"], taken["holder_id"]) == ("external_id", leo.id)
    assert api.send("PATCH", f"/users/{mona.id}", {"external_id": None}, 400)["errors"][0]["name"] == "external_id"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"given_name": None}, "given_name"),
        ({"given_name": ""}, "given_name"),
        ({"given_name": "  "}, "given_name"),
        ({"email": "nobody"}, "email"),
        ({"email": None}, "email"),
        ({"user_name": "le\u200bo"}, "user_name"),
        ({"location": "Ly\non"}, "location"),
        ({"location": "Ly\x00on"}, "location"),
        ({"location": 7}, "location"),
        ({"location": ["Lyon"]}, "location"),
        ({"location": "x" * 1025}, "location"),
        ({"hire_date": "02.11.2026"}, "hire_date"),
        ({"custom": {"Region": 7}}, "custom.Region"),
        ({"custom": None}, "custom"),
        ({"role": "admin"}, "role"),
        ({"archived_at": None}, "archived_at"),
        ({"id": UNKNOWN}, "id"),
    ],
    ids=str,
)
def test_what_a_field_cannot_hold_is_refused_with_its_name(change: dict[str, Any], name: str, api: Api) -> None:
    leo = api.hire()
    before = api.get(f"/users/{leo.id}")
    body = api.send("PATCH", f"/users/{leo.id}", change, 400)
    assert body["type"] == "urn:rollbook:problem:invalid-request"
    assert [error["in"] for error in body["errors"]] == ["body"]
    assert body["errors"][0]["name"] == name
    assert api.get(f"/users/{leo.id}") == before


def test_filters_find_whom_they_name_and_hold_together(api: Api) -> None:
    leo, mona = api.hire(), api.hire(MONA, "manager")
    everybody = [leo.id, mona.id]

    def found(**parameters: str) -> list[str]:
        return [user["id"] for user in api.get("/users", **parameters)["items"]]

    assert found() == everybody
    assert found(email="LEO@acme.example") == [leo.id]
    assert found(user_name="Mona@Acme.Example") == [mona.id]
    assert found(external_id="00uleo") == [leo.id]
    assert found(external_id="00ULEO") == []
    assert found(role="manager") == [mona.id]
    assert found(link="known") == [leo.id]
    assert found(location="Lyon", business_unit="Sales") == [leo.id]
    assert found(location="Lyon", role="manager") == []
    assert found(department="") == []


def test_who_somebody_s_manager_is_stands_in_lists_too(api: Api) -> None:
    mona = api.hire(MONA, "manager")

    def manage(tx: Tx) -> str:
        leo = users.create(tx, api.id, LEO, actor=OPERATOR, now=clock.now())
        return users.set_fields(tx, leo, {"manager_value": "mona@acme.example"}, actor=OPERATOR, now=clock.now()).id

    leo = api.house.write(manage)
    assert api.get(f"/users/{leo}")["manager_name"] == "Mona Marigold"
    assert {user["id"]: user["manager_name"] for user in api.get("/users")["items"]} == {
        mona.id: None,
        leo: "Mona Marigold",
    }


def test_the_timeline_is_the_person_s_and_in_order(api: Api) -> None:
    leo = api.tenant.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    api.tenant.scim.patch(f"/Users/{leo}", json=DEACTIVATE)
    api.send("POST", f"/users/{leo}/restore")
    items = api.get(f"/users/{leo}/events")["items"]
    assert [(item["kind"], item["actor"].partition(":")[0]) for item in items] == [
        ("UserCreated", "scim"),
        ("UserArchived", "scim"),
        ("UserRestored", "api"),
    ]
    lines = api.house.read(lambda tx: provisioning_log.search(tx, api.id))
    assert [line.decision for line in lines] == ["archived", "created"]  # the API's own writes are in the timeline


def test_who_owns_a_field_is_asked_for_custom_ones_too(api: Api) -> None:
    field = api.house.write(
        lambda tx: fields.create(tx, api.id, "Badge", owner="okta", actor=OPERATOR, now=clock.now())
    )
    leo = api.hire()
    assert api.send("PATCH", f"/users/{leo.id}", {"custom": {"Badge": "7"}}, 403)["detail"].startswith("Badge belongs")
    api.send("PATCH", f"/fields/{field.id}", {"owner": "learning"})
    assert api.send("PATCH", f"/users/{leo.id}", {"custom": {"Badge": "7"}})["custom"] == {"Badge": "7"}
