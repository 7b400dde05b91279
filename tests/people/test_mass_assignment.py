"""What is no attribute of the mapping changes nothing, wherever a client writes it: no role, no instant, no column."""

from __future__ import annotations

from typing import Any

import pytest

from rollbook import clock
from rollbook.database.tables import metadata, users
from rollbook.people import profiles
from rollbook.people import users as people
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from rollbook.people.roles import Role
from rollbook.scim.user_schema import CORE, ENTERPRISE, ROLLBOOK, USER
from tests import history
from tests.cast import LEO, MONA, patch, scim_user
from tests.conftest import OPERATOR, House, Tenant

EVIL = "ada@evil.example"


def person(house: House, tenant: Tenant, profile: Profile, role: Role = "learner") -> User:
    """An account that people made in Learning."""
    return house.write(lambda tx: people.create(tx, tenant.id, profile, role=role, actor=OPERATOR, now=clock.now()))


def row_of(house: House, tenant: Tenant, user_id: str) -> dict[str, Any]:
    return next(row for row in house.read(lambda tx: history.rows(tx, users, tenant.id)) if row["id"] == user_id)


COLUMNS = sorted({column.name for table in metadata.tables.values() for column in table.columns})
EXTRA = (
    "roles",
    "entitlements",
    "groups",
    "isAdmin",
    "permissions",
    "tenant",
    "tenantId",
    "companyId",
    "emailVerified",
)
VALUES: dict[str, Any] = {
    "role": "admin",
    "roles": [{"value": "admin", "primary": True}],
    "entitlements": [{"value": "admin"}],
    "groups": [{"value": "admins"}],
    "link": "unlinked",
    "version": 99,
    "archived_at": None,
    "confirmed_email": EVIL,
    "email": EVIL,
}


def known(names: dict[str, Any], name: str) -> bool:
    return name.lower() in {known.lower() for known in names}


def unknown_at(place: str) -> list[str]:
    """The names that mean nothing at this place of a resource; the others are attributes, and are tested as such."""
    names: dict[str, Any] = {
        "resource": USER.names,
        "name": CORE.names["name"].names,
        "emails": CORE.names["emails"].names,
        "enterprise": ENTERPRISE.names,
        "rollbook": ROLLBOOK.names,
    }[place]
    return [name for name in (*COLUMNS, *EXTRA) if not known(names, name)]


def value_of(name: str) -> Any:
    return VALUES.get(name, "2026-01-01T00:00:00.000000Z" if name.endswith("_at") else "admin")


def smuggled() -> list[dict[str, Any]]:
    """PATCH operations, each with one name at one place."""
    found: list[dict[str, Any]] = []
    for name in unknown_at("resource"):
        found.append({"op": "replace", "path": name, "value": value_of(name)})
        found.append({"op": "add", "path": f"{CORE.id}:{name}", "value": value_of(name)})
        found.append({"op": "replace", "value": {name: value_of(name)}})
    found += [{"op": "replace", "path": f"name.{name}", "value": value_of(name)} for name in unknown_at("name")]
    found += [{"op": "add", "path": f"emails.{name}", "value": value_of(name)} for name in unknown_at("emails")]
    for urn, place in ((ENTERPRISE.id, "enterprise"), (ROLLBOOK.id, "rollbook")):
        for name in unknown_at(place):
            found.append({"op": "replace", "path": f"{urn}:{name}", "value": value_of(name)})
            found.append({"op": "replace", "value": {urn: {name: value_of(name)}}})
    found += [{"op": "replace", "path": f"urn:scim:users:{name}", "value": value_of(name)} for name in COLUMNS]
    return found


def test_no_name_of_a_column_is_written_by_patch(acme: Tenant, house: House) -> None:
    leo = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    before = row_of(house, acme, leo)
    operations = smuggled()
    assert len(operations) > 500
    for operation in operations:
        answer = acme.scim.patch(f"/Users/{leo}", json=patch(operation))
        assert answer.status_code in (200, 400), (operation, answer.text)
    assert row_of(house, acme, leo) == before
    assert len(house.read(lambda tx: history.rows(tx, users, acme.id))) == 1


def laden(body: dict[str, Any]) -> dict[str, Any]:
    """The resource with every name at every place."""
    extra = {name: value_of(name) for name in unknown_at("resource")}
    return {
        **extra,
        **body,
        "name": body["name"] | {name: value_of(name) for name in unknown_at("name")},
        "emails": [email | {name: value_of(name) for name in unknown_at("emails")} for email in body["emails"]],
        ENTERPRISE.id: body[ENTERPRISE.id] | {name: value_of(name) for name in unknown_at("enterprise")},
        ROLLBOOK.id: {name: value_of(name) for name in unknown_at("rollbook")},
        "id": "another",
        "meta": {"version": "99", "created": "2020-01-01T00:00:00Z", "resourceType": "Admin"},
    }


def test_no_name_of_a_column_is_written_by_post_or_put(acme: Tenant, umbra: Tenant, house: House) -> None:
    plain = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    laden_answer = umbra.scim.post("/Users", json=laden(scim_user(LEO)))
    assert laden_answer.status_code == 201
    expected, created = row_of(house, acme, plain), row_of(house, umbra, laden_answer.json()["id"])
    own = {"company_id", "id", "created_at", "updated_at", "linked_at"}
    assert {name: created[name] for name in created.keys() - own} == {
        name: expected[name] for name in expected.keys() - own
    }
    answer = umbra.scim.put(f"/Users/{created['id']}", json=laden(scim_user(LEO)))
    assert answer.status_code == 200
    assert row_of(house, umbra, created["id"]) == created
    line = house.read(lambda tx: history.lines_of(tx, umbra.id))[-1]
    assert '"role"' in line["ignored"]  # passed over, and named


@pytest.mark.parametrize("role", ["creator", "manager", "admin"])
def test_scim_neither_raises_nor_lowers_a_role(acme: Tenant, house: House, role: Role) -> None:
    mona = person(house, acme, MONA, role)
    attempts: list[dict[str, Any]] = [{"roles": [{"value": "learner"}]}, {"roles": []}, {"role": "learner"}]
    for attribute in attempts:
        assert acme.scim.put(f"/Users/{mona.id}", json=scim_user(MONA, **attribute)).status_code == 200
        acme.scim.patch(f"/Users/{mona.id}", json=patch({"op": "replace", "value": attribute}))
        acme.scim.patch(f"/Users/{mona.id}", json=patch({"op": "remove", "path": next(iter(attribute))}))
        assert house.read(lambda tx: people.get(tx, acme.id, mona.id)).role == role


def test_what_scim_writes_is_what_a_profile_holds() -> None:
    """The list of fields is short and closed: neither role nor link nor any instant is among them."""
    assert set(profiles.TEXT_FIELDS) == {
        *("user_name", "email", "given_name", "family_name", "location", "business_unit", "department", "job_title"),
        *("manager_value", "manager_name", "locale", "preferred_language", "time_zone", "hire_date", "external_id"),
    }
