"""Reports, the outbox and rules over the API."""

from __future__ import annotations

import csv
import io
from typing import Any

import httpx2
import pytest

from rollbook import clock
from rollbook.activity import events
from rollbook.database import Tx
from rollbook.learning import reports
from rollbook.people import keys, rule_builds
from rollbook.people import users as people
from rollbook.people.profiles import Profile
from rollbook.spreadsheet import plain
from tests.api.conftest import Api
from tests.cast import CLEO, LEO, MONA
from tests.conftest import OPERATOR

UNKNOWN = "0199c0de-1e00-7000-8000-000000000001"
NAMES = [*reports.REPORTS, *reports.EXPORTS]


@pytest.fixture
def trained(api: Api) -> dict[str, str]:
    """Leo has done one of two, Mona nothing; Cleo, who had something to do, is archived."""
    ids = {"leo": api.hire(LEO).id, "mona": api.hire(MONA).id, "cleo": api.hire(CLEO).id}
    for title in ("Food safety", "=Knives"):
        lesson = api.send("POST", "/lessons", {"title": title, "body": "", "publish": True}, 201)["id"]
        ids[title] = lesson
        for name in ("leo", "mona", "cleo"):
            body = {"content_id": lesson, "user_id": ids[name], "due_on": "2001-01-31"}
            ids[f"{name} {title}"] = api.send("POST", "/assignments", body, 201)["id"]
    api.send("POST", f"/assignments/{ids['leo Food safety']}/complete", {"score": 90})
    api.send("POST", f"/users/{ids['cleo']}/archive")
    return ids


def test_the_reports_are_listed_with_what_narrows_them(api: Api) -> None:
    listed = api.get("/reports")
    assert listed["next"] is None
    assert [offer["name"] for offer in listed["items"]] == [*NAMES, "audit"]
    learners = next(offer for offer in listed["items"] if offer["name"] == "learners")
    assert {"group_id", "location", "custom", "status"} <= set(learners["takes"])
    assert all(offer["says"] for offer in listed["items"])
    parameters = {"group_id", "location", "business_unit", "department", "manager", "custom", "content_id", "status"}
    parameters |= {"since", "until", "by", "archived_content", "as_of"}
    assert {name for offer in listed["items"] for name in offer["takes"]} <= parameters


@pytest.mark.parametrize("name", NAMES)
def test_a_report_in_pages_is_the_same_as_csv(name: str, api: Api, trained: dict[str, str]) -> None:
    whole = api.get(f"/reports/{name}", limit=200)
    assert whole["next"] is None
    rows: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get(f"/reports/{name}", limit=1, **cursor)
        assert page["columns"] == whole["columns"]
        rows += page["rows"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert rows == whole["rows"]
    answer = api.ask("GET", f"/reports/{name}", params={"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}.csv"'
    table = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert [plain(cell) for cell in table[0]] == [column["title"] for column in whole["columns"]]
    assert len(table) == len(rows) + 1
    assert "=Knives" not in {cell for row in table for cell in row}
    assert trained["cleo"] not in answer.text + str(whole)
    assert "Clover" not in answer.text + str(whole)


def test_a_report_is_narrowed(api: Api, trained: dict[str, str]) -> None:
    def found(**filters: Any) -> set[str]:
        report = api.get("/reports/learners", **filters)
        place = [column["key"] for column in report["columns"]].index("email")
        return {row[place] for row in report["rows"]}

    assert found() == {"leo@acme.example", "mona@acme.example"}
    assert found(location="Lyon") == {"leo@acme.example"}
    bakers = api.send("POST", "/groups", {"name": "Bakers"}, 201)["id"]
    api.send("PUT", f"/groups/{bakers}/members/{trained['mona']}", status=204)
    assert found(group_id=bakers) == {"mona@acme.example"}
    api.send("POST", "/fields", {"name": "Region"}, 201)
    api.send("PATCH", f"/users/{trained['leo']}", {"custom": {"Region": "North"}})
    assert found(custom="region=north") == {"leo@acme.example"}
    assert found(custom="Region=South") == set()


@pytest.mark.parametrize(
    ("path", "status", "name"),
    [
        ("/reports/nothing", 404, None),
        ("/reports/learners?as_of=2026-11-24", 400, "as_of"),
        ("/reports/learners?cursor=x", 400, "cursor"),
        ("/reports/learners?format=csv&cursor=x", 400, "cursor"),
        ("/reports/learners?format=pdf", 400, "format"),
        ("/reports/learners?limit=0", 400, "limit"),
        ("/reports/learners?custom=Region", 400, "custom.0"),
        ("/reports/learners?location=a&location=b", 400, "location"),
        ("/reports/content?status=overdue&since=2026-02-01&until=2026-01-01", 400, "since"),
        ("/reports/provisioning?location=Lyon", 400, "location"),
        (f"/reports/learners?group_id={UNKNOWN}", 400, "group_id"),
        (f"/reports/learners?content_id={UNKNOWN}", 400, "content_id"),
        ("/reports/learners?custom=Region=North", 400, "custom"),
        ("/reports/learners?custom=Region=North&custom=region=South", 400, "custom"),
        ("/reports/audit", 400, "as_of"),
        ("/reports/audit?as_of=2999-01-01", 400, "as_of"),
        ("/reports/audit?as_of=2026-11-24&location=Lyon", 400, "as_of"),
    ],
)
def test_what_a_report_does_not_take_is_named(path: str, status: int, name: str | None, api: Api) -> None:
    body = api.send("GET", path, status=status)
    assert [error["name"] for error in body.get("errors", [])] == ([name] if name else [])


def test_the_audit_report_shows_leavers_and_each_page_of_it_is_on_record(api: Api, trained: dict[str, str]) -> None:
    today = clock.text(clock.now())[:10]
    first = api.get("/reports/audit", as_of=today, limit=1)
    second = api.get("/reports/audit", as_of=today, limit=1, cursor=first["next"])
    whole = api.get("/reports/audit", as_of=today)
    assert (first["rows"] + second["rows"]) == whole["rows"][: len(first["rows"] + second["rows"])]
    read = api.house.read(lambda tx: events.of_subject(tx, api.id, api.id))
    records = [event for event in read if event.kind == "AuditReportRead"]
    assert [(record.actor, record.changes) for record in records] == [
        (f"api:{api.key_id}", {"as_of": [None, today]})
    ] * 3
    answer = api.ask("GET", "/reports/audit", params={"as_of": today, "format": "csv"})
    assert len(list(csv.reader(io.StringIO(answer.text, newline="")))) == len(whole["rows"]) + 1


@pytest.mark.parametrize("more", [{"cursor": "nonsense"}, {"format": "csv", "cursor": "x"}, {"limit": 0}])
def test_a_refused_audit_report_is_not_on_record(more: dict[str, Any], api: Api) -> None:
    assert api.ask("GET", "/reports/audit", params={"as_of": "2026-11-01", **more}).status_code == 400
    read = api.house.read(lambda tx: events.of_subject(tx, api.id, api.id))
    assert [event for event in read if event.kind == "AuditReportRead"] == []


def test_a_download_ends_where_its_key_is_revoked(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from rollbook.api import reports as door

    monkeypatch.setattr(door, "CSV_ROWS", 1)
    profiles = [Profile(f"leo{n}", f"leo{n}@acme.example", "Leo", f"Linden {n}") for n in range(20)]

    def hire(tx: Tx) -> None:
        for profile in profiles:
            people.create(tx, api.id, profile, actor=OPERATOR, now=clock.now())

    api.house.write(hire)
    run, pages = reports.run, []

    def counting(*of: Any, **how: Any) -> Any:
        pages.append(of)
        if len(pages) == 3:
            api.house.write(lambda tx: keys.revoke(tx, api.id, api.key_id, actor=OPERATOR, now=clock.now()))
        return run(*of, **how)

    monkeypatch.setattr(door.reports, "run", counting)
    with (
        api.http.stream("GET", "/reports/learners", params={"format": "csv"}) as answer,
        pytest.raises(httpx2.RemoteProtocolError),
    ):
        answer.read()
    assert answer.status_code == 200  # which was said before; that the rest is missing is seen by the missing end
    assert len(pages) == 3


def test_the_outbox_tells_what_waits_and_what_was_withheld(api: Api, trained: dict[str, str]) -> None:
    silent = {"content_id": trained["Food safety"], "user_id": trained["leo"], "notify": False}
    api.send("POST", "/assignments", silent, 201)
    mails = api.get("/outbox")["items"]
    leo = api.get("/outbox", user_id=trained["leo"])["items"]
    assert leo[0] == {
        "id": leo[0]["id"],
        "user_id": trained["leo"],
        "kind": "assigned",
        "subject": None,
        "state": "withheld",
        "reason": "notify was off",
        "at": leo[0]["at"],
        "created_at": leo[0]["created_at"],
        "attempts": 0,
    }
    assert {mail["user_id"] for mail in api.get("/outbox", state="cancelled")["items"]} >= {trained["cleo"]}
    assert [mail["id"] for mail in mails] == sorted((mail["id"] for mail in mails), reverse=True)
    page = api.get("/outbox", limit=2)
    assert page["items"] + api.get("/outbox", cursor=page["next"])["items"] == mails


def build(api: Api) -> None:
    """What the worker does."""

    def step(tx: Tx) -> bool:
        waiting = rule_builds.pending(tx, api.id)
        return any(rule_builds.step(tx, api.id, group, version, now=clock.now()) for group, version in waiting)

    while api.house.write(step):
        pass


def test_a_smart_group_is_made_tried_and_given_another_rule(api: Api) -> None:
    leo, mona = api.hire(LEO), api.hire(MONA)
    rule = 'location = "Lyon"'
    none = {"count": 0, "first": []}
    leo_alone = {"count": 1, "first": [{"id": leo.id, "name": "Leo Linden"}]}
    preview = api.send("POST", "/rule-previews", {"rule": rule})
    assert preview == {"members": leo_alone, "joining": leo_alone, "leaving": none}
    made = api.send("POST", "/groups", {"name": "People of Lyon", "rule": rule}, 201)
    assert (made["kind"], made["members"], made["rule"]) == ("smart", 0, None)
    assert made["building"] == {"rule": rule, "looked_at": 0, "of": 2}
    build(api)
    path = f"/groups/{made['id']}"
    built = api.get(path)
    assert built == made | {"members": 1, "rule": rule, "building": None}
    assert [member["id"] for member in api.get(f"{path}/members")["items"]] == [leo.id]
    assert [user["id"] for user in api.get("/users", group_id=made["id"])["items"]] == [leo.id]
    other = 'email = "mona@acme.example"'
    tried = api.send("POST", "/rule-previews", {"rule": other, "group_id": made["id"]})
    mona_alone = {"count": 1, "first": [{"id": mona.id, "name": "Mona Marigold"}]}
    assert tried == {"members": mona_alone, "joining": mona_alone, "leaving": leo_alone}
    assert api.send("PUT", f"{path}/rule", {"rule": other})["building"]["of"] == 2
    build(api)
    assert [member["id"] for member in api.get(f"{path}/members")["items"]] == [mona.id]
    assert api.get("/groups")["items"][1] == api.get(path)
    for method, address, body in (
        ("POST", "/groups", {"name": "Other", "rule": "location is nice"}),
        ("PUT", f"{path}/rule", {"rule": "nonsense = 1"}),
        ("POST", "/rule-previews", {"rule": "("}),
        ("POST", "/rule-previews", {"rule": rule, "group_id": UNKNOWN}),
    ):
        refused = api.send(method, address, body, 400)
        assert refused["errors"][0]["name"] in ("rule", "group_id"), body
    api.send("PUT", f"{path}/members/{leo.id}", status=409)


def test_people_are_found_by_part_of_a_name_by_group_and_by_field(api: Api) -> None:
    leo, mona = api.hire(LEO), api.hire(MONA)
    api.send("POST", "/fields", {"name": "Region"}, 201)
    api.send("PATCH", f"/users/{leo.id}", {"custom": {"Region": "North"}})
    everyone = api.get("/groups")["items"][0]["id"]

    def found(query: str) -> list[str]:
        return [user["id"] for user in api.get(f"/users?{query}")["items"]]

    assert found("text=LIND") == [leo.id]
    assert found("text=%25") == []
    assert found(f"group_id={everyone}") == [leo.id, mona.id]
    assert found(f"group_id={UNKNOWN}") == []
    assert found("custom=Region=north") == [leo.id]
    assert found("custom=Region=north&text=mona") == []
    refused = api.send("GET", "/users?custom=Colour=red", status=400)
    assert refused["detail"] == "The company has no field 'Colour'; GET /fields lists them."
