"""The JSON bodies that Okta sends about a user: creation, the merged replacement, the change of status.

Pure functions over plain JSON; sending them is app.py's part.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from rollbook.simulator.people import OktaUser

JSON = dict[str, Any]

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def creation(user: OktaUser, password: str, *, with_external_id: bool, with_enterprise: bool) -> JSON:
    """The body of POST /Users.

    Okta sends a random filler as `password` even when passwords are not synchronised, and the empty
    `groups`; attributes it does not hold are left out.
    """
    body: JSON = {
        "schemas": [USER],
        "userName": user.login,
        "name": {"givenName": user.first_name, "familyName": user.last_name},
        "emails": [{"primary": True, "value": user.email, "type": "work"}],
        "displayName": user.display_name,
        "locale": user.locale,
    }
    if user.title:
        body["title"] = user.title
    if with_external_id:
        body["externalId"] = user.id
    body |= {"groups": [], "password": password, "active": True}
    extension = dict(_enterprise(user)) if with_enterprise else {}
    if extension:
        body["schemas"].append(ENTERPRISE)
        body[ENTERPRISE] = extension
    return body


def merged(user: OktaUser, answer: JSON, *, active: bool, with_external_id: bool, with_enterprise: bool) -> JSON:
    """The body of PUT /Users/{id}: the server's own GET answer with Okta's attributes written over it.

    Whatever Okta does not map goes back as it came, `meta`, `groups` and a by now stale `name.formatted`
    included. An attribute that Okta no longer holds is sent as an empty text. `answer` is not changed.
    """
    body = deepcopy(answer)
    body["userName"] = user.login
    body["name"] = _object(body.get("name")) | {"givenName": user.first_name, "familyName": user.last_name}
    body["emails"] = _emails(body.get("emails"), user.email)
    body["displayName"] = user.display_name
    _write(body, "locale", user.locale)
    _write(body, "title", user.title)
    if with_external_id:
        body["externalId"] = user.id
    body["active"] = active
    if with_enterprise:
        _merge_enterprise(body, user)
    return body


def status_change(active: bool) -> JSON:
    """The body of a catalogue app's PATCH /Users/{id}: one replace without a path."""
    return {"schemas": [PATCH], "Operations": [{"op": "replace", "value": {"active": active}}]}


def _enterprise(user: OktaUser) -> Iterator[tuple[str, Any]]:
    texts = {
        "employeeNumber": user.employee_number,
        "costCenter": user.cost_center,
        "division": user.division,
        "department": user.department,
    }
    yield from ((name, text) for name, text in texts.items() if text)
    if user.manager or user.manager_id:
        yield "manager", {"value": user.manager_id, "displayName": user.manager}


def _merge_enterprise(body: JSON, user: OktaUser) -> None:
    before = _object(body.get(ENTERPRISE))
    now = dict(_enterprise(user))
    for name in ("employeeNumber", "costCenter", "division", "department"):
        if before.get(name) and name not in now:
            now[name] = ""
    if before.get("manager") and "manager" not in now:
        now["manager"] = {"value": "", "displayName": ""}
    elif isinstance(before.get("manager"), dict):
        now["manager"] = before["manager"] | now["manager"]
    if not before and not now:
        return
    body[ENTERPRISE] = before | now
    schemas = body.setdefault("schemas", [USER])
    if ENTERPRISE not in schemas:
        schemas.append(ENTERPRISE)


def _emails(entries: Any, address: str) -> list[JSON]:
    """The server's entries with the address of the primary one replaced, its `display` left as it came."""
    found = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    index = next((at for at, entry in enumerate(found) if entry.get("primary") is True), 0)
    primary = {"primary": True, "value": address, "type": "work"}
    if not found:
        return [primary]
    found[index] = found[index] | primary
    return found


def _write(body: JSON, name: str, text: str) -> None:
    if text or body.get(name):
        body[name] = text


def _object(value: Any) -> JSON:
    return value if isinstance(value, dict) else {}
