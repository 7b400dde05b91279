"""Resource types for the tests of the protocol alone; what the product publishes is tested elsewhere."""

from __future__ import annotations

from rollbook.scim.protocol.messages import CORE_GROUP, CORE_USER, ENTERPRISE_USER
from rollbook.scim.protocol.schema import Attribute, ResourceType, Schema

ROLLBOOK_USER = "urn:ietf:params:scim:schemas:extension:rollbook:2.0:User"


def text(name: str, **rest: object) -> Attribute:
    return Attribute(name, **rest)  # type: ignore[arg-type]  # its parts are of several types


def listed(name: str, *more: Attribute) -> Attribute:
    """A multi-valued complex attribute with the usual sub-attributes (RFC 7643 section 2.4)."""
    return Attribute(
        name,
        type="complex",
        multi_valued=True,
        sub_attributes=(
            text("value"),
            text("display"),
            text("type"),
            Attribute("primary", type="boolean"),
            *more,
        ),
    )


USER_SCHEMA = Schema(
    CORE_USER,
    "User",
    "User account",
    (
        text("userName", required=True, uniqueness="server"),
        Attribute(
            "name",
            type="complex",
            sub_attributes=(
                text("formatted", mutability="readOnly"),
                text("familyName"),
                text("givenName"),
                text("middleName"),
                text("honorificPrefix"),
                text("honorificSuffix"),
            ),
        ),
        text("displayName"),
        text("nickName"),
        Attribute("profileUrl", type="reference", reference_types=("external",)),
        text("title"),
        text("userType"),
        text("preferredLanguage"),
        text("locale"),
        text("timezone"),
        Attribute("active", type="boolean"),
        text("password", mutability="writeOnly", returned="never"),
        listed("emails"),
        listed("phoneNumbers"),
        listed("ims"),
        listed("photos"),
        Attribute(
            "addresses",
            type="complex",
            multi_valued=True,
            sub_attributes=(
                text("formatted"),
                text("streetAddress"),
                text("locality"),
                text("region"),
                text("postalCode"),
                text("country"),
                text("type"),
                Attribute("primary", type="boolean"),
            ),
        ),
        Attribute(
            "groups",
            type="complex",
            multi_valued=True,
            mutability="readOnly",
            sub_attributes=(text("value"), text("$ref"), text("display"), text("type")),
        ),
        listed("entitlements"),
        listed("roles"),
        listed("x509Certificates"),
    ),
)

ENTERPRISE_SCHEMA = Schema(
    ENTERPRISE_USER,
    "EnterpriseUser",
    "Enterprise user",
    (
        text("employeeNumber"),
        text("costCenter"),
        text("organization"),
        text("division"),
        text("department"),
        Attribute(
            "manager",
            type="complex",
            sub_attributes=(
                text("value"),
                Attribute("$ref", type="reference", reference_types=("User",)),
                text("displayName", mutability="readOnly"),
            ),
        ),
    ),
)

ROLLBOOK_SCHEMA = Schema(
    ROLLBOOK_USER,
    "RollbookUser",
    "What a learning platform adds",
    (
        Attribute("hireDate", type="dateTime"),
        Attribute("level", type="integer"),
        Attribute("score", type="decimal"),
        text("badges", multi_valued=True, case_exact=True),
        text("secretNote", returned="request"),
    ),
)

USER = ResourceType("User", "/Users", "User account", USER_SCHEMA, extensions=(ENTERPRISE_SCHEMA, ROLLBOOK_SCHEMA))

GROUP = ResourceType(
    "Group",
    "/Groups",
    "Group of users",
    Schema(
        CORE_GROUP,
        "Group",
        "Group",
        (
            text("displayName", required=True),
            Attribute(
                "members",
                type="complex",
                multi_valued=True,
                sub_attributes=(
                    text("value", case_exact=True, mutability="immutable"),
                    Attribute("$ref", type="reference", mutability="immutable"),
                    text("display"),
                    text("type", mutability="immutable"),
                ),
            ),
        ),
    ),
)
