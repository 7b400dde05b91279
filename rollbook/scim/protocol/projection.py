"""Which attributes of a resource an answer shows: `attributes`, `excludedAttributes` and `returned`.

RFC 7644 section 3.9 and RFC 7643 section 7.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from rollbook.scim.protocol.errors import InvalidValue
from rollbook.scim.protocol.path import Path, known_paths
from rollbook.scim.protocol.schema import Attribute, ResourceType

# Attributes, or extensions by URN, each with the part of it that is meant; None means all.
_Selection = dict[str, "_Selection | None"]


class Projection(msgspec.Struct, frozen=True):
    """What to show. `kept` is None where all but `dropped` is shown, otherwise all that is shown."""

    kept: _Selection | None
    dropped: _Selection

    @classmethod
    def parse(cls, attributes: str | None, excluded: str | None, resource_type: ResourceType) -> Projection:
        """The projection that the two comma-separated parameters ask for; unknown names count as nothing.

        The RFC calls the parameters mutually exclusive, so both together raise InvalidValue; an empty one
        counts as absent. `attributes` with unknown names only shows what is always shown.
        """
        wanted, unwanted = _split(attributes), _split(excluded)
        if wanted and unwanted:
            raise InvalidValue(
                "The parameters attributes and excludedAttributes exclude each other (RFC 7644 section 3.9). "
                "Send one of them."
            )
        if wanted:
            return cls(_kept(_paths(wanted, resource_type), resource_type), {})
        return cls(None, _dropped(_paths(unwanted, resource_type), resource_type))

    @property
    def trivial(self) -> bool:
        """Whether no parameter narrows the answer and no attribute is hidden of itself."""
        return self.kept is None and not self.dropped

    def shows(self, name: str) -> bool:
        """Whether any of a core attribute (or, by its URN, of an extension) is shown.

        Lets a door spare itself the work of building `members`, which Entra excludes from every read.
        """
        if self.kept is not None:
            return name in self.kept
        return self.dropped.get(name, self.dropped) is not None

    def apply(self, resource: dict[str, Any]) -> dict[str, Any]:
        """The resource as shown; the same object where there is nothing to hide, and never modified."""
        if self.kept is not None:
            return _keep(resource, self.kept)
        for name in self.dropped:
            if name in resource:
                return _drop(resource, self.dropped)
        return resource


def _split(text: str | None) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())] if text else []


def _paths(names: Iterable[str], resource_type: ResourceType) -> list[Path]:
    known = known_paths(resource_type)
    return [path for name in names if (path := known.get(name.lower())) is not None]


def _schemas(resource_type: ResourceType) -> list[tuple[str | None, Iterable[Attribute]]]:
    core = dict.fromkeys(attribute.name for attribute in resource_type.names.values())
    schemas: list[tuple[str | None, Iterable[Attribute]]] = [(None, [resource_type.names[name] for name in core])]
    schemas += [(extension.id, extension.attributes) for extension in resource_type.extensions]
    return schemas


def _kept(paths: list[Path], resource_type: ResourceType) -> _Selection:
    named = {(path.schema_urn, path.attribute, path.sub_attribute) for path in paths}
    kept: _Selection = {}
    for urn, attributes in _schemas(resource_type):
        inside: _Selection = {}
        for attribute in attributes:
            selection = _kept_of(attribute, urn, named)
            if selection is not _NOTHING:
                inside[attribute.name] = selection
        if urn is None:
            kept |= inside
        elif inside:
            kept[urn] = inside
    return kept


_NOTHING: _Selection = {}


def _kept_of(
    attribute: Attribute, urn: str | None, named: set[tuple[str | None, str | None, str | None]]
) -> _Selection | None:
    """What is shown of one attribute: None all, `_NOTHING` nothing."""
    if attribute.returned == "never":
        return _NOTHING
    whole = attribute.returned == "always" or (urn, attribute.name, None) in named
    by_schema = (urn, None, None) in named and attribute.returned == "default"
    subs: _Selection = {}
    wanted = whole or by_schema
    for sub in attribute.sub_attributes:
        asked = (urn, attribute.name, sub.name) in named
        wanted = wanted or (asked and sub.returned != "never")
        by_default = (whole or by_schema) and sub.returned == "default"
        if by_default or sub.returned == "always" or (asked and sub.returned != "never"):
            subs[sub.name] = None
    if not wanted:
        return _NOTHING
    return None if len(subs) == len(attribute.sub_attributes) else subs


def _dropped(paths: list[Path], resource_type: ResourceType) -> _Selection:
    named = {(path.schema_urn, path.attribute, path.sub_attribute) for path in paths}
    dropped: _Selection = {}
    for urn, attributes in _schemas(resource_type):
        inside: _Selection = {}
        all_named = (urn, None, None) in named
        for attribute in attributes:
            if attribute.returned == "always":
                continue
            if all_named or (urn, attribute.name, None) in named or attribute.returned in ("never", "request"):
                inside[attribute.name] = None
                continue
            subs: _Selection = {
                sub.name: None
                for sub in attribute.sub_attributes
                if sub.returned in ("never", "request")
                or ((urn, attribute.name, sub.name) in named and sub.returned != "always")
            }
            if subs:
                inside[attribute.name] = subs
        if urn is None:
            dropped |= inside
        elif inside:
            dropped[urn] = None if len(inside) == len(list(attributes)) and None in [*inside.values()] else inside
    return dropped


def _keep(value: dict[str, Any], kept: _Selection) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, item in value.items():
        if name in kept:
            selection = kept[name]
            part = item if selection is None else _each(item, selection, _keep)
            if part not in ({}, []) or selection is None:
                shown[name] = part
    return shown


def _drop(value: dict[str, Any], dropped: _Selection) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, item in value.items():
        if name not in dropped:
            shown[name] = item
            continue
        selection = dropped[name]
        if selection is not None:
            part = _each(item, selection, _drop)
            if part not in ({}, []):
                shown[name] = part
    return shown


def _each(item: Any, selection: _Selection, act: Any) -> Any:
    if isinstance(item, list):
        parts = [act(element, selection) if isinstance(element, dict) else element for element in item]
        return [part for part in parts if part != {}]
    return act(item, selection) if isinstance(item, dict) else item
