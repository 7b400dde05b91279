"""SQLite: readers beside one writer thread in which waiting writes share a commit (and its fsync)."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from rollbook.database.statements import Collision, Compiler, Tx
from rollbook.errors import Unavailable

T = TypeVar("T")
Deliver = Callable[[Any, BaseException | None], None]

# One fsync serves at most this many writes: a bound on what a single failing COMMIT takes with it.
BATCH = 64
BUSY_SECONDS = 5.0


def make_file(path: Path) -> None:
    """Makes directory and file for their owner alone, where they are missing: people's data are inside. Raises
    Unavailable. SQLite gives its side files the mode of this one.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A file that is there is not even opened: closing it would drop the locks that SQLite holds in this process.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError:
        raise _cannot_open(path) from None


class SqliteEngine:
    """One file, one writer thread; a reader's connection belongs to the thread that reads."""

    name = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._compiler = Compiler(SQLiteDialect_pysqlite(paramstyle="qmark"))
        self._local = threading.local()
        self._waiting: SimpleQueue[tuple[Callable[[Tx], Any], Deliver] | None] = SimpleQueue()
        self._writer = threading.Thread(target=self._write_waiting, name="sqlite-writer", daemon=True)
        self._closed = False
        self._connect().close()  # a file that cannot be opened is told to the caller, not to the thread
        self._writer.start()

    def read(self, fn: Callable[[Tx], T]) -> T:
        """Runs `fn` on one snapshot, in the calling thread."""
        connection = self._reader()
        connection.execute("BEGIN")
        try:
            return fn(Tx(connection, self._compiler))
        finally:
            connection.execute("COMMIT")

    def submit(self, fn: Callable[[Tx], Any], deliver: Deliver) -> None:
        """Queues a write; `deliver(result, error)` is called in the writer thread once it is durable or refused."""
        if self._closed:
            deliver(None, Unavailable("Rollbook is stopping; send the request again."))
            return
        self._waiting.put((fn, deliver))

    def write(self, fn: Callable[[Tx], T]) -> T:
        """Runs `fn` as a write and waits until it is durable."""
        future: Future[T] = Future()

        def deliver(result: Any, error: BaseException | None) -> None:
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self.submit(fn, deliver)
        return future.result()

    def close(self) -> None:
        """Finishes what waits, then ends the writer."""
        if not self._closed:
            self._closed = True
            self._waiting.put(None)
            self._writer.join()

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            connection.execute("PRAGMA query_only = ON")
        return connection

    def _connect(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, cached_statements=512)
            # WAL lets readers go on beside the writer; FULL puts every commit on the disk before its answer.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA cache_size = -32000")
        except sqlite3.OperationalError:
            raise _cannot_open(self.path) from None
        return connection

    def _write_waiting(self) -> None:
        connection = self._connect()
        stop = False
        while not stop:
            batch = []
            entry = self._waiting.get()
            while entry is not None:
                batch.append(entry)
                if len(batch) == BATCH:
                    break
                try:
                    entry = self._waiting.get_nowait()
                except Empty:
                    break
            stop = entry is None
            if batch:
                self._commit(connection, batch)
        connection.close()

    def _commit(self, connection: sqlite3.Connection, batch: list[tuple[Callable[[Tx], Any], Deliver]]) -> None:
        outcomes: list[tuple[Any, BaseException | None]] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for fn, _ in batch:
                outcomes.append(self._attempt(connection, fn, alone=len(batch) == 1))
            connection.execute("COMMIT")
        except sqlite3.Error:
            # Nothing of this batch is durable, whatever its functions returned.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            outcomes = [(None, _refusal()) for _ in batch]
        for (_, deliver), (result, error) in zip(batch, outcomes, strict=True):
            deliver(result, error)

    def _attempt(
        self, connection: sqlite3.Connection, fn: Callable[[Tx], Any], *, alone: bool
    ) -> tuple[Any, BaseException | None]:
        """One function in a savepoint of its own: what it raises undoes its rows and nobody else's."""
        if not alone:
            connection.execute("SAVEPOINT one")
        try:
            result = fn(Tx(connection, self._compiler))
        except sqlite3.IntegrityError as error:
            self._undo(connection, alone=alone)
            return None, Collision(error.sqlite_errorname)
        except sqlite3.OperationalError:
            self._undo(connection, alone=alone)
            return None, _refusal()
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the caller who waits for it
            self._undo(connection, alone=alone)
            return None, error
        if not alone:
            connection.execute("RELEASE one")
        return result, None

    @staticmethod
    def _undo(connection: sqlite3.Connection, *, alone: bool) -> None:
        if alone:
            connection.execute("ROLLBACK")
            connection.execute("BEGIN IMMEDIATE")
        else:
            connection.execute("ROLLBACK TO one")
            connection.execute("RELEASE one")


def _cannot_open(path: Path) -> Unavailable:
    return Unavailable(f"The database file {path} cannot be opened; check the directory's owner, mode and free space.")


def _refusal() -> Unavailable:
    return Unavailable("The database did not take the write (busy or full); send the request again.")
