"""SCIM filters on users as conditions of people. Only translates: the SQL is people/search.py's.

What is not understood is refused, and never answered with everybody: a client would take the first for its own.
"""

from __future__ import annotations

from rollbook import errors as people_errors
from rollbook.people import fields
from rollbook.people.fields import Field
from rollbook.people.folding import fold
from rollbook.people.search import LONGEST_HELD, All, Condition, Equals, Holds
from rollbook.scim.extension import STANDARD, Extension
from rollbook.scim.protocol.errors import InvalidFilter
from rollbook.scim.protocol.filter import And, AttributePath, Compare, Filter, ValuePath
from rollbook.scim.protocol.messages import CORE_USER
from rollbook.scim.user_schema import ROLLBOOK_USER

_FIELDS = {
    "username": "user_name",
    "externalid": "external_id",
    "id": "id",
    "active": "active",
    "displayname": "display_name",
    "emails": "email",
    "emails.value": "email",
}
_OFFERED = 'eq on userName, externalId, id, active, emails and displayName, joined by and; for example: userName eq "…"'


def condition_of(node: Filter, extension: Extension = STANDARD) -> Condition:
    """The condition that the filter means, or one that is wider by no more than the type of an e-mail.

    The door lets `evaluate` judge what was found, which settles the rest. Raises InvalidFilter.
    """
    if isinstance(node, And):
        return All(tuple(condition_of(term, extension) for term in node.terms))
    if isinstance(node, Compare):
        own = _own(node.path, extension)
        return _holds(own, node) if own is not None else _equals(_field(node.path), node)
    if isinstance(node, ValuePath) and _name(node.path) == "emails":
        terms = node.filter.terms if isinstance(node.filter, And) else (node.filter,)
        for term in terms:
            if isinstance(term, Compare) and term.op == "eq" and _name(term.path) == "value":
                if not all(_is_label(other) for other in terms if other is not term):
                    break
                return _equals("email", term)
    raise InvalidFilter(f"The filter {node} is not understood. Offered are {_OFFERED}.")


def _equals(field: str, node: Compare) -> Equals:
    if node.op != "eq":
        raise InvalidFilter(f"The comparison {node.op} is not offered. Offered are {_OFFERED}.")
    value = node.value
    if field == "active":
        if isinstance(value, str) and value.lower() in ("true", "false"):
            value = value.lower() == "true"
        if not isinstance(value, bool):
            raise InvalidFilter(f"{node.path} is true or false, not {value!r}; for example: active eq true")
        return Equals(field, value)
    if not isinstance(value, str) or "\x00" in value:
        raise InvalidFilter(f'{node.path} is compared with a text in double quotes; for example: {node.path} eq "…"')
    return Equals(field, value)


def _own(path: AttributePath, extension: Extension) -> Field | None:
    if path.schema is None or path.schema.lower() != ROLLBOOK_USER.lower() or path.sub_attribute is not None:
        return None
    return extension.seen.get(path.attribute.lower())


def _holds(field: Field, node: Compare) -> Holds:
    """Numbers and dates are compared as what they say, texts and choices without regard to case."""
    if node.op != "eq":
        raise InvalidFilter(f'The comparison {node.op} is not offered; for example: {node.path} eq "…"')
    value = node.value
    if isinstance(value, bool) or value is None or "\x00" in str(value):
        raise InvalidFilter(f'{node.path} is compared with a text in double quotes; for example: {node.path} eq "…"')
    text = str(value)
    if field.type in ("number", "date"):
        try:
            text = fields.checked(field, text) or ""
        except people_errors.InvalidValue as refusal:
            raise InvalidFilter(f"{node.path} is compared with what it can hold. {refusal.message}") from None
    if len(fold(text)) > LONGEST_HELD:
        raise InvalidFilter(f"{node.path} is compared with a text of at most {LONGEST_HELD} characters.")
    return Holds(field, text)


def _field(path: AttributePath) -> str:
    field = _FIELDS.get(_name(path))
    if field is None:
        raise InvalidFilter(f"A filter on {path} is not offered. Offered are {_OFFERED}.")
    return field


def _name(path: AttributePath) -> str:
    if path.schema is not None and path.schema.lower() != CORE_USER.lower():
        return str(path)
    name = path.attribute if path.sub_attribute is None else f"{path.attribute}.{path.sub_attribute}"
    return name.lower()


def _is_label(node: Filter) -> bool:
    return isinstance(node, Compare) and node.op == "eq" and _name(node.path) in ("type", "primary", "display")
