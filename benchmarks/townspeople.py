"""A company of many people, put there around the verbs (which would take minutes), so that measuring begins at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import psycopg

from rollbook import clock
from rollbook.database import Database
from rollbook.database.sqlite import SqliteEngine

_COLUMNS = (
    "company_id, id, user_name, user_name_key, email, email_key, email_claim, given_name, family_name, name_key, "
    "location, business_unit, department, job_title, role, link, kept, version, created_at, updated_at"
)
_COUNT = len(_COLUMNS.split(","))
TOWNS = 50


def town(number: int) -> str:
    """Where the person of this number works."""
    return f"Town {number % TOWNS}"


def fill(database: Database, address: str, company_id: str, people: int) -> list[str]:
    """So many learners; their ids."""
    rows = list(_rows(company_id, people))
    if isinstance(database.engine, SqliteEngine):
        with sqlite3.connect(database.engine.path) as connection:
            marks = ", ".join("?" * _COUNT)
            connection.executemany(f"INSERT INTO users ({_COLUMNS}) VALUES ({marks})", rows)  # noqa: S608 - our own names
        connection.close()
    else:
        with psycopg.connect(address) as to, to.cursor().copy(f"COPY users ({_COLUMNS}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        with psycopg.connect(address, autocommit=True) as to:
            to.execute("ANALYZE")
    return [row[1] for row in rows]


def fill_groups(database: Database, address: str, company_id: str, groups: dict[str, str]) -> None:
    """Everybody of each town into the first version of its group."""
    text = (
        "INSERT INTO group_members (company_id, group_id, version, user_id, joined_at) "
        "SELECT company_id, ?, 1, id, created_at FROM users WHERE company_id = ? AND location = ?"
    )
    rows = [(group_id, company_id, town_) for town_, group_id in groups.items()]
    if isinstance(database.engine, SqliteEngine):
        with sqlite3.connect(database.engine.path) as connection:
            connection.executemany(text, rows)
        connection.close()
    else:
        with psycopg.connect(address) as to:
            to.cursor().executemany(text.replace("?", "%s"), rows)
        with psycopg.connect(address, autocommit=True) as to:
            to.execute("ANALYZE")


def _rows(company_id: str, people: int) -> Iterator[tuple[Any, ...]]:
    at = clock.text(clock.now())
    for number in range(people):
        name = f"leo.{number}@acme.example"
        names = (name, name, name, name, name, "Leo", f"Linden {number}", f"leo linden {number}")
        where = (town(number), f"Unit {number % 7}", f"Department {number % 13}", f"Job {number % 17}")
        yield (company_id, clock.new_id(), *names, *where, "learner", "linked", "{}", 1, at, at)
