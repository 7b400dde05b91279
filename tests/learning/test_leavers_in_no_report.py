"""An archived person is in no report, no export and no list of learning, from the same committed moment (promise P5).

What reads people is found by looking through the packages, so that a report made tomorrow is held to it as well.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.sql.expression import CompoundSelect, Delete, Insert, Update

import rollbook.learning
from rollbook import clock
from rollbook.database import Tx, tables
from rollbook.learning import reports
from rollbook.learning.reports import EXPORTS, REPORTS, Filters, Report
from rollbook.people import group_managers, memberships
from rollbook.people.authorization import Who
from tests.conftest import OPERATOR
from tests.learning.school import School

# Who may name `users`, and why; whatever else does is a leak.
EXCEPTED = {
    "rollbook.learning.reports.audit": "the audit report: as of a day, leavers included, for admins alone, on record",
    "rollbook.learning.group_assignments": "locks the people whom it is about to assign to, and shows nobody",
}
# What makes no list of people from rows about people: it counts acts of provisioning, which P5 leaves to provisioning.
COUNTS_ACTS = {"provisioning"}

STATEMENTS = (Select, CompoundSelect, Insert, Update, Delete)
DIALECTS = (SQLiteDialect_pysqlite(), PGDialect_psycopg())  # type: ignore[no-untyped-call]  # SQLAlchemy does not type it
NAMES_USERS = re.compile(r"\busers\b")
# Whose rows tell of a person; a group's managers only say who asks.
ABOUT_PEOPLE = {table.name for table in tables.metadata.tables.values() if "user_id" in table.c} - {"group_managers"}


def rooms() -> Iterator[ModuleType]:
    """Every module of learning, and the lists of groups."""
    for found in pkgutil.walk_packages(rollbook.learning.__path__, "rollbook.learning."):
        yield importlib.import_module(found.name)
    yield from (memberships, group_managers)


def statements(value: Any) -> Iterator[Any]:
    """The statements in a module's value, those in tuples, lists and tables of them too."""
    if isinstance(value, STATEMENTS):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from statements(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from statements(each)


def names_users(module: ModuleType) -> list[str]:
    """Where a module reads `users`: a statement of its own, or the table by which one could be built."""
    found = []
    for name, value in vars(module).items():
        texts = [str(one.compile(dialect=dialect)) for one in statements(value) for dialect in DIALECTS]
        found += [f"{module.__name__}.{name}: {text}" for text in texts if NAMES_USERS.search(text)]
    for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rollbook.database.tables"):
            found += [f"{module.__name__} imports the table" for alias in node.names if alias.name == "users"]
        # Statements that people's rooms made for themselves.
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            named = f"{node.value.id}.{node.attr}"
            if named in ("record.SELECT", "users.search", "tables.users", "search.everybody"):
                found.append(f"{module.__name__} uses {named}")
    return found


def test_learning_reads_the_view_and_never_the_table() -> None:
    found = {module.__name__: names_users(module) for module in rooms()}
    assert [line for name, lines in found.items() if name not in EXCEPTED for line in lines] == []
    assert [name for name in EXCEPTED if name in found and not found[name]] == [], (
        "excepted, and no longer in need of it"
    )


def test_no_report_is_outside_the_registry() -> None:
    made = {value.name: value for module in rooms() for value in vars(module).values() if isinstance(value, Report)}
    assert made == REPORTS | EXPORTS


@dataclass
class Recorder:
    """A connection that remembers what it was asked."""

    connection: Any
    asked: list[str] = field(default_factory=list)

    def execute(self, query: str, params: Any = ()) -> Any:
        self.asked.append(query)
        return self.connection.execute(query, params)


def every_filter(school: School) -> Iterator[Filters]:
    """Each filter alone, all of people together, and none."""
    own = school.rows(tables.fields)[0]["id"]
    group, thing = school.group(name="Recorded"), school.lesson("Recorded")
    alone: dict[str, Any] = {
        **dict.fromkeys(("location", "business_unit", "department", "manager"), "Lyon"),
        "group_id": group.id,
        "everyone": True,
        "custom": ((own, "x"),),
        "content_id": thing.id,
        "status": "overdue",
        "since": date(2026, 11, 1),
        "until": date(2026, 11, 24),
        "by": "week",
        "archived_content": True,
        "managed_by": clock.new_id(),
    }
    assert alone.keys() == {each.name for each in fields(Filters)}, "a new filter is to be looked at as well"
    yield Filters()
    yield from (Filters(**{name: value}) for name, value in alone.items())
    yield Filters(**{name: alone[name] for name in ("location", "department", "group_id", "custom", "managed_by")})


@pytest.mark.parametrize("name", sorted(REPORTS | EXPORTS))
def test_no_statement_of_a_report_names_users(school: School, name: str) -> None:
    leo, lesson = school.hire(), school.lesson()
    school.assign(leo, lesson, due_on="2020-01-01")
    report = reports.named(name)
    who, asked = Who(school.id, OPERATOR, "admin"), []
    for filters in every_filter(school):
        if not filters.given <= report.takes:
            continue

        def work(tx: Tx, filters: Filters = filters) -> list[str]:
            recorder = Recorder(tx._connection)
            recorded = Tx(recorder, tx._compiler)
            for after in (None, reports.cursor(("2020-01-01",) * report.parts)):
                reports.run(recorded, who, name, filters, after=after, limit=1, today=date(2026, 11, 24))
            return recorder.asked

        asked += school.house.read(work)
    assert len(asked) >= 2
    assert [statement for statement in asked if NAMES_USERS.search(statement)] == []
    if name not in COUNTS_ACTS:
        about = re.compile(rf"\b({'|'.join(ABOUT_PEOPLE)})\b")
        assert [one for one in asked if about.search(one) and "active_users" not in one] == []
