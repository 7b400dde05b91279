"""PostgreSQL: statements share a round trip, and whoever comes after a failure finds the connection whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from rollbook import settings
from rollbook.database import Collision, Tx, open_database
from rollbook.database.postgres import PostgresEngine
from rollbook.database.schema import migrate
from rollbook.database.tables import installation
from rollbook.errors import Unavailable
from tests import postgres
from tests.database.facts import ALL, GET, PUT, SET, put
from tests.servers import environment


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
