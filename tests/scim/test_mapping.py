"""SCIM's User and Learning's record: every row of the mapping, both ways, and what is kept, ignored or refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook import clock
from rollbook.activity import events, log
from rollbook.people import users
from rollbook.people.attribute_mapping import EMAIL, ROWS
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from rollbook.scim import mapping
from rollbook.scim.protocol.normalize import canonical
from rollbook.scim.user_schema import ROLLBOOK_USER, USER
from tests.cast import CORE, ENTERPRISE, LEO, patch, scim_user
from tests.conftest import House, Tenant

BASE = "http://127.0.0.1:8000/scim/v2"

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=12)
FEW = st.sampled_from(["a", "B", "ß", "1"])
ADDRESS = st.sampled_from(["leo@acme.example", "LEO@acme.example", "linden@acme.example", "l@home.example"])
LABELS = {"type": st.sampled_from(["work", "home", "other"]), "primary": st.booleans(), "display": FEW}
EMAILS = st.lists(st.fixed_dictionaries({"value": ADDRESS}, optional=LABELS), min_size=1, max_size=4)
PHONES = st.lists(st.fixed_dictionaries({"value": FEW}, optional=LABELS), max_size=3)
ADDRESSES = st.lists(
    st.fixed_dictionaries({"locality": FEW}, optional={"country": FEW, "primary": st.booleans()}), max_size=2
)
DATES = st.sampled_from(["2026-11-24", "2026-11-24T00:00:00.000Z", "2024-02-29T23:59:59+02:00"])
DOCUMENTS = st.fixed_dictionaries(
    {
        "userName": TEXT,
        "name": st.fixed_dictionaries(
            {"givenName": TEXT, "familyName": TEXT},
            optional={"middleName": TEXT, "formatted": TEXT, "honorificPrefix": TEXT, "honorificSuffix": TEXT},
        ),
        "emails": EMAILS,
    },
    optional={
        **dict.fromkeys(("title", "nickName", "userType", "locale", "timezone", "preferredLanguage"), TEXT),
        "displayName": TEXT,
        "externalId": TEXT,
        "profileUrl": TEXT,
        "active": st.booleans(),
        "phoneNumbers": PHONES,
        "addresses": ADDRESSES,
        "tags": st.lists(TEXT, max_size=2),
        ENTERPRISE: st.fixed_dictionaries(
            {},
            optional={
                **dict.fromkeys(("costCenter", "division", "department", "employeeNumber", "organization"), TEXT),
                "manager": st.fixed_dictionaries({}, optional={"value": TEXT, "displayName": TEXT, "$ref": TEXT}),
            },
        ),
        ROLLBOOK_USER: st.fixed_dictionaries({"hireDate": DATES}),
    },
)


def stored(profile: Profile, *, active: bool = True) -> User:
    """The record that says what the profile says."""
    at = clock.text(clock.now())
    values: dict[str, Any] = dict.fromkeys(User.__struct_fields__)
    values |= {name: value for name, value in msgspec.structs.asdict(profile).items() if name != "kept"}
    values |= {
        "id": clock.new_id(),
        "company_id": clock.new_id(),
        "kept": msgspec.json.encode(profile.kept).decode(),
        "role": "learner",
        "link": "linked",
        "archived_at": None if active else at,
        "version": 1,
        "created_at": at,
        "updated_at": at,
    }
    return User(**values)


def profile_of(document: dict[str, Any]) -> Profile:
    return mapping.profile_of(canonical(USER, document).resource)


@given(DOCUMENTS)
def test_what_is_shown_means_the_profile_that_was_stored(document: dict[str, Any]) -> None:
    profile = profile_of(document)
    assert profile_of(mapping.resource_of(stored(profile), BASE)) == profile


@given(DOCUMENTS)
def test_what_is_shown_is_canonical_but_for_what_the_record_derives(document: dict[str, Any]) -> None:
    shown = mapping.resource_of(stored(profile_of(document)), BASE)
    read = canonical(USER, shown)
    assert read.ignored == ()
    assert set(read.read_only) == {"id", "meta", "displayName", "name.formatted"}
    derived = {"id", "meta", "displayName", "name"}
    assert {name: value for name, value in read.resource.items() if name not in derived} == {
        name: value for name, value in shown.items() if name not in derived
    }


@given(DOCUMENTS)
def test_one_address_is_primary_and_comes_first(document: dict[str, Any]) -> None:
    profile = profile_of(document)
    emails = mapping.resource_of(stored(profile), BASE)["emails"]
    assert emails[0]["value"] == profile.email
    assert [email.get("primary") for email in emails].count(True) == 1
    assert emails[0]["primary"] is True
    assert {email["value"] for email in emails} == {email["value"] for email in document["emails"]}


VALUES = {"hire_date": "2026-11-24", "external_id": "00u1"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.field)
def test_each_row_of_the_mapping_holds_in_both_directions(row: Any, acme: Tenant, house: House) -> None:
    value = VALUES.get(row.field, f"Some {row.label}")
    document = scim_user(LEO, **{ENTERPRISE: {}, "schemas": [CORE]})
    document.pop("externalId")
    holder = document
    for part in row.path[:-1]:
        holder = holder.setdefault(part, {})
    holder[row.path[-1]] = value

    created = acme.scim.post("/Users", json=document)
    assert created.status_code == 201, created.text
    shown = created.json()
    for part in row.path:
        shown = shown[part]
    assert shown == value
    user = house.read(lambda tx: users.get(tx, acme.id, created.json()["id"]))
    assert getattr(user, row.field) == value
    assert row.path[0] not in user.kept_attributes


def test_the_address_that_is_the_users_is_the_primary_one_then_work_then_the_first() -> None:
    def email(*emails: dict[str, Any]) -> str:
        return profile_of(scim_user(LEO, emails=list(emails))).email

    home, work = {"value": "h@acme.example", "type": "home"}, {"value": "w@acme.example", "type": "work"}
    other = {"value": "o@acme.example"}
    assert email(home, work, other | {"primary": True}) == "o@acme.example"
    assert email(home, other, work) == "w@acme.example"
    assert email(other, home) == "o@acme.example"
    assert email({"value": "", "primary": True}, home) == "h@acme.example"


KEPT: dict[str, Any] = {
    "nickName": "Lee",
    "profileUrl": "https://acme.example/people/leo",
    "userType": "Employee",
    "phoneNumbers": [{"value": "+33 (0)4 00-00 00.01", "type": "work", "primary": True}, {"value": "12"}],
    "ims": [{"value": "leo", "type": "xmpp"}],
    "photos": [{"value": "https://acme.example/leo.jpg", "type": "photo"}],
    "addresses": [{"formatted": "1 Quai Vert\n69001 Lyon", "country": "FR", "primary": True}],
    "x509Certificates": [{"value": "MIIB"}],
}


def test_an_attribute_without_a_field_is_given_back_as_it_came(acme: Tenant) -> None:
    enterprise = {"employeeNumber": "701984", "organization": "Acme", "manager": {"value": "2", "$ref": "../Users/2"}}
    document = scim_user(LEO, **KEPT, **{ENTERPRISE: enterprise})
    user_id = acme.scim.post("/Users", json=document).json()["id"]
    shown = acme.scim.get(f"/Users/{user_id}").json()
    assert {name: shown[name] for name in KEPT} == KEPT
    assert shown[ENTERPRISE] == enterprise
    again = acme.scim.put(f"/Users/{user_id}", json=shown).json()
    assert again == shown


def test_names_of_attributes_fold_case_and_values_do_not(acme: Tenant) -> None:
    document = {
        "SCHEMAS": [CORE.upper()],
        "USERNAME": "Leo@Acme.example",
        "Name": {"GIVENNAME": "Leo", "familyname": "Linden"},
        "eMails": [{"VALUE": "Leo@Acme.example"}],
        ENTERPRISE.upper(): {"COSTCENTER": "Lyon"},
    }
    shown = acme.scim.post("/Users", json=document).json()
    assert shown["userName"] == "Leo@Acme.example"
    assert shown[ENTERPRISE] == {"costCenter": "Lyon"}


def test_the_password_is_nowhere(acme: Tenant, house: House) -> None:
    secret = "correct-horse-battery"
    answer = acme.scim.post("/Users", json=scim_user(LEO, password=secret, PassWord2="x"))
    user_id = answer.json()["id"]
    acme.scim.patch(f"/Users/{user_id}", json=patch({"op": "replace", "value": {"password": secret + "1"}}))
    acme.scim.patch(f"/Users/{user_id}", json=patch({"op": "replace", "path": f"{CORE}:password", "value": secret}))
    assert secret not in acme.scim.get(f"/Users/{user_id}").text
    assert secret not in acme.scim.get("/Schemas").text

    def told(tx: Any) -> str:
        entries = log.search(tx, acme.id)
        return repr((users.get(tx, acme.id, user_id), entries, events.of_subject(tx, acme.id, user_id)))

    everything = house.read(told)
    assert secret not in everything
    assert "password" not in everything.replace("PassWord2", "")


def test_a_tag_changes_no_field_and_is_named_in_the_log(acme: Tenant, house: House) -> None:
    tags = {"tags": ["Lyon"], "tag": "Lyon", "location": "Lyon", "urn:acme:tags:1.0:User": {"location": "Lyon"}}
    document = scim_user(LEO, schemas=[CORE], **tags)
    document.pop(ENTERPRISE)
    shown = acme.scim.post("/Users", json=document).json()
    assert not {*tags, ENTERPRISE} & shown.keys()
    entry = house.read(lambda tx: log.last(tx, acme.id))
    assert entry is not None
    assert set(entry.ignored) == set(tags)
    assert "location" not in entry.changes


REQUIRED = [row for row in ROWS if row.required]


@pytest.mark.parametrize("row", [*REQUIRED, EMAIL], ids=lambda row: row.field)
def test_a_missing_required_attribute_is_named_with_its_mapping(row: Any, acme: Tenant) -> None:
    document = scim_user(LEO)
    user_id = acme.scim.post("/Users", json=document).json()["id"]
    path = "emails" if row is EMAIL else ".".join(row.path)
    holder = document if len(path.split(".")) == 1 else document["name"]
    del holder[path.split(".")[-1]]
    remove = patch({"op": "remove", "path": path})
    for answer in (
        acme.scim.post("/Users", json=document | {"externalId": "00unew"}),
        acme.scim.put(f"/Users/{user_id}", json=document),
        acme.scim.patch(f"/Users/{user_id}", json=remove),
    ):
        assert answer.status_code == 400
        body = answer.json()
        assert body["scimType"] == "invalidValue"
        assert path in body["detail"]
        assert row.okta in body["detail"]
    assert acme.scim.get(f"/Users/{user_id}").json()["meta"]["version"] == 'W/"1"'


def test_a_put_clears_what_it_leaves_out_but_not_the_state_or_the_hire_date(acme: Tenant) -> None:
    hired = {"hireDate": "2026-11-24T00:00:00.000Z"}
    full = scim_user(LEO, title="Technician", nickName="Lee", **{ROLLBOOK_USER: hired})
    user_id = acme.scim.post("/Users", json=full).json()["id"]
    acme.scim.patch(f"/Users/{user_id}", json=patch({"op": "replace", "path": "active", "value": False}))
    less = {name: full[name] for name in ("schemas", "userName", "name", "emails")}
    shown = acme.scim.put(f"/Users/{user_id}", json=less).json()
    assert shown["active"] is False
    assert shown[ROLLBOOK_USER] == hired
    assert not {"title", "nickName", "externalId", ENTERPRISE} & shown.keys()
    version = shown["meta"]["version"]
    assert acme.scim.put(f"/Users/{user_id}", json=less).json()["meta"]["version"] == version
    assert acme.scim.put(f"/Users/{user_id}", json=less | {ROLLBOOK_USER: {"hireDate": ""}}).status_code == 200


def test_a_hire_date_that_is_no_date_is_refused(acme: Tenant) -> None:
    answer = acme.scim.post("/Users", json=scim_user(LEO, **{ROLLBOOK_USER: {"hireDate": "24/11/2026"}}))
    assert answer.status_code == 400
    assert answer.json()["detail"] == "The hire date must be written as YYYY-MM-DD."
