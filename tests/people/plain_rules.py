"""Random rules and people, and a plain evaluator to hold the product's against: it knows nothing of people/rules
but the shape of the tree, and asks each rule of each person anew.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Set
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from rollbook.people.rules import tree
from rollbook.people.rules.text import Custom, Names
from rollbook.people.rules.tree import InGroup, Not, Rule

# Few values, so that rules and people meet; spelt differently, so that folding counts.
TEXTS = ("Lyon", "lyon", "LYON ", "Straße", "STRASSE", "Crème", "Cre\u0301me", "New York", 'say "hi" \\ once', "y")
NUMBERS = ("7", "7.5", "-3", "10", "0.1")
DATES = ("2025-12-31", "2026-01-01", "2026-11-24", "1999-02-28")
ROLES = ("learner", "creator", "manager", "admin")
SIZES = ("S", "M", "L")
VALUES: dict[str, tuple[str, ...]] = {"text": TEXTS, "number": NUMBERS, "date": DATES}
OPS = {
    "text": ("=", "!=", "contains", "starts with", "ends with", "is empty", "is not empty"),
    "choice": ("=", "!=", "is empty", "is not empty"),
    "number": ("=", "!=", "<", "<=", ">", ">=", "is empty", "is not empty"),
    "date": ("=", "!=", "<", "<=", ">", ">=", "is empty", "is not empty"),
}
BUILT_IN = {
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


@dataclass
class Somebody:
    """A person as a record: the columns that rules read."""

    given_name: str = "Leo"
    family_name: str = "Linden"
    email: str = "leo@acme.example"
    role: str = "learner"
    job_title: str | None = None
    business_unit: str | None = None
    department: str | None = None
    location: str | None = None
    manager_name: str | None = None
    hire_date: str | None = None
    created_at: str = "2026-11-24T06:00:00.000000Z"


def people() -> st.SearchStrategy[Somebody]:
    """People whose fields hold few values."""
    text = st.none() | st.sampled_from(TEXTS)
    return st.builds(
        Somebody,
        given_name=st.sampled_from(("Leo", "Straße", "Crème")),
        family_name=st.sampled_from(("Linden", "Lyon")),
        role=st.sampled_from(ROLES),
        job_title=text,
        business_unit=text,
        department=text,
        location=text,
        manager_name=text,
        hire_date=st.none() | st.sampled_from(DATES),
        created_at=st.sampled_from([f"{day}T23:59:59.999999Z" for day in DATES]),
    )


def tests(fields: Mapping[str, str], choices: Mapping[str, tuple[str, ...]]) -> st.SearchStrategy[Rule]:
    """One comparison of a field, by name or `custom.ID`, of this type."""

    def compared(field: str, type_: Any, op: Any, values: tuple[str, ...], at: int) -> Rule:
        empty = op in ("is empty", "is not empty")
        return tree.Test(field, type_, op, "" if empty else values[at % len(values)])

    def of(item: tuple[str, str]) -> st.SearchStrategy[Rule]:
        field, type_ = item
        values = VALUES.get(type_) or choices[field]
        return st.builds(
            compared, st.just(field), st.just(type_), st.sampled_from(OPS[type_]), st.just(values), st.integers(0, 20)
        )

    return st.sampled_from(sorted(fields.items())).flatmap(of)


def rules(
    fields: Mapping[str, str] = BUILT_IN,
    choices: Mapping[str, tuple[str, ...]] | None = None,
    groups: tuple[str, ...] = (),
    *,
    leaves: int = 12,
) -> st.SearchStrategy[Rule]:
    """Rule trees over these fields and groups."""
    leaf = tests(fields, {"role": ROLES, **(choices or {})})
    if groups:
        leaf |= st.builds(InGroup, st.sampled_from(groups))
    many = st.integers(2, 3)

    def wider(inner: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
        terms = many.flatmap(lambda size: st.tuples(*[inner] * size))
        return st.builds(Not, inner) | st.builds(tree.All, terms) | st.builds(tree.Any, terms)

    return st.recursive(leaf, wider, max_leaves=leaves).filter(lambda rule: depth(rule) <= tree.DEEPEST)


def depth(rule: Rule) -> int:
    if isinstance(rule, tree.Test | InGroup):
        return 1
    return 1 + max(map(depth, [rule.term] if isinstance(rule, Not) else rule.terms))


def names(customs: Mapping[str, str], groups: Mapping[str, str]) -> Names:
    """Names of fields (`custom.ID` to type) that are called as their id, and of groups."""
    return Names(
        tuple(Custom(field[7:], field[7:], type_, lambda text: text) for field, type_ in customs.items()),  # type: ignore[arg-type]  # a type of field, as the record has it
        groups,
    )


def meets(rule: Rule, record: Any, custom: Mapping[str, str], groups: Set[str]) -> bool:
    """Whether somebody meets a rule, said the plain way."""
    if isinstance(rule, InGroup):
        return rule.group_id in groups
    if isinstance(rule, Not):
        return not meets(rule.term, record, custom, groups)
    if isinstance(rule, tree.All):
        return False not in [meets(term, record, custom, groups) for term in rule.terms]
    if isinstance(rule, tree.Any):
        return True in [meets(term, record, custom, groups) for term in rule.terms]
    held = _held(rule.field, record, custom)
    if rule.op == "is empty":
        return held == ""
    if rule.op == "is not empty":
        return held != ""
    if held == "":
        return rule.op == "!="
    mine, theirs = _comparable(rule.type, held), _comparable(rule.type, rule.value)
    return {
        "=": lambda: mine == theirs,
        "!=": lambda: mine != theirs,
        "<": lambda: mine < theirs,
        "<=": lambda: mine <= theirs,
        ">": lambda: mine > theirs,
        ">=": lambda: mine >= theirs,
        "contains": lambda: mine.find(theirs) >= 0,
        "starts with": lambda: mine[: len(theirs)] == theirs,
        "ends with": lambda: mine[len(mine) - len(theirs) :] == theirs if len(theirs) <= len(mine) else False,
    }[rule.op]()


def _held(field: str, record: Any, custom: Mapping[str, str]) -> str:
    if field.startswith("custom."):
        return custom.get(field[7:], "").strip()
    if field == "name":
        return f"{record.given_name} {record.family_name}".strip()
    if field == "created":
        return str(record.created_at).split("T")[0]
    return (getattr(record, "manager_name" if field == "manager" else field) or "").strip()


def _comparable(type_: str, text: str) -> Any:
    if type_ == "number":
        return Fraction(text)
    if type_ == "date":
        year, month, day = text.split("-")
        return int(year), int(month), int(day)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.strip()).casefold())
