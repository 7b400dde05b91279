"""Whom a rule means: a rule becomes a function of a person, made once and asked often.

Texts are compared folded (people/folding.py), numbers as numbers, dates as dates. A field without a value meets
`is empty` and `!=`, and nothing else; `not` turns whatever stands behind it round.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from decimal import Decimal
from operator import attrgetter, eq, ge, gt, le, lt, ne
from typing import Any as Record

from rollbook.people.folding import fold
from rollbook.people.rules.tree import CUSTOM, Any, InGroup, Not, Op, Rule, Test, Type


class Person:
    """What rules read of somebody. `record` has the columns of tree.COLUMNS as attributes; the values of the
    company's own fields (by field id) and the groups (ids) are asked for once, and only where a rule needs them.
    """

    __slots__ = ("_custom_of", "_folded", "_groups", "_groups_of", "_values", "record")

    def __init__(
        self,
        record: Record,
        custom_of: Callable[[], Mapping[str, str]],
        groups_of: Callable[[], Container[str]],
    ) -> None:
        self.record = record
        self._custom_of = custom_of
        self._groups_of = groups_of
        self._folded: dict[str, str] = {}
        self._values: Mapping[str, str] | None = None
        self._groups: Container[str] | None = None

    @property
    def values(self) -> Mapping[str, str]:
        """What they have in the company's own fields."""
        if self._values is None:
            self._values = self._custom_of()
        return self._values

    def value(self, field: str) -> str | None:
        """What stands in a field, None for nothing."""
        if field.startswith(CUSTOM):
            return self.values.get(field[len(CUSTOM) :])
        value: str | None = _GET[field](self.record)
        return value or None

    def folded(self, field: str) -> str:
        """The same folded, "" for nothing; kept, since many rules read the same field."""
        text = self._folded.get(field)
        if text is None:
            text = self._folded[field] = fold(self.value(field) or "")
        return text

    def in_group(self, group_id: str) -> bool:
        """Whether they are in a group."""
        if self._groups is None:
            self._groups = self._groups_of()
        return group_id in self._groups


Meets = Callable[[Person], bool]

_GET: dict[str, Callable[[Record], str | None]] = {
    "name": lambda record: f"{record.given_name} {record.family_name}".strip(),
    "email": attrgetter("email"),
    "role": attrgetter("role"),
    "job_title": attrgetter("job_title"),
    "business_unit": attrgetter("business_unit"),
    "department": attrgetter("department"),
    "location": attrgetter("location"),
    "manager": attrgetter("manager_name"),
    "hire_date": attrgetter("hire_date"),
    "created": lambda record: record.created_at[:10],
}
_ORDER: dict[Op, Callable[[Record, Record], bool]] = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


def compiled(rule: Rule) -> Meets:
    """The rule as a function that says whether a person meets it."""
    if isinstance(rule, Test):
        return _compared(rule)
    if isinstance(rule, InGroup):
        group_id = rule.group_id
        return lambda person: person.in_group(group_id)
    if isinstance(rule, Not):
        term = compiled(rule.term)
        return lambda person: not term(person)
    terms = tuple(map(compiled, rule.terms))
    if isinstance(rule, Any):
        return lambda person: any(term(person) for term in terms)
    return lambda person: all(term(person) for term in terms)


def _compared(test: Test) -> Meets:
    field, op = test.field, test.op
    if op == "is empty":
        return lambda person: not person.folded(field)
    if op == "is not empty":
        return lambda person: bool(person.folded(field))
    if test.type in ("number", "date"):
        return _ordered(field, test.type, op, test.value)
    return _spelt(field, op, fold(test.value))


def _spelt(field: str, op: Op, wanted: str) -> Meets:
    if op == "=":
        return lambda person: person.folded(field) == wanted
    if op == "!=":
        return lambda person: person.folded(field) != wanted
    if op == "contains":
        return lambda person: wanted in person.folded(field)
    if op == "starts with":
        return lambda person: person.folded(field).startswith(wanted)
    return lambda person: person.folded(field).endswith(wanted)


def _ordered(field: str, type_: Type, op: Op, value: str) -> Meets:
    compare, without = _ORDER[op], op == "!="
    if type_ == "date":  # year first, so dates are in order as texts

        def meets(person: Person) -> bool:
            found = person.value(field)
            return compare(found, value) if found else without

        return meets
    wanted = Decimal(value)

    def reaches(person: Person) -> bool:
        found = person.value(field)
        return compare(Decimal(found), wanted) if found else without

    return reaches
