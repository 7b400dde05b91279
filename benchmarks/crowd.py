"""A big company for the reports: people with assignments and groups, put into a scratch database in bulk.

Everything is drawn from one seed, so that both engines hold the same company.
"""

from __future__ import annotations

import itertools
import random
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.installation import open_installation
from rollbook.people import companies, fields
from rollbook.people.companies import Company
from rollbook.people.fields import Field

TODAY = date(2026, 11, 24)
LOCATIONS = ("Lyon", "Berlin", "Turin", "Leeds", "Oslo")
SUBDOMAIN = "acme"
OPERATOR = Actor("operator")

Rows = Iterable[tuple[Any, ...]]
_NOW = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)


def _at(days: float) -> str:
    """The instant so many days ago."""
    return clock.text(_NOW - timedelta(days=days))


def _day(days: float) -> str:
    return (TODAY - timedelta(days=int(days))).isoformat()


@dataclass(frozen=True, slots=True)
class Crowd:
    """How big the company is: so many people, lessons, lessons that everybody has of them, groups."""

    people: int = 100_000
    lessons: int = 200
    of_each: int = 20
    groups: int = 100
    archived: float = 0.05  # the part of the people who have left

    @property
    def assignments(self) -> int:
        """Of all of them together."""
        return self.people * self.of_each


def main() -> None:
    """Sets up the database of this environment and fills it; in a process of its own, whose memory nobody measures."""
    crowd = Crowd(people=int(sys.argv[1]), lessons=int(sys.argv[2]))
    installation = open_installation()
    try:
        engine = installation.database.engine
        company, region = engine.write(_found)
    finally:
        installation.close()
    address, path = installation.settings.database_url.get_secret_value(), installation.settings.sqlite_path
    tables = _tables(company.id, region.id, crowd)
    if path is None:
        _fill_postgres(address, tables)
    else:
        _fill_sqlite(str(path), tables)


def _found(tx: Tx) -> tuple[Company, Field]:
    """The company, with a field of its own."""
    company = companies.create(tx, SUBDOMAIN, "Acme", actor=OPERATOR, now=clock.now())
    return company, fields.create(tx, company.id, "Region", actor=OPERATOR, now=clock.now())


def _fill_sqlite(path: str, tables: Iterator[tuple[str, tuple[str, ...], Rows]]) -> None:
    """Indexes that no constraint needs are made when the rows are there: that takes a fifth of the time."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -2000000")
        made = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        indexes = connection.execute(made).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        for name, columns, rows in tables:
            marks = ", ".join("?" for _ in columns)
            statement = f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - our own names
            connection.execute("BEGIN")
            connection.executemany(statement, rows)
            connection.execute("COMMIT")
        for _, statement in indexes:
            connection.execute(statement)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _fill_postgres(address: str, tables: Iterator[tuple[str, tuple[str, ...], Rows]]) -> None:
    made = (
        "SELECT i.indexname, i.indexdef FROM pg_indexes i WHERE i.schemaname = current_schema() AND indexname ~ '^ix_'"
    )
    with psycopg.connect(address) as connection:
        indexes = connection.execute(made).fetchall()
        for name, _ in indexes:
            connection.execute(SQL("DROP INDEX {}").format(Identifier(name)))
        for name, columns, rows in tables:
            into = SQL("COPY {} ({}) FROM STDIN").format(Identifier(name), SQL(", ").join(map(Identifier, columns)))
            with connection.cursor().copy(into) as copy:
                for row in rows:
                    copy.write_row(row)
        for _, statement in indexes:
            connection.execute(statement)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")  # as PostgreSQL does by itself within minutes


def _tables(company: str, region: str, crowd: Crowd) -> Iterator[tuple[str, tuple[str, ...], Rows]]:
    """Each table with its columns and rows, in the order of their foreign keys."""
    chance = random.Random(20261124)
    people, lessons, teams = _ids("a", crowd.people), _ids("b", crowd.lessons), _ids("c", crowd.groups)
    values = ((person, region, *_REGIONS[n % 4], "operator", _at(9)) for n, person in enumerate(people))
    made: dict[str, Rows] = {
        "users": _people(people, crowd, chance),
        "content": _lessons(lessons),
        "groups": ((team, f"Team {n:04}", f"team {n:04}", *_GROUP) for n, team in enumerate(teams)),
        "group_members": _members(people, teams, chance),
        "group_managers": ((team, people[0], _at(365)) for team in teams[:3]),
        "field_values": values,
        "assignments": _assignments(people, lessons, crowd, chance),
    }
    for table, rows in made.items():
        yield table, ("company_id", *_COLUMNS[table].split()), ((company, *row) for row in rows)


_COLUMNS = {
    "users": "id user_name user_name_key email email_key email_claim given_name family_name name_key role location "
    "business_unit department manager_name link archived_at kept version created_at updated_at",
    "content": "id kind title title_key description body enforced_order certification state version created_at "
    "updated_at published_at",
    "groups": "id name name_key kind version followed created_at updated_at",
    "group_members": "group_id version user_id joined_at",
    "group_managers": "group_id user_id appointed_at",
    "field_values": "user_id field_id value value_key written_by written_at",
    "assignments": "id user_id content_id round state assigned_at opened_at assigned_by due_on completed_at score "
    "updated_at",
}
_GROUP = ("custom", 0, 0, _at(365), _at(365))
_REGIONS = [(name, name.lower()) for name in ("North", "South", "East", "West")]


def _ids(letter: str, count: int) -> list[str]:
    return [f"019{letter}0000-0000-7000-8000-{number:012x}" for number in range(count)]


def _people(ids: list[str], crowd: Crowd, chance: random.Random) -> Rows:
    for n, person in enumerate(ids):
        name, gone, family = f"person{n:06}@acme.example", chance.random() < crowd.archived, f"Family {n % 9973:04}"
        made = _at(chance.uniform(100, 1000))
        yield (
            *(person, name, name, name, name, None if gone else name, f"Given {n % 997:03}", family),
            *(f"given {n % 997:03} {family.lower()}", "learner", LOCATIONS[n % 5], f"Unit {n % 7}", f"Dept {n % 50}"),
            *(f"Boss {n % 500}", "linked", _at(chance.uniform(0, 90)) if gone else None, "{}", 1, made, made),
        )


def _lessons(ids: list[str]) -> Rows:
    for n, lesson in enumerate(ids):
        yield (
            *(lesson, "lesson", f"Lesson {n:03}", f"lesson {n:03}", "What it is about.", "The text.", 0, 0),
            *("published", 1, _at(400), _at(400), _at(400)),
        )


def _members(people: list[str], teams: list[str], chance: random.Random) -> Rows:
    """A hundredth of the people in each group."""
    for team in teams:
        for person in sorted(chance.sample(people, max(1, len(people) // 100))):
            yield team, 0, person, _at(100)


def _assignments(people: list[str], lessons: list[str], crowd: Crowd, chance: random.Random) -> Rows:
    """Half of them completed, a tenth overdue, the others open; spread over a year. A person's own lie far apart, as
    they do where a lesson at a time is assigned to everybody.
    """
    number = itertools.count()
    for step in range(crowd.of_each):
        for n, person in enumerate(people):
            lesson = lessons[(n + step * len(lessons) // crowd.of_each) % len(lessons)]
            luck, opened = chance.random(), chance.uniform(0, 365)
            done = luck < 0.5
            due = _day(chance.uniform(1, 60) * (1 if 0.5 < luck < 0.6 else -1))
            yield (
                *(f"019e0000-0000-7000-8000-{next(number):012x}", person, lesson, 1),
                *("completed" if done else "incomplete", _at(opened), _at(opened), "operator", due),
                *(
                    _at(opened - chance.uniform(0, min(opened, 60))) if done else None,
                    chance.randint(40, 100) if luck < 0.4 else None,
                ),
                _at(0),
            )


if __name__ == "__main__":
    main()
