"""The paths of PATCH operations (RFC 7644 section 3.5.2, figure 7), resolved against a resource type.

What is done at a path is in `patch.py`.
"""

from __future__ import annotations

import re

import msgspec

from rollbook.scim.protocol.errors import InvalidPath
from rollbook.scim.protocol.filter import MAX_LENGTH, Filter, parse_attribute_path, parse_filter
from rollbook.scim.protocol.schema import Attribute, ResourceType

_TAIL = re.compile(r"\.([A-Za-z$][A-Za-z0-9_$-]*)")


class Path(msgspec.Struct, frozen=True):
    """Where an operation points.

    `schema_urn` is None for core and common attributes. `attribute` is None when the path is a schema URN
    alone. Names are canonical where the schemas know them and as sent where not; `definition` and
    `sub_definition` are None exactly where they do not.
    """

    schema_urn: str | None
    attribute: str | None
    value_filter: Filter | None = None
    sub_attribute: str | None = None
    definition: Attribute | None = None
    sub_definition: Attribute | None = None

    @property
    def known(self) -> bool:
        """Whether the schemas know all of the path."""
        if self.attribute is None:
            return True
        return self.definition is not None and (self.sub_attribute is None or self.sub_definition is not None)

    @property
    def read_only(self) -> bool:
        """Whether the client may not write here."""
        if self.definition is not None and self.definition.read_only:
            return True
        return self.sub_definition is not None and self.sub_definition.read_only

    @property
    def prefix(self) -> str:
        """What stands before the attribute's name when the path is written out."""
        return "" if self.schema_urn is None else f"{self.schema_urn}:"

    def __str__(self) -> str:
        if self.attribute is None:
            return self.schema_urn or ""
        text = self.attribute if self.schema_urn is None else f"{self.schema_urn}:{self.attribute}"
        if self.value_filter is not None:
            text += f"[{self.value_filter}]"
        return text if self.sub_attribute is None else f"{text}.{self.sub_attribute}"


def parse_path(text: str, resource_type: ResourceType) -> Path:
    """The path that a text names; case never matters.

    Raises InvalidPath for what is no path and InvalidFilter for what stands wrongly between its brackets
    (RFC 7644 table 9). A well-formed path that the schemas do not know is returned with `known` False.
    """
    text = text.strip()
    known = known_paths(resource_type).get(text.lower())
    if known is not None:
        return known
    if len(text) > MAX_LENGTH:
        raise InvalidPath(f"The path is {len(text)} characters long; at most {MAX_LENGTH} are read.")
    opening = text.find("[")
    if opening < 0:
        return _unknown(text, resource_type)
    closing = text.rfind("]")
    head, inner, tail = text[:opening].rstrip(), text[opening + 1 : max(closing, 0)], text[closing + 1 :]
    sub_attribute: str | None = None
    if tail:
        match = _TAIL.fullmatch(tail)
        if match is None:
            raise _refusal(text)
        sub_attribute = match[1]
    path = known_paths(resource_type).get(head.lower()) or _unknown(head, resource_type)
    if closing < 0 or path.attribute is None or path.sub_attribute is not None:
        raise _refusal(text)
    value_filter = parse_filter(inner)
    sub_definition = None
    if sub_attribute is not None and path.definition is not None:
        sub_definition = path.definition.attribute(sub_attribute)
        if sub_definition is not None:
            sub_attribute = sub_definition.name
    return Path(path.schema_urn, path.attribute, value_filter, sub_attribute, path.definition, sub_definition)


def known_paths(resource_type: ResourceType) -> dict[str, Path]:
    """Every path without a filter that the schemas know, in lower case: some hundreds, worked out once."""
    return resource_type.paths or _known_paths(resource_type)


def _known_paths(resource_type: ResourceType) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for urn, schema in resource_type.urns.items():
        own = schema is resource_type.schema
        where = None if own else schema.id
        paths[urn.lower()] = Path(where, None)
        names = resource_type.names if own else schema.names
        prefixes = (f"{urn}:", "") if own else (f"{urn}:",)
        for attribute in names.values():
            for prefix in prefixes:
                path = Path(where, attribute.name, None, None, attribute)
                paths[f"{prefix}{attribute.name}".lower()] = path
                for sub in attribute.sub_attributes:
                    sub_path = Path(where, attribute.name, None, sub.name, attribute, sub)
                    paths[f"{prefix}{attribute.name}.{sub.name}".lower()] = sub_path
    resource_type.paths.update(paths)  # at once: threads that come meanwhile find none or all of them
    return paths


def _unknown(text: str, resource_type: ResourceType) -> Path:
    """A path that is not among the known ones: an unknown sub-attribute, attribute, or schema."""
    path = parse_attribute_path(text)
    if path is None:
        raise _refusal(text)
    if path.sub_attribute is not None:
        parent = known_paths(resource_type).get(text.rpartition(".")[0].lower())
        if parent is not None and parent.definition is not None:
            return Path(parent.schema_urn, parent.attribute, None, path.sub_attribute, parent.definition)
    schema = path.schema
    if schema is not None and (found := resource_type.find_schema(schema)) is not None:
        schema = None if found is resource_type.schema else found.id
    return Path(schema, path.attribute, None, path.sub_attribute)


def _refusal(text: str) -> InvalidPath:
    return InvalidPath(
        f'The path "{text[:120]}" cannot be read. Write it like this: name.givenName, or emails[type eq "work"].value'
    )
