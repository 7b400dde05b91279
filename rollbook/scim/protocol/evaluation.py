"""Whether a filter holds for a value at hand: the value paths of PATCH, and small collections in tests.

How people are searched in the database is not decided here.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from rollbook.scim.protocol.filter import And, AttributePath, Compare, Filter, Not, Or, Present, ValuePath
from rollbook.scim.protocol.schema import Attribute, ResourceType

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


def evaluate(node: Filter, value: Any, scope: ResourceType | Attribute | None = None) -> bool:
    """Whether `value` satisfies the filter.

    `value` is a whole resource (scope: its ResourceType), one element of a multi-valued attribute
    (scope: that Attribute), or a scalar element, which answers to the name `value`. Without a scope names are
    taken as they are, folded, and text compares without regard to case.

    Text compares exactly only where the attribute is caseExact; "true" and "True" equal the boolean. What is
    absent equals null, is false as a boolean (RFC 7643 section 2.4 says so of `primary`), differs from
    everything else, and orders with nothing.
    """
    match node:
        case Compare():
            values, attribute = _resolve(node.path, value, scope)
            return _compare(values, node.op, node.value, attribute)
        case Present():
            values, _ = _resolve(node.path, value, scope)
            return any(item not in (None, "", [], {}) for item in values)
        case And():
            return all(evaluate(term, value, scope) for term in node.terms)
        case Or():
            return any(evaluate(term, value, scope) for term in node.terms)
        case Not():
            return not evaluate(node.term, value, scope)
        case ValuePath():
            elements, attribute = _resolve(node.path, value, scope, whole=True)
            return any(evaluate(node.filter, element, attribute) for element in elements)


def _resolve(
    path: AttributePath, value: Any, scope: ResourceType | Attribute | None, *, whole: bool = False
) -> tuple[list[Any], Attribute | None]:
    """All values at a path, multi-valued ones spread out, and the attribute that describes them.

    A complex attribute without a sub-attribute means its `value` (Ping: `emails eq "…"`), unless `whole`.
    """
    attribute: Attribute | None = None
    if isinstance(scope, ResourceType):
        attribute = scope.find(path.schema, path.attribute)
        schema = scope.find_schema(path.schema) if path.schema is not None else None
        if path.schema is not None and schema is None:
            return [], None
        if schema is not None and schema is not scope.schema:
            value = value.get(schema.id, {})
    elif scope is not None:
        attribute = scope.attribute(path.attribute)
        if not isinstance(value, Mapping):
            if path.attribute.lower() != "value":
                return [], None
            return [value], attribute or scope
    elif not isinstance(value, Mapping):
        return ([value] if path.attribute.lower() == "value" else []), None
    values = _spread(_get(value, attribute, path.attribute))
    sub_attribute = path.sub_attribute
    if sub_attribute is None and not whole and any(isinstance(item, Mapping) for item in values):
        sub_attribute = "value"
    if sub_attribute is None:
        return values, attribute
    inner = attribute.attribute(sub_attribute) if attribute is not None else None
    found: list[Any] = []
    for item in values:
        if isinstance(item, Mapping):
            found += _spread(_get(item, inner, sub_attribute))
        elif sub_attribute.lower() == "value":
            found.append(item)
    return found, inner or attribute


def _get(value: Mapping[str, Any], attribute: Attribute | None, name: str) -> Any:
    if attribute is not None:
        return value.get(attribute.name)
    folded = name.lower()
    return next((item for key, item in value.items() if key.lower() == folded), None)


def _spread(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _compare(values: list[Any], op: str, wanted: Any, attribute: Attribute | None) -> bool:
    if op == "ne":
        return not _compare(values, "eq", wanted, attribute)
    if not values:
        if op != "eq":
            return False
        return wanted is None or (_as_boolean(wanted) is False and _is_boolean(attribute, wanted))
    return any(_holds(value, op, wanted, attribute) for value in values)


def _is_boolean(attribute: Attribute | None, wanted: Any) -> bool:
    return isinstance(wanted, bool) if attribute is None else attribute.type == "boolean"


def _holds(value: Any, op: str, wanted: Any, attribute: Attribute | None) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return op == "eq" and _as_boolean(value) is not None and _as_boolean(value) is _as_boolean(wanted)
    if isinstance(value, int | float) and isinstance(wanted, int | float):
        return value == wanted if op == "eq" else _ORDER[op](value, wanted) if op in _ORDER else False
    if wanted is None:
        return False
    if isinstance(value, str | int | float) and isinstance(wanted, str | int | float):
        return _holds_text(str(value), op, str(wanted), attribute)
    return False


def _holds_text(value: str, op: str, wanted: str, attribute: Attribute | None) -> bool:
    if attribute is not None and attribute.type == "dateTime" and (op == "eq" or op in _ORDER):
        left, right = _instant(value), _instant(wanted)
        if left is not None and right is not None:
            return left == right if op == "eq" else _ORDER[op](left, right)
    if attribute is None or not attribute.case_exact:
        value, wanted = value.casefold(), wanted.casefold()
    match op:
        case "eq":
            return value == wanted
        case "co":
            return wanted in value
        case "sw":
            return value.startswith(wanted)
        case "ew":
            return value.endswith(wanted)
        case _:
            return _ORDER[op](value, wanted)


def _instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def _as_boolean(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return None
