"""Filters offered and refused, projections, and preconditions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cast import CORE, DEACTIVATE, ENTERPRISE, LEO, MONA, patch, scim_user
from tests.conftest import Tenant

URN = "urn:ietf:params:scim:schemas:core:2.0:User"


@pytest.fixture
def staff(acme: Tenant) -> dict[str, str]:
    """Leo, who is active, and Mona, who is archived; their ids by name."""
    leo = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    mona = acme.scim.post("/Users", json=scim_user(MONA)).json()["id"]
    assert acme.scim.patch(f"/Users/{mona}", json=DEACTIVATE).status_code == 200
    return {"leo": leo, "mona": mona}


OFFERED = {
    'userName eq "leo@acme.example"': ["leo"],
    'USERNAME EQ "LEO@ACME.EXAMPLE"': ["leo"],
    'userName eq "  leo@acme.example "': ["leo"],
    f'{URN}:userName eq "leo@acme.example"': ["leo"],
    'userName eq "nobody@acme.example"': [],
    'userName eq ""': [],
    'externalId eq "00uleo"': ["leo"],
    'externalId eq "00ULEO"': [],
    'id eq "{leo}"': ["leo"],
    'id eq "nobody"': [],
    "active eq true": ["leo"],
    "active eq false": ["mona"],
    'active eq "False"': ["mona"],
    'emails eq "mona@acme.example"': ["mona"],
    'emails.value eq "MONA@acme.example"': ["mona"],
    'emails[value eq "leo@acme.example"]': ["leo"],
    'emails[type eq "work" and value eq "leo@acme.example"]': ["leo"],
    'emails[type eq "work"].value eq "leo@acme.example"': ["leo"],
    'emails[type eq "home"].value eq "leo@acme.example"': [],
    'emails[primary eq true].value eq "leo@acme.example"': ["leo"],
    'displayName eq "leo linden"': ["leo"],
    'userName eq "leo@acme.example" and active eq true': ["leo"],
    'userName eq "leo@acme.example" and active eq false': [],
    '(id eq "{mona}") and (active eq false and displayName eq "Mona Marigold")': ["mona"],
    'emails[type eq "work"].value eq "leo@acme.example" and active eq true': ["leo"],
    'emails[type eq "work"].value eq "leo@acme.example" and active eq false': [],
}


@pytest.mark.parametrize(("filter_", "expected"), OFFERED.items())
def test_an_offered_filter_finds_whom_it_names(
    filter_: str, expected: list[str], acme: Tenant, staff: dict[str, str]
) -> None:
    filter_ = filter_.replace("{leo}", staff["leo"]).replace("{mona}", staff["mona"])
    answer = acme.scim.get("/Users", params={"filter": filter_})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert [user["id"] for user in body["Resources"]] == [staff[name] for name in expected]
    assert body["totalResults"] == body["itemsPerPage"] == len(expected)


REFUSED = [
    *(f'userName {op} "leo"' for op in ("ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "like", "=")),
    "userName pr",
    'userName eq "leo" or userName eq "mona"',
    'not (userName eq "leo")',
    'title eq "Technician"',
    'name.familyName eq "Linden"',
    'name eq "Linden"',
    'meta.lastModified gt "2026-01-01T00:00:00Z"',
    f'{ENTERPRISE}:costCenter eq "Lyon"',
    f'{ENTERPRISE}:userName eq "leo@acme.example"',
    'groups.value eq "x"',
    'password eq "x"',
    'phoneNumbers[type eq "work"].value eq "1"',
    'emails[type eq "work"]',
    'emails[value co "leo"]',
    'emails[type eq "work" or value eq "leo@acme.example"]',
    'emails.type eq "work"',
    "userName eq leo@acme.example",
    "userName eq true",
    "userName eq null",
    "userName eq 7",
    'active eq "perhaps"',
    "active eq 1",
    'userName eq "leo',
    'userName eq "leo" and',
    'and userName eq "leo"',
    'userName eq "leo")',
    '(userName eq "leo"',
    'userName eq "a\\u0000b"',
    'userName eq "\\ud800"',
    'eq "leo"',
    "userName",
    "\x00",
    'userName eq "\x00"',
    'title\u202e eq "x"',
    "userName eq \U0001f98a",
    "-- ' OR 1=1",
]


@pytest.mark.parametrize("filter_", REFUSED)
def test_a_filter_that_is_not_offered_is_refused_and_never_answered_with_everybody(
    filter_: str, acme: Tenant, staff: dict[str, str]
) -> None:
    answer = acme.scim.get("/Users", params={"filter": filter_})
    body = answer.json()
    assert (answer.status_code, body["scimType"]) == (400, "invalidFilter"), body
    assert "eq" in body["detail"]


def test_an_empty_filter_is_none(acme: Tenant, staff: dict[str, str]) -> None:
    assert acme.scim.get("/Users?filter=").json()["totalResults"] == len(staff)
    assert acme.scim.get("/Users?filter=+").json()["totalResults"] == len(staff)


ALWAYS = {"schemas", "id"}


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("attributes=userName", {"userName"}),
        ("attributes=USERNAME,nonsense", {"userName"}),
        ("attributes=nonsense", set()),
        ("attributes=", None),
        (f"attributes={URN}:userName", {"userName"}),
        ("attributes=name.givenName,active", {"name", "active"}),
        ("attributes=emails.value", {"emails"}),
        (f"attributes={ENTERPRISE}", {ENTERPRISE}),
        (f"attributes={ENTERPRISE}:division", {ENTERPRISE}),
        ("attributes=meta", {"meta"}),
        ("attributes=password,groups,members", set()),
    ],
)
def test_attributes_shows_what_is_named_and_what_is_always_shown(
    query: str, shown: set[str] | None, acme: Tenant, staff: dict[str, str]
) -> None:
    user_id = staff["leo"]
    whole = acme.scim.get(f"/Users/{user_id}").json()
    part = acme.scim.get(f"/Users/{user_id}?{query}").json()
    assert part.keys() == (whole.keys() if shown is None else ALWAYS | shown)
    for name in part.keys() - {"name", "emails", ENTERPRISE}:
        assert part[name] == whole[name]
    if "name.givenName" in query:
        assert part["name"] == {"givenName": "Leo"}
    if "emails.value" in query:
        assert part["emails"] == [{"value": "leo@acme.example"}]
    if query.endswith(":division"):
        assert part[ENTERPRISE] == {"division": "Sales"}


@pytest.mark.parametrize(
    ("query", "hidden"),
    [
        ("excludedAttributes=members", set()),
        ("excludedAttributes=emails,NAME", {"emails", "name"}),
        ("excludedAttributes=id,schemas,userName", {"userName"}),
        (f"excludedAttributes={ENTERPRISE}", {ENTERPRISE}),
        ("excludedAttributes=meta,", {"meta"}),
    ],
)
def test_excluded_attributes_hides_what_is_named_but_not_what_is_always_shown(
    query: str, hidden: set[str], acme: Tenant, staff: dict[str, str]
) -> None:
    user_id = staff["leo"]
    whole = acme.scim.get(f"/Users/{user_id}").json()
    assert acme.scim.get(f"/Users/{user_id}?{query}").json() == {
        name: value for name, value in whole.items() if name not in hidden
    }


def test_projections_hold_for_lists_and_for_the_answers_of_writes(acme: Tenant) -> None:
    user = acme.scim.post("/Users?attributes=userName", json=scim_user(LEO))
    assert user.json().keys() == ALWAYS | {"userName"}
    user_id = user.json()["id"]
    assert user.headers["location"].endswith(f"/Users/{user_id}")
    listed = acme.scim.get("/Users?attributes=active").json()["Resources"]
    assert listed == [{"schemas": [CORE, ENTERPRISE], "id": user_id, "active": True}]
    put = acme.scim.put(f"/Users/{user_id}?excludedAttributes=emails", json=scim_user(LEO)).json()
    assert "emails" not in put
    patched = acme.scim.patch(f"/Users/{user_id}?attributes=title", json=patch({"op": "add", "value": {"title": "T"}}))
    assert patched.json().keys() == ALWAYS | {"title"}


def test_both_projections_at_once_are_refused(acme: Tenant) -> None:
    refused = acme.scim.get("/Users?attributes=id&excludedAttributes=name")
    assert (refused.status_code, refused.json()["scimType"]) == (400, "invalidValue")


def test_a_version_is_an_entity_tag_and_changes_only_with_the_user(acme: Tenant) -> None:
    created = acme.scim.post("/Users", json=scim_user(LEO))
    path, tag = f"/Users/{created.json()['id']}", created.headers["etag"]
    assert tag == created.json()["meta"]["version"] == 'W/"1"'
    assert acme.scim.get(path).headers["etag"] == tag
    assert acme.scim.put(path, json=scim_user(LEO)).headers["etag"] == tag
    assert acme.scim.patch(path, json=DEACTIVATE).headers["etag"] == 'W/"2"'


@pytest.mark.parametrize("header", ['W/"1"', '"1"', "*", '"x", W/"1"'])
def test_if_none_match_spares_the_body(header: str, acme: Tenant) -> None:
    user_id = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    answer = acme.scim.get(f"/Users/{user_id}", headers={"If-None-Match": header})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", 'W/"1"')


@pytest.mark.parametrize("header", ['W/"2"', '"9"', "", "nonsense"])
def test_if_none_match_of_another_version_gets_the_user(header: str, acme: Tenant) -> None:
    user_id = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    assert acme.scim.get(f"/Users/{user_id}", headers={"If-None-Match": header}).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_if_match_of_another_version_changes_nothing(method: str, acme: Tenant) -> None:
    user_id = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    bodies: dict[str, Any] = {"PUT": scim_user(LEO, title="T"), "PATCH": DEACTIVATE, "DELETE": None}
    headers = {"If-Match": 'W/"7"'}
    refused = acme.scim.request(method, f"/Users/{user_id}", json=bodies[method], headers=headers)
    assert refused.status_code == 412
    assert refused.json() == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": "412",
        "detail": "The user was changed since this client read it; nothing was changed now. Read it again and repeat.",
    }
    assert acme.scim.get(f"/Users/{user_id}").headers["etag"] == 'W/"1"'
    done = acme.scim.request(method, f"/Users/{user_id}", json=bodies[method], headers={"If-Match": 'W/"1"'})
    assert done.status_code in (200, 204)


def test_pages_are_cut_from_one_order_and_count_everybody(acme: Tenant) -> None:
    ids = [
        acme.scim.post(
            "/Users", json=scim_user(LEO, userName=f"l{n}", externalId=None, emails=f"l{n}@acme.example")
        ).json()["id"]
        for n in range(7)
    ]
    seen = []
    for start in (1, 4, 7, 10):
        page = acme.scim.get(f"/Users?startIndex={start}&count=3").json()
        assert (page["totalResults"], page["startIndex"]) == (7, start)
        assert page["itemsPerPage"] == len(page["Resources"])
        seen += [user["id"] for user in page["Resources"]]
    assert seen == ids
    huge = acme.scim.get(f"/Users?startIndex={10**30}&count={10**30}").json()
    assert (huge["totalResults"], huge["itemsPerPage"]) == (7, 0)
