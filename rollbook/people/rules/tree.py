"""The rule of a smart group as a tree, and as the JSON that is stored. Custom fields and groups stand in it by their
ids, so that another name does it no harm; text.py reads and writes it with their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from rollbook.errors import InvalidValue

Type = Literal["text", "number", "date", "choice"]
Op = Literal["=", "!=", "contains", "starts with", "ends with", "<", "<=", ">", ">=", "is empty", "is not empty"]

LONGEST_TEXT = 4096
MOST_TERMS = 100
DEEPEST = 16

# What every company's rules may read, with its type and the columns of the user's record where it stands.
FIELDS: dict[str, Type] = {
    "name": "text",
    "email": "text",
    "role": "choice",
    "job_title": "text",
    "business_unit": "text",
    "department": "text",
    "location": "text",
    "manager": "text",
    "hire_date": "date",
    "created": "date",
}
COLUMNS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in FIELDS},
    "name": ("given_name", "family_name"),
    "manager": ("manager_name",),
    "created": ("created_at",),
}
FIELD_OF_COLUMN = {column: field for field, columns in COLUMNS.items() for column in columns}
CUSTOM = "custom."  # before the id of a company's own field
GROUP = "group."  # before the id of a group, where what a rule reads is listed

_EMPTINESS: tuple[Op, ...] = ("is empty", "is not empty")
OPERATORS: dict[Type, tuple[Op, ...]] = {
    "text": ("=", "!=", "contains", "starts with", "ends with", *_EMPTINESS),
    "choice": ("=", "!=", *_EMPTINESS),
    "number": ("=", "!=", "<", "<=", ">", ">=", *_EMPTINESS),
    "date": ("=", "!=", "<", "<=", ">", ">=", *_EMPTINESS),
}
WITHOUT_VALUE = frozenset(_EMPTINESS)


class Test(msgspec.Struct, frozen=True, tag="test", tag_field="is"):
    """One comparison. `field` is a name of FIELDS, or CUSTOM and the id of a field; `value` is as its type keeps it."""

    field: str
    type: Type
    op: Op
    value: str = ""


class InGroup(msgspec.Struct, frozen=True, tag="group", tag_field="is"):
    """Whoever is in another group."""

    group_id: str


class Not(msgspec.Struct, frozen=True, tag="not", tag_field="is"):
    """Whoever does not meet the term."""

    term: Rule


class All(msgspec.Struct, frozen=True, tag="all", tag_field="is"):
    """Whoever meets every term; there are at least two."""

    terms: tuple[Rule, ...]


class Any(msgspec.Struct, frozen=True, tag="any", tag_field="is"):
    """Whoever meets one of the terms; there are at least two."""

    terms: tuple[Rule, ...]


Rule = Test | InGroup | Not | All | Any

_decode = msgspec.json.Decoder(Rule).decode


def encode(rule: Rule) -> str:
    """The rule as JSON."""
    return msgspec.json.encode(rule).decode()


def decode(text: str) -> Rule:
    """The rule that `encode` wrote."""
    rule: Rule = _decode(text)
    return rule


def leaves(rule: Rule) -> Iterator[Test | InGroup]:
    """The comparisons and groups of a rule, from left to right."""
    if isinstance(rule, Test | InGroup):
        yield rule
    else:
        for term in (rule.term,) if isinstance(rule, Not) else rule.terms:
            yield from leaves(term)


def reads(rule: Rule) -> frozenset[str]:
    """What decides about the rule: names of FIELDS, CUSTOM with the id of a field, GROUP with that of a group."""
    return frozenset(GROUP + leaf.group_id if isinstance(leaf, InGroup) else leaf.field for leaf in leaves(rule))


def groups_read(rule: Rule) -> frozenset[str]:
    """The ids of the groups that the rule reads."""
    return frozenset(leaf.group_id for leaf in leaves(rule) if isinstance(leaf, InGroup))


def check_size(rule: Rule) -> None:
    """Raises InvalidValue for a rule with too many terms or too many levels."""
    if sum(1 for _ in leaves(rule)) > MOST_TERMS:
        raise InvalidValue(f"A rule has at most {MOST_TERMS} comparisons; make a group of a part of it.", field="rule")
    if _depth(rule) > DEEPEST:
        raise too_deep()


def too_deep() -> InvalidValue:
    return InvalidValue(f"A rule has at most {DEEPEST} levels of brackets and of “not”.", field="rule")


def _depth(rule: Rule) -> int:
    if isinstance(rule, Not):
        return 1 + _depth(rule.term)
    return 1 + max(map(_depth, rule.terms)) if isinstance(rule, All | Any) else 1
