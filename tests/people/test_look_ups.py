"""Look-ups by name must cost the same in a company of ten and of a million: an index answers each part of them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Select
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from rollbook import settings
from rollbook.activity import events
from rollbook.database import schema
from rollbook.database.statements import Compiler
from rollbook.people import (
    arrivals,
    claims,
    credentials,
    group_managers,
    managers,
    readings,
    returners,
    rule_builds,
    search,
    second_looks,
    users,
    watches,
)
from rollbook.people.csv import roster
from tests.servers import environment

LOOK_UPS = {
    "the key of a request": credentials._ALONE,
    "a user by id": users._ONE,
    "who a POST may be about": arrivals._CANDIDATES,
    "who a POST may be about, with its key": arrivals._LOOK_UP.statement,
    "a user by id, with the key": users.BY_ID.statement,
    "a user by id to be changed, with the key": users.BY_ID_LOCKED.statement,
    **{f"a user by {field}, with the key": look_up.statement for field, look_up in search._LOOK_UPS.items()},
    "who holds a name": claims._HOLDERS,
    "who signs in with an address": claims._SIGNING_IN,
    "whether an address is held": claims._ANY_HELD,
    "the administrators": watches._ACTIVE_ADMINS,
    "the first of a kind of event": events._FIRST,
    "who a manager's text names": managers._NAMED,
    "who has a former name": returners._LIVING,
    "a person of an import": roster.ONE,
    **{f"a person of an import by {column}": statement for column, statement in roster.WHO_HAS.items()},
    "the versions of groups that somebody is in": readings._OF_USER,
    "the groups that somebody is in": readings._GROUPS_OF_USER,
    "whether somebody manages a group of somebody": group_managers._REACHES,
    "what somebody has in the fields": readings._VALUES_OF_USER,
    "a page of people for a rule": readings._PAGE,
    "who of a page is in a group": readings._IN_GROUP,
    "who of a page is in a version": readings._IN_VERSION,
    "what a page has in the fields": readings._VALUES,
    "the next members of a version": rule_builds._ROWS,
    "whom the next events are about": second_looks._SUBJECTS,
    **{f"a user by {field}": statement for field, statement in search._BY_UNIQUE.items()},
}


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> sqlite3.Connection:
    data_dir: Path = tmp_path_factory.mktemp("plans")
    installed = settings.read(environment(data_dir))
    schema.migrate(installed)
    assert installed.sqlite_path is not None
    return sqlite3.connect(installed.sqlite_path)


@pytest.mark.parametrize("name", LOOK_UPS)
def test_no_look_up_walks_everybody_of_a_company(name: str, connection: sqlite3.Connection) -> None:
    plan = plan_of(connection, LOOK_UPS[name])

    searches = [step for step in plan if step.startswith(("SEARCH", "SCAN")) and step != "SCAN CONSTANT ROW"]
    assert searches
    for step in searches:
        assert step.startswith("SEARCH"), plan
        assert "AND" in step or "companies" in step, plan


def test_a_look_up_that_walks_everybody_is_told_from_one_that_does_not(connection: sqlite3.Connection) -> None:
    walking = users.SELECT.where(users.OF_COMPANY)

    assert not any("AND" in step for step in plan_of(connection, walking))


def plan_of(connection: sqlite3.Connection, statement: Select[*tuple[object, ...]]) -> list[str]:
    compiled = Compiler(SQLiteDialect_pysqlite(paramstyle="qmark")).kept(statement, {})
    values = dict.fromkeys(statement.compile().params, "anything")
    rows = connection.execute(f"EXPLAIN QUERY PLAN {compiled.text}", compiled.arguments(values))
    return [row[3] for row in rows]
