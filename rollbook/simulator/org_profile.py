"""How the simulated org shows what it holds: people, groups, the app and its users, the schema, errors. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from rollbook.simulator.bodies import JSON
from rollbook.simulator.people import Assignment, OktaUser

# Okta's profile variable and ours. Where one has no attribute here, it lies in `extra`.
VARIABLES = {
    "login": "login",
    "email": "email",
    "firstName": "first_name",
    "lastName": "last_name",
    "title": "title",
    "department": "department",
    "division": "division",
    "costCenter": "cost_center",
    "employeeNumber": "employee_number",
    "manager": "manager",
    "managerId": "manager_id",
    "locale": "locale",
}
BASE = {
    "login": "Username",
    "firstName": "First name",
    "lastName": "Last name",
    "email": "Primary email",
    "title": "Title",
    "displayName": "Display name",
    "mobilePhone": "Mobile phone",
    "preferredLanguage": "Preferred language",
    "locale": "Locale",
    "timezone": "Time zone",
    "employeeNumber": "Employee number",
    "costCenter": "Cost center",
    "organization": "Organization",
    "division": "Division",
    "department": "Department",
    "managerId": "ManagerId",
    "manager": "Manager",
}
REQUIRED = ("login", "firstName", "lastName", "email")
TYPES: dict[type, str] = {bool: "boolean", int: "integer", float: "number", list: "array"}


@dataclass(slots=True)
class Person:
    """A user of the org and when what happened to them, as texts."""

    user: OktaUser
    created: str
    changed: str
    status_changed: str


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that the org added to its profiles; `type` is Okta's word: string, integer, boolean …"""

    title: str
    type: str = "string"


@dataclass(kw_only=True)
class Showing:
    """What the org lets out: `hidden` variables are in nobody's profile, `nulls` shows what is empty as null
    (Okta does either), `spoiled` is shown instead of a person, whatever it is."""

    hidden: set[str] = field(default_factory=set)
    nulls: bool = False
    spoiled: dict[str, Any] = field(default_factory=dict)

    def person(self, person: Person, origin: str, variables: Mapping[str, Variable]) -> Any:
        user = person.user
        if self.spoiled and user.id in self.spoiled:
            return self.spoiled[user.id]
        shown: JSON = {
            "id": user.id,
            "status": user.status,
            "created": person.created,
            "activated": person.created,
            "statusChanged": person.status_changed,
            "lastUpdated": person.changed,
            "type": {"id": "otyrollbook0defaultk"},
            "profile": self._profile(user, variables),
            "credentials": {"provider": {"type": "OKTA", "name": "OKTA"}},
            "_links": {"self": {"href": f"{origin}/api/v1/users/{user.id}"}},
        }
        if self.nulls:
            shown |= {"lastLogin": None, "passwordChanged": None}
        return shown

    def _profile(self, user: OktaUser, variables: Mapping[str, Variable]) -> JSON:
        profile: JSON = {variable: getattr(user, name) for variable, name in VARIABLES.items()}
        profile["displayName"] = user.display_name
        profile |= user.extra
        if self.nulls:
            profile = dict.fromkeys((*BASE, *variables)) | profile
            return {name: value if value != "" else None for name, value in profile.items() if name not in self.hidden}
        return {
            name: value
            for name, value in profile.items()
            if value != "" and value is not None and name not in self.hidden
        }


def with_profile(user: OktaUser, values: Mapping[str, Any]) -> OktaUser:
    """The user with other values in Okta's variables; None and an empty text take one away."""
    known: dict[str, Any] = {VARIABLES[name]: str(value or "") for name, value in values.items() if name in VARIABLES}
    extra = dict(user.extra) | {name: value for name, value in values.items() if name not in VARIABLES}
    kept = {name: value for name, value in extra.items() if value is not None and value != ""}
    return replace(user, **known, extra=kept)


def type_of(value: Any) -> str:
    """Okta's word for the type of a value."""
    return TYPES.get(type(value), "string")


def group(group_id: str, name: str, created: str, origin: str) -> JSON:
    return {
        "id": group_id,
        "created": created,
        "lastUpdated": created,
        "objectClass": ["okta:user_group"],
        "type": "OKTA_GROUP",
        "profile": {"name": name, "description": None},
        "_links": {"users": {"href": f"{origin}/api/v1/groups/{group_id}/users"}},
    }


def app(app_id: str, label: str, created: str, origin: str) -> JSON:
    return {
        "id": app_id,
        "name": "rollbook_learning",
        "label": label,
        "status": "ACTIVE",
        "created": created,
        "lastUpdated": created,
        "_links": {"users": {"href": f"{origin}/api/v1/apps/{app_id}/users"}},
    }


def app_user(person: Person, assignment: Assignment) -> JSON:
    """What Okta shows of an assignment: `externalId` only where it holds an id that the server gave."""
    user = person.user
    linked = assignment.external_id is not None
    status = "SUSPENDED" if user.status == "SUSPENDED" else "PROVISIONED" if linked else "ACTIVE"
    state = "ERROR" if assignment.sync == "ERROR" else "SYNCHRONIZED" if linked else "DISABLED"
    shown: JSON = {
        "id": user.id,
        "created": person.created,
        "lastUpdated": person.changed,
        "scope": "USER",
        "status": status,
        "syncState": state,
        "credentials": {"userName": user.login},
        "profile": {"email": user.email, "givenName": user.first_name, "familyName": user.last_name},
    }
    if linked:
        shown |= {"externalId": assignment.external_id, "lastSync": person.changed}
    return shown


def schema(variables: Mapping[str, Variable], origin: str) -> JSON:
    """The schema of the profile: `base` is what every org has, `custom` what this one added."""
    base = {name: {"title": title, "type": "string"} for name, title in BASE.items()}
    custom = {name: {"title": variable.title, "type": variable.type} for name, variable in variables.items()}
    definitions = {
        "custom": {"id": "#custom", "type": "object", "properties": custom, "required": []},
        "base": {"id": "#base", "type": "object", "properties": base, "required": list(REQUIRED)},
    }
    return {
        "id": f"{origin}/meta/schemas/user/default",
        "$schema": "http://json-schema.org/draft-04/schema#",
        "name": "user",
        "title": "User",
        "type": "object",
        "definitions": definitions,
        "properties": {"profile": {"allOf": [{"$ref": f"#/definitions/{name}"} for name in definitions]}},
    }


def error(code: str, summary: str, number: int) -> JSON:
    """Okta's one shape of an error."""
    return {
        "errorCode": code,
        "errorSummary": summary,
        "errorLink": code,
        "errorId": f"oae{number:017d}",
        "errorCauses": [],
    }


def stamp(moment: datetime) -> str:
    """`2026-11-24T06:00:00.000Z`, as Okta writes instants."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def address(origin: str, path: str, query: Mapping[str, str]) -> str:
    """An absolute address with its query escaped as Okta escapes it."""
    escaped = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    return f"{origin}{path}" + (f"?{escaped}" if escaped else "")
