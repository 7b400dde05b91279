"""Schemas as data: look-ups, and what discovery publishes."""

from __future__ import annotations

import pytest

from rollbook.scim.protocol.messages import CORE_USER, ENTERPRISE_USER
from rollbook.scim.protocol.schema import Attribute, ResourceType, Schema

from .resources import ENTERPRISE_SCHEMA, GROUP, ROLLBOOK_USER, USER, USER_SCHEMA


def test_an_attribute_is_published_without_nulls() -> None:
    assert Attribute("title", description="Job title").to_json() == {
        "name": "title",
        "type": "string",
        "multiValued": False,
        "description": "Job title",
        "required": False,
        "caseExact": False,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "none",
    }
    manager = Attribute(
        "manager",
        type="complex",
        sub_attributes=(
            Attribute("$ref", type="reference", reference_types=("User",)),
            Attribute("kind", canonical_values=("a", "b")),
        ),
    ).to_json()
    assert "caseExact" not in manager
    assert [sub["name"] for sub in manager["subAttributes"]] == ["$ref", "kind"]
    assert manager["subAttributes"][0]["referenceTypes"] == ["User"]
    assert manager["subAttributes"][1]["canonicalValues"] == ["a", "b"]


def test_a_schema_and_a_resource_type_are_published() -> None:
    assert Schema("urn:x", "X", "An x", (Attribute("a"),)).to_json() == {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": "urn:x",
        "name": "X",
        "description": "An x",
        "attributes": [Attribute("a").to_json()],
    }
    assert USER.to_json() == {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": "User",
        "name": "User",
        "endpoint": "/Users",
        "description": "User account",
        "schema": CORE_USER,
        "schemaExtensions": [
            {"schema": ENTERPRISE_USER, "required": False},
            {"schema": ROLLBOOK_USER, "required": False},
        ],
    }
    assert GROUP.to_json()["schemaExtensions"] == []


@pytest.mark.parametrize(
    ("schema", "name", "found"),
    [
        (None, "userName", "userName"),
        (None, "USERNAME", "userName"),
        (None, "externalID", "externalId"),
        (None, "Meta", "meta"),
        (None, "id", "id"),
        (None, "schemas", "schemas"),
        (None, "department", None),
        (None, "nick", None),
        (CORE_USER, "title", "title"),
        (CORE_USER, "id", "id"),
        (CORE_USER.upper(), "title", "title"),
        (ENTERPRISE_USER, "Department", "department"),
        (ENTERPRISE_USER.lower(), "department", "department"),
        (ENTERPRISE_USER, "title", None),
        ("urn:x", "title", None),
    ],
)
def test_names_are_found_without_regard_to_case(schema: str | None, name: str, found: str | None) -> None:
    attribute = USER.find(schema, name)
    assert (attribute.name if attribute else None) == found


def test_sub_attributes_are_found_without_regard_to_case() -> None:
    meta = USER.find(None, "meta")
    assert meta is not None
    location = meta.attribute("LOCATION")
    assert location is not None
    assert location.name == "location"
    assert meta.attribute("place") is None
    department = ENTERPRISE_SCHEMA.attribute("DEPARTMENT")
    assert department is not None
    assert department.name == "department"


def test_schema_names_from_before_the_rfc_are_understood() -> None:
    for alias in ("urn:scim:schemas:core:1.0", "URN:scim:schemas:core:2.0"):
        assert USER.find_schema(alias) is USER_SCHEMA
        assert GROUP.find_schema(alias) is GROUP.schema
    for alias in ("urn:scim:schemas:extension:enterprise:1.0", "urn:scim:schemas:extension:enterprise:2.0"):
        assert USER.find_schema(alias) is ENTERPRISE_SCHEMA
        assert GROUP.find_schema(alias) is None


def test_what_an_attribute_is_is_worked_out_once() -> None:
    emails, members = USER.find(None, "emails"), GROUP.find(None, "members")
    assert emails is not None
    assert members is not None
    assert (emails.has_primary, emails.keyed_by_value) == (True, False)
    assert (members.has_primary, members.keyed_by_value) == (False, True)
    assert emails.default is emails.attribute("value")
    assert Attribute("a") == Attribute("a")
    assert hash(ResourceType("User", "/Users", "", USER_SCHEMA)) == hash(
        ResourceType("User", "/Users", "", USER_SCHEMA)
    )
