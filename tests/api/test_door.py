"""Who is let in, and what every answer is: generated from the table of routes, so that no new one is forgotten."""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from rollbook import clock
from rollbook.api import description, problems
from rollbook.api.app import BURST, ROUTES, ApiDoor
from rollbook.api.operation import PREFIX
from rollbook.database import Tx
from rollbook.database.tables import metadata
from rollbook.learning import assignments, group_assignments, lessons, paths, triggers
from rollbook.okta import runs
from rollbook.people import fields, groups, keys, roles
from rollbook.settings import Settings
from tests.api.conftest import Api, problem, told
from tests.cast import LEO, MONA, OTTO
from tests.conftest import OPERATOR
from tests.scim.wire import ask_door, basic_of
from tests.servers import PLAIN, ThreadServer

LONG = bool(os.environ.get("ROLLBOOK_LONG"))
UNKNOWN = "0199c0de-1e00-7000-8000-000000000001"
OPERATIONS = sorted(
    (method, route.path.removeprefix(PREFIX)) for route in ROUTES for method in route.methods or () if method != "HEAD"
)
TO_ONE = [(method, path) for method, path in OPERATIONS if "_id}" in path]
# A body that each operation takes; one that is missing here fails `test_every_operation_that_takes_a_body_is_known`.
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/users"): {"email": "new@acme.example", "given_name": "New", "family_name": "Nettle"},
    ("PATCH", "/users/{user_id}"): {"location": "Turin"},
    ("PUT", "/users/{user_id}/role"): {"role": "manager"},
    ("PUT", "/users/{user_id}/exemption"): {"reason": "A contractor"},
    ("POST", "/groups"): {"name": "New"},
    ("PATCH", "/groups/{group_id}"): {"name": "Renamed"},
    ("PUT", "/groups/{group_id}/rule"): {"rule": 'location = "Lyon"'},
    ("POST", "/rule-previews"): {"rule": 'location = "Lyon"'},
    ("POST", "/fields"): {"name": "New"},
    ("PATCH", "/fields/{field_id}"): {"name": "Renamed"},
    ("POST", "/lessons"): {"title": "Food safety", "body": "Wash your hands."},
    ("PATCH", "/lessons/{lesson_id}"): {"title": "Food hygiene"},
    ("POST", "/paths"): {"title": "First week", "lessons": [UNKNOWN]},
    ("PATCH", "/paths/{path_id}"): {"title": "Second week"},
    ("POST", "/assignments"): {"content_id": UNKNOWN, "user_id": UNKNOWN},
    ("PATCH", "/assignments/{assignment_id}"): {"due_on": "2027-01-31"},
    ("POST", "/assignments/{assignment_id}/complete"): {"score": 90},
    ("POST", "/triggers"): {"content_id": UNKNOWN, "group_id": UNKNOWN},
    ("POST", "/okta/runs"): {"purpose": "preview"},
    ("PUT", "/okta/fields"): {"variable": "hireDate", "field": "hire_date"},
    ("PATCH", "/okta/connection"): {"most_people": 10},
}
QUERIES = {("DELETE", "/okta/fields"): {"field": "hire_date"}}
REFUSED = {
    "type": "about:blank",
    "title": "Unauthorized",
    "status": 401,
    "detail": "The subdomain or the key is missing, wrong, expired or revoked, or the key is not one of scope api. An "
    "operator issues one with: rollbook key issue SUBDOMAIN --scope api",
}
operations = pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda value: value)


def filled(path: str, **ids: str) -> str:
    """The address with these ids, and unknown ones for the rest."""
    for part in path.split("/"):
        if part.startswith("{"):
            path = path.replace(part, ids.get(part[1:-1], UNKNOWN))
    return path


def rows(api: Api) -> list[Any]:
    """Everything that a company has, of every table, but for what is noted of keys once a minute."""

    def work(tx: Tx) -> list[Any]:
        found = []
        for table in metadata.sorted_tables:
            if "company_id" in table.columns and table.name != "failed_sign_ins":
                columns = [column for column in table.columns if column.name != "last_used_at"]
                query = select(*columns).where(table.c.company_id == api.id).order_by(*table.primary_key.columns)
                found.append((table.name, tx.search(query)))
        return found

    return api.house.read(work)


@pytest.fixture
def wrong(api: Api, other: Api) -> dict[str, tuple[str, str] | str | None]:
    """Credentials, each wrong in its own way: Basic user name and password, a header, or none."""
    revoked_id, revoked = api.issue()
    api.house.write(lambda tx: keys.revoke(tx, api.id, revoked_id, actor=OPERATOR, now=clock.now()))
    return {
        "none": None,
        "of scope scim": (api.subdomain, api.tenant.key),
        "another company's": (api.subdomain, other.key),
        "under another name": (other.subdomain, api.key),
        "revoked": (api.subdomain, revoked),
        "expired": (api.subdomain, api.issue(days=-1)[1]),
        "mistyped": (api.subdomain, api.key[:-1] + ("0" if api.key[-1] != "0" else "1")),
        "another scheme": "Negotiate abcd",
        "no colon": "Basic YWJj",
        "of scope scim, as Bearer": f"Bearer {api.tenant.key}",
    }


def present(api: Api, credential: tuple[str, str] | str | None, method: str, path: str, body: Any) -> httpx2.Response:
    url = f"{api.http.base_url}".rstrip("/") + path
    headers = {"Authorization": credential} if isinstance(credential, str) else {}
    auth = credential if isinstance(credential, tuple) else None
    return httpx2.request(method, url, json=body, headers=headers, auth=auth, verify=PLAIN)


def test_every_operation_that_takes_a_body_is_known() -> None:
    taking = {
        (method, route.path.removeprefix(PREFIX))
        for route in ROUTES
        if route.body_field
        for method in route.methods or ()
    }
    assert taking == BODIES.keys()


@operations
def test_whatever_is_wrong_with_the_key_the_answer_is_the_same(
    method: str, path: str, api: Api, wrong: dict[str, Any]
) -> None:
    before = rows(api)
    for what, credential in wrong.items():
        for body in (BODIES.get((method, path)), {"unknown": 1}):
            answer = present(api, credential, method, filled(path), body)
            assert told(answer) == REFUSED, what
            assert answer.headers["www-authenticate"] == 'Basic realm="Rollbook", charset="UTF-8"', what
    assert rows(api) == before


@pytest.mark.parametrize("path", ["/nothing", "/users?limit=many", "/users?unknown=1", "/users/x/y/z", "", "/"])
def test_what_is_wrong_with_a_request_is_told_to_no_stranger(path: str, api: Api) -> None:
    assert told(present(api, None, "GET", path, None)) == REFUSED
    assert told(present(api, None, "DELETE", path, None)) == REFUSED


def test_an_api_key_does_not_open_scim(api: Api, server: ThreadServer) -> None:
    answer = httpx2.get(f"{server.url}/scim/v2/Users", auth=(api.subdomain, api.key), verify=PLAIN)
    assert answer.status_code == 401


def test_basic_and_bearer_open_the_door(api: Api) -> None:
    company = {
        "id": api.id,
        "subdomain": api.subdomain,
        "name": "Acme",
        "created_at": api.tenant.company.created_at,
    }
    assert api.get("/company") == company
    for credential in ((api.subdomain.upper(), api.key), f"Bearer {api.key}"):
        answer = present(api, credential, "GET", "/company", None)
        assert (answer.status_code, answer.json()) == (200, company)


def test_a_revoked_key_does_nothing_more(api: Api) -> None:
    assert api.send("POST", f"/keys/{api.key_id}/revoke")["revoked_at"] is not None
    for method, path in OPERATIONS:
        assert api.send(method, filled(path), BODIES.get((method, path)), 401)


@pytest.mark.parametrize(("method", "path"), TO_ONE, ids=lambda value: value)
def test_another_company_s_id_is_an_unknown_one(method: str, path: str, api: Api, other: Api) -> None:
    own = ids_of(api)
    theirs = ids_of(other)
    names = [part[1:-1] for part in path.split("/") if part.endswith("_id}")]
    before = rows(other)
    for name in names:
        answers = []
        for id_ in (theirs[name], UNKNOWN):
            answer = api.ask(method, filled(path, **(own | {name: id_})), BODIES.get((method, path)))
            body = told(answer)
            answers.append({key: str(value).replace(id_, "ID") for key, value in body.items()})
            assert answer.status_code == 404
        assert answers[0] == answers[1]
        for form in (
            theirs[name].upper(),
            own[name].upper(),
            "x",
            "1",
            "*",
            "%00",
            own[name][:-1],
            own[name] + "0" * 999,
        ):
            assert api.ask(method, filled(path, **(own | {name: form})), BODIES.get((method, path))).status_code == 404
    assert rows(other) == before


def ids_of(api: Api) -> dict[str, str]:
    """One of each thing that an address may name."""
    user = api.hire(OTTO, "manager")

    def work(tx: Tx) -> dict[str, str]:
        how: dict[str, Any] = {"actor": OPERATOR, "now": clock.now()}
        group = groups.create(tx, api.id, "Bakers", **how)
        lesson = lessons.create(tx, api.id, "Food safety", "Wash your hands.", publish=True, **how)
        path = paths.create(tx, api.id, "First week", [lesson], publish=True, **how)
        return {
            "name": "learners",
            "user_id": user.id,
            "group_id": group.id,
            "field_id": fields.hire_date(tx, api.id).id,
            "key_id": api.key_id,
            "lesson_id": lesson.id,
            "path_id": path.id,
            "assignment_id": assignments.assign(tx, user, lesson, act_id=clock.new_id(), **how).id,
            "group_assignment_id": group_assignments.create(tx, group, path, **how).id,
            "trigger_id": triggers.on_join(tx, group, lesson, **how).id,
            "run_id": runs.create_by_hand(tx, api.id, "preview", **how).id,
        }

    return api.house.write(work)


def test_every_id_of_an_address_is_known(api: Api) -> None:
    named = {part[1:-1] for _, path in OPERATIONS for part in path.split("/") if part.startswith("{")}
    assert named == ids_of(api).keys()


@operations
def test_a_parameter_that_nobody_reads_is_refused(method: str, path: str, api: Api) -> None:
    before = rows(api)
    answer = api.ask(method, filled(path), BODIES.get((method, path)), params={"company_id": "x", "is_admin": "1"})
    assert answer.status_code == 400
    assert [(error["in"], error["name"]) for error in answer.json()["errors"]] == [
        ("query", "company_id"),
        ("query", "is_admin"),
    ]
    assert rows(api) == before


COLUMNS = sorted({column.name for table in metadata.tables.values() for column in table.columns})


@pytest.mark.long
@pytest.mark.parametrize(("method", "path"), sorted(BODIES), ids=lambda value: value)
def test_no_name_of_a_column_is_written_beside_the_members_that_are_offered(method: str, path: str, api: Api) -> None:
    """Mass assignment: each column of each table as one member more is refused, and nothing is changed."""
    (route,) = [r for r in ROUTES if r.path == PREFIX + path and method in (r.methods or ())]
    assert route.body_field is not None
    offered = set(route.body_field.field_info.annotation.model_fields)  # type: ignore[union-attr]  # a body is a model
    address = filled(path, **ids_of(api))
    before = rows(api)
    names = [name for name in (*COLUMNS, "roles", "isAdmin", "__class__", "permissions") if name not in offered]
    assert len(names) > 80
    at_once = 1 if LONG else problems.MOST_ERRORS
    for value in ("admin", None):
        for first in range(0, len(names), at_once):
            some = names[first : first + at_once]
            answer = api.ask(method, address, {**BODIES[method, path], **dict.fromkeys(some, value)})
            assert answer.status_code == 400, (some, value)
            refused = [{"in": "body", "name": name, "message": "There is no such member here."} for name in some]
            assert answer.json()["errors"] == refused
    assert rows(api) == before


@operations
def test_a_method_that_is_not_offered_is_405_with_those_that_are(method: str, path: str, api: Api) -> None:
    offered = {m for m, p in OPERATIONS if p == path}
    for wanted in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"} - offered:
        answer = api.http.request(wanted, filled(path))
        if wanted == "BREW":
            assert answer.status_code == 400
            continue
        assert told(answer) == {
            "type": "about:blank",
            "title": "Method Not Allowed",
            "status": 405,
            "detail": f"{wanted} is not offered here; {', '.join(sorted(offered))} is.",
        }
        assert answer.headers["allow"] == ", ".join(sorted(offered))


@pytest.mark.parametrize("path", ["/nothing", "/users/x/y/z", "/Users", "/users/", "//users", ""])
def test_what_is_nowhere_is_a_problem_too(path: str, api: Api) -> None:
    url = str(api.http.base_url).rstrip("/") + path
    assert told(httpx2.get(url, auth=(api.subdomain, api.key), verify=PLAIN)) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this address; /api/v1/openapi.json says what is where.",
    }


def test_every_operation_asks_authorization(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a table in which nobody may do anything, nothing is done: no operation goes around it."""
    ids = ids_of(api)
    before = rows(api)
    monkeypatch.setattr(roles, "PERMISSIONS", {})
    for method, path in OPERATIONS:
        query = QUERIES.get((method, path), {})
        answer = api.ask(method, filled(path, **ids), BODIES.get((method, path)), params=query)
        assert (answer.status_code, answer.json()["title"]) == (403, "Forbidden"), (method, path)
    assert rows(api) == before


def test_the_document_is_public_and_names_every_operation(api: Api) -> None:
    answer = httpx2.get(str(api.http.base_url).rstrip("/") + "/openapi.json", verify=PLAIN)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["x-content-type-options"] == "nosniff"
    document = answer.json()
    described = {
        (method.upper(), path.removeprefix(PREFIX)) for path, methods in document["paths"].items() for method in methods
    }
    assert described == set(OPERATIONS)
    every = [operation for methods in document["paths"].values() for operation in methods.values()]
    ids = [operation["operationId"] for operation in every]
    assert len(set(ids)) == len(ids)
    assert all(operation["summary"] and operation["description"] for operation in every)
    assert all({"400", "401", "403", "429", "503"} <= operation["responses"].keys() for operation in every)
    assert "422" not in json.dumps(document["paths"])


def test_the_operator_s_canary_is_in_no_refusal(api: Api) -> None:
    """What a client sent as a value is not repeated to it, let alone logged."""
    canary = "canary-4c1d"
    leo = api.hire(LEO)
    for method, path, how in (
        ("GET", "/users", {"params": {"limit": canary}}),
        ("GET", "/users", {"params": {"cursor": canary}}),
        ("GET", "/users", {"params": {"nothing": canary}}),
        ("POST", "/users", {"json": {"email": canary, "given_name": canary, "family_name": canary}}),
        ("POST", "/users", {"json": {"email": [canary], "role": canary}}),
        ("POST", "/users", {"content": b'{"email": "' + canary.encode()}),
        ("PATCH", f"/users/{leo.id}", {"json": {"hire_date": canary}}),
        ("PUT", f"/users/{leo.id}/role", {"json": {"role": canary}}),
        ("GET", "/company", {"auth": (api.subdomain, canary)}),
    ):
        headers = {"Content-Type": "application/json"} if "content" in how else {}
        answer = api.http.request(method, path, **({"headers": headers} | how))
        assert 400 <= answer.status_code < 500
        assert problem(answer)
        assert canary not in answer.text


def door(api: Api) -> ApiDoor:
    """A door of the test's own, without a socket."""
    installation = api.house.installation
    return ApiDoor(installation.database, installation.pepper, public_url="http://127.0.0.1", per_minute=600)


def test_the_last_use_of_a_key_is_seen_and_failures_are_counted(api: Api) -> None:
    own = door(api)

    async def use() -> None:
        for key, status in ((api.key, 200), (api.tenant.key, 401)):
            heard = await ask_door(
                own, "GET", "/api/v1/company", headers={"authorization": basic_of(api.subdomain, key)}
            )
            assert heard.status == status
        await own.key_use.flush()

    asyncio.run(use())
    (key,) = [key for key in api.get("/keys")["items"] if key["id"] == api.key_id]
    assert key["last_used_at"] is not None
    assert sum(count for _, count in api.house.read(lambda tx: keys.failures(tx, api.id))) == 1


def test_plain_http_from_the_network_is_refused_before_the_key_is_looked_at(api: Api) -> None:
    own = door(api)

    async def ask(client: str, scheme: str) -> int:
        heard = await ask_door(
            own,
            "GET",
            "/api/v1/company",
            headers={"authorization": basic_of(api.subdomain, api.key)},
            client=(client, 50000),
            scheme=scheme,
        )
        return heard.status

    async def all_of_them() -> list[int]:
        return [await ask("203.0.113.7", "http"), await ask("203.0.113.7", "https"), await ask("127.0.0.1", "http")]

    assert asyncio.run(all_of_them()) == [403, 200, 200]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_writes_nothing_with_a_key_that_the_browser_kept(site: str, api: Api) -> None:
    leo = api.hire(LEO)
    address = f"/users/{leo.id}/archive"
    answer = api.ask("POST", address, headers={"Sec-Fetch-Site": site})
    assert told(answer)["detail"].startswith("A page of another site sent this from a browser")
    assert api.get(f"/users/{leo.id}")["archived_at"] is None
    assert api.ask("GET", f"/users/{leo.id}", headers={"Sec-Fetch-Site": site}).status_code == 200
    assert api.ask("POST", address, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_a_person_is_not_found_by_another_company_s_filters(api: Api, other: Api) -> None:
    other.hire(LEO)
    api.hire(MONA)
    leo = {"email": LEO.email, "user_name": LEO.user_name, "external_id": "00uleo", "location": "Lyon"}
    for name, value in leo.items():
        assert api.get("/users", **{name: value}) == {"items": [], "next": None}


def test_the_page_of_the_docs_tells_every_refusal_and_every_type() -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    told_of = set(re.findall(r"\b[45]\d\d\b", page.partition("## Refusals")[2].partition("## How often")[0]))
    assert told_of == set(description.REFUSALS) | {"405"}
    assert set(re.findall(r"urn:rollbook:problem:([a-z-]+)", page)) == set(problems.TYPES)
    assert "600 times a minute, 100 of them at once" in page
    assert (Settings().api_requests_per_minute, BURST) == (600, 100)
