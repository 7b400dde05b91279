"""Companies are sealed: what belongs to another is, byte for byte, what never was; and what a company is told is a
function of its own state alone.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import users
from rollbook.people import users as people
from rollbook.scim.routes import ROUTES
from tests import history
from tests.cast import ADA, DEACTIVATE, LEO, MONA, OTTO, patch, scim_user
from tests.conftest import House, Tenant
from tests.servers import PLAIN, ThreadServer

# Method and collection of every route to one resource, as the door itself lists them.
TO_ONE = [(method, name) for name, (_, member) in ROUTES.items() for method in sorted(member)]
TO_MANY = [(method, name) for name, (collection, _) in ROUTES.items() for method in sorted(collection)]
BODIES: dict[str, Any] = {"POST": scim_user(MONA), "PUT": scim_user(MONA), "PATCH": DEACTIVATE}


def unknown_id() -> str:
    return str(uuid.uuid4())


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda id_: id_,
    "in upper case": str.upper,
    "without hyphens": lambda id_: id_.replace("-", ""),
    "in braces": lambda id_: f"%7B{id_}%7D",
    "with a space": lambda id_: f"{id_}%20",
    "with a NUL": lambda id_: f"{id_}%00",
    "with a quote": lambda id_: f"{id_}'%20OR%20'1'='1",
    "cut short": lambda id_: id_[:-1],
    "very long": lambda id_: id_ + "0" * 8000,
    "no UTF-8": lambda id_: f"{id_}%FF%FE",
    "a surrogate": lambda id_: f"{id_}%ED%A0%80",
    "with a parameter": lambda id_: f"{id_};company=umbra",
    "as a URN": lambda id_: f"urn:uuid:{id_}",
    "a number": lambda id_: "1",
    "a star": lambda id_: "*",
    "percent": lambda id_: "%25",
}


@pytest.fixture
def otto(umbra: Tenant) -> str:
    """Otto's id in umbra; Ada and Leo are there as well, under the names that acme's people have."""
    for profile in (ADA, LEO):
        assert umbra.scim.post("/Users", json=scim_user(profile)).status_code == 201
    answer = umbra.scim.post("/Users", json=scim_user(OTTO, externalId="00uotto"))
    id_: str = answer.json()["id"]
    return id_


def told(answer: httpx2.Response, *ids: str) -> tuple[int, str, dict[str, str]]:
    """An answer without what differs between any two: the id that was asked for, the request's id and the hour."""
    text = answer.text
    for id_ in ids:
        for form in (id_, id_.upper(), id_.replace("-", "")):
            text = text.replace(form, "ID").replace(form[:-1], "ID")
    headers = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "date")}
    headers.pop("content-length", None)  # follows the text
    return answer.status_code, text, headers


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("method", "collection"), TO_ONE)
def test_another_company_s_id_is_an_unknown_one(
    acme: Tenant, otto: str, umbra: Tenant, house: House, method: str, collection: str, form: str
) -> None:
    before = house.read(lambda tx: (history.rows(tx, users, umbra.id), history.events_of(tx, umbra.id)))
    answers = []
    for id_ in (otto, unknown_id()):
        answer = acme.scim.request(method, f"/{collection}/{FORMS[form](id_)}", json=BODIES.get(method))
        assert answer.headers["content-type"] == "application/scim+json"
        answers.append(told(answer, id_))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404
    after = house.read(lambda tx: (history.rows(tx, users, umbra.id), history.events_of(tx, umbra.id)))
    assert after == before


@pytest.mark.parametrize("form", FORMS)
def test_every_refused_write_has_its_line_whatever_the_id_looks_like(acme: Tenant, house: House, form: str) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        answer = acme.scim.request(method, f"/Users/{FORMS[form](unknown_id())}", json=BODIES.get(method))
        assert answer.status_code == 404
        line = house.read(lambda tx: history.lines_of(tx, acme.id))[-1]
        assert (line["request_id"], line["status"]) == (answer.headers["x-request-id"], 404)
        assert len(line["path"]) < 1000


def test_own_ids_are_found_only_as_they_were_given(acme: Tenant) -> None:
    id_ = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    assert acme.scim.get(f"/Users/{id_}").status_code == 200
    assert acme.scim.get(f"/Users/{id_.upper()}").status_code == 404


@pytest.mark.parametrize(("method", "collection"), TO_ONE + TO_MANY)
def test_a_key_with_the_other_company_s_subdomain_opens_nothing(
    acme: Tenant, umbra: Tenant, otto: str, method: str, collection: str
) -> None:
    """Basic says who, and the key says who; where they differ it is like no key at all."""
    path = f"/{collection}" if (method, collection) in TO_MANY else f"/{collection}/{otto}"
    mixed = [(umbra.company.subdomain, acme.key), (acme.company.subdomain, umbra.key), ("nobody", acme.key)]
    answers = [
        told(acme.scim.request(method, path, json=BODIES.get(method), auth=auth))
        for auth in (*mixed, ("nobody", "nothing"))
    ]
    assert {answer[0] for answer in answers} == {401}
    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize("name", ["x-forwarded-host", "host", "x-company", "x-tenant-id", "forwarded", "cookie"])
def test_no_header_names_another_company(acme: Tenant, umbra: Tenant, otto: str, name: str) -> None:
    for value in (umbra.company.subdomain, f"{umbra.company.subdomain}.rollbook.example", umbra.id):
        answer = acme.scim.get("/Users", headers={name: value})
        assert (answer.status_code, answer.json()["totalResults"]) == (200, 0)


def test_lists_totals_and_filters_tell_nothing_of_another_company(acme: Tenant, otto: str, umbra: Tenant) -> None:
    leo = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    questions = {
        "/Users": 1,
        "/Users?count=0": 1,
        "/Users?startIndex=2": 1,
        f'/Users?filter=userName eq "{OTTO.user_name}"': 0,
        f'/Users?filter=id eq "{otto}"': 0,
        '/Users?filter=externalId eq "00uotto"': 0,
        f'/Users?filter=emails eq "{OTTO.email}"': 0,
        '/Users?filter=displayName eq "Otto Oleander"': 0,
        "/Users?filter=active eq true": 1,
        f'/Users?filter=userName eq "{LEO.user_name}"': 1,
    }
    for question, total in questions.items():
        page = acme.scim.get(question).json()
        assert page["totalResults"] == total, question
        assert {resource["id"] for resource in page["Resources"]} <= {leo}


def test_a_name_that_another_company_has_is_free(acme: Tenant, otto: str, umbra: Tenant) -> None:
    answer = acme.scim.post("/Users", json=scim_user(OTTO, externalId="00uotto"))
    assert answer.status_code == 201
    assert answer.json()["id"] != otto
    assert umbra.scim.get(f"/Users/{otto}").json()["meta"]["version"] == 'W/"1"'


# What a company is told is a function of its own state: the same play with and without the other on stage.

PLAY: list[tuple[str, str, Any]] = [
    ("GET", "/Users", None),
    ("POST", "/Users", scim_user(LEO)),
    ("POST", "/Users", scim_user(LEO)),
    ("POST", "/Users", scim_user(ADA, externalId="00uada")),
    ("PUT", "/Users/{0}", scim_user(LEO, userName=ADA.user_name)),
    ("PATCH", "/Users/{0}", patch({"op": "replace", "path": "externalId", "value": "00uada"})),
    ("PATCH", "/Users/{0}", DEACTIVATE),
    ("POST", "/Users", scim_user(LEO, externalId="00uother")),
    ("GET", '/Users?filter=userName eq "LEO@ACME.EXAMPLE"', None),
    ("GET", "/Users?count=1&startIndex=2", None),
    ("POST", "/Users", scim_user(LEO)),
    ("DELETE", "/Users/{1}", None),
    ("GET", "/Users/{1}", None),
    ("POST", "/Users", scim_user(ADA, externalId="00uada")),
    ("GET", "/Users?filter=active eq true", None),
    ("GET", "/Users?filter=nonsense", None),
    ("PUT", "/Users/{2}", {"userName": "ada@acme.example"}),
    ("GET", "/Schemas", None),
]
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")


def play(tenant: Tenant, between: Callable[[], None]) -> Iterator[tuple[int, str, dict[str, str]]]:
    ids: list[str] = []
    for method, path, body in PLAY:
        between()
        answer = tenant.scim.request(method, path.format(*ids), json=body)
        if answer.status_code == 201 and answer.json()["id"] not in ids:
            ids.append(answer.json()["id"])
        text = answer.text
        for number, id_ in enumerate(ids):
            text = text.replace(id_, f"ID{number}")
        status, _, headers = told(answer)
        yield status, _INSTANT.sub("INSTANT", text), headers | {"location": "" if status == 201 else "none"}


def test_a_company_is_told_the_same_whether_or_not_another_is_there(tenant: Callable[[str], Tenant]) -> None:
    alone = list(play(tenant("acme"), lambda: None))
    other = tenant("umbra")
    names = iter(range(100))

    def meddle() -> None:
        """The other company lives through much the same at the same time, under the same names."""
        number = next(names)
        for profile in (LEO, ADA):
            answer = other.scim.post("/Users", json=scim_user(profile, externalId=f"00u{profile.given_name}"))
            if answer.status_code == 201 and number % 3 == 0:
                other.scim.patch(f"/Users/{answer.json()['id']}", json=DEACTIVATE)

    assert list(play(tenant("acme"), meddle)) == alone
    assert [status for status, _, _ in alone] == [
        *(200, 201, 409, 201, 409, 409, 200, 409, 200, 200, 201, 204, 404, 201, 200, 400, 400, 200),
    ]


def test_a_task_or_verb_of_one_company_finds_nobody_of_another(acme: Tenant, otto: str, house: House) -> None:
    def find(tx: Tx) -> None:
        assert people.find(tx, acme.id, otto) is None

    house.read(find)


def test_ids_tell_neither_count_nor_kinship(acme: Tenant, umbra: Tenant) -> None:
    ids = [uuid.UUID(tenant.scim.post("/Users", json=scim_user(LEO)).json()["id"]) for tenant in (acme, umbra)]
    assert {id_.version for id_ in ids} == {7}
    assert ids[0].int & (1 << 62) - 1 != ids[1].int & (1 << 62) - 1


def test_metrics_name_no_company(acme: Tenant, otto: str, umbra: Tenant, server: ThreadServer) -> None:
    acme.scim.get(f"/Users/{otto}")
    text = httpx2.get(f"{server.url}/metrics", verify=PLAIN).text
    assert "rollbook_scim_requests_total" in text
    for secret in (acme.id, umbra.id, acme.company.subdomain, umbra.company.subdomain, otto):
        assert secret not in text


def test_the_actor_of_one_company_s_key_is_never_another_s(acme: Tenant, umbra: Tenant, house: House) -> None:
    acme.scim.post("/Users", json=scim_user(LEO))
    umbra.scim.post("/Users", json=scim_user(LEO))
    for tenant in (acme, umbra):
        lines = house.read(lambda tx, id_=tenant.id: history.events_of(tx, id_))  # type: ignore[misc]  # a lambda with a default
        actors = {line["actor"] for line in lines if line["kind"] == "UserCreated"}
        assert actors == {str(Actor("scim", tenant.key_id))}
        assert json.dumps(lines).count(tenant.id) >= 1
        assert clock.text(clock.now()) > max(line["at"] for line in lines)
