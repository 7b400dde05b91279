"""Attributes, schemas and resource types as data (RFC 7643 sections 6 and 7), with look-ups that fold case.

The product's own tables are written elsewhere; here is only their shape.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Schema"
RESOURCE_TYPE = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
ENTERPRISE_USER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

# OneLogin declares these names from before the RFC; they stand for the resource's own schema and for
# the enterprise extension (`test_schema_names_from_before_the_rfc_are_understood`).
CORE_ALIASES = ("urn:scim:schemas:core:1.0", "urn:scim:schemas:core:2.0")
ENTERPRISE_ALIASES = (
    "urn:scim:schemas:extension:enterprise:1.0",
    "urn:scim:schemas:extension:enterprise:2.0",
)

_TEXT_TYPES = ("string", "reference", "dateTime", "binary")


@dataclass(frozen=True)
class Attribute:
    """One attribute, or one sub-attribute, as RFC 7643 section 7 describes it.

    `type` is one of string, boolean, decimal, integer, dateTime, reference, binary, complex.
    A sub-attribute named `value` is what a bare scalar means where the complex attribute is due.
    """

    name: str
    type: str = "string"
    multi_valued: bool = False
    required: bool = False
    case_exact: bool = False
    mutability: str = "readWrite"
    returned: str = "default"
    uniqueness: str = "none"
    canonical_values: tuple[str, ...] = ()
    reference_types: tuple[str, ...] = ()
    description: str = ""
    sub_attributes: tuple[Attribute, ...] = ()

    # Worked out once, so that the hot path reads them as plain attributes.
    is_complex: bool = field(init=False, repr=False, compare=False, default=False)
    is_text: bool = field(init=False, repr=False, compare=False, default=False)
    is_plain: bool = field(init=False, repr=False, compare=False, default=False)
    read_only: bool = field(init=False, repr=False, compare=False, default=False)
    names: dict[str, Attribute] = field(init=False, repr=False, compare=False, default_factory=dict)
    default: Attribute | None = field(init=False, repr=False, compare=False, default=None)
    has_primary: bool = field(init=False, repr=False, compare=False, default=False)
    keyed_by_value: bool = field(init=False, repr=False, compare=False, default=False)

    def __post_init__(self) -> None:
        names = _by_name(self.sub_attributes)
        default = names.get("value")
        known: dict[str, Any] = {
            # One writable text: goes through normalising untouched.
            "is_plain": self.type in _TEXT_TYPES and not self.multi_valued and self.mutability != "readOnly",
            "is_complex": self.type == "complex",
            "is_text": self.type in _TEXT_TYPES,
            "read_only": self.mutability == "readOnly",
            "names": names,
            "default": default,
            "has_primary": self.multi_valued and "primary" in names,
            # Elements without a primary mark (`members`, `groups`) are told apart by `value` alone.
            "keyed_by_value": self.multi_valued and default is not None and "primary" not in names,
        }
        for name, value in known.items():
            object.__setattr__(self, name, value)

    def attribute(self, name: str) -> Attribute | None:
        """The sub-attribute of that name, without regard to case."""
        return self.names.get(name) or self.names.get(name.lower())

    def to_json(self) -> dict[str, Any]:
        """The attribute as `/Schemas` publishes it (RFC 7643 section 7); no nulls."""
        body: dict[str, Any] = {
            "name": self.name,
            "type": self.type,
            "multiValued": self.multi_valued,
            "description": self.description,
            "required": self.required,
            "mutability": self.mutability,
            "returned": self.returned,
            "uniqueness": self.uniqueness,
        }
        if not self.is_complex:
            body["caseExact"] = self.case_exact
        if self.canonical_values:
            body["canonicalValues"] = list(self.canonical_values)
        if self.reference_types:
            body["referenceTypes"] = list(self.reference_types)
        if self.is_complex:
            body["subAttributes"] = [sub.to_json() for sub in self.sub_attributes]
        return body


def _by_name(attributes: tuple[Attribute, ...]) -> dict[str, Attribute]:
    """Every attribute under its own spelling and in lower case, so that the usual spelling is one look-up."""
    names: dict[str, Attribute] = {}
    for attribute in attributes:
        names[attribute.name] = attribute
        names[attribute.name.lower()] = attribute
    return names


# RFC 7643 section 3.1 and the `schemas` attribute of section 3: every resource has them.
COMMON_ATTRIBUTES = (
    Attribute(
        "schemas",
        type="reference",
        multi_valued=True,
        required=True,
        case_exact=True,
        returned="always",
        reference_types=("uri",),
        description="The schemas that this resource uses.",
    ),
    Attribute(
        "id",
        case_exact=True,
        mutability="readOnly",
        returned="always",
        uniqueness="server",
        description="The service provider's own name for the resource; it never changes.",
    ),
    Attribute(
        "externalId",
        case_exact=True,
        description="The provisioning client's name for the resource.",
    ),
    Attribute(
        "meta",
        type="complex",
        mutability="readOnly",
        description="What the service provider knows about the resource as such.",
        sub_attributes=(
            Attribute("resourceType", case_exact=True, mutability="readOnly", description="What it is."),
            Attribute("created", type="dateTime", mutability="readOnly", description="When it was made."),
            Attribute("lastModified", type="dateTime", mutability="readOnly", description="Last change."),
            Attribute(
                "location",
                type="reference",
                case_exact=True,
                mutability="readOnly",
                reference_types=("uri",),
                description="Address of the resource.",
            ),
            Attribute("version", case_exact=True, mutability="readOnly", description="Entity tag."),
        ),
    ),
)


@dataclass(frozen=True)
class Schema:
    """A schema: its URN and its attributes."""

    id: str
    name: str
    description: str
    attributes: tuple[Attribute, ...]

    names: dict[str, Attribute] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", _by_name(self.attributes))

    def __hash__(self) -> int:
        return hash(self.id)

    def attribute(self, name: str) -> Attribute | None:
        """The attribute of that name, without regard to case."""
        return self.names.get(name) or self.names.get(name.lower())

    def to_json(self) -> dict[str, Any]:
        """The schema as `/Schemas` publishes it, without `meta`, which the door adds."""
        return {
            "schemas": [SCHEMA],
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "attributes": [attribute.to_json() for attribute in self.attributes],
        }


@dataclass(frozen=True)
class ResourceType:
    """A kind of resource: its own schema, and the extensions it may carry."""

    name: str
    endpoint: str
    description: str
    schema: Schema
    extensions: tuple[Schema, ...] = ()
    extension_required: bool = False

    # Core and common attributes by name; schemas by URN, aliases included. Keys as spelt and in lower case.
    names: dict[str, Attribute] = field(init=False, repr=False, compare=False, default_factory=dict)
    urns: dict[str, Schema] = field(init=False, repr=False, compare=False, default_factory=dict)
    # What path.py works out of them on first use, and keeps here.
    paths: dict[str, Any] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        urns: dict[str, Schema] = dict.fromkeys(CORE_ALIASES, self.schema)
        for extension in self.extensions:
            if extension.id == ENTERPRISE_USER:
                urns |= dict.fromkeys(ENTERPRISE_ALIASES, extension)
        for schema in (self.schema, *self.extensions):
            urns[schema.id] = schema
            urns[schema.id.lower()] = schema
        object.__setattr__(self, "names", _by_name(COMMON_ATTRIBUTES) | self.schema.names)
        object.__setattr__(self, "urns", urns)

    def __hash__(self) -> int:
        return hash(self.schema.id)

    def find_schema(self, urn: str) -> Schema | None:
        """The schema of that URN, without regard to case; names from before the RFC are understood."""
        return self.urns.get(urn) or self.urns.get(urn.lower())

    def find(self, schema: str | None, name: str) -> Attribute | None:
        """The attribute `name` of a schema, the core schema and the common attributes where it is None."""
        if schema is None:
            names = self.names
        else:
            found = self.find_schema(schema)
            if found is None:
                return None
            names = self.names if found is self.schema else found.names
        return names.get(name) or names.get(name.lower())

    def to_json(self) -> dict[str, Any]:
        """The resource type as `/ResourceTypes` publishes it (RFC 7643 section 6), without `meta`."""
        return {
            "schemas": [RESOURCE_TYPE],
            "id": self.name,
            "name": self.name,
            "endpoint": self.endpoint,
            "description": self.description,
            "schema": self.schema.id,
            "schemaExtensions": [
                {"schema": extension.id, "required": self.extension_required} for extension in self.extensions
            ],
        }
