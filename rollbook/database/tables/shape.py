"""What tables have in common: the company leads, JSON travels as text, every constraint has a name of ours."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ForeignKeyConstraint, MetaData, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine, UserDefinedType

metadata = MetaData()


class JsonText(UserDefinedType[str]):
    """JSON that travels as text: rooms encode and decode it themselves."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "TEXT"


def json() -> TypeEngine[Any]:
    """A column of JSON."""
    return JsonText().with_variant(JSONB(), "postgresql")


def company_table(name: str, *items: Any) -> Table:
    """A company's table with its own rows' ids."""
    return Table(
        name,
        metadata,
        Column("company_id", Text, nullable=False),
        Column("id", Text, nullable=False),
        *items,
        PrimaryKeyConstraint("company_id", "id", name=f"pk_{name}"),
    )


def of_company(name: str) -> ForeignKeyConstraint:
    """Not on the tables that only ever grow beside a row that has it (events, tasks): a check an insert."""
    return ForeignKeyConstraint(["company_id"], ["companies.id"], name=f"fk_{name}_company")


def of_user(name: str, column: str = "user_id") -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["company_id", column], ["users.company_id", "users.id"], name=f"fk_{name}_user")
