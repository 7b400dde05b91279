"""What both engines promise: a write is whole, durable and alone, a read sees one moment and cannot write."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import bindparam, insert, or_, select, update

from rollbook import settings
from rollbook.database import Collision, Database, Tx, open_database
from rollbook.database.schema import migrate
from rollbook.database.tables import companies, installation
from tests import postgres
from tests.database.facts import ALL, GET, PUT, names, put
from tests.servers import environment


@pytest.fixture
def own_url(engine: str, request: pytest.FixtureRequest) -> str:
    return "" if engine == "sqlite" else postgres.new_database(request.getfixturevalue("postgres_server"))


@pytest.fixture
def database(own_url: str, tmp_path: Path) -> Iterator[Database]:
    """A database of this test alone."""
    given = settings.read(environment(tmp_path, own_url))
    migrate(given)
    opened = open_database(given)
    yield opened
    opened.close()


def test_a_write_is_read_by_the_next_reader(database: Database) -> None:
    assert database.engine.write(put("a")) == "a"
    assert names(database) == {"a"}


def test_what_a_write_raises_reaches_its_caller_and_undoes_its_rows(database: Database) -> None:
    class Refusal(Exception):
        pass

    def work(tx: Tx) -> None:
        put("a")(tx)
        raise Refusal

    with pytest.raises(Refusal):
        database.engine.write(work)
    assert names(database) == set()
    database.engine.write(put("b"))
    assert names(database) == {"b"}


def test_rows_of_lists_of_any_length_are_found(database: Database) -> None:
    among = ALL.where(installation.c.name.in_(bindparam("some", expanding=True)))
    either = ALL.where(
        or_(
            installation.c.name.in_(bindparam("some", expanding=True)),
            installation.c.value.in_(bindparam("others", expanding=True)),
        ),
        installation.c.name != bindparam("without"),
    )
    everybody = [f"{number:02}" for number in range(20)]

    def work(tx: Tx) -> None:
        for name in everybody:
            put(name, f"of {name}")(tx)
        for length in (20, 0, 1, 2, 3, 5, 8, 9):  # what was written is found by whoever reads next
            some = everybody[:length]
            assert [row[0] for row in tx.among(among, {}, some=some)] == some
            found = tx.among(either, {"without": "04"}, some=set(some), others=["of 19", "nobody"])
            assert [row[0] for row in found] == [name for name in everybody if name in {*some, "19"} - {"04"}]

    database.engine.write(work)
    assert database.engine.read(lambda tx: tx.among(among, {}, some=("03", "nobody"))) == [("03",)]
    assert database.engine.read_brief(lambda tx: tx.among(among, {}, some=("03", "nobody"))) == [("03",)]


def test_a_collision_that_stays_is_told(database: Database) -> None:
    database.engine.write(put("a"))
    with pytest.raises(Collision):
        database.engine.write(put("a"))
    assert names(database) == {"a"}


def test_reading_cannot_write(database: Database) -> None:
    with pytest.raises((sqlite3.OperationalError, psycopg.errors.ReadOnlySqlTransaction)):
        database.engine.read(put("a"))
    assert names(database) == set()
    database.engine.write(put("b"))


def test_the_statements_of_one_read_see_one_moment(database: Database) -> None:
    def read(tx: Tx) -> tuple[int, int]:
        before = len(tx.all(ALL))
        database.engine.write(put("between"))
        return before, len(tx.all(ALL))

    assert database.engine.read(read) == (0, 0)
    assert names(database) == {"between"}


def test_many_writers_at_once_lose_nothing(database: Database) -> None:
    async def all_at_once() -> list[str]:
        return await asyncio.gather(*(database.write(put(f"{number:03}")) for number in range(300)))

    assert asyncio.run(all_at_once()) == [f"{number:03}" for number in range(300)]
    assert len(names(database)) == 300


def test_one_refused_writer_among_many_is_refused_alone(database: Database) -> None:
    database.engine.write(put("taken"))

    async def all_at_once() -> list[str | BaseException]:
        wanted = [*(f"{number:02}" for number in range(20)), "taken", *(f"{number:02}" for number in range(20, 40))]
        return await asyncio.gather(*(database.write(put(name)) for name in wanted), return_exceptions=True)

    answers = asyncio.run(all_at_once())
    assert [type(answer) for answer in answers] == [str] * 20 + [Collision] + [str] * 20
    assert names(database) == {"taken", *(f"{number:02}" for number in range(40))}


def test_a_statement_is_compiled_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = database.engine._compiler
    compiled: list[Any] = []
    compile_ = compiler._compile

    def noted(statement: Any, *of: Any, **how: Any) -> Any:
        compiled.append(statement)
        return compile_(statement, *of, **how)

    monkeypatch.setattr(compiler, "_compile", noted)
    for number in range(5):
        database.engine.write(put(str(number)))
        assert database.engine.read(lambda tx, n=number: tx.one(GET, {"row": str(n)})) == ("x",)  # type: ignore[misc]  # a lambda with a default
    assert compiled == [PUT, GET]


def test_each_set_of_written_columns_is_a_statement_of_its_own(database: Database) -> None:
    columns = {"id": "c", "subdomain": "acme", "name": "Acme", "created_at": "now", "settings": "{}"}
    change = update(companies).where(companies.c.id == bindparam("company"))
    read = select(companies.c.subdomain, companies.c.name).where(companies.c.id == bindparam("company"))

    def work(tx: Tx) -> None:
        tx.run(insert(companies), columns)
        tx.run(change, {"company": "c", "name": "Other"})
        tx.run(change, {"company": "c", "subdomain": "other"})

    database.engine.write(work)
    assert database.engine.read(lambda tx: tx.one(read, {"company": "c"})) == ("other", "Other")


def test_a_kept_statement_with_a_list_is_refused(database: Database) -> None:
    """Its text varies with the list, so it cannot be compiled once."""
    listed = select(installation.c.name).where(installation.c.name.in_(["a", "b"]))
    with pytest.raises(ValueError, match="IN list"):
        database.engine.read(lambda tx: tx.all(listed))
    assert database.engine.read(lambda tx: tx.search(listed)) == []
