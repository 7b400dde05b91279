"""PostgreSQL: statements share a round trip, and whoever comes after a failure finds the connection whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.dialects.postgresql import insert as upserting

from rollbook import clock, settings
from rollbook.database import Collision, Tx, open_database
from rollbook.database.joined import join
from rollbook.database.postgres import PostgresEngine
from rollbook.database.schema import migrate
from rollbook.database.tables import events, installation
from rollbook.errors import Unavailable
from tests import postgres
from tests.database.facts import ALL, GET, PUT, SET, put
from tests.servers import environment

DELETE = delete(installation).where(installation.c.name == bindparam("row"))
EVENT = insert(events)
_PUT = upserting(installation)
UPSERT = _PUT.on_conflict_do_update(index_elements=["name"], set_={"value": _PUT.excluded.value})


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


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "upsert", "set", "delete", "get", "other"]),
            st.sampled_from("ab"),
            st.integers(0, 9),
        ),
        max_size=12,
    ),
    st.booleans(),
    st.booleans(),
)
@settings_of_hypothesis(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_held_back_writes_do_what_they_would_do_one_by_one(
    postgresql: PostgresEngine, steps: list[tuple[str, str, int]], raises: bool, joins: bool
) -> None:
    """Whatever is written, changed, deleted and read in one transaction, in whatever order."""
    postgresql.joins = joins
    postgresql.write(lambda tx: tx.run(delete(installation), {}))
    model: dict[str, str] = {}
    read: list[tuple[str | None, str | None]] = []

    def work(tx: Tx) -> None:
        model.clear()
        read.clear()
        for kind, name, number in steps:
            value = str(number)
            if kind == "put" and name not in model:
                tx.run(PUT, {"name": name, "value": value})
                model[name] = value
            elif kind == "upsert":
                tx.run(UPSERT, {"name": name, "value": value})
                model[name] = value
            elif kind == "set":
                tx.run(SET, {"row": name, "value": value})
                if name in model:
                    model[name] = value
            elif kind == "delete":
                tx.run(DELETE, {"row": name})
                model.pop(name, None)
            elif kind == "get":
                row = tx.one(GET, {"row": name})
                read.append((row[0] if row else None, model.get(name)))
            elif kind == "other":
                event = {
                    "company_id": "none",
                    "id": clock.new_id(),
                    "at": "",
                    "kind": value,
                    "actor": "",
                    "changes": "{}",
                }
                tx.run(EVENT, {**event, "subject_id": ""})
        if raises:
            raise KeyError

    if raises:
        with pytest.raises(KeyError):
            postgresql.write(work)
        model.clear()
    else:
        postgresql.write(work)
    assert all(got == expected for got, expected in read)
    assert dict(postgresql.read(lambda tx: tx.all(select(installation.c.name, installation.c.value)))) == model


def test_what_was_sent_before_an_error_of_ours_is_undone(postgresql: PostgresEngine) -> None:
    def work(tx: Tx) -> None:
        tx.run(PUT, {"name": "a", "value": "x"})
        assert tx.one(GET, {"row": "a"}) == ("x",)
        raise KeyError

    for _ in range(3):
        with pytest.raises(KeyError):
            postgresql.write(work)
        assert postgresql.read(lambda tx: tx.all(ALL)) == []
    postgresql.write(put("a"))


def test_what_was_sent_before_an_error_of_the_drivers_is_undone(postgresql: PostgresEngine) -> None:
    def work(tx: Tx) -> None:
        put("a")(tx)
        assert tx.one(GET, {"row": "a"}) == ("x",)
        put("b", "nul\0")(tx)

    with pytest.raises(psycopg.DataError):
        postgresql.write(work)
    assert postgresql.read(lambda tx: tx.all(ALL)) == []
    postgresql.write(put("a"))


def test_joined_statements_keep_each_its_parameters() -> None:
    texts = [
        "UPDATE t SET a=$1 WHERE b = $2",
        "INSERT INTO u (a, b) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        "UPDATE v SET a=$1 WHERE b = $2 AND c = $2",
    ]
    assert join(texts) == (
        "WITH part_1 AS (UPDATE t SET a=$1 WHERE b = $2), "
        "part_2 AS (INSERT INTO u (a, b) VALUES ($3, $4) ON CONFLICT DO NOTHING) "
        "UPDATE v SET a=$5 WHERE b = $6 AND c = $6"
    )


def test_a_table_that_begins_to_fill_is_counted(postgresql: PostgresEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until then PostgreSQL believes it empty, and plans to walk all of it."""
    monkeypatch.setattr("rollbook.database.postgres.ANALYZE_AFTER", (150,))
    for number in range(150):
        postgresql.write(put(str(number)))

    def rows() -> float:
        with psycopg.connect(postgresql._pool.conninfo) as connection:  # type: ignore[arg-type]  # ours is a text
            (counted,) = connection.execute(
                "SELECT reltuples FROM pg_class WHERE relname = 'installation'"
            ).fetchone() or (-1,)
        return float(counted)

    for _ in range(200):
        if rows() > 100:
            break
        time.sleep(0.05)
    assert rows() > 100


def test_a_refused_name_costs_no_connection(postgresql: PostgresEngine) -> None:
    postgresql.write(put("a"))
    for _ in range(5):
        with pytest.raises(Collision):
            postgresql.write(put("a"))
    assert postgresql._pool.get_stats()["connections_num"] <= 2  # those that the pool opened in the first place


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


def test_a_collision_is_known_as_such_whatever_the_driver_had_queued_behind_it(postgresql: PostgresEngine) -> None:
    """The driver lets go of an old prepared statement behind the one that fails; where the failure was heard before
    that was sent, it raises "pipeline aborted" instead of it.
    """
    postgresql.write(put("a"))
    turns = []

    def work(tx: Tx) -> str:
        connection: Any = tx._connection
        connection.prepared_max, connection.prepare_threshold = 1, 0
        tx.one(GET, {"row": "a"})
        turns.append(tx)
        name = "a" if len(turns) == 1 else f"b{len(turns)}"
        put(name)(tx)
        tx.flush()  # type: ignore[attr-defined]  # what a transaction of this engine has
        time.sleep(0.1)
        return name

    for _ in range(3):
        turns.clear()
        assert postgresql.write(work) == "b2"
        postgresql.write(lambda tx: tx.run(DELETE, {"row": "b2"}))


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
        with psycopg.connect(postgresql._pool.conninfo, autocommit=True) as other:  # type: ignore[arg-type]  # ours is a text
            other.execute("SELECT pg_terminate_backend(%s)", [pid])
        tx.one(GET, {"row": "a"})

    with pytest.raises(Unavailable):
        postgresql.write(cut)
    postgresql.write(put("a"))
    assert postgresql.read(lambda tx: tx.one(GET, {"row": "a"})) == ("x",)
