"""People of ours as a simulated org has them, put there around the verbs, so that a pull finds nobody changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from rollbook import clock
from rollbook.database import Database
from rollbook.database.sqlite import SqliteEngine
from rollbook.people.folding import fold
from rollbook.people.profiles import Profile
from rollbook.simulator.people import OktaUser

_USERS = (
    *("company_id", "id", "user_name", "user_name_key", "email", "email_key", "email_claim", "given_name"),
    *("family_name", "name_key", "location", "business_unit", "department", "job_title", "manager_name", "locale"),
    *("hire_date", "external_id", "role", "link", "kept", "version", "created_at", "updated_at"),
)
_VALUES = ("company_id", "user_id", "field_id", "value", "value_key", "written_by", "written_at")


def fill(database: Database, address: str, company_id: str, people: Sequence[OktaUser], region_id: str) -> None:
    """Everybody known, with the hire date, and the region in the company's own field."""
    rows = [_user(company_id, person) for person in people]
    values = list(_values(company_id, people, rows, region_id))
    _put(database, address, "users", _USERS, rows)
    _put(database, address, "field_values", _VALUES, values)


def _user(company_id: str, person: OktaUser) -> tuple[Any, ...]:
    at = clock.text(clock.now())
    profile = Profile(person.login, person.email, person.first_name, person.last_name)
    name = fold(f"{person.first_name} {person.last_name}")
    said = (person.cost_center, person.division, person.department, person.title, person.manager, person.locale)
    return (
        *(company_id, clock.new_id(), profile.user_name, fold(profile.user_name), profile.email),
        *(fold(profile.email), fold(profile.email), profile.given_name, profile.family_name, name),
        *(text or None for text in said),
        *(person.extra["hireDate"], person.id, "learner", "known", "{}", 1, at, at),
    )


def _values(
    company_id: str, people: Sequence[OktaUser], rows: Sequence[tuple[Any, ...]], region_id: str
) -> Iterator[tuple[Any, ...]]:
    at = clock.text(clock.now())
    for person, row in zip(people, rows, strict=True):
        region = str(person.extra["region"])
        yield company_id, row[1], region_id, region, fold(region), "okta:bench", at


def _put(database: Database, address: str, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    if isinstance(database.engine, SqliteEngine):
        marks = ", ".join("?" * len(columns))
        with sqlite3.connect(database.engine.path) as connection:
            connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)  # noqa: S608 - our own names
        connection.close()
        return
    names = SQL(", ").join(map(Identifier, columns))
    query = SQL("COPY {} ({}) FROM STDIN").format(Identifier(table), names)
    with psycopg.connect(address) as to, to.cursor().copy(query) as copy:
        for row in rows:
            copy.write_row(row)
    with psycopg.connect(address, autocommit=True) as to:
        to.execute(SQL("ANALYZE {}").format(Identifier(table)))
