"""PostgreSQL through psycopg 3: held connections, prepared statements, one pipeline a transaction."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg import errors as pg
from psycopg import pq
from psycopg.types.string import TextLoader
from psycopg_pool import ConnectionPool, PoolTimeout
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from rollbook.database.statements import Collision, Compiler, Tx
from rollbook.errors import Unavailable

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]

ATTEMPTS = 4
ANOTHER_TURN = (pg.SerializationFailure, pg.DeadlockDetected, pg.UniqueViolation)


class _NumericDialect(PGDialect_psycopg):
    """Writes `$1` as psycopg's raw cursors take it, which saves a translation per execution."""

    supports_statement_cache = True

    def __init__(self) -> None:
        super().__init__(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


class PostgresEngine:
    """A pool of connections in autocommit, so that a brief read is one round trip without BEGIN."""

    name = "postgresql"

    def __init__(self, address: str, *, connections: int) -> None:
        self._compiler = Compiler(_NumericDialect())
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            address,
            min_size=1,
            max_size=connections,
            open=False,
            timeout=5,
            kwargs={"autocommit": True, "cursor_factory": psycopg.RawCursor, "prepare_threshold": 2},
            configure=_configure,
        )
        self._pool.open()

    def read_brief(self, fn: Callable[[Tx], T]) -> T:
        """Runs `fn` without a transaction: each statement sees its own moment."""
        return self._again(lambda connection: self._pipelined(connection, fn))

    def read(self, fn: Callable[[Tx], T]) -> T:
        """Runs `fn` on one snapshot, read only."""
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        return self._again(lambda connection: self._pipelined(connection, fn, begin))

    def write(self, fn: Callable[[Tx], T]) -> T:
        """Runs `fn` in a transaction, again after a lost serialization or a collision, and waits for COMMIT."""
        return self._again(lambda connection: self._pipelined(connection, fn, "BEGIN"))

    def close(self) -> None:
        """Lets go of every connection."""
        self._pool.close()

    def _pipelined(self, connection: Connection, fn: Callable[[Tx], T], begin: str | None = None) -> T:
        try:
            with connection.pipeline():
                cursor = connection.cursor()
                if begin:
                    cursor.execute(begin)
                result = fn(Tx(connection, self._compiler))
                if begin:
                    cursor.execute("COMMIT")
            return result
        except BaseException as error:
            _recover(connection, failed=isinstance(error, psycopg.Error))
            raise

    def _again(self, attempt: Callable[[Connection], T]) -> T:
        """Bounded: every turn runs on a fresh transaction, after a short random wait."""
        for turn in range(ATTEMPTS):
            if turn:
                time.sleep(random.uniform(0.002, 0.02) * turn)  # noqa: S311 - spreads contenders, guards nothing
            try:
                with self._pool.connection() as connection:
                    return attempt(connection)
            except ANOTHER_TURN as error:
                collision = Collision(type(error).__name__)
            except PoolTimeout:
                raise _unavailable() from None
            except psycopg.OperationalError:
                # The connection died. Whether a COMMIT under way took place cannot be known: the verbs are
                # idempotent, so the client may send the same request again.
                raise _unavailable() from None
        raise collision


def _recover(connection: Connection, *, failed: bool) -> None:
    """Makes a connection fit for its next user. What a failing pipeline skipped was never prepared, though psycopg
    counts it as such: `rollback` forgets those names, and where there is nothing to roll back the connection goes.
    """
    if connection.closed:
        return
    status = connection.info.transaction_status
    if status in (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR):
        connection.rollback()
    elif failed or status != pq.TransactionStatus.IDLE:
        connection.close()


def _unavailable() -> Unavailable:
    return Unavailable("The database does not answer at the moment; send the request again.")


def _configure(connection: Connection) -> None:
    """JSON is decoded by whoever reads it, and a statement that hangs must not hold its caller for ever."""
    connection.adapters.register_loader("jsonb", TextLoader)
    connection.execute("SET statement_timeout = '15s'")
    connection.execute("SET idle_in_transaction_session_timeout = '30s'")
