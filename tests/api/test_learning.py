"""Lessons, paths, assignments and triggers over the API: whole bodies, both ways of assigning, nobody archived."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rollbook import clock
from rollbook.database import Tx
from rollbook.learning import group_assignments
from rollbook.learning.due import day, in_days
from rollbook.people import groups, memberships
from tests.api.conftest import Api, told
from tests.cast import CLEO, LEO, MONA
from tests.conftest import OPERATOR

UNKNOWN = "0199c0de-1e00-7000-8000-000000000001"


def wrote(api: Api, title: str = "Food safety", **more: Any) -> str:
    made = api.send("POST", "/lessons", {"title": title, "body": "Wash your hands.", "publish": True, **more}, 201)
    return str(made["id"])


def conflict(detail: str, field: str) -> dict[str, Any]:
    body = {"type": "urn:rollbook:problem:conflict", "title": "Conflict", "status": 409}
    return body | {"detail": detail, "field": field}


def test_a_lesson_is_written_changed_published_archived_and_restored(api: Api) -> None:
    answer = api.ask("POST", "/lessons", {"title": " Food safety ", "body": "Wash\r\nyour hands.", "description": "D"})
    lesson = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/lessons/{lesson['id']}"
    assert lesson == {
        "id": lesson["id"],
        "title": "Food safety",
        "description": "D",
        "body": "Wash\nyour hands.",
        "state": "draft",
        "author_id": None,
        "version": 1,
        "created_at": lesson["created_at"],
        "updated_at": lesson["created_at"],
        "published_at": None,
        "archived_at": None,
    }
    path = f"/lessons/{lesson['id']}"
    assert api.get(path) == lesson
    assert api.get("/lessons")["items"] == [lesson | {"body": None}]
    changed = api.send("PATCH", path, {"title": "Food hygiene"})
    assert changed == lesson | {"title": "Food hygiene", "version": 2, "updated_at": changed["updated_at"]}
    assert api.send("PATCH", path, {"title": "Food hygiene", "body": None}) == changed
    published = api.send("POST", f"{path}/publish")
    assert (published["state"], published["published_at"]) == ("published", published["updated_at"])
    gone = api.send("POST", f"{path}/archive")
    assert (gone["state"], gone["archived_at"]) == ("archived", gone["updated_at"])
    refused = conflict("Food hygiene is archived; restore it first.", "state")
    assert told(api.ask("PATCH", path, {"title": "Other"})) == refused
    assert api.get("/lessons", state="published")["items"] == []
    assert api.send("POST", f"{path}/restore")["state"] == "published"
    assert [one["title"] for one in api.get("/lessons", title="HYGIENE")["items"]] == ["Food hygiene"]
    assert api.get("/lessons", title="poison")["items"] == []


def test_a_path_is_made_of_lessons_in_their_order(api: Api) -> None:
    first, second = wrote(api, "First"), wrote(api, "Second")
    path = api.send("POST", "/paths", {"title": "First week", "lessons": [second, first], "enforced_order": True}, 201)
    assert path == {
        "id": path["id"],
        "title": "First week",
        "description": "",
        "lessons": [second, first],
        "enforced_order": True,
        "certification": False,
        "state": "draft",
        "author_id": None,
        "version": 1,
        "created_at": path["created_at"],
        "updated_at": path["created_at"],
        "published_at": None,
        "archived_at": None,
    }
    change = {"lessons": [first, second], "certification": True}
    changed = api.send("PATCH", f"/paths/{path['id']}", change)
    assert changed == path | change | {"version": 2, "updated_at": changed["updated_at"]}
    assert api.get(f"/paths/{path['id']}") == changed
    assert api.get("/paths")["items"] == [changed]
    assert api.send("POST", f"/paths/{path['id']}/publish")["state"] == "published"
    held = api.send("POST", f"/lessons/{first}/archive", status=409)
    assert held["detail"].startswith("First is a lesson of the path First week;")
    assert api.send("POST", f"/paths/{path['id']}/archive")["state"] == "archived"
    assert api.send("POST", f"/paths/{path['id']}/restore")["state"] == "published"
    # a lesson's address is no path's, and the other way round
    for address in (f"/paths/{first}", f"/lessons/{path['id']}"):
        api.get(address, 404)


@pytest.mark.parametrize(
    ("lessons", "name"),
    [
        ([], "lessons"),
        ([UNKNOWN], "lessons.0"),
        (["x"], "lessons.0"),
        ("one twice", "lessons"),
        ("a path", "lessons.0"),
    ],
    ids=str,
)
def test_what_is_no_lesson_of_the_company_is_in_no_path(lessons: Any, name: str, api: Api) -> None:
    lesson = wrote(api)
    if lessons == "one twice":
        lessons = [lesson, lesson]
    elif lessons == "a path":
        lessons = [api.send("POST", "/paths", {"title": "P", "lessons": [lesson]}, 201)["id"]]
    body = api.send("POST", "/paths", {"title": "First week", "lessons": lessons}, 400)
    assert body["errors"][0]["name"] == name


def test_a_person_is_assigned_completes_and_is_assigned_again(api: Api) -> None:
    leo, lesson = api.hire(), wrote(api)
    answer = api.ask("POST", "/assignments", {"content_id": lesson, "user_id": leo.id, "due_on": "2000-01-31"})
    assigned = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/assignments/{assigned['id']}"
    assert assigned == {
        "id": assigned["id"],
        "user_id": leo.id,
        "user_name": "leo@acme.example",
        "content_id": lesson,
        "kind": "lesson",
        "title": "Food safety",
        "status": "overdue",
        "returned": False,
        "round": 1,
        "due_on": "2000-01-31",
        "assigned_at": assigned["assigned_at"],
        "opened_at": assigned["assigned_at"],
        "completed_at": None,
        "score": None,
        "assigned_by": f"api:{api.key_id}",
        "group_assignment_id": None,
        "trigger_id": None,
        "updated_at": assigned["assigned_at"],
    }
    path = f"/assignments/{assigned['id']}"
    assert api.get(path) == assigned | {"steps": []}
    later = api.send("PATCH", path, {"due_on": in_days(clock.now(), 7)})
    assert (later["status"], later["due_on"]) == ("incomplete", in_days(clock.now(), 7))
    done = api.send("POST", f"{path}/complete", {"score": 90})
    assert done == later | {
        "status": "completed",
        "score": 90,
        "completed_at": done["completed_at"],
        "updated_at": done["updated_at"],
    }
    assert api.send("POST", f"{path}/complete", {}) == done
    assert api.send("POST", f"{path}/complete", {"score": 101}, 400)["errors"][0]["name"] == "score"
    assert api.send("POST", f"{path}/withdraw", status=409)["field"] == "state"
    again = api.send("POST", "/assignments", {"content_id": lesson, "user_id": leo.id, "notify": False}, 201)
    assert (again["id"], again["round"], again["status"]) == (assigned["id"], 2, "incomplete")
    assert api.send("POST", f"{path}/withdraw")["status"] == "withdrawn"
    assert api.send("PATCH", path, {"due_on": None})["status"] == "withdrawn"
    assert api.send("PATCH", path, {"due_on": "2027-01-31"}, 409)["field"] == "due_on"


def test_a_path_is_completed_lesson_by_lesson(api: Api) -> None:
    leo, first, second, other = api.hire(), wrote(api, "First"), wrote(api, "Second"), wrote(api, "Other")
    way = {"title": "Week", "lessons": [first, second], "enforced_order": True, "publish": True}
    path = api.send("POST", "/paths", way, 201)["id"]
    assigned = api.send("POST", "/assignments", {"content_id": path, "user_id": leo.id}, 201)["id"]
    address = f"/assignments/{assigned}"
    early = api.send("POST", f"{address}/complete", {"lesson_id": second}, 409)
    assert early["detail"] == "The lessons of the path Week are done in their order; First comes first."
    assert api.send("POST", f"{address}/complete", {}, 400)["errors"][0]["name"] == "lesson"
    for wrong in (other, UNKNOWN):
        assert api.send("POST", f"{address}/complete", {"lesson_id": wrong}, 400)["errors"][0]["name"] == "lesson_id"
    assert api.send("POST", f"{address}/complete", {"lesson_id": first, "score": 80})["status"] == "incomplete"
    steps = api.get(address)["steps"]
    assert steps == [
        {"lesson_id": first, "title": "First", "completed_at": steps[0]["completed_at"]},
        {"lesson_id": second, "title": "Second", "completed_at": None},
    ]
    assert steps[0]["completed_at"] is not None
    done = api.send("POST", f"{address}/complete", {"lesson_id": second, "score": 91})
    assert (done["status"], done["score"]) == ("completed", 86)


def test_a_group_is_assigned_in_steps_that_the_answer_does_not_wait_for(api: Api) -> None:
    lesson, people = wrote(api), [api.hire(profile) for profile in (LEO, MONA, CLEO)]

    def gather(tx: Tx) -> str:
        group = groups.create(tx, api.id, "Bakers", actor=OPERATOR, now=clock.now())
        for person in people:
            memberships.join(tx, group, person, actor=OPERATOR, now=clock.now())
        return group.id

    bakers = api.house.write(gather)
    answer = api.ask("POST", "/assignments", {"content_id": lesson, "group_id": bakers, "due_days": 14})
    act = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/api/v1/group-assignments/{act['id']}"
    assert act == {
        "id": act["id"],
        "group_id": bakers,
        "content_id": lesson,
        "state": "assigning",
        "done": 0,
        "total": 3,
        "due_on": None,
        "due_days": 14,
        "notify": True,
        "newcomers": True,
        "reassign": False,
        "assigned_by": f"api:{api.key_id}",
        "created_at": act["created_at"],
        "ended_at": None,
    }
    assert api.get("/assignments")["items"] == []

    def step(tx: Tx) -> None:
        group_assignments.step(tx, api.id, act["id"], limit=1, actor=OPERATOR, now=clock.now())

    api.house.write(step)
    assert api.get(f"/group-assignments/{act['id']}") == act | {"done": 1}
    for _ in range(3):  # two people, and nobody
        api.house.write(step)
    assert api.get("/group-assignments")["items"] == [act | {"done": 3, "state": "open"}]
    assert [one["group_assignment_id"] for one in api.get("/assignments")["items"]] == [act["id"]] * 3
    ended = api.send("POST", f"/group-assignments/{act['id']}/withdraw", status=202)
    assert (ended["state"], ended["done"], ended["total"]) == ("withdrawing", 0, 3)
    assert api.get("/group-assignments")["items"] == []
    assert api.get("/group-assignments", ended="true")["items"] == [ended]


def test_to_whom_is_said_once_and_rightly(api: Api, other: Api) -> None:
    leo, lesson = api.hire(), wrote(api)
    otto, theirs = other.hire(), wrote(other)
    everyone = api.get("/groups")["items"][0]["id"]
    their_everyone = other.get("/groups")["items"][0]["id"]
    both = {"content_id": lesson, "user_id": leo.id}
    for body, name in (
        ({"content_id": lesson}, ""),
        (both | {"group_id": everyone}, ""),
        (both | {"due_days": 3}, ""),
        (both | {"user_id": otto.id}, "user_id"),
        (both | {"content_id": theirs}, "content_id"),
        (both | {"content_id": "x"}, "content_id"),
        (both | {"due_on": "2027-02-30"}, "due_on"),
        ({"content_id": lesson, "group_id": their_everyone}, "group_id"),
        ({"content_id": theirs, "group_id": everyone}, "content_id"),
    ):
        refused = api.send("POST", "/assignments", body, 400)
        assert [error["name"] for error in refused["errors"]] == [name], body
    draft = api.send("POST", "/lessons", {"title": "Draft", "body": ""}, 201)["id"]
    assert api.send("POST", "/assignments", both | {"content_id": draft}, 409)["field"] == "state"
    assert api.get("/assignments")["items"] == other.get("/assignments")["items"] == []


def test_assignments_are_found_by_person_content_and_status(api: Api) -> None:
    leo, mona = api.hire(), api.hire(MONA)
    first, second = wrote(api, "First"), wrote(api, "Second")
    today = day(clock.now())

    def assigned(person: str, lesson: str, due_on: str | None = None) -> str:
        body = {"content_id": lesson, "user_id": person, "due_on": due_on}
        return str(api.send("POST", "/assignments", body, 201)["id"])

    overdue = assigned(leo.id, first, day(clock.now() - timedelta(days=1)))
    due_today = assigned(leo.id, second, today)
    done, withdrawn = assigned(mona.id, first), assigned(mona.id, second)
    api.send("POST", f"/assignments/{done}/complete", {})
    api.send("POST", f"/assignments/{withdrawn}/withdraw")

    def found(**filters: str) -> list[str]:
        return [one["id"] for one in api.get("/assignments", **filters)["items"]]

    assert found() == [overdue, due_today, done]
    assert found(status="overdue") == [overdue]
    assert found(status="incomplete") == [due_today]
    assert found(status="completed") == [done]
    assert found(status="withdrawn") == [withdrawn]
    assert found(user_id=mona.id) == [done]
    assert found(content_id=first) == [overdue, done]
    assert found(content_id=first, user_id=leo.id, status="completed") == []
    assert found(user_id=UNKNOWN) == []


def test_an_archived_person_s_assignments_are_nowhere_until_they_are_back(api: Api) -> None:
    leo, lesson = api.hire(), wrote(api)
    assigned = api.send("POST", "/assignments", {"content_id": lesson, "user_id": leo.id}, 201)
    path = f"/assignments/{assigned['id']}"
    api.send("POST", f"/users/{leo.id}/archive")
    assert api.get("/assignments")["items"] == api.get("/assignments", user_id=leo.id)["items"] == []
    for method, address, body in (
        ("GET", path, None),
        ("PATCH", path, {"due_on": None}),
        ("POST", f"{path}/withdraw", None),
        ("POST", f"{path}/complete", {}),
    ):
        refused = api.send(method, address, body, 404)
        assert refused["detail"] == f"There is no assignment '{assigned['id']}' in this company."
    assert api.send("POST", "/assignments", {"content_id": lesson, "user_id": leo.id}, 409)["field"] == "user"
    api.send("POST", f"/users/{leo.id}/restore")
    assert api.get("/assignments")["items"] == [assigned]


def test_triggers_are_made_listed_and_ended(api: Api) -> None:
    first, second = wrote(api, "First"), wrote(api, "Second")
    bakers = api.send("POST", "/groups", {"name": "Bakers"}, 201)["id"]
    answer = api.ask("POST", "/triggers", {"content_id": first, "group_id": bakers, "due_days": 14})
    joined = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/triggers/{joined['id']}"
    assert joined == {
        "id": joined["id"],
        "kind": "joined",
        "group_id": bakers,
        "completed_id": None,
        "content_id": first,
        "due_days": 14,
        "notify": True,
        "made_by": f"api:{api.key_id}",
        "created_at": joined["created_at"],
        "ended_at": None,
    }
    completed = api.send("POST", "/triggers", {"content_id": second, "completed_id": first, "notify": False}, 201)
    assert (completed["kind"], completed["completed_id"], completed["notify"]) == ("completed", first, False)
    assert api.get("/triggers")["items"] == [joined, completed]
    assert api.get(f"/triggers/{joined['id']}") == joined
    ended = api.send("POST", f"/triggers/{joined['id']}/end")
    assert ended == joined | {"ended_at": ended["ended_at"]} == api.send("POST", f"/triggers/{joined['id']}/end")
    assert api.get("/triggers")["items"] == [completed]
    assert api.get("/triggers", ended="true")["items"] == [ended, completed]
    for body, name in (
        ({"content_id": first}, ""),
        ({"content_id": first, "group_id": bakers, "completed_id": second}, ""),
        ({"content_id": first, "completed_id": first}, "content"),
        ({"content_id": UNKNOWN, "group_id": bakers}, "content_id"),
        ({"content_id": first, "group_id": UNKNOWN}, "group_id"),
        ({"content_id": first, "completed_id": UNKNOWN}, "completed_id"),
    ):
        assert [error["name"] for error in api.send("POST", "/triggers", body, 400)["errors"]] == [name]
