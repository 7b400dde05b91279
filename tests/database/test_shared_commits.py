"""SQLite: waiting writes share a commit, and one that fails takes nobody with it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from rollbook import settings
from rollbook.database import Collision, Database, Tx, open_database
from rollbook.database.schema import migrate
from rollbook.database.shared_commits import BATCH
from rollbook.database.sqlite import SqliteEngine
from rollbook.database.tables import sessions
from rollbook.errors import Unavailable
from tests.database.facts import names, put
from tests.servers import environment

# A session of nobody: the foreign key refuses it, at once or at the end as the connection has it.
OF_NOBODY = insert(sessions)
NOBODY = {"company_id": "none", "id": "s", "user_id": "u", "digest": "d", "created_at": "c", "expires_at": "e"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    given = settings.read(environment(tmp_path))
    migrate(given)
    opened = open_database(given)
    yield opened
    opened.close()


@pytest.fixture
def sqlite(database: Database) -> SqliteEngine:
    assert isinstance(database.engine, SqliteEngine)
    return database.engine


def together(
    database: Database, works: list[Callable[[Tx], Any]], *, brief: bool = True
) -> list[tuple[Any, BaseException | None]]:
    """Hands these writes in at the same moment; what each returned, or what it was refused with."""

    async def hand_in() -> list[Any]:
        return await asyncio.gather(*(database.write(work, brief=brief) for work in works), return_exceptions=True)

    outcomes = asyncio.run(hand_in())
    return [(None, outcome) if isinstance(outcome, BaseException) else (outcome, None) for outcome in outcomes]


def commits(database: Database, works: list[Callable[[Tx], Any]]) -> int:
    """How many commits these waiting writes needed."""
    statements: list[str] = []
    database.engine.write(lambda tx: tx._connection.set_trace_callback(statements.append))  # type: ignore[attr-defined]  # SQLite's
    statements.clear()  # what was traced of that write itself
    together(database, works)
    return sum(statement.startswith("COMMIT") for statement in statements)


both_ways = pytest.mark.parametrize("brief", [True, False], ids=["on the loop", "in the thread"])


def test_waiting_writes_share_a_commit(database: Database) -> None:
    assert commits(database, [put(str(number)) for number in range(20)]) == 1
    assert len(names(database)) == 20


def test_a_commit_is_shared_by_no_more_than_a_batch(database: Database) -> None:
    assert commits(database, [put(str(number)) for number in range(BATCH + 1)]) == 2
    assert len(names(database)) == BATCH + 1


@both_ways
def test_in_a_shared_commit_a_failing_write_takes_nobody_with_it(database: Database, brief: bool) -> None:
    def halfway(tx: Tx) -> None:
        put("half")(tx)
        raise KeyError("nothing of this stays")

    outcomes = together(database, [put("a"), halfway, put("a"), put("b")], brief=brief)
    assert [outcome[0] for outcome in outcomes] == ["a", None, None, "b"]
    assert [type(outcome[1]) for outcome in outcomes] == [type(None), KeyError, Collision, type(None)]
    assert names(database) == {"a", "b"}


@both_ways
def test_a_refusal_before_anything_was_written_costs_the_others_no_second_turn(database: Database, brief: bool) -> None:
    turns = []

    def counted(tx: Tx) -> str:
        turns.append(tx)
        return put(f"turn {len(turns)}")(tx)

    def refuses(tx: Tx) -> None:
        raise KeyError

    outcomes = together(database, [counted, refuses, put("b")], brief=brief)
    assert [type(outcome[1]) for outcome in outcomes] == [type(None), KeyError, type(None)]
    assert names(database) == {"turn 1", "b"}


@both_ways
def test_a_commit_that_fails_refuses_everybody_in_it(database: Database, brief: bool) -> None:
    """The foreign key is looked at by COMMIT for once: a real refusal of the real statement."""

    def breaks_the_commit(tx: Tx) -> None:
        tx._connection.execute("PRAGMA defer_foreign_keys = ON")
        tx.run(OF_NOBODY, NOBODY)

    outcomes = together(database, [put("a"), breaks_the_commit, put("b")], brief=brief)
    assert [outcome[0] for outcome in outcomes] == [None, None, None]
    assert [type(outcome[1]) for outcome in outcomes] == [Unavailable] * 3
    assert len({id(outcome[1]) for outcome in outcomes}) == 3
    assert names(database) == set()
    database.engine.write(put("c"))
    assert names(database) == {"c"}


@both_ways
def test_a_full_disk_is_told_as_unavailable_and_heals(database: Database, brief: bool) -> None:
    def limit(pages: int | None) -> None:
        def work(tx: Tx) -> None:
            connection: Any = tx._connection
            size = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {size if pages is None else pages}")

        database.engine.write(work)

    limit(None)
    outcomes = together(database, [put("small"), put("large", "x" * 1_000_000)], brief=brief)
    assert isinstance(outcomes[1][1], Unavailable)
    told_as_kept = outcomes[0] == ("small", None)
    assert names(database) == ({"small"} if told_as_kept else set())
    with pytest.raises(Unavailable):
        database.engine.write(put("large", "x" * 1_000_000))
    limit(1_000_000)
    database.engine.write(put("large", "x" * 1_000_000))
    assert "large" in names(database)


@both_ways
def test_a_transaction_that_somebody_ended_unseen_is_refused_to_all(database: Database, brief: bool) -> None:
    outcomes = together(database, [put("a"), lambda tx: tx._connection.execute("ROLLBACK")], brief=brief)
    assert [type(outcome[1]) for outcome in outcomes] == [Unavailable] * 2
    assert names(database) == set()


def test_nothing_is_kept_of_a_turn_that_a_full_disk_ended(database: Database) -> None:
    def limit(tx: Tx) -> None:
        connection: Any = tx._connection
        size = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {size}")

    def late(tx: Tx) -> None:
        put("late")(tx)
        raise KeyError

    database.engine.write(limit)
    outcomes = together(database, [put("small"), late, put("large", "x" * 1_000_000), put("after")])
    assert [type(outcome[1]) for outcome in outcomes] == [Unavailable] * 4
    assert names(database) == set()


@both_ways
def test_a_connection_that_broke_is_replaced(database: Database, brief: bool) -> None:
    def breaks(tx: Tx) -> None:
        connection: Any = tx._connection
        connection.close()
        put("b")(tx)

    outcomes = together(database, [put("a"), breaks, put("c")], brief=brief)
    assert [type(outcome[1]) for outcome in outcomes] == [Unavailable] * 3
    assert names(database) == set()
    assert together(database, [put("d"), put("e")], brief=brief) == [("d", None), ("e", None)]
    assert names(database) == {"d", "e"}


@both_ways
def test_while_another_process_writes_the_loop_goes_on(database: Database, sqlite: SqliteEngine, brief: bool) -> None:
    other = sqlite3.connect(sqlite.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def meet() -> str:
        waiting = asyncio.create_task(database.write(put("a"), brief=brief))
        for _ in range(20):  # the loop is free: otherwise nobody would ever let the other one end
            await asyncio.sleep(0.01)
        assert not waiting.done()
        other.execute("ROLLBACK")
        return await waiting

    assert asyncio.run(meet()) == "a"
    other.close()
    assert names(database) == {"a"}


def test_whoever_never_gets_a_turn_is_told(database: Database, sqlite: SqliteEngine, monkeypatch: Any) -> None:
    monkeypatch.setattr("rollbook.database.sqlite.BUSY_SECONDS", 0.1)
    other = sqlite3.connect(sqlite.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    outcomes = together(database, [put("a"), put("b")])
    assert [type(outcome[1]) for outcome in outcomes] == [Unavailable] * 2
    other.close()
    assert names(database) == set()
    database.engine.write(put("c"))


def test_a_brief_write_waits_for_a_long_one_off_the_loop(database: Database) -> None:
    started, go = threading.Event(), threading.Event()

    def slow(tx: Tx) -> str:
        started.set()
        assert go.wait(10)
        return put("slow")(tx)

    async def meet() -> list[str]:
        long = asyncio.create_task(database.write(slow))
        assert await asyncio.to_thread(started.wait, 10)
        brief = asyncio.create_task(database.write(put("brief"), brief=True))
        await asyncio.sleep(0.05)
        assert not brief.done()
        go.set()
        return list(await asyncio.gather(long, brief))

    assert asyncio.run(meet()) == ["slow", "brief"]


@both_ways
def test_whose_name_is_taken_has_one_more_turn_and_no_third(database: Database, brief: bool) -> None:
    turns: list[bool] = []

    def work(tx: Tx) -> None:
        turns.append(tx.careful)
        put("a")(tx)

    together(database, [put("a")], brief=brief)
    ((_, error),) = together(database, [work], brief=brief)
    assert isinstance(error, Collision)
    assert turns == [False, True]


class Unheard(Exception):
    """An error that breaks whoever looks at it."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError


@both_ways
def test_whatever_breaks_a_turn_the_next_one_is_whole(database: Database, brief: bool) -> None:
    def work(tx: Tx) -> None:
        put("b")(tx)
        raise Unheard

    outcomes = together(database, [put("a"), work], brief=brief)
    assert all(isinstance(error, Unavailable) for _, error in outcomes)
    assert names(database) == set()
    assert together(database, [put("c")], brief=brief) == [("c", None)]


def test_a_caller_who_went_away_does_not_stop_the_writer(database: Database) -> None:
    started, go = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        started.set()
        assert go.wait(10)
        put("slow")(tx)

    loop = asyncio.new_event_loop()
    task = loop.create_task(database.write(slow))
    loop.run_until_complete(asyncio.sleep(0.01))
    assert started.wait(10)
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    go.set()
    assert together(database, [put("later")]) == [("later", None)]
    assert names(database) == {"slow", "later"}


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
