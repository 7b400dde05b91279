"""The standard integration in the management API: looked at, switched and asked for a run, and never its token."""

from __future__ import annotations

from typing import Any

import pytest

from rollbook import clock
from rollbook.activity import queue
from rollbook.okta import changes, connections, runs, sealing, slots
from rollbook.okta.planning import Plan
from rollbook.okta.wanted import Wanted
from rollbook.people import fields, keys
from tests.api.conftest import Api, told
from tests.cast import LEO
from tests.conftest import OPERATOR
from tests.servers import SECRET

TOKEN = "00marker-of-this-test-that-nobody-may-read"


@pytest.fixture
def connected(api: Api) -> Api:
    connect(api)
    return api


def connect(api: Api, **other: Any) -> None:
    wanted = Wanted("https://acme.okta.com", "00g1abcd2EFGH3ijk", **other)
    sealed = sealing.seal(SECRET.encode(), api.id, TOKEN)
    api.house.write(
        lambda tx: connections.configure(tx, api.id, wanted, sealed_token=sealed, actor=OPERATOR, now=clock.now())
    )


def hold(api: Api, run_id: str) -> None:
    """As a worker leaves a run that would archive too many."""

    def work(tx: Any) -> None:
        task = queue.claim(tx, api.id, only=runs.PULL, now=clock.now())
        assert task is not None
        run = runs.get(tx, api.id, run_id, lock=True)
        runs.hold(tx, run, "Too many would be archived.", now=clock.now())
        queue.finish(tx, task, now=clock.now())

    api.house.write(work)


def test_a_company_without_it_has_none(api: Api) -> None:
    for method, path, body in (
        ("GET", "/okta/connection", None),
        ("PATCH", "/okta/connection", {"most_people": 3}),
        ("GET", "/okta/fields", None),
        ("PUT", "/okta/fields", {"field": "hire_date", "variable": "hireDate"}),
        ("POST", "/okta/runs", {}),
    ):
        answer = api.ask(method, path, body)
        assert answer.status_code == 404
        assert "no standard integration" in told(answer)["detail"]
    assert api.get("/okta/runs") == {"items": [], "next": None}


def test_how_okta_is_read_is_shown_without_the_token(connected: Api) -> None:
    shown = connected.get("/okta/connection")
    at = shown.pop("configured_at")
    assert shown == {
        "org_url": "https://acme.okta.com",
        "group_id": "00g1abcd2EFGH3ijk",
        "app_id": None,
        "mode": "complement",
        "role_variable": None,
        "most_people": 50,
        "most_percent": 5,
        "has_token": True,
        "state": "on",
        "reason": None,
        "updated_at": at,
        "next_slot": clock.text(slots.following(clock.now())),
    }


def test_what_need_not_be_tried_is_changed(connected: Api) -> None:
    changed = connected.send("PATCH", "/okta/connection", {"most_people": 10, "mode": "full"})
    assert (changed["most_people"], changed["most_percent"], changed["mode"]) == (10, 5, "full")
    off = connected.send("PATCH", "/okta/connection", {"switched_on": False})
    assert (off["state"], off["next_slot"], off["has_token"]) == ("off", None, True)
    answer = connected.ask("POST", "/okta/runs", {})
    assert answer.status_code == 409
    assert connected.send("PATCH", "/okta/connection", {"switched_on": True})["state"] == "on"
    assert connected.send("PATCH", "/okta/connection", {}) == connected.get("/okta/connection")


def test_full_mode_beside_scim_is_said_or_refused(connected: Api) -> None:
    def use(tx: Any) -> None:
        pepper = connected.house.installation.pepper
        key, _ = keys.issue(tx, connected.id, "scim", pepper=pepper, actor=OPERATOR, now=clock.now())
        keys.note_use(tx, connected.id, {key.id: (clock.now(), None)})

    connected.house.write(use)
    answer = connected.ask("PATCH", "/okta/connection", {"mode": "full"})
    assert (answer.status_code, told(answer)["field"]) == (409, "mode")
    assert "beside_scim" in told(answer)["detail"]
    assert connected.get("/okta/connection")["mode"] == "complement"
    assert connected.send("PATCH", "/okta/connection", {"mode": "full", "beside_scim": True})["mode"] == "full"


@pytest.mark.parametrize(
    "body",
    [
        {"token": "00anotherToken"},
        {"org_url": "https://evil.okta.com"},
        {"group_id": None},
        {"role_variable": "learningRole"},
        {"most_people": -1},
        {"most_percent": 101},
        {"most_people": "10"},
        {"mode": "both"},
        {"switched_on": None},
        {"beside_scim": None},
    ],
)
def test_a_key_sets_neither_token_nor_org_nor_what_cannot_be(connected: Api, body: dict[str, Any]) -> None:
    before = connected.get("/okta/connection")
    answer = connected.ask("PATCH", "/okta/connection", body)
    assert answer.status_code == 400
    assert told(answer)["errors"][0]["name"] == next(iter(body))
    assert connected.get("/okta/connection") == before


def test_fields_are_mapped_and_unmapped(connected: Api) -> None:
    connected.send("POST", "/fields", {"name": "Region"}, 201)
    mapped = connected.send("PUT", "/okta/fields", {"field": "custom.Region", "variable": "region"})
    assert mapped == {
        "field": "custom.Region",
        "name": "Region",
        "type": "text",
        "variable": "region",
        "standard": False,
        "conflict": None,
    }
    assert connected.get("/okta/fields") == {"items": [mapped]}
    (region,) = [field for field in connected.get("/fields")["items"] if field["name"] == "Region"]
    assert region["owner"] == "okta"
    answer = connected.ask("PUT", "/okta/fields", {"field": "location", "variable": "office"})
    assert (answer.status_code, told(answer)["field"]) == (409, "location")
    assert connected.ask("DELETE", "/okta/fields?field=custom.Region").status_code == 204
    assert connected.ask("DELETE", "/okta/fields?field=custom.Region").status_code == 404
    assert connected.get("/okta/fields") == {"items": []}


def test_what_scim_owns_is_taken_over_on_request_alone(connected: Api) -> None:
    connected.house.write(
        lambda tx: fields.create(tx, connected.id, "Region", owner="scim", actor=OPERATOR, now=clock.now())
    )
    body: dict[str, Any] = {"field": "custom.Region", "variable": "region"}
    assert connected.ask("PUT", "/okta/fields", body).status_code == 409
    connected.send("PUT", "/okta/fields", body | {"take_over": True})


def test_a_run_is_asked_for_seen_and_approved(connected: Api) -> None:
    run = connected.send("POST", "/okta/runs", {}, 202)
    assert (run["purpose"], run["state"], run["slot"]) == ("sync", "waiting", None)
    assert run["asked_by"] == f"api:{connected.key_id}"
    again = connected.ask("POST", "/okta/runs", {"purpose": "preview"})
    assert (again.status_code, told(again)["holder_id"]) == (409, run["id"])
    assert connected.ask("POST", f"/okta/runs/{run['id']}/approve").status_code == 409
    hold(connected, run["id"])
    held = connected.get(f"/okta/runs/{run['id']}")
    assert (held["state"], held["reason"]) == ("held", "Too many would be archived.")
    approved = connected.send("POST", f"/okta/runs/{run['id']}/approve", None, 202)
    assert (approved["state"], approved["approved_by"]) == ("applying", f"api:{connected.key_id}")
    hold(connected, run["id"])
    assert connected.get(f"/okta/runs/{run['id']}")["question"] == 2
    for again in ("", "?question=1"):  # as a client does that heard no answer
        answer = connected.ask("POST", f"/okta/runs/{run['id']}/approve{again}")
        assert (answer.status_code, told(answer)["field"]) == (409, "question")
    approved = connected.send("POST", f"/okta/runs/{run['id']}/approve?question=2", None, 202)
    assert (approved["state"], approved["question"]) == ("applying", None)
    assert connected.house.read(lambda tx: queue.open_since(tx, connected.id, runs.PULL)) is not None
    dropped = connected.send("POST", f"/okta/runs/{run['id']}/drop")
    assert (dropped["state"], dropped["ended_at"] is None) == ("dropped", False)
    assert connected.get("/okta/runs") == {"items": [dropped], "next": None}


def test_runs_and_plans_come_in_pages(connected: Api) -> None:
    ids = []
    for _ in range(3):
        ids.append(connected.send("POST", "/okta/runs", {"purpose": "preview"}, 202)["id"])
        connected.send("POST", f"/okta/runs/{ids[-1]}/drop")
    leo = connected.hire(LEO)
    plans = [Plan(kind, f"00u{number}", leo.id, "login", "It is so.", {}) for number, kind in enumerate(KINDS)]
    connected.house.write(lambda tx: changes.add(tx, runs.get(tx, connected.id, ids[0]), plans))
    first = connected.get("/okta/runs", limit=2)
    assert [run["id"] for run in first["items"]] == [ids[2], ids[1]]
    last = connected.get("/okta/runs", limit=2, cursor=first["next"])
    assert ([run["id"] for run in last["items"]], last["next"]) == ([ids[0]], None)
    page, seen = connected.get(f"/okta/runs/{ids[0]}/plan", limit=4), []
    while True:
        seen += [(change["kind"], change["okta_id"], change["user"]) for change in page["items"]]
        if page["next"] is None:
            break
        page = connected.get(f"/okta/runs/{ids[0]}/plan", limit=4, cursor=page["next"])
    assert seen == [(kind, f"00u{number}", LEO.user_name) for number, kind in enumerate(KINDS)]
    (archive,) = connected.get(f"/okta/runs/{ids[0]}/plan", kind="archive")["items"]
    assert (archive["user_id"], archive["state"], archive["reason"]) == (leo.id, "planned", "It is so.")


KINDS = ("create", "change", "archive", "restore", "link", "set_aside")


def test_another_company_sees_and_does_nothing(connected: Api, other: Api) -> None:
    run = connected.send("POST", "/okta/runs", {}, 202)
    hold(connected, run["id"])
    for method, path in (("GET", ""), ("GET", "/plan"), ("POST", "/approve"), ("POST", "/drop")):
        assert other.ask(method, f"/okta/runs/{run['id']}{path}").status_code == 404
    assert other.ask("GET", "/okta/connection").status_code == 404
    assert connected.get(f"/okta/runs/{run['id']}")["state"] == "held"


def test_the_token_is_in_no_answer(connected: Api) -> None:
    sealed = connected.house.read(lambda tx: connections.get(tx, connected.id)).sealed_token
    assert sealed is not None
    run = connected.send("POST", "/okta/runs", {}, 202)
    texts = [
        connected.ask(method, path, body).text
        for method, path, body in (
            ("GET", "/okta/connection", None),
            ("PATCH", "/okta/connection", {"most_people": 7}),
            ("PATCH", "/okta/connection", {"token": TOKEN}),
            ("GET", "/okta/fields", None),
            ("GET", "/okta/runs", None),
            ("GET", f"/okta/runs/{run['id']}/plan", None),
            ("GET", "/log", None),
            ("GET", "/openapi.json", None),
        )
    ]
    assert not any(secret in text for text in texts for secret in (TOKEN, sealed))
