"""SCIM's User and Learning's, in both directions, by the table of people/attribute_mapping.py.

What has no field of ours is kept as it was sent and given back unchanged. The schemas are in user_schema.py.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any

import msgspec

from rollbook.people.attribute_mapping import EMAIL, HIRE_DATE, ROWS
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from rollbook.scim.protocol.errors import InvalidValue
from rollbook.scim.protocol.messages import CORE_USER, ENTERPRISE_USER
from rollbook.scim.user_schema import ROLLBOOK_USER

Resource = dict[str, Any]


_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ][0-9:.,+Zz-]{1,30}")
# What the record derives, or says itself; everything else of a resource is kept.
_DERIVED = frozenset({"schemas", "id", "meta", "active", "emails", "displayName"})
_TOP = {row.path[0]: row.field for row in ROWS if len(row.path) == 1}
_ENTERPRISE = {row.path[1]: row.field for row in ROWS if row.path[0] == ENTERPRISE_USER and len(row.path) == 2}


def required(resource: Resource) -> None:
    """Raises InvalidValue naming Okta's attribute and the mapping to add, for the first that is missing."""
    name = resource.get("name") or {}
    missing = (
        "userName"
        if "userName" not in resource
        else "name.givenName"
        if "givenName" not in name
        else "name.familyName"
        if "familyName" not in name
        else "emails"
        if _primary(resource.get("emails") or []) is None
        else None
    )
    if missing is None:
        return
    okta = EMAIL.okta if missing == "emails" else next(row.okta for row in ROWS if ".".join(row.path) == missing)
    raise InvalidValue(
        f"The attribute {missing} is required and has no value for this person. In Okta fill it in on the person's "
        f"profile, and see that the app maps it: Provisioning, To App, Attribute Mappings, {okta}."
    )


def profile_of(resource: Resource) -> Profile:
    """The profile that a canonical resource means. Raises InvalidValue where a required attribute is missing."""
    required(resource)
    emails = resource["emails"]
    primary = _primary(emails)
    assert primary is not None
    fields: dict[str, Any] = {"email": primary["value"]}
    kept: dict[str, Any] = {}
    for name, value in resource.items():
        field = _TOP.get(name)
        if field is not None:
            fields[field] = value
        elif name == "name":
            parts = {part: text for part, text in value.items() if part not in ("givenName", "familyName", "formatted")}
            fields["given_name"], fields["family_name"] = value["givenName"], value["familyName"]
            if parts:
                kept["name"] = parts
        elif name == ENTERPRISE_USER:
            _read_enterprise(value, fields, kept)
        elif name == ROLLBOOK_USER:
            _read_ours(value, fields, kept)
        elif name not in _DERIVED:
            kept[name] = value
    plain = [_plain_email(primary["value"])]
    if emails != plain:  # kept as they will be shown, so that a client that writes them back changes nothing
        shown = _emails(primary["value"], emails)
        if shown != plain:
            kept["emails"] = shown
    return Profile(**fields, kept=kept)


def keeping_hire_date(profile: Profile, user: User) -> Profile:
    """The profile with the user's hire date, as it was sent: for a client that does not know our extension."""
    kept = profile.kept
    shown = user.kept_attributes.get(ROLLBOOK_USER, {}).get(HIRE_DATE)
    if shown is not None:
        kept = kept | {ROLLBOOK_USER: {HIRE_DATE: shown, **kept.get(ROLLBOOK_USER, {})}}
    return msgspec.structs.replace(profile, hire_date=user.hire_date, kept=kept)


def resource_of(user: User, base_url: str, own: Container[str] = ()) -> Resource:
    """The user as SCIM shows it; what profile_of reads again gives the same profile.

    `own` are the attributes of the company's own fields that SCIM owns (extension.py).
    """
    kept = user.kept_attributes if user.kept != "{}" else {}
    kept_enterprise = kept.pop(ENTERPRISE_USER, None)
    kept_rollbook = kept.pop(ROLLBOOK_USER, None)
    emails = _emails(user.email, kept.pop("emails", None))
    resource: Resource = {"schemas": [CORE_USER], "id": user.id}
    if user.external_id is not None:
        resource["externalId"] = user.external_id
    resource["userName"] = user.user_name
    display_name = user.display_name
    name = {"formatted": display_name, "familyName": user.family_name, "givenName": user.given_name}
    resource["name"] = name | kept.pop("name", {})
    resource["displayName"] = display_name
    if user.job_title is not None:
        resource["title"] = user.job_title
    if user.preferred_language is not None:
        resource["preferredLanguage"] = user.preferred_language
    if user.locale is not None:
        resource["locale"] = user.locale
    if user.time_zone is not None:
        resource["timezone"] = user.time_zone
    resource["active"] = user.archived_at is None
    resource["emails"] = emails
    resource |= kept
    enterprise = _write_enterprise(user, kept_enterprise)
    if enterprise:
        resource["schemas"].append(ENTERPRISE_USER)
        resource[ENTERPRISE_USER] = enterprise
    if user.hire_date is not None or kept_rollbook:
        ours = _write_ours(user.hire_date, kept_rollbook or {}, own)
        if ours:
            resource["schemas"].append(ROLLBOOK_USER)
            resource[ROLLBOOK_USER] = ours
    resource["meta"] = {
        "resourceType": "User",
        "created": user.created_at,
        "lastModified": user.updated_at,
        "location": f"{base_url}/Users/{user.id}",
        "version": version_of(user),
    }
    return resource


def version_of(user: User) -> str:
    """The entity tag, weak since projections change the bytes (RFC 7644 section 3.14)."""
    return f'W/"{user.version}"'


def _read_enterprise(value: dict[str, Any], fields: dict[str, Any], kept: dict[str, Any]) -> None:
    rest: dict[str, Any] = {}
    for name, part in value.items():
        field = _ENTERPRISE.get(name)
        if field is not None:
            fields[field] = part
        elif name == "manager":
            fields["manager_value"], fields["manager_name"] = part.get("value"), part.get("displayName")
            if "$ref" in part:
                rest["manager"] = {"$ref": part["$ref"]}
        else:
            rest[name] = part
    if rest:
        kept[ENTERPRISE_USER] = rest


def _read_ours(value: dict[str, Any], fields: dict[str, Any], kept: dict[str, Any]) -> None:
    """The hire date has a field; Okta's own dates are instants, whose text is kept so that it is given back as it came.
    So is whatever was sent for fields of the company's own.
    """
    ours = {name: item for name, item in value.items() if type(item) is not str or item.strip()}
    text = ours.get(HIRE_DATE)
    if text is not None:
        if _INSTANT.fullmatch(text):
            text = text[:10]
        else:
            del ours[HIRE_DATE]
    if ours:
        kept[ROLLBOOK_USER] = ours
    fields["hire_date"] = text


def _write_ours(date: str | None, kept: dict[str, Any], own: Container[str]) -> dict[str, Any]:
    """A hire date as sent while it still says this date; it may have been changed in Learning since."""
    ours = {name: item for name, item in kept.items() if name in own} if own else {}
    if date is None:
        return ours
    text: str = kept.get(HIRE_DATE, date)
    return {HIRE_DATE: text if text.startswith(date) else date, **ours}


def _write_enterprise(user: User, kept: dict[str, Any] | None) -> dict[str, Any]:
    enterprise: dict[str, Any] = dict(kept) if kept else {}
    if user.location is not None:
        enterprise["costCenter"] = user.location
    if user.business_unit is not None:
        enterprise["division"] = user.business_unit
    if user.department is not None:
        enterprise["department"] = user.department
    manager: dict[str, Any] = {}
    if user.manager_value is not None:
        manager["value"] = user.manager_value
    if user.manager_name is not None:
        manager["displayName"] = user.manager_name
    if manager or "manager" in enterprise:
        enterprise["manager"] = manager | enterprise.get("manager", {})
    return enterprise


def _primary(emails: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The address that is the user's: the primary one, else the first for work, else the first."""
    usable = [email for email in emails if email.get("value")]
    for wanted in ({"primary": True}, {"type": "work"}, {}):
        for email in usable:
            if wanted.items() <= email.items():
                return email
    return None


def _plain_email(address: str) -> dict[str, Any]:
    return {"value": address, "type": "work", "primary": True}


def _emails(address: str, kept: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """The addresses as sent, the user's own first and primary; it may have been changed in Learning since."""
    if kept is None:
        return [_plain_email(address)]
    chosen = _primary(kept) or {}
    others = [{**email, "primary": False} if email.get("primary") else email for email in kept if email is not chosen]
    if chosen.get("value") != address:  # the label was that of another address
        chosen = {name: value for name, value in chosen.items() if name != "display"}
    return [{**chosen, "value": address, "primary": True}, *others]
