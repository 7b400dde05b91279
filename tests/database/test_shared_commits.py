"""SQLite: waiting writes share a commit, and one that fails takes nobody with it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from rollbook import settings
from rollbook.database import Collision, Database, Tx, open_database
from rollbook.database.schema import migrate
from rollbook.database.sqlite import BATCH, SqliteEngine
from rollbook.database.tables import sessions
from rollbook.errors import Unavailable
from tests.database.facts import names, put
from tests.servers import environment

# A session of nobody: the foreign key refuses it, at once or at the end as the connection has it.
OF_NOBODY = insert(sessions)
NOBODY = {"company_id": "none", "id": "s", "user_id": "u", "digest": "d", "created_at": "c", "expires_at": "e"}


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqliteEngine]:
    given = settings.read(environment(tmp_path))
    migrate(given)
    opened = open_database(given)
    assert isinstance(opened.engine, SqliteEngine)
    yield opened.engine
    opened.close()


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
        tx._connection.execute("PRAGMA defer_foreign_keys = ON")
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
