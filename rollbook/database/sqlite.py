"""SQLite: readers beside one writing connection, whose commits (and fsyncs) waiting writes share.

What waits for what is decided in shared_commits.py; this module runs it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from rollbook.database.statements import Collision, Compiler, Tx
from rollbook.errors import Unavailable
from rollbook.logs import kind_and_place

T = TypeVar("T")
Work = Callable[[Tx], Any]
Outcome = tuple[Any, BaseException | None]  # what a function returned, or what became of it instead

BUSY_SECONDS = 5.0
log = structlog.get_logger()

_OF_THE_FILE = (sqlite3.OperationalError, sqlite3.DatabaseError)  # and no narrower kind, which says more
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


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
    """One file. A reader's connection belongs to the thread that reads; the writer's to whoever has `_turn`."""

    name = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._compiler = Compiler(SQLiteDialect_pysqlite(paramstyle="qmark"))
        self._local = threading.local()
        self._turn = threading.Lock()  # from before BEGIN until after COMMIT, which may happen in different threads
        self._closed = False
        self._open_writer()

    def read(self, fn: Callable[[Tx], T]) -> T:
        """Runs `fn` on one snapshot, in the calling thread."""
        connection = self._reader()
        try:
            connection.execute("BEGIN")
            try:
                return fn(Tx(connection, self._compiler))
            finally:
                connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise self._unread(error) from None

    def read_brief(self, fn: Callable[[Tx], T]) -> T:
        """Runs `fn` in the calling thread, without a transaction: each statement sees its own moment."""
        try:
            return fn(Tx(self._reader(), self._compiler))
        except sqlite3.DatabaseError as error:
            raise self._unread(error) from None

    def write(self, fn: Callable[[Tx], T]) -> T:
        """Runs `fn` as a write in the calling thread and returns when it is durable."""
        ((result, error),) = self.run([fn])
        if error is not None:
            raise error
        done: T = result
        return done

    def run(self, works: Sequence[Work]) -> list[Outcome]:
        """Runs these writes in one transaction and commits it; waits for its turn, at most BUSY_SECONDS."""
        if not self.begin(patient=True):
            return self._refusals(works)
        outcomes = self.attempt(works)
        return self.run_carefully(works) if outcomes is None else self.commit(outcomes)

    def run_carefully(self, works: Sequence[Work]) -> list[Outcome]:
        """As `run`, each write in a savepoint, and looking before it leaps (`tx.careful`)."""
        if not self.begin(patient=True):
            return self._refusals(works)
        try:
            outcomes = [self._alone(fn) for fn in works]
            if not self._writer.in_transaction:  # a full disk ends it, and what was done before with it
                outcomes = self._refusals(works)
        except Exception as error:  # noqa: BLE001 - as in `attempt`
            outcomes = self._broken(works, error)
        return self.commit(outcomes)

    def begin(self, *, patient: bool) -> bool:
        """Takes the turn and begins a transaction. False where others write, or the file takes nothing; `patient`
        waits for them. After True, `attempt` or `commit` must follow.
        """
        deadline = time.monotonic() + BUSY_SECONDS
        if not self._turn.acquire(patient, BUSY_SECONDS if patient else -1):
            return False
        while not self._closed:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:  # another process writes, for instance a command of the operator's
                if not (patient and _is_busy(error)) or time.monotonic() > deadline:
                    break
                time.sleep(0.003)
            else:
                return True
        self._turn.release()
        return False

    def attempt(self, works: Sequence[Work]) -> list[Outcome] | None:
        """Runs these functions in the transaction begun; `commit` must follow.

        None where one of several raised after it had written, or a constraint objected: then everything is undone, the
        turn given back, and `run_carefully` has to follow. A savepoint for each in the first place would cost all of
        them a copy of every page they change, for the sake of a refusal that comes late.
        """
        try:
            return self._attempt(works)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next writers need a connection that is whole
            return self._broken(works, error)

    def _attempt(self, works: Sequence[Work]) -> list[Outcome] | None:
        outcomes: list[Outcome] = []
        for fn in works:
            written = self._writer.total_changes
            try:
                outcomes.append((fn(Tx(self._writer, self._compiler, writing=self._cursor)), None))
            except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the caller who waits for it
                if not self._writer.in_transaction:
                    return self._refusals(works)
                objected = isinstance(error, sqlite3.IntegrityError)
                outcomes.append((None, _told(error)))
                if self._writer.total_changes == written and not objected:
                    continue
                self._writer.execute("ROLLBACK")
                if len(works) > 1 or objected:
                    self._turn.release()
                    return None
        return outcomes

    def commit(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Makes durable what was written and gives the turn back; where that fails, everybody is refused."""
        try:
            if self._writer.in_transaction:
                self._writer.execute("COMMIT")
            elif any(error is None for _, error in outcomes):  # somebody's error ended it unseen: nothing was kept
                return self._refusals(outcomes)
        except Exception as error:  # noqa: BLE001 - as in `attempt`
            return self._broken(outcomes, error)
        finally:
            self._turn.release()
        return outcomes

    def close(self) -> None:
        """Waits for the write under way; whoever comes later is refused. A reader's connection ends with its thread."""
        with self._turn:
            if not self._closed:
                self._closed = True
                self._writer.close()

    def _open_writer(self) -> None:
        self._writer = self._connect(check_same_thread=False)
        self._cursor = self._writer.cursor()
        self._writer.execute("PRAGMA busy_timeout = 0")  # `begin` waits by itself, and only where it may

    def _mend(self) -> None:
        """Leaves no transaction open, and nobody with a connection that does not even take a ROLLBACK."""
        try:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        except sqlite3.Error:
            self._writer.close()
            with contextlib.suppress(Unavailable):  # then `begin` fails, and everybody is refused until it is restarted
                self._open_writer()

    def _broken(self, works: Sequence[Any], error: Exception) -> list[Outcome]:
        """Nothing is kept of this transaction, and everybody in it is refused."""
        self._mend()
        if not isinstance(error, sqlite3.Error):  # those are the disk's; another one is ours
            log.error("writes broke", **kind_and_place(error))
        return self._refusals(works)

    def _alone(self, fn: Work) -> Outcome:
        """One function in a savepoint of its own: what it raises undoes its rows and nobody else's."""
        if (
            not self._writer.in_transaction
        ):  # a full disk has ended it; a savepoint now would begin another, and keep it
            return self._refusals([fn])[0]
        self._writer.execute("SAVEPOINT one")
        try:
            result = fn(Tx(self._writer, self._compiler, careful=True))
        except BaseException as error:  # noqa: BLE001 - as in `attempt`
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK TO one")
                self._writer.execute("RELEASE one")
            return None, _told(error)
        self._writer.execute("RELEASE one")
        return result, None

    def _refusals(self, works: Sequence[Any]) -> list[Outcome]:
        said = (
            "Rollbook is stopping; send the request again."
            if self._closed
            else "The database did not take the write (busy or full); send the request again."
        )
        return [(None, Unavailable(said)) for _ in works]

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            # After a failure nobody waits for the file's locks: the event loop would, for every request.
            again = hasattr(self._local, "connection")
            try:
                connection = self._connect(patience=0 if again else BUSY_SECONDS)
            except Unavailable:  # whose text, with the file's path, is for whoever starts the server
                self._local.connection = None
                raise _cannot_read() from None
            connection.execute("PRAGMA query_only = ON")
            connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")
            self._local.connection = connection
        return connection

    def _unread(self, error: sqlite3.DatabaseError) -> Exception:
        """What becomes of an error of a read: the file's is nobody's fault, and the next reader opens it anew."""
        if type(error) not in _OF_THE_FILE or error.sqlite_errorcode == sqlite3.SQLITE_READONLY:
            return error  # a mistake of ours; the last one is a read that tries to write
        log.error("the database could not be read", error=error.sqlite_errorname)
        connection, self._local.connection = self._local.connection, None
        with contextlib.suppress(sqlite3.Error):
            connection.close()
        return _cannot_read()

    def _connect(self, *, patience: float = BUSY_SECONDS, check_same_thread: bool = True) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                self.path,
                timeout=patience,
                isolation_level=None,
                cached_statements=512,
                check_same_thread=check_same_thread,
            )
            # WAL lets readers go on beside the writer; FULL puts every commit on the disk before its answer.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA cache_size = -32000")
            # Pages that change again and again are copied into the file every 16 MiB of log, not every four.
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
        except sqlite3.DatabaseError:
            raise _cannot_open(self.path) from None
        return connection


def _told(error: BaseException) -> BaseException:
    """What the caller gets to know: nothing of SQLite's own words, which quote values."""
    if isinstance(error, sqlite3.IntegrityError):
        return Collision(error.sqlite_errorname)
    if isinstance(error, sqlite3.OperationalError):
        return Unavailable("The database did not take the write (busy or full); send the request again.")
    if isinstance(error, StopIteration):  # no future takes it
        return RuntimeError("a write raised StopIteration")
    return error


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY


def _cannot_read() -> Unavailable:
    return Unavailable("The database cannot be read just now; send the request again.")


def _cannot_open(path: Path) -> Unavailable:
    return Unavailable(f"The database file {path} cannot be opened; check the directory's owner, mode and free space.")
