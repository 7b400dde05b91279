"""What a run's plan rests on besides the people themselves: its terms, the company's fields and whose they are, and
what reading found to be missing on everybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollbook.okta import field_map
from rollbook.okta.terms import Terms
from rollbook.people.fields import PREFIX, Field


@dataclass(frozen=True, slots=True)
class Target:
    """A field that Okta fills: `column` where it stands in the record of every user, `field` where it has an owner."""

    key: str
    variable: str
    column: str | None
    field: Field | None

    @property
    def name(self) -> str:
        """As people type it and timelines tell it."""
        return self.column or f"{PREFIX}{self.field.name if self.field else ''}"


@dataclass(frozen=True, slots=True)
class Grounds:
    """`targets` are written, `others` belong to another source. `missing` are the variables that nobody listed has;
    `nobody` says that Okta listed nobody at all, `uncertain` that its list held records of which nobody knows whose
    they are: then nobody is away. `since` is when reading began; `first` says that no run before was on these terms,
    so that nobody was away before; `had` are variables whose loss needs a person's yes.
    """

    terms: Terms
    targets: tuple[Target, ...]
    others: tuple[Target, ...]
    missing: frozenset[str] = frozenset()
    nobody: bool = False
    uncertain: bool = False
    since: str | None = None
    first: bool = False
    had: frozenset[str] = frozenset()


def of_company(terms: Terms, fields: Sequence[Field], *, listed: int, present: Mapping[str, int]) -> Grounds:
    """`listed` is how many people Okta listed, `present` how many of them have each variable. What is mapped to a field
    that is gone by now is left out.
    """
    known = {field_map.kept(field): field for field in fields}
    ours: list[Target] = []
    others: list[Target] = []
    for key, variable in terms.fields.items():
        field = known.get(key)
        if field is None and key not in field_map.STANDARD:
            continue
        target = Target(key, variable, field.user_column if field else key, field)
        (ours if field is None or field.owner == "okta" else others).append(target)
    missing = frozenset(name for name in terms.variables if listed and not present.get(name))
    return Grounds(terms, tuple(ours), tuple(others), missing, nobody=not listed)
