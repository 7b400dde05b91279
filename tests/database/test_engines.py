"""The two engines: waiting writes share a commit, a failure takes nobody with it, what was acknowledged is durable."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import bindparam, insert, select, update

from rollbook import settings
from rollbook.database import Collision, Database, Tx, open_database
from rollbook.database.postgres import PostgresEngine
from rollbook.database.schema import migrate
from rollbook.database.sqlite import BATCH, SqliteEngine
from rollbook.database.tables import companies, installation, sessions
from rollbook.errors import Unavailable
from tests import postgres
from tests.servers import environment

PUT = insert(installation)
GET = select(installation.c.value).where(installation.c.name == bindparam("row"))
SET = update(installation).where(installation.c.name == bindparam("row"))
ALL = select(installation.c.name).order_by(installation.c.name)
# A session of nobody: the foreign key refuses it, at once or at the end as the connection has it.
OF_NOBODY = insert(sessions)
NOBODY = {"company_id": "none", "id": "s", "user_id": "u", "digest": "d", "created_at": "c", "expires_at": "e"}


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


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqliteEngine]:
    given = settings.read(environment(tmp_path))
    migrate(given)
    opened = open_database(given)
    assert isinstance(opened.engine, SqliteEngine)
    yield opened.engine
    opened.close()


def put(name: str, value: str = "x") -> Callable[[Tx], str]:
    def work(tx: Tx) -> str:
        tx.run(PUT, {"name": name, "value": value})
        return name

    return work


def names(database: Database | SqliteEngine) -> set[str]:
    engine = database.engine if isinstance(database, Database) else database
    return {row[0] for row in engine.read(lambda tx: tx.all(ALL))}


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
        assert database.engine.read(lambda tx, n=number: tx.one(GET, {"row": str(n)})) == ("x",)  # type: ignore[misc]
    assert compiled == [PUT, GET]


def test_each_set_of_written_columns_is_a_statement_of_its_own(database: Database) -> None:
    columns = {"id": "c", "subdomain": "acme", "name": "Acme", "created_at": "now"}
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


# SQLite: the shared commit.


def held_back(engine: SqliteEngine, works: list[Callable[[Tx], Any]]) -> list[tuple[Any, BaseException | None]]:
    """Lets these writes wait behind one that is under way, so that they share the next commit."""
    started, go, done = threading.Event(), threading.Event(), threading.Event()
    outcomes: dict[int, tuple[Any, BaseException | None]] = {}

    def first(tx: Tx) -> None:
        started.set()
        assert go.wait(10)

    def deliver(number: int) -> Callable[[Any, BaseException | None], None]:
        def note(result: Any, error: BaseException | None) -> None:
            outcomes[number] = (result, error)
            if len(outcomes) == len(works):
                done.set()

        return note

    engine.submit(first, lambda result, error: None)
    assert started.wait(10)
    for number, work in enumerate(works):
        engine.submit(work, deliver(number))
    go.set()
    assert done.wait(10)
    return [outcomes[number] for number in range(len(works))]


def commits(engine: SqliteEngine, works: list[Callable[[Tx], Any]]) -> int:
    """How many commits these waiting writes needed."""
    seen = set()

    def traced(work: Callable[[Tx], Any]) -> Callable[[Tx], Any]:
        def run(tx: Tx) -> Any:
            seen.add(transactions[-1])
            return work(tx)

        return run

    transactions = [0]

    def trace(statement: str) -> None:
        if statement.startswith("BEGIN"):
            transactions.append(transactions[-1] + 1)

    engine.write(lambda tx: tx._connection.set_trace_callback(trace))  # type: ignore[attr-defined]
    held_back(engine, [traced(work) for work in works])
    return len(seen)


def test_waiting_writes_share_a_commit(sqlite: SqliteEngine) -> None:
    assert commits(sqlite, [put(str(number)) for number in range(20)]) == 1
    assert len(names(sqlite)) == 20


def test_a_commit_is_shared_by_no_more_than_a_batch(sqlite: SqliteEngine) -> None:
    assert commits(sqlite, [put(str(number)) for number in range(BATCH + 1)]) == 2
    assert len(names(sqlite)) == BATCH + 1


def test_in_a_shared_commit_a_failing_write_takes_nobody_with_it(sqlite: SqliteEngine) -> None:
    def halfway(tx: Tx) -> None:
        put("half")(tx)
        raise KeyError("nothing of this stays")

    works = [put("a"), halfway, put("a"), put("b")]
    outcomes = held_back(sqlite, works)
    assert [outcome[0] for outcome in outcomes] == ["a", None, None, "b"]
    assert [type(outcome[1]) for outcome in outcomes] == [type(None), KeyError, Collision, type(None)]
    assert names(sqlite) == {"a", "b"}


def test_a_commit_that_fails_refuses_everybody_in_it(sqlite: SqliteEngine) -> None:
    """The foreign key is looked at by COMMIT for once: a real refusal of the real statement."""

    def breaks_the_commit(tx: Tx) -> None:
        tx._connection.execute("PRAGMA defer_foreign_keys = ON")  # type: ignore[attr-defined]
        tx.run(OF_NOBODY, NOBODY)

    outcomes = held_back(sqlite, [put("a"), breaks_the_commit, put("b")])
    assert [outcome[0] for outcome in outcomes] == [None, None, None]
    assert [type(outcome[1]) for outcome in outcomes] == [Unavailable] * 3
    assert len({id(outcome[1]) for outcome in outcomes}) == 3
    assert names(sqlite) == set()
    sqlite.write(put("c"))
    assert names(sqlite) == {"c"}


def test_a_full_disk_is_told_as_unavailable_and_heals(sqlite: SqliteEngine) -> None:
    def limit(pages: int | None) -> None:
        def work(tx: Tx) -> None:
            connection: Any = tx._connection
            size = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {size if pages is None else pages}")

        sqlite.write(work)

    limit(None)
    outcomes = held_back(sqlite, [put("small"), put("large", "x" * 1_000_000)])
    assert isinstance(outcomes[1][1], Unavailable)
    assert names(sqlite) <= {"small"}
    with pytest.raises(Unavailable):
        sqlite.write(put("large", "x" * 1_000_000))
    limit(1_000_000)
    sqlite.write(put("large", "x" * 1_000_000))
    assert "large" in names(sqlite)


def test_a_caller_who_went_away_does_not_stop_the_writer(sqlite: SqliteEngine) -> None:
    database = Database(sqlite, threads=1)
    started, go = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        started.set()
        assert go.wait(10)
        put("slow")(tx)

    loop = asyncio.new_event_loop()
    task = loop.create_task(database.write(slow))
    loop.run_until_complete(asyncio.sleep(0))
    assert started.wait(10)
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    go.set()
    waiting = held_back(sqlite, [put("later")])
    assert waiting == [("later", None)]
    assert names(sqlite) == {"slow", "later"}


def test_after_closing_a_write_is_refused(sqlite: SqliteEngine) -> None:
    sqlite.write(put("a"))
    sqlite.close()
    with pytest.raises(Unavailable):
        sqlite.write(put("b"))


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be opened"):
        SqliteEngine(tmp_path / "missing" / "rollbook.sqlite3")


def test_every_connection_syncs_each_commit(sqlite: SqliteEngine) -> None:
    def pragmas(tx: Tx) -> list[Any]:
        connection: Any = tx._connection
        return [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

    assert sqlite.write(pragmas) == sqlite.read(pragmas) == ["wal", 2, 1]


# PostgreSQL: pipelines.


@pytest.fixture
def postgresql(postgres_server: Any, tmp_path: Path) -> Iterator[PostgresEngine]:
    given = settings.read(environment(tmp_path, postgres.new_database(postgres_server)))
    migrate(given)
    opened = open_database(given, connections=2)
    assert isinstance(opened.engine, PostgresEngine)
    yield opened.engine
    opened.close()


def test_a_collision_is_tried_again(postgresql: PostgresEngine) -> None:
    postgresql.write(put("a"))
    turns = []

    def work(tx: Tx) -> str:
        turns.append(tx)
        name = "a" if len(turns) == 1 else "b"
        return put(name)(tx)

    assert postgresql.write(work) == "b"
    assert len(turns) == 2


def test_two_that_wait_for_each_other_both_get_through(postgresql: PostgresEngine) -> None:
    for name in ("a", "b"):
        postgresql.write(put(name, "0"))
    both = threading.Barrier(2, timeout=10)
    turns: list[str] = []

    def crossing(first: str, second: str) -> None:
        def work(tx: Tx) -> None:
            turns.append(first)
            tx.one(SET.returning(installation.c.value), {"row": first, "value": first})
            if turns.count(first) == 1:
                both.wait()
            tx.one(SET.returning(installation.c.value), {"row": second, "value": first})

        postgresql.write(work)

    other = threading.Thread(target=crossing, args=("b", "a"))
    other.start()
    crossing("a", "b")
    other.join(timeout=20)
    assert len(turns) == 3
    values = postgresql.read(lambda tx: [tx.one(GET, {"row": name}) for name in ("a", "b")])
    assert values in ([("a",), ("a",)], [("b",), ("b",)])


def test_a_failed_pipeline_leaves_its_connection_whole(postgresql: PostgresEngine) -> None:
    """What PostgreSQL skipped after an error was never prepared; whoever comes next must not be told that it was."""

    def work(taken: str) -> Callable[[Tx], None]:
        def run(tx: Tx) -> None:
            tx.run(PUT, {"name": taken, "value": "x"})
            for _ in range(2):
                tx.run(SET, {"row": taken, "value": "y"})
                tx.send(GET, {"row": taken})

        return run

    def nothing(tx: Tx) -> None:
        raise KeyError

    for number in range(3):
        with pytest.raises(KeyError):
            postgresql.write(nothing)  # a rollback before anything was prepared
        postgresql.write(work(str(number)))
        with pytest.raises(Collision):
            postgresql.write(work(str(number)))
        for name in (f"{number}-again", f"{number}-and-again"):
            postgresql.write(work(name))
    assert len(postgresql.read(lambda tx: tx.all(ALL))) == 9


def test_a_brief_read_that_fails_leaves_no_broken_connection(postgresql: PostgresEngine) -> None:
    def interrupted(tx: Tx) -> None:
        connection: Any = tx._connection
        for _ in range(3):
            tx.send(GET, {"row": "a"})
            connection.execute("SELECT 1 / 0")
            tx.one(GET, {"row": "a"})

    for _ in range(3):
        with pytest.raises(psycopg.errors.DivisionByZero):
            postgresql.read_brief(interrupted)
        assert [postgresql.read_brief(lambda tx: tx.one(GET, {"row": "a"})) for _ in range(4)] == [None] * 4


def test_a_server_that_went_away_is_told_as_unavailable(tmp_path: Path) -> None:
    engine = PostgresEngine("postgresql://127.0.0.1:1/nowhere?connect_timeout=1", connections=1)
    engine._pool.timeout = 0.2
    with pytest.raises(Unavailable):
        engine.read(lambda tx: None)
    engine.close()


def test_a_connection_that_was_cut_is_told_and_replaced(postgresql: PostgresEngine) -> None:
    def cut(tx: Tx) -> None:
        connection: Any = tx._connection
        pid = connection.info.backend_pid
        with psycopg.connect(postgresql._pool.conninfo, autocommit=True) as other:  # type: ignore[arg-type]
            other.execute("SELECT pg_terminate_backend(%s)", [pid])
        tx.one(GET, {"row": "a"})

    with pytest.raises(Unavailable):
        postgresql.write(cut)
    postgresql.write(put("a"))
    assert postgresql.read(lambda tx: tx.one(GET, {"row": "a"})) == ("x",)
