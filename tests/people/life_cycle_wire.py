"""What the clients of test_life_cycle_machine.py send, and what SCIM must show of a person of the model."""

from __future__ import annotations

from typing import Any

from scim2_models import URN, EnterpriseUser, Extension, User

from rollbook.scim.user_schema import ROLLBOOK_USER
from tests.cast import CORE, ENTERPRISE, patch
from tests.people.life_cycle_model import Fields, Person


def document(sent: Fields, active: bool | None) -> dict[str, Any]:
    """The whole resource, as POST and PUT send it."""
    body: dict[str, Any] = {
        "schemas": [CORE, ENTERPRISE],
        "userName": sent["user_name"],
        "name": {"givenName": sent["given_name"], "familyName": sent["family_name"]},
        "emails": [{"value": sent["email"], "type": "work", "primary": True}],
        "title": sent["job_title"],
        "nickName": sent["nick_name"],
        "externalId": sent["external_id"],
        ENTERPRISE: {"costCenter": sent["location"]},
    }
    return body if active is None else body | {"active": active}


PATHS = {
    "user_name": "userName",
    "given_name": "name.givenName",
    "family_name": "name.familyName",
    "email": 'emails[type eq "work"].value',
    "job_title": "title",
    "nick_name": "nickName",
    "external_id": "externalId",
    "location": f"{ENTERPRISE}:costCenter",
    "active": "active",
}


def okta_patch(changed: dict[str, Any]) -> dict[str, Any]:
    """One operation without a path."""
    value: dict[str, Any] = {}
    for name, new in changed.items():
        if name == "email":
            value["emails"] = [{"value": new, "type": "work", "primary": True}]
        elif name in ("given_name", "family_name"):
            value.setdefault("name", {})[PATHS[name].partition(".")[2]] = new
        elif name == "location":
            value[ENTERPRISE] = {"costCenter": new}
        else:
            value[PATHS[name]] = new
    return patch({"op": "replace", "value": value})


def entra_patch(changed: dict[str, Any]) -> dict[str, Any]:
    """One operation a path, capitals in `op`, booleans as text."""
    operations = []
    for name, new in changed.items():
        if new is None:
            operations.append({"op": "Remove", "path": PATHS[name]})
        else:
            operations.append({"op": "Replace", "path": PATHS[name], "value": str(new) if name == "active" else new})
    return patch(*operations)


class LearningUser(Extension):
    """Our own extension, as the other library needs it told."""

    __schema__ = URN(ROLLBOOK_USER)

    hire_date: str | None = None


Published = User[EnterpriseUser | LearningUser]


def expected(person: Person) -> dict[str, Any]:
    """What SCIM shows of a person of the model."""
    return {
        "id": person["id"],
        "userName": person["user_name"],
        "givenName": person["given_name"],
        "formatted": f"{person['given_name']} {person['family_name']}",
        "emails": [(person["email"], True)],
        "title": person["job_title"],
        "nickName": person["nick_name"],
        "externalId": person["external_id"],
        "costCenter": person["location"],
        "hireDate": person["hire_date"],
        "active": person["active"],
        "version": f'W/"{person["version"]}"',
    }


def shown(resource: dict[str, Any]) -> dict[str, Any]:
    """The same of a resource."""
    return {
        "id": resource["id"],
        "userName": resource["userName"],
        "givenName": resource["name"]["givenName"],
        "formatted": resource["name"]["formatted"],
        "emails": [(email["value"], email["primary"]) for email in resource["emails"]],
        "title": resource.get("title"),
        "nickName": resource.get("nickName"),
        "externalId": resource.get("externalId"),
        "costCenter": resource.get(ENTERPRISE, {}).get("costCenter"),
        "hireDate": resource.get(ROLLBOOK_USER, {}).get("hireDate"),
        "active": resource["active"],
        "version": resource["meta"]["version"],
    }
