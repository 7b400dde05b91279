"""PostgreSQL through psycopg 3: held connections, prepared statements, as few statements and round trips as can be.

A brief read is one statement. A write is what it reads first, then everything it writes as one statement (joined.py)
together with its commit.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
import structlog
from psycopg import errors as pg
from psycopg import pq
from psycopg.sql import SQL, Identifier
from psycopg.types.string import TextLoader
from psycopg_pool import ConnectionPool, PoolTimeout
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from rollbook.database.joined import JoiningTx
from rollbook.database.statements import Collision, Compiler, Tx
from rollbook.errors import Unavailable

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]

ATTEMPTS = 4
ANALYZE_AFTER = tuple(100 << doubling for doubling in range(8))  # writes of this process: 100 to 12,800
ANOTHER_TURN = (pg.SerializationFailure, pg.DeadlockDetected, pg.UniqueViolation)


_OUTGROWN = (
    "SELECT pg_class.relname FROM pg_stat_user_tables JOIN pg_class ON pg_class.oid = relid "
    "WHERE schemaname = current_schema() AND (reltuples < 100 OR n_mod_since_analyze > reltuples / 2)"
)

# Citus runs a joined statement as several, through its coordinator and with a two-phase commit.
_SHARDED = "SELECT 1 FROM pg_extension WHERE extname = 'citus'"

log = structlog.get_logger()


class _NumericDialect(PGDialect_psycopg):
    """Writes `$1` as psycopg's raw cursors take it, which saves a translation per execution."""

    supports_statement_cache = True

    def __init__(self) -> None:
        super().__init__(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # SQLAlchemy does not type it


class PostgresEngine:
    """A pool of connections in autocommit, so that a brief read is one round trip without BEGIN."""

    name = "postgresql"

    def __init__(self, address: str, *, connections: int) -> None:
        self._compiler = Compiler(_NumericDialect())
        self._texts: dict[tuple[str, ...], str] = {}
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            address,
            min_size=1,
            max_size=connections,
            open=False,
            timeout=5,
            kwargs={"autocommit": True, "cursor_factory": psycopg.RawCursor, "prepare_threshold": 2},
            configure=self._configure,
        )
        self.joins = True
        self._pool.open()
        self._writes = itertools.count(1)  # counts from several threads at once

    def read_brief(self, fn: Callable[[Tx], T]) -> T:
        """Runs `fn` without a transaction: each statement sees its own moment."""
        return self._again(lambda connection, _: fn(Tx(connection, self._compiler)))

    def read(self, fn: Callable[[Tx], T]) -> T:
        """Runs `fn` on one snapshot, read only."""
        return self._again(lambda connection, _: self._snapshot(connection, fn))

    def write(self, fn: Callable[[Tx], T]) -> T:
        """Runs `fn` in a transaction, again after a lost serialization or a collision, and waits for its commit."""
        if next(self._writes) in ANALYZE_AFTER:
            threading.Thread(target=self._analyze_outgrown_tables, daemon=True).start()
        return self._again(lambda connection, turn: self._transaction(connection, fn, careful=turn > 0))

    def close(self) -> None:
        """Lets go of every connection."""
        self._pool.close()

    def _configure(self, connection: Connection) -> None:
        """JSON is decoded by whoever reads it, and a statement that hangs must not hold its caller for ever."""
        connection.adapters.register_loader("jsonb", TextLoader)
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute("SET statement_timeout = '15s'")
        connection.execute("SET idle_in_transaction_session_timeout = '30s'")
        self.joins = connection.execute(_SHARDED).fetchone() is None

    def _analyze_outgrown_tables(self) -> None:
        """Lets PostgreSQL count the rows of tables that are far larger than it believes. By itself it does so up to a
        minute after a table began to fill; until then each plan, which a prepared statement keeps, walks everybody of a
        company.
        """
        try:
            with self._pool.connection() as connection:
                for (table,) in connection.execute(_OUTGROWN).fetchall():
                    connection.execute(SQL("ANALYZE {}").format(Identifier(table)))
        except (psycopg.Error, PoolTimeout) as error:
            log.warning("tables that grew were not analyzed", kind=type(error).__name__)

    def _snapshot(self, connection: Connection, fn: Callable[[Tx], T]) -> T:
        try:
            with _pipeline(connection):
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                result = fn(Tx(connection, self._compiler))
                connection.execute("COMMIT")
            return result
        except BaseException as error:
            _recover(connection, failed=isinstance(error, psycopg.Error))
            raise

    def _transaction(self, connection: Connection, fn: Callable[[Tx], T], *, careful: bool) -> T:
        """A pipeline is one transaction, begun by its first statement and committed by the Sync at its end: BEGIN and
        COMMIT would be two statements more (PostgreSQL's manual, section 54.2.5 "Pipelining").
        """
        tx = JoiningTx(connection, self._compiler, self._texts, joins=self.joins, careful=careful)
        try:
            with _pipeline(connection):
                try:
                    result = fn(tx)
                    tx.flush()
                except BaseException:
                    # psycopg raises errors of its own as well; only the server's has undone what was sent.
                    if connection.pgconn.pipeline_status != pq.PipelineStatus.ABORTED:
                        _undo(connection, tx)
                    raise
            return result
        except BaseException as error:
            # Whether the server took what was sent nobody has waited to hear.
            _recover(connection, failed=tx.sent_writes or isinstance(error, psycopg.Error))
            raise

    def _again(self, attempt: Callable[[Connection, int], T]) -> T:
        """Bounded: every turn runs on a fresh transaction; contenders wait for a short random time first."""
        contended = False
        for turn in range(ATTEMPTS):
            if contended:
                time.sleep(random.uniform(0.002, 0.02) * turn)  # noqa: S311 - spreads contenders, guards nothing
            try:
                connection = self._pool.getconn()
                try:
                    return attempt(connection, turn)
                finally:
                    self._pool.putconn(connection)
            except ANOTHER_TURN as error:
                collision = Collision(type(error).__name__)
                contended = turn > 0 or not isinstance(error, pg.UniqueViolation)  # whose name is there, most likely
            except psycopg.OperationalError as error:
                # No connection, or it died. Whether a commit under way took place cannot be known: the verbs are
                # idempotent, so the client may send the same request again.
                log.warning("the database did not answer", kind=type(error).__name__, sqlstate=error.sqlstate)
                raise _unavailable() from None
        raise collision


@contextmanager
def _pipeline(connection: Connection) -> Iterator[None]:
    """A pipeline that raises what failed first. As it ends, psycopg (3.3) sends what it had queued behind the failing
    statement, the release of an old prepared one for instance, and raises "pipeline aborted" for that instead.
    """
    try:
        with connection.pipeline():
            yield
    except pg.PipelineAborted as aborted:
        first = aborted.__context__
        if isinstance(first, psycopg.Error):
            raise first from None
        raise


def _undo(connection: Connection, tx: JoiningTx) -> None:
    """What `fn` wrote before it raised must not be committed by the pipeline's end."""
    if not tx.sent_writes:
        return
    try:
        connection.execute("ROLLBACK")
    except psycopg.Error:
        connection.close()


def _recover(connection: Connection, *, failed: bool) -> None:
    """Makes a connection fit for its next user. What a failing pipeline skipped was never prepared, though psycopg
    counts it as such: `rollback` forgets those names, and does so only where there is something to roll back.
    """
    if connection.closed:
        return
    try:
        if connection.info.transaction_status == pq.TransactionStatus.IDLE:
            if not failed:
                return
            connection.execute("BEGIN")
        connection.rollback()
    except psycopg.Error:
        connection.close()


def _unavailable() -> Unavailable:
    return Unavailable("The database does not answer at the moment; send the request again.")
