"""A resource while operations change it: copied on the first write, its lists indexed by element.

What the operations mean is in `patch.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from typing import Any

from rollbook.scim.protocol.elements import (
    demote,
    element_key,
    index_by_key,
    lead_with_primary,
    says_something,
)
from rollbook.scim.protocol.errors import TooMany
from rollbook.scim.protocol.evaluation import evaluate
from rollbook.scim.protocol.filter import Compare, Filter
from rollbook.scim.protocol.normalize import Notes, schemas_of
from rollbook.scim.protocol.schema import Attribute, ResourceType

# Elements looked at by one request: some seconds at most, whatever it asks.
MAX_WORK = 2_000_000


class Elements:
    """The elements of one multi-valued attribute by their key, in order."""

    __slots__ = ("attribute", "draft", "items")

    def __init__(self, draft: Draft, attribute: Attribute, elements: Iterable[Any]) -> None:
        self.draft = draft
        self.attribute = attribute
        self.items = index_by_key(attribute, elements)

    def keys(self) -> list[Hashable]:
        self.draft.spend(len(self.items))
        return list(self.items)

    def matching(self, value_filter: Filter) -> list[Hashable]:
        """The keys of the elements that satisfy a filter. `members[value eq "…"]` is one look-up."""
        attribute = self.attribute
        if (
            attribute.keyed_by_value
            and isinstance(value_filter, Compare)
            and value_filter.op == "eq"
            and value_filter.path.attribute.lower() == "value"
            and attribute.default is not None
        ):
            if value_filter.value in self.items:
                return [value_filter.value]
            if attribute.default.case_exact:
                return []
        self.draft.spend(len(self.items))
        if isinstance(value_filter, Compare) and value_filter.op == "eq" and type(value_filter.value) is str:
            sub = attribute.attribute(value_filter.path.attribute)
            if sub is not None and sub.type == "string":
                return self._equal(sub, value_filter.value)
        return [key for key, element in self.items.items() if evaluate(value_filter, element, attribute)]

    def _equal(self, sub: Attribute, wanted: str) -> list[Hashable]:
        """The usual filter, `type eq "work"`, as `evaluate` would answer it, without the detour."""
        name = sub.name
        if sub.case_exact:
            return [key for key, element in self.items.items() if element.get(name) == wanted]
        folded = wanted.casefold()
        return [key for key, element in self.items.items() if str(element.get(name, "")).casefold() == folded]

    def add(self, elements: Iterable[Any]) -> None:
        """Appends what is not there yet; an added primary element demotes the others."""
        added: list[Hashable] = []
        for element in elements:
            key = element_key(self.attribute, element)
            held = self.items.get(key)
            if held is None:
                self.items[key] = element
            elif self.attribute.has_primary and element.get("primary") is True:
                self.items[key] = {**held, "primary": True}
            added.append(key)
        self._demote(added)

    def reset(self, elements: Iterable[Any]) -> None:
        """Leaves exactly these."""
        self.items = index_by_key(self.attribute, elements)

    def remove(self, keys: Iterable[Hashable]) -> None:
        for key in keys:
            self.items.pop(key, None)

    def remove_listed(self, listed: list[Any]) -> None:
        """Removes the elements that are listed: by `value` for members, otherwise those that hold
        everything that the listed one names."""
        for wanted in listed:
            key = element_key(self.attribute, wanted)
            if self.attribute.keyed_by_value or type(wanted) is not dict:
                self.items.pop(key, None)
                continue
            self.draft.spend(len(self.items))
            self.remove([key for key, held in self.items.items() if wanted.items() <= held.items()])

    def merge(self, keys: Iterable[Hashable], parts: dict[str, Any]) -> None:
        """Sets parts of some elements."""
        changed = list(keys)
        for key in changed:
            self.put(key, {**self.items[key], **parts})
        self.settle(changed)

    def clear_part(self, keys: Iterable[Hashable], name: str) -> None:
        """Unsets a part of some elements. `display` is the label of `value` and goes with it."""
        gone = (name, "display") if name == "value" else (name,)
        changed = list(keys)
        for key in changed:
            element = self.items[key]
            if type(element) is dict:
                self.put(key, {part: item for part, item in element.items() if part not in gone})
            elif name == "value":
                self.put(key, None)
        self.settle(changed)

    def put(self, key: Hashable, element: Any) -> None:
        """Changes one element, for now under its old key; `settle` must follow."""
        self.items[key] = element

    def settle(self, changed: Collection[Hashable]) -> None:
        """Brings keys in line with changed elements; those that became equal become one."""
        renamed = {key: element_key(self.attribute, self.items[key]) for key in changed}
        if any(key != new for key, new in renamed.items()):
            self.draft.spend(len(self.items))
            demote(self.attribute, self.items, changed)
            self.items = index_by_key(self.attribute, [item for item in self.items.values() if item])
        self._demote([renamed[key] for key in changed])

    def is_whole(self, element: Any) -> bool:
        """Whether an element can stand for itself, or only labels another."""
        return element is not None and says_something(element)

    def to_list(self) -> list[Any]:
        return lead_with_primary(element for element in self.items.values() if says_something(element))

    def _demote(self, preferred: list[Hashable]) -> None:
        if self.attribute.has_primary and any(
            key in self.items and self.items[key].get("primary") is True for key in preferred
        ):
            self.draft.spend(len(self.items))
            demote(self.attribute, self.items, preferred)


class Draft:
    """A copy-on-write view of one resource. `finish` gives the result; the original stays untouched."""

    __slots__ = ("_collections", "_copied", "_resource", "_work", "notes", "resource_type")

    def __init__(self, resource_type: ResourceType, resource: dict[str, Any]) -> None:
        self.resource_type = resource_type
        self.notes = Notes()
        self._resource = dict(resource)
        self._copied: set[str] = set()
        self._collections: dict[tuple[str | None, str], Elements] = {}
        self._work = 0

    def get(self, urn: str | None, name: str) -> Any:
        holder = self._resource if urn is None else self._resource.get(urn, {})
        return holder.get(name)

    def set(self, urn: str | None, name: str, value: Any) -> None:
        self._holder(urn)[name] = value

    def remove(self, urn: str | None, name: str) -> None:
        self._holder(urn).pop(name, None)

    def remove_extension(self, urn: str) -> None:
        self._copied.add(urn)
        self._resource[urn] = {}
        for key in [key for key in self._collections if key[0] == urn]:
            del self._collections[key]

    def elements(self, urn: str | None, definition: Attribute) -> Elements:
        """The elements of a multi-valued attribute, to be changed in place."""
        key = (urn, definition.name)
        elements = self._collections.get(key)
        if elements is None:
            held = self.get(urn, definition.name) or []
            elements = self._collections[key] = Elements(self, definition, held)
        return elements

    def spend(self, work: int) -> None:
        """Counts elements looked at; raises TooMany beyond what one request may ask."""
        self._work += work
        if self._work > MAX_WORK:
            raise TooMany(
                "The operations of this request look through too many elements; nothing was changed. "
                "Split the request into several with fewer operations each."
            )

    def finish(self) -> dict[str, Any]:
        """The changed resource; `schemas` lists the extensions that hold something where one was touched."""
        for (urn, name), elements in self._collections.items():
            remaining = elements.to_list()
            if remaining:
                self.set(urn, name, remaining)
            else:
                self.remove(urn, name)
        if self._copied:
            for urn in self._copied:
                if not self._resource[urn]:
                    del self._resource[urn]
            self._resource["schemas"] = schemas_of(self.resource_type, self._resource)
        return self._resource

    def _holder(self, urn: str | None) -> dict[str, Any]:
        if urn is None:
            return self._resource
        if urn not in self._copied:
            self._copied.add(urn)
            self._resource[urn] = dict(self._resource.get(urn, {}))
        held: dict[str, Any] = self._resource[urn]
        return held
