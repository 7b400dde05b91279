"""The elements of a multi-valued attribute: which are the same, which one is primary, which say nothing.

How a value becomes an element is in `normalize.py`; how operations change a list is in `patch.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from typing import Any

import msgspec

from rollbook.scim.protocol.schema import Attribute

# What an element says about its content without being content.
_LABELS = frozenset({"type", "primary"})

_encode = msgspec.json.Encoder(order="sorted").encode


def element_key(attribute: Attribute, element: Any) -> Hashable:
    """Equal for two elements exactly when they are the same one.

    Elements of `members` and its like are told apart by `value`; all others by everything but the mark
    `primary`, so that an address sent twice is one address.
    """
    if type(element) is not dict:
        return _encode(element)
    if attribute.keyed_by_value and "value" in element:
        value = element["value"]
        return value if type(value) is str else _encode(value)
    if "primary" in element:
        element = {name: value for name, value in element.items() if name != "primary"}
    return _encode(element)


def says_something(element: Any) -> bool:
    """Whether an element holds more than its labels: `{"type": "work", "primary": true}` is unset."""
    return type(element) is not dict or "value" in element or not element.keys() <= _LABELS


def settle(attribute: Attribute, elements: list[Any]) -> list[Any]:
    """Duplicates removed, at most one primary (the first that is marked), the primary one first.

    PingOne sends one address twice, both primary: one stays (`test_an_address_sent_twice_stays_once`).
    Okta's test reads `emails[0]`, so the primary one leads (`test_the_primary_element_comes_first`).
    The list and its elements are not modified.
    """
    if len(elements) < 2:
        return elements
    return lead_with_primary(demote(attribute, index_by_key(attribute, elements)).values())


def index_by_key(attribute: Attribute, elements: Iterable[Any]) -> dict[Hashable, Any]:
    """Elements by key, in order. Of two that are the same the first stays, marked primary if either was."""
    items: dict[Hashable, Any] = {}
    for element in elements:
        key = element_key(attribute, element)
        if key not in items:
            items[key] = element
        elif attribute.has_primary and element.get("primary") and not items[key].get("primary"):
            items[key] = {**items[key], "primary": True}
    return items


def demote(
    attribute: Attribute, items: dict[Hashable, Any], preferred: Collection[Hashable] = ()
) -> dict[Hashable, Any]:
    """Leaves one primary element: the first marked one among `preferred`, else the first marked one."""
    if not attribute.has_primary:
        return items
    marked = [key for key, element in items.items() if element.get("primary") is True]
    if len(marked) > 1:
        stays = next((key for key in marked if key in preferred), marked[0])
        for key in marked:
            if key != stays:
                items[key] = {**items[key], "primary": False}
    return items


def lead_with_primary(elements: Iterable[Any]) -> list[Any]:
    """The elements as a list, the primary one first."""
    ordered = list(elements)
    for position, element in enumerate(ordered):
        if type(element) is dict and element.get("primary") is True:
            if position:
                ordered.insert(0, ordered.pop(position))
            break
    return ordered
