"""The tree that a filter means: small immutable nodes, printed as a filter by `str`.

`filter.py` reads them from text, `evaluation.py` asks them about a value.
"""

from __future__ import annotations

import json
from typing import TypeAlias

import msgspec

FilterValue: TypeAlias = str | int | float | bool | None


class AttributePath(msgspec.Struct, frozen=True):
    """An attribute as a filter names it, spelt as sent: `urn:…:User:manager.displayName`."""

    schema: str | None
    attribute: str
    sub_attribute: str | None = None

    def __str__(self) -> str:
        text = self.attribute if self.schema is None else f"{self.schema}:{self.attribute}"
        return text if self.sub_attribute is None else f"{text}.{self.sub_attribute}"


class Compare(msgspec.Struct, frozen=True):
    """`path op value`; `op` is in lower case: eq, ne, co, sw, ew, gt, ge, lt, le."""

    path: AttributePath
    op: str
    value: FilterValue

    def __str__(self) -> str:
        return f"{self.path} {self.op} {json.dumps(self.value, ensure_ascii=False)}"


class Present(msgspec.Struct, frozen=True):
    """`path pr`."""

    path: AttributePath

    def __str__(self) -> str:
        return f"{self.path} pr"


class And(msgspec.Struct, frozen=True):
    """Two or more terms, none of which is itself an And."""

    terms: tuple[Filter, ...]

    def __str__(self) -> str:
        return " and ".join(f"({term})" if isinstance(term, Or) else str(term) for term in self.terms)


class Or(msgspec.Struct, frozen=True):
    """Two or more terms, none of which is itself an Or."""

    terms: tuple[Filter, ...]

    def __str__(self) -> str:
        return " or ".join(map(str, self.terms))


class Not(msgspec.Struct, frozen=True):
    """`not (term)`."""

    term: Filter

    def __str__(self) -> str:
        return f"not ({self.term})"


class ValuePath(msgspec.Struct, frozen=True):
    """`path[filter]`: one and the same element of a multi-valued attribute satisfies all of `filter`."""

    path: AttributePath
    filter: Filter

    def __str__(self) -> str:
        return f"{self.path}[{self.filter}]"


Filter: TypeAlias = Compare | Present | And | Or | Not | ValuePath
