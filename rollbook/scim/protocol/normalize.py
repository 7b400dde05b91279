"""What a client sent, brought into canonical shape: names as the schemas spell them, values in their types.

Lenient where clients differ, silent about nothing: what is dropped is named. PATCH is in `patch.py`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec

from rollbook.scim.protocol.elements import says_something, settle
from rollbook.scim.protocol.errors import InvalidSyntax, InvalidValue
from rollbook.scim.protocol.path import Path, known_paths
from rollbook.scim.protocol.schema import Attribute, ResourceType

_WRAPPING = frozenset({"value", "$ref"})
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,2})?")


class Canonical(msgspec.Struct, frozen=True):
    """A resource in canonical shape, and the paths of what was left out of it.

    `ignored` names what the schemas do not know, `read_only` what the client may not write.
    """

    resource: dict[str, Any]
    ignored: tuple[str, ...]
    read_only: tuple[str, ...]


class Notes:
    """Collects the paths of what is left out, each once, in the order of their first appearance."""

    __slots__ = ("ignored", "read_only")

    def __init__(self) -> None:
        self.ignored: dict[str, None] = {}
        self.read_only: dict[str, None] = {}


def canonical(resource_type: ResourceType, document: dict[str, Any]) -> Canonical:
    """The resource that the body of a POST or PUT means.

    Canonical again gives the same. Unset values (null, "", [], {}) are left out; read-only and unknown
    attributes that hold something are left out and named. `schemas` lists the core schema and the extensions
    that hold something. Values are otherwise kept exactly as sent. Raises InvalidValue, naming the attribute,
    for a value that cannot be of its type, InvalidSyntax where the document is no object. The document is not
    modified.
    """
    if type(document) is not dict:
        raise InvalidSyntax("The body is not a JSON object. Send the resource as one object.")
    notes = Notes()
    resource: dict[str, Any] = {"schemas": None}
    misses = _fill(resource, resource_type.names, "", document, notes)
    declared = resource["schemas"]
    if misses:
        _place(resource_type, resource, misses, notes)
    resource["schemas"] = schemas_of(resource_type, resource)
    if declared is not None:
        for urn in declared:
            if urn not in resource_type.urns and resource_type.find_schema(urn) is None:
                notes.ignored[urn] = None
    return Canonical(resource, tuple(notes.ignored), tuple(notes.read_only))


def schemas_of(resource_type: ResourceType, resource: dict[str, Any]) -> list[str]:
    """What `schemas` must list: the core schema, and the extensions that the resource holds."""
    schemas = [resource_type.schema.id]
    for extension in resource_type.extensions:
        if extension.id in resource:
            schemas.append(extension.id)  # noqa: PERF401 -- a comprehension costs more on two extensions
    return schemas


def is_unset(value: Any) -> bool:
    """Whether a value means "no value" (RFC 7643 section 2.5); Okta and Entra clear with "" as well."""
    return value is None or value == "" or value == [] or value == {}


def convert(attribute: Attribute, value: Any, prefix: str, notes: Notes) -> Any:
    """The value of an attribute in its canonical shape, None where it is unset.

    `prefix` is what stands before the attribute's name in its path. Raises InvalidValue.
    """
    if attribute.multi_valued:
        given = value if type(value) is list else (value,)
        elements = []
        for item in given:
            element = convert_one(attribute, item, prefix, notes)
            if element is not None and says_something(element):
                elements.append(element)
        return settle(attribute, elements) or None
    if type(value) is list:
        # Entra wraps single values in an array of one (`test_an_array_of_one_is_unwrapped`).
        if len(value) > 1:
            raise InvalidValue(
                f"The attribute {prefix}{attribute.name} holds one value and was sent {len(value)}. "
                "Send one value; in Okta, map it from an attribute that is no array."
            )
        value = value[0] if value else None
    return convert_one(attribute, value, prefix, notes)


def convert_one(attribute: Attribute, value: Any, prefix: str, notes: Notes) -> Any:
    """One value, or one element of a multi-valued attribute."""
    kind = type(value)
    if not value and kind is not bool and kind is not int and kind is not float:
        return None  # null, "", [] or {}
    if attribute.is_complex:
        if kind is dict:
            return _convert_complex(attribute, value, prefix, notes)
        if attribute.default is not None and kind is not list:
            # Entra sends `manager` as a bare text, Ping `emails` (`test_a_scalar_becomes_the_value`).
            element = convert(attribute.default, value, f"{prefix}{attribute.name}.", notes)
            return None if element is None else {attribute.default.name: element}
        raise _unsuitable(attribute, prefix, value, "an object with its sub-attributes")
    if attribute.is_text:
        if kind is str:
            return value
        if kind is int or kind is float:
            return str(value)
        if kind is dict and value.keys() <= _WRAPPING and type(value.get("value")) is str:
            # Entra wraps a text as [{"$ref": null, "value": "…"}] (`test_a_wrapped_text_is_unwrapped`).
            return value["value"] or None
        raise _unsuitable(attribute, prefix, value, "text")
    if attribute.type == "boolean":
        if kind is bool:
            return value
        # Entra and OneLogin send booleans as text (`test_booleans_may_be_text`).
        word = value.lower() if kind is str else ""
        if word == "true":
            return True
        if word == "false":
            return False
        raise _unsuitable(attribute, prefix, value, "true or false")
    return _convert_number(attribute, value, prefix)


def _convert_complex(attribute: Attribute, value: dict[str, Any], prefix: str, notes: Notes) -> Any:
    result: dict[str, Any] = {}
    within = f"{prefix}{attribute.name}."
    for key, item in _fill(result, attribute.names, within, value, notes):
        # OneLogin's template names the manager `managerId` (`test_manager_id_is_the_value_of_manager`).
        if attribute.default is not None and key.lower() == f"{attribute.name}id".lower():
            converted = convert(attribute.default, item, within, notes)
            if converted is not None:
                result.setdefault(attribute.default.name, converted)
        else:
            notes.ignored[within + key] = None
    return result or None


def _convert_number(attribute: Attribute, value: Any, prefix: str) -> int | float:
    whole = attribute.type == "integer"
    kind = type(value)
    if kind is int or (kind is float and not whole):
        return value  # type: ignore[no-any-return]  # its type was looked at just now
    if kind is float and value.is_integer():
        return int(value)
    if kind is str:
        text = value.strip()
        if _WHOLE.fullmatch(text) is not None and -(2**63) <= int(text) < 2**63:
            return int(text)
        if not whole and _DECIMAL.fullmatch(text) is not None:
            number = float(text)
            if Decimal(repr(number)) != Decimal(text):
                raise InvalidValue(
                    f"The attribute {prefix}{attribute.name} was sent a number of more digits than JSON keeps. In "
                    "Okta, map it from a shorter number; what only looks like one belongs into a field of type text."
                )
            return number
    raise _unsuitable(attribute, prefix, value, "a whole number" if whole else "a number")


def _fill(
    result: dict[str, Any], names: dict[str, Attribute], prefix: str, document: dict[str, Any], notes: Notes
) -> list[tuple[str, Any]]:
    """Converts what `names` knows of a document into `result`; gives back the rest.

    The hot loop of every POST and PUT: text goes straight through.
    """
    misses: list[tuple[str, Any]] = []
    for key, value in document.items():
        attribute = names.get(key) or names.get(key.lower())
        if attribute is None:
            misses.append((key, value))
        elif attribute.is_plain and type(value) is str:
            if value:
                result[attribute.name] = value
        elif value is None:
            continue
        elif attribute.read_only:
            if not is_unset(value):
                notes.read_only[prefix + attribute.name] = None
        else:
            converted = convert(attribute, value, prefix, notes)
            if converted is not None:
                result[attribute.name] = converted
    return misses


def _place(resource_type: ResourceType, resource: dict[str, Any], misses: list[tuple[str, Any]], notes: Notes) -> None:
    """Finds a place for what the core names do not hold: extension objects, URN keys and dotted keys."""
    paths = known_paths(resource_type)
    dotted: dict[Path, dict[str, Any]] = {}
    for key, value in misses:  # grows while an extension is read
        path = paths.get(key.lower())
        if path is None:
            if not is_unset(value):  # the empty `groups` and `roles` of every create say nothing
                notes.ignored[key] = None
        elif path.attribute is None:
            if is_unset(value):
                continue
            if type(value) is not dict:
                raise InvalidValue(f"The extension {key} must be an object that holds its attributes.")
            urn = path.schema_urn
            if urn is None:
                misses += _fill(resource, resource_type.names, "", value, notes)
            else:
                names = resource_type.urns[urn].names
                held: dict[str, Any] = resource.get(urn, {})
                rest = _fill(held, names, f"{urn}:", value, notes)
                misses += [(f"{urn}:{name}", item) for name, item in rest]
                if held:
                    resource[urn] = held
        elif path.sub_attribute is not None:
            whole = Path(path.schema_urn, path.attribute, None, None, path.definition)
            dotted.setdefault(whole, {})[path.sub_attribute] = value
        else:
            _put(resource, path, value, notes)
    for path, value in dotted.items():
        _put(resource, path, value, notes)


def _put(resource: dict[str, Any], path: Path, value: Any, notes: Notes) -> None:
    """Puts a value at an attribute's path; parts of a complex attribute join those that are there."""
    definition = path.definition
    assert definition is not None
    if definition.read_only:
        if not is_unset(value):
            notes.read_only[str(path)] = None
        return
    prefix = "" if path.schema_urn is None else f"{path.schema_urn}:"
    converted = convert(definition, value, prefix, notes)
    if converted is None:
        return
    holder = resource if path.schema_urn is None else resource.setdefault(path.schema_urn, {})
    held = holder.get(definition.name)
    if held is not None and definition.is_complex and not definition.multi_valued:
        converted = {**held, **converted}
    elif held is not None and definition.multi_valued:
        converted = settle(definition, [*held, *converted])
    holder[definition.name] = converted


def _unsuitable(attribute: Attribute, prefix: str, value: Any, wanted: str) -> InvalidValue:
    if isinstance(value, bool):
        sent = "true" if value else "false"
    elif isinstance(value, dict):
        sent = "an object"
    elif isinstance(value, list):
        sent = "an array"
    elif attribute.is_text or attribute.is_complex:
        sent = "a text" if isinstance(value, str) else "a number"
    else:
        sent = f'"{value}"'[:60]
    name = f"{prefix}{attribute.name}"
    return InvalidValue(
        f"The attribute {name} must be {wanted} and was sent {sent}. "
        f"In Okta, open the app's attribute mappings and map {name} from an attribute of that type."
    )
