"""PATCH (RFC 7644 section 3.5.2) applied to a resource, in every dialect of its clients.

The message is read by `operations.py`, values brought into shape by `normalize.py`, lists changed by `draft.py`.
Whether the result is allowed (required attributes, uniqueness) is for the door.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rollbook.scim.protocol.draft import Draft, Elements
from rollbook.scim.protocol.errors import InvalidFilter, InvalidPath, InvalidValue, NoTarget
from rollbook.scim.protocol.filter import And, Compare, Filter, Not, Or, Present, ValuePath
from rollbook.scim.protocol.normalize import convert, convert_one, is_unset
from rollbook.scim.protocol.operations import MAX_OPERATIONS, Operation, parse_operations
from rollbook.scim.protocol.path import Path, known_paths, parse_path
from rollbook.scim.protocol.schema import Attribute, ResourceType

__all__ = ["MAX_OPERATIONS", "Operation", "Patched", "apply", "only_switches", "parse_operations"]


class Patched(msgspec.Struct, frozen=True):
    """The resource after all operations; `ignored` and `read_only` name, as paths, what was passed over."""

    resource: dict[str, Any]
    ignored: tuple[str, ...]
    read_only: tuple[str, ...]


def apply(resource_type: ResourceType, resource: dict[str, Any], operations: list[Operation]) -> Patched:
    """The resource as it is after all operations, one after the other.

    `resource` is in canonical shape and is not modified; parts that do not change are shared with the result.
    All or nothing: any refusal raises (InvalidPath, InvalidFilter, InvalidValue, NoTarget, TooMany) and there
    is no result. Read-only and unknown attributes are passed over and named; removing what is absent
    succeeds.
    """
    draft = Draft(resource_type, resource)
    paths = known_paths(resource_type)
    for operation in operations:
        if operation.path is not None:
            path = paths.get(operation.path.lower()) or parse_path(operation.path, resource_type)
            _write(draft, operation.op, path, operation.value)
        elif operation.op == "remove":
            raise NoTarget('An operation "remove" has no path, and nothing was removed. Name what to remove.')
        else:
            _write_members(draft, operation.op, "", operation.value)
    return Patched(draft.finish(), tuple(draft.notes.ignored), tuple(draft.notes.read_only))


def only_switches(attribute: str, operations: list[Operation]) -> bool | None:
    """What the operations switch this core attribute to, where they plainly do that and nothing else; otherwise None,
    and `apply` says what becomes of the resource.
    """
    switched: bool | None = None
    for operation in operations:
        name, value = operation.path, operation.value
        if name is None and type(value) is dict and len(value) == 1:
            ((name, value),) = value.items()
        if name is None or name.lower() != attribute or type(value) is not bool or operation.op == "remove":
            return None
        switched = value
    return switched


def _write_members(draft: Draft, op: str, prefix: str, value: Any) -> None:
    """Each member of an object is an operation of its own. Okta names attributes, Entra also dotted and URN
    keys (`test_entra_sends_dotted_and_urn_keys_without_a_path`)."""
    if type(value) is list and len(value) == 1:
        value = value[0]
    if type(value) is not dict:
        raise InvalidValue(
            f'The operation "{op}" without an attribute in its path needs an object as its value, such as '
            '{"active": false}.'
        )
    paths = known_paths(draft.resource_type)
    for key, item in value.items():
        path = paths.get(f"{prefix}{key}".lower() if prefix else key.lower())
        if path is None and "[" in key:
            path = _path_or_none(f"{prefix}{key}", draft.resource_type)
        if path is None:
            draft.notes.ignored[f"{prefix}{key}"] = None
        else:
            _write(draft, op, path, item)


def _path_or_none(text: str, resource_type: ResourceType) -> Path | None:
    try:
        return parse_path(text, resource_type)
    except (InvalidPath, InvalidFilter):
        return None


def _write(draft: Draft, op: str, path: Path, value: Any) -> None:
    definition = path.definition
    if path.attribute is None:
        _write_schema(draft, op, path, value)
    elif definition is None or not path.known:
        draft.notes.ignored[str(path)] = None
    elif path.read_only:
        if op == "remove" or not is_unset(value):
            draft.notes.read_only[str(path)] = None
    elif definition.name == "schemas" and path.schema_urn is None:
        return  # Follows from what the resource holds.
    elif definition.multi_valued:
        _write_elements(draft, op, path, definition, value)
    elif path.value_filter is not None:
        raise InvalidPath(f"{definition.name} holds one value, so {path} cannot choose one. Send no filter.")
    elif path.sub_definition is not None:
        _write_part(draft, op, path, definition, value)
    elif op == "remove":
        draft.remove(path.schema_urn, definition.name)
    elif definition.is_complex and type(value) is dict and value:
        _merge(draft, path, definition, value)
    else:
        converted = convert(definition, value, path.prefix, draft.notes)
        if converted is None:
            draft.remove(path.schema_urn, definition.name)
        elif definition.is_complex and type(value) is list and type(value[0]) is dict:
            _merge(draft, path, definition, value[0])
        else:
            draft.set(path.schema_urn, definition.name, converted)


def _write_schema(draft: Draft, op: str, path: Path, value: Any) -> None:
    """A path that is a schema URN alone: the whole extension, or, for the core URN, the whole resource.
    An object names what changes, so an empty one changes nothing; null removes."""
    urn = path.schema_urn
    if op != "remove" and (value == {} or not is_unset(value)):
        _write_members(draft, op, "" if urn is None else f"{urn}:", value)
    elif urn is None:
        if op == "remove":
            raise NoTarget("An operation would remove the whole resource. Use DELETE for that.")
    elif op != "add":
        draft.remove_extension(urn)


def _merge(draft: Draft, path: Path, definition: Attribute, value: dict[str, Any]) -> None:
    """Sub-attributes that are named are set or cleared, the others stay (RFC 7644 section 3.5.2.3)."""
    held = draft.get(path.schema_urn, definition.name) or {}
    merged = _merged(definition, held, value, path.prefix, draft)
    if merged:
        draft.set(path.schema_urn, definition.name, merged)
    else:
        draft.remove(path.schema_urn, definition.name)


def _merged(
    definition: Attribute, held: dict[str, Any], value: dict[str, Any], prefix: str, draft: Draft
) -> dict[str, Any]:
    given = convert_one(definition, value, prefix, draft.notes) or {}
    merged = {**held, **given}
    for key, item in value.items():
        sub = definition.attribute(key)
        if sub is not None and not sub.read_only and sub.name not in given and _clears(item):
            merged.pop(sub.name, None)
    return merged


def _clears(item: Any) -> bool:
    return is_unset(item) or item in ([None], [""])


def _write_part(draft: Draft, op: str, path: Path, definition: Attribute, value: Any) -> None:
    """One sub-attribute of a single complex attribute."""
    sub = path.sub_definition
    assert sub is not None
    part = None if op == "remove" else convert(sub, value, f"{path.prefix}{definition.name}.", draft.notes)
    held = draft.get(path.schema_urn, definition.name) or {}
    if part is not None:
        draft.set(path.schema_urn, definition.name, {**held, sub.name: part})
    elif sub.name in held:
        rest = {name: item for name, item in held.items() if name != sub.name}
        if rest:
            draft.set(path.schema_urn, definition.name, rest)
        else:
            draft.remove(path.schema_urn, definition.name)


def _write_elements(draft: Draft, op: str, path: Path, definition: Attribute, value: Any) -> None:
    elements = draft.elements(path.schema_urn, definition)
    if path.value_filter is not None:
        unknown = _unknown_names(path.value_filter, definition)
        if unknown:
            draft.notes.ignored[str(path)] = None
        elif path.sub_definition is not None:
            _write_matching_part(draft, op, path, elements, value)
        else:
            _write_matching(draft, op, path, elements, value)
    elif path.sub_definition is not None:
        part = None if op == "remove" else convert(path.sub_definition, value, f"{path}.", draft.notes)
        if part is None:
            elements.clear_part(elements.keys(), path.sub_definition.name)
        elif elements.items:
            elements.merge(elements.keys(), {path.sub_definition.name: part})
        else:
            elements.add([{path.sub_definition.name: part}])
    elif op == "remove":
        # Entra lists in `value` whom to remove; read by the RFC's letter that would empty the group
        # (`test_removing_listed_members_leaves_the_others`).
        if value is None or value == "":
            elements.reset([])
        else:
            elements.remove_listed(_listed(definition, value, path.prefix, draft))
    else:
        new = convert(definition, value, path.prefix, draft.notes) or []
        if op == "replace":
            elements.reset(new)
        else:
            elements.add(new)


def _listed(definition: Attribute, value: Any, prefix: str, draft: Draft) -> list[Any]:
    given = value if type(value) is list else [value]
    converted = [convert_one(definition, item, prefix, draft.notes) for item in given]
    return [element for element in converted if element is not None]


def _write_matching_part(draft: Draft, op: str, path: Path, elements: Elements, value: Any) -> None:
    """`emails[type eq "work"].value`: that part of every element that matches, or of a new one."""
    definition, sub, value_filter = path.definition, path.sub_definition, path.value_filter
    assert definition is not None
    assert sub is not None
    assert value_filter is not None
    matching = elements.matching(value_filter)
    part = None if op == "remove" else convert(sub, value, f"{path.prefix}{definition.name}.", draft.notes)
    if part is None:
        elements.clear_part(matching, sub.name)
    elif matching:
        elements.merge(matching, {sub.name: part})
    else:
        elements.add([{**_new_element(path, definition, value_filter, draft), sub.name: part}])


def _write_matching(draft: Draft, op: str, path: Path, elements: Elements, value: Any) -> None:
    """`addresses[type eq "work"]`: every element that matches as a whole, or a new one."""
    definition, value_filter = path.definition, path.value_filter
    assert definition is not None
    assert value_filter is not None
    matching = elements.matching(value_filter)
    if type(value) is list and len(value) == 1:
        value = value[0]
    if op == "remove" or (is_unset(value) and op == "replace"):
        elements.remove(matching)
        return
    if is_unset(value):
        return
    element = convert_one(definition, value, path.prefix, draft.notes)
    if element is None and type(value) is not dict:
        return
    if not definition.is_complex:
        elements.remove(matching)
        elements.add([element])
    elif matching and type(value) is dict:
        condition = _conditions(value_filter, definition, path.prefix, draft) or {}
        for key in matching:
            # RFC 7644 section 3.5.2.3: replace leaves nothing of the element that matched.
            held = condition if op == "replace" and elements.is_whole(element) else elements.items[key]
            elements.put(key, _merged(definition, held, value, path.prefix, draft))
        elements.settle(matching)
    elif matching:
        elements.merge(matching, element)
    elif element is not None:
        elements.add([{**_new_element(path, definition, value_filter, draft), **element}])


def _new_element(path: Path, definition: Attribute, value_filter: Filter, draft: Draft) -> dict[str, Any]:
    """What an element must hold so that the filter finds it. Entra writes to `emails[type eq "work"].value`
    before there is such an element (`test_writing_to_a_missing_element_creates_it`)."""
    condition = _conditions(value_filter, definition, path.prefix, draft)
    if condition is None:
        raise NoTarget(
            f"No element of {definition.name} satisfies {path}, and none can be made from that filter; "
            f'nothing was changed. Name the element by eq, such as {definition.name}[type eq "work"].'
        )
    return condition


def _conditions(node: Filter, definition: Attribute, prefix: str, draft: Draft) -> dict[str, Any] | None:
    """The values that a conjunction of eq demands; None for any other filter."""
    condition: dict[str, Any] = {}
    for term in node.terms if isinstance(node, And) else (node,):
        if not isinstance(term, Compare) or term.op != "eq" or term.value is None:
            return None
        sub = definition.attribute(term.path.attribute)
        if sub is None or term.path.sub_attribute is not None:
            return None
        value = convert(sub, term.value, f"{prefix}{definition.name}.", draft.notes)
        if value is not None:
            condition[sub.name] = value
    return condition


def _unknown_names(node: Filter, definition: Attribute) -> bool:
    match node:
        case And() | Or():
            return any(_unknown_names(term, definition) for term in node.terms)
        case Not():
            return _unknown_names(node.term, definition)
        case ValuePath():
            return True
        case Compare() | Present():
            path = node.path
            if not definition.is_complex:
                return path.attribute.lower() != "value"
            return path.schema is not None or definition.attribute(path.attribute) is None
