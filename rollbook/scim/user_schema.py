"""The User resource type as Rollbook implements it: what `/Schemas` publishes and what the protocol package obeys.

How its attributes become fields of Learning is in mapping.py, what a company adds in extension.py. RFC 7643 sections
4.1 and 4.3.
"""

from __future__ import annotations

from rollbook.people import attribute_mapping
from rollbook.scim.protocol.messages import CORE_USER, ENTERPRISE_USER
from rollbook.scim.protocol.schema import Attribute, ResourceType, Schema

ROLLBOOK_USER = attribute_mapping.ROLLBOOK_USER


def _multi(name: str, description: str, *types: str, value_type: str = "string", required: bool = False) -> Attribute:
    """A multi-valued attribute with the sub-attributes of RFC 7643 section 2.4."""
    return Attribute(
        name,
        type="complex",
        multi_valued=True,
        required=required,
        description=description,
        sub_attributes=(
            Attribute(
                "value",
                type=value_type,
                required=required,
                reference_types=("external",) if value_type == "reference" else (),
                description="The value itself.",
            ),
            Attribute("display", description="How the value may be shown."),
            Attribute("type", canonical_values=types, description="What the value is for."),
            Attribute("primary", type="boolean", description="Whether this is the preferred one; at most one is."),
        ),
    )


_NAME = Attribute(
    "name",
    type="complex",
    required=True,
    description="The parts of the person's name.",
    sub_attributes=(
        Attribute("formatted", mutability="readOnly", description="Given and family name; derived by Rollbook."),
        Attribute("familyName", required=True, description="Family name."),
        Attribute("givenName", required=True, description="Given name."),
        Attribute("middleName", description="Middle name."),
        Attribute("honorificPrefix", description="Title before the name."),
        Attribute("honorificSuffix", description="Suffix after the name."),
    ),
)

_ADDRESSES = Attribute(
    "addresses",
    type="complex",
    multi_valued=True,
    description="Postal addresses.",
    sub_attributes=(
        Attribute("formatted", description="The address as it is written on a letter."),
        Attribute("streetAddress", description="Street and number."),
        Attribute("locality", description="City."),
        Attribute("region", description="State or region."),
        Attribute("postalCode", description="Postal code."),
        Attribute("country", description="Country."),
        Attribute("type", canonical_values=("work", "home", "other"), description="What the address is for."),
        Attribute("primary", type="boolean", description="Whether this is the preferred one; at most one is."),
    ),
)

CORE = Schema(
    CORE_USER,
    "User",
    "A person of the company.",
    (
        Attribute(
            "userName",
            required=True,
            uniqueness="server",
            description="The sign-in key; unique in the company without regard to case, given back as sent.",
        ),
        _NAME,
        Attribute("displayName", mutability="readOnly", description="Given and family name; derived by Rollbook."),
        Attribute("nickName", description="The name the person goes by."),
        Attribute("profileUrl", type="reference", reference_types=("external",), description="A page about them."),
        Attribute("title", description="Job title."),
        Attribute("userType", description="The kind of employment."),
        Attribute("preferredLanguage", description="Preferred language."),
        Attribute("locale", description="Locale; Learning falls back where it does not know it."),
        Attribute("timezone", description="Time zone; Learning falls back where it does not know it."),
        Attribute("active", type="boolean", description="False archives the user in Learning, true restores."),
        _multi(
            "emails",
            "E-mail addresses; the primary one is the user's, unique among active users.",
            "work",
            "home",
            "other",
            required=True,
        ),
        _multi("phoneNumbers", "Telephone numbers.", "work", "home", "mobile", "fax", "pager", "other"),
        _multi("ims", "Instant messaging addresses."),
        _multi("photos", "Addresses of pictures.", "photo", "thumbnail", value_type="reference"),
        _ADDRESSES,
        _multi("x509Certificates", "Certificates.", value_type="binary"),
    ),
)

ENTERPRISE = Schema(
    ENTERPRISE_USER,
    "EnterpriseUser",
    "What the company says of its employee.",
    (
        Attribute("employeeNumber", description="Employee number."),
        Attribute("costCenter", description="The Location in Learning."),
        Attribute("organization", description="Organization."),
        Attribute("division", description="The Business Unit in Learning."),
        Attribute("department", description="Department."),
        Attribute(
            "manager",
            type="complex",
            description="The manager, as text; linked to a user when one matches.",
            sub_attributes=(
                Attribute("value", description="The manager's id, user name, e-mail or external id, as sent."),
                Attribute("$ref", type="reference", reference_types=("User",), description="Address of the manager."),
                Attribute("displayName", description="The manager's name."),
            ),
        ),
    ),
)

ROLLBOOK = Schema(
    ROLLBOOK_USER,
    "LearningUser",
    "What Learning knows of a person beyond the standard schemas.",
    (
        Attribute(
            attribute_mapping.HIRE_DATE,
            type="dateTime",
            description="The first day at work; YYYY-MM-DD is understood as well.",
        ),
    ),
)

USER = ResourceType("User", "/Users", "The people of the company.", CORE, (ENTERPRISE, ROLLBOOK))
