"""The cast: the people who play in tests, demo and docs alike, and what a provisioning client sends about them."""

from __future__ import annotations

from typing import Any

from rollbook.people.profiles import Profile

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

ADA = Profile("ada@acme.example", "ada@acme.example", "Ada", "Lovage")
MONA = Profile("mona@acme.example", "mona@acme.example", "Mona", "Marigold")
CLEO = Profile("cleo@acme.example", "cleo@acme.example", "Cleo", "Clover")
LEO = Profile(
    "leo@acme.example",
    "leo@acme.example",
    "Leo",
    "Linden",
    location="Lyon",
    business_unit="Sales",
    external_id="00uleo",
)
OTTO = Profile("otto@umbra.example", "otto@umbra.example", "Otto", "Oleander")


def scim_user(profile: Profile = LEO, **attributes: Any) -> dict[str, Any]:
    """The body with which Okta creates a person; `attributes` are added or replace others."""
    body: dict[str, Any] = {
        "schemas": [CORE],
        "userName": profile.user_name,
        "name": {"givenName": profile.given_name, "familyName": profile.family_name},
        "emails": [{"primary": True, "value": profile.email, "type": "work"}],
        "displayName": f"{profile.given_name} {profile.family_name}",
        "groups": [],
        "password": "1mz050nq",
        "active": True,
    }
    if profile.external_id:
        body["externalId"] = profile.external_id
    if profile.location or profile.business_unit:
        body["schemas"] = [CORE, ENTERPRISE]
        body[ENTERPRISE] = {"costCenter": profile.location, "division": profile.business_unit}
    return body | attributes


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    """A PATCH message."""
    return {"schemas": [PATCH], "Operations": list(operations)}


DEACTIVATE = patch({"op": "replace", "value": {"active": False}})
REACTIVATE = patch({"op": "replace", "value": {"active": True}})
