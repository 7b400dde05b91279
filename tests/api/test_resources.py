"""Groups, fields, keys, links and the log: whole bodies, and what is done is told once."""

from __future__ import annotations

from typing import Any

from rollbook import clock
from rollbook.activity import events
from rollbook.people import group_managers, groups, memberships
from tests.api.conftest import Api, told
from tests.cast import ADA, CLEO, DEACTIVATE, LEO, MONA, OTTO, scim_user
from tests.conftest import OPERATOR


def conflict(detail: str, field: str, holder_id: str | None = None) -> dict[str, Any]:
    body = {"type": "urn:rollbook:problem:conflict", "title": "Conflict", "status": 409, "detail": detail}
    return body | {"field": field} | ({"holder_id": holder_id} if holder_id else {})


def kinds(api: Api, subject: str) -> list[str]:
    return [event.kind for event in api.house.read(lambda tx: events.of_subject(tx, api.id, subject))]


def test_a_group_is_made_renamed_archived_and_restored(api: Api) -> None:
    answer = api.ask("POST", "/groups", {"name": " Bakers of Lyon "})
    bakers = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/groups/{bakers['id']}"
    assert bakers == {
        "id": bakers["id"],
        "name": "Bakers of Lyon",
        "kind": "custom",
        "members": 0,
        "rule": None,
        "building": None,
        "archived_at": None,
        "created_at": bakers["created_at"],
    }
    everyone = api.house.read(lambda tx: groups.named(tx, api.id, "Everyone"))
    assert api.get("/groups") == {
        "items": [
            bakers | {"id": everyone.id, "name": "Everyone", "kind": "everyone", "created_at": everyone.created_at},
            bakers,
        ],
        "next": None,
    }
    path = f"/groups/{bakers['id']}"
    renamed = api.send("PATCH", path, {"name": "Bakers of Turin"})
    assert renamed == bakers | {"name": "Bakers of Turin"} == api.get(path)
    gone = api.send("POST", f"{path}/archive")
    assert gone == renamed | {"archived_at": gone["archived_at"]} == api.send("POST", f"{path}/archive")
    assert api.get("/groups", archived="true")["items"] == [gone]
    again = api.send("POST", "/groups", {"name": "bakers of turin"}, 201)
    taken = api.ask("POST", f"{path}/restore")
    assert told(taken) == conflict("The group bakers of turin has this name already.", "name", again["id"])
    api.send("PATCH", f"/groups/{again['id']}", {"name": "Confectioners"})
    assert api.send("POST", f"{path}/restore") == renamed
    assert kinds(api, bakers["id"]) == ["GroupCreated", "GroupRenamed", "GroupArchived", "GroupRestored"]


def test_everyone_is_nobody_s_to_change(api: Api) -> None:
    everyone = api.get("/groups")["items"][0]
    leo = api.hire()
    refused = conflict("Everyone is every active person of the company and cannot be changed.", "kind")
    path = f"/groups/{everyone['id']}"
    assert told(api.ask("PATCH", path, {"name": "All"})) == refused
    assert told(api.ask("POST", f"{path}/archive")) == refused
    by_hand = conflict("Nobody is put into Everyone or taken out by hand.", "kind")
    assert told(api.ask("PUT", f"{path}/members/{leo.id}")) == by_hand
    assert told(api.ask("DELETE", f"{path}/members/{leo.id}")) == by_hand
    assert [member["id"] for member in api.get(f"{path}/members")["items"]] == [leo.id]


def test_people_join_leave_manage_and_cease_to(api: Api) -> None:
    bakers = api.send("POST", "/groups", {"name": "Bakers"}, 201)["id"]
    leo, mona = api.hire(), api.hire(MONA, "manager")
    for _ in range(2):
        assert api.send("PUT", f"/groups/{bakers}/members/{leo.id}", status=204) is None
        assert api.send("PUT", f"/groups/{bakers}/managers/{mona.id}", status=204) is None
    (member,) = api.get(f"/groups/{bakers}/members")["items"]
    assert member == {
        "id": leo.id,
        "user_name": "leo@acme.example",
        "given_name": "Leo",
        "family_name": "Linden",
        "email": "leo@acme.example",
        "role": "learner",
        "since": member["since"],
    }
    (manager,) = api.get(f"/groups/{bakers}/managers")["items"]
    assert (manager["id"], manager["role"]) == (mona.id, "manager")
    assert api.get(f"/groups/{bakers}")["members"] == 1
    refused = api.ask("PUT", f"/groups/{bakers}/managers/{leo.id}")
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["name"] == "role"
    for _ in range(2):
        api.send("DELETE", f"/groups/{bakers}/members/{leo.id}", status=204)
        api.send("DELETE", f"/groups/{bakers}/managers/{mona.id}", status=204)
    assert api.get(f"/groups/{bakers}/members") == api.get(f"/groups/{bakers}/managers") == {"items": [], "next": None}
    assert kinds(api, leo.id) == ["UserCreated", "GroupJoined", "GroupLeft"]
    assert kinds(api, mona.id) == ["UserCreated", "GroupManagerAppointed", "GroupManagerDismissed"]


def test_who_is_archived_is_in_no_list_and_no_count_of_a_group(api: Api) -> None:
    leo = api.hire()
    bakers = api.send("POST", "/groups", {"name": "Bakers"}, 201)["id"]
    api.send("PUT", f"/groups/{bakers}/members/{leo.id}", status=204)
    api.send("POST", f"/users/{leo.id}/archive")
    assert api.get(f"/groups/{bakers}/members")["items"] == []
    assert [group["members"] for group in api.get("/groups")["items"]] == [0, 0]
    api.send("POST", f"/users/{leo.id}/restore")
    assert [member["id"] for member in api.get(f"/groups/{bakers}/members")["items"]] == [leo.id]


def test_two_companies_people_do_not_meet_in_a_group(api: Api, other: Api) -> None:
    bakers = api.send("POST", "/groups", {"name": "Bakers"}, 201)["id"]
    otto = other.hire(OTTO, "manager")
    for place in ("members", "managers"):
        body = told(api.ask("PUT", f"/groups/{bakers}/{place}/{otto.id}"))
        assert body["detail"] == f"There is no user '{otto.id}' in this company."
    group = api.house.read(lambda tx: groups.get(tx, api.id, bakers))
    assert api.house.read(lambda tx: (memberships.members(tx, group), group_managers.managers(tx, group))) == ([], [])


def test_a_field_is_made_and_changed(api: Api) -> None:
    wanted = {"name": "Region", "type": "choice", "choices": ["North", "South"], "owner": "okta"}
    answer = api.ask("POST", "/fields", wanted)
    region = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/fields/{region['id']}"
    assert region == {"id": region["id"]} | wanted
    assert api.get(f"/fields/{region['id']}") == region
    hire_date, listed = api.get("/fields")["items"]
    assert listed == region
    assert hire_date == {
        "id": hire_date["id"],
        "name": "Hire date",
        "type": "date",
        "choices": [],
        "owner": "scim",
    }
    change = {"name": "Territory", "owner": "learning", "choices": ["North"]}
    assert api.send("PATCH", f"/fields/{region['id']}", change) == region | change
    assert api.send("PATCH", f"/fields/{region['id']}", {"name": None}) == region | change
    assert kinds(api, region["id"]) == ["FieldCreated", "FieldChanged"]
    assert told(api.ask("POST", "/fields", {"name": "territory"})) == conflict(
        "The field Territory has this name already.", "name", region["id"]
    )
    assert api.send("PATCH", f"/fields/{region['id']}", {"choices": []}, 400)["errors"][0]["name"] == "choices"
    renamed = api.ask("PATCH", f"/fields/{hire_date['id']}", {"name": "Started"})
    assert told(renamed) == conflict("Hire date is a field of every company and keeps its name.", "name")


def test_keys_are_listed_without_their_secret_and_ended(api: Api) -> None:
    listed = api.get("/keys")["items"]
    scim, own = listed
    assert (scim["id"], scim["scope"]) == (api.tenant.key_id, "scim")
    assert own == {
        "id": api.key_id,
        "scope": "api",
        "label": "",
        "prefix": api.key.split("_")[3],
        "created_at": own["created_at"],
        "expires_at": None,
        "last_used_at": own["last_used_at"],
        "revoked_at": None,
    }
    ended = api.send("POST", f"/keys/{api.tenant.key_id}/revoke")
    assert ended == scim | {"revoked_at": ended["revoked_at"]}
    assert api.send("POST", f"/keys/{api.tenant.key_id}/revoke") == ended
    assert api.tenant.scim.get("/Users").status_code == 401
    assert kinds(api, api.tenant.key_id) == ["KeyIssued", "KeyRevoked"]
    assert api.send("POST", "/keys", {"scope": "api"}, 405)["detail"] == "POST is not offered here; GET is."


def test_who_is_not_linked_is_told_with_the_click_that_mends_it(api: Api) -> None:
    api.tenant.scim.post("/Users", json=scim_user(MONA))
    leo, cleo = api.hire(), api.hire(CLEO)
    api.send("POST", f"/users/{cleo.id}/archive")
    assert api.get("/links") == {
        "items": [
            {
                "user": api.get(f"/users/{leo.id}"),
                "link": "known",
                "since": leo.created_at,
                "reason": "The external id is recorded, but no provisioning client has written to this account yet.",
                "what_to_do": "In Okta open the Learning app, Assignments, Leo Linden, and click Provision User. If "
                "the person is not assigned yet: Import, Import Now, and confirm the match.",
                "okta_status": "unknown",
            }
        ],
        "next": None,
    }


def test_the_log_is_read_newest_first_and_by_person(api: Api) -> None:
    leo = api.tenant.scim.post("/Users", json=scim_user(LEO, roles=[{"value": "admin"}])).json()["id"]
    api.tenant.scim.post("/Users", json=scim_user(ADA))
    refused = api.tenant.scim.post("/Users", json=scim_user(LEO))
    api.tenant.scim.patch(f"/Users/{leo}", json=DEACTIVATE)
    lines = api.get("/log")["items"]
    assert [line["decision"] for line in lines] == ["archived", "refused", "created", "created"]
    assert lines[1] == {
        "id": lines[1]["id"],
        "at": lines[1]["at"],
        "key_id": api.tenant.key_id,
        "method": "POST",
        "path": "/scim/v2/Users",
        "status": 409,
        "decision": "refused",
        "user_id": leo,
        "changes": {},
        "ignored": [],
        "hint": refused.json()["detail"],
        "request_id": refused.headers["x-request-id"],
    }
    assert lines[3]["ignored"] == ["roles"]
    assert api.get("/log", refused="true")["items"] == [lines[1]]
    assert api.get("/log", user_id=leo)["items"] == [lines[0], lines[1], lines[3]]
    assert api.send("GET", "/log?user_id=leo", status=400)["errors"][0]["name"] == "user_id"


def test_what_is_written_by_key_is_told_as_the_key_s(api: Api) -> None:
    leo = api.hire()
    api.send("PATCH", f"/users/{leo.id}", {"location": "Turin"})
    (*_, event) = api.house.read(lambda tx: events.of_subject(tx, api.id, leo.id))
    assert (event.kind, event.actor, event.changes) == (
        "UserUpdated",
        f"api:{api.key_id}",
        {"location": ["Lyon", "Turin"]},
    )
    assert event.at <= clock.text(clock.now())
    assert str(OPERATOR) != event.actor
