"""The raw drivers under the floor: SQLite with one writer thread and group commit, PostgreSQL with held connections."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

import psycopg

from benchmarks.floor_sql import POSTGRESQL, SQLITE, Session, Statements
from rollbook.database.joined import join

T = TypeVar("T")
Work = Callable[[Session, Statements], T]

BATCH = 64
CONNECTIONS = 8
ANALYZE_AFTER = (200, 1000)  # writes, as in Rollbook: until then PostgreSQL believes its tables empty


class Store(Protocol):
    """Runs work of several statements in a transaction; a write is durable when it returns."""

    async def read(self, work: Work[T]) -> T: ...
    async def write(self, work: Work[T]) -> T: ...


class _Direct:
    """Every statement at once."""

    __slots__ = ("ask", "run")

    def __init__(self, connection: sqlite3.Connection | psycopg.Connection[Any]) -> None:
        self.ask = self.run = connection.execute


class _Held:
    """Writes held back until the end, then sent as one statement."""

    __slots__ = ("_arguments", "_connection", "_texts", "ask")

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._texts: list[str] = []
        self._arguments: list[Any] = []
        self.ask = connection.execute

    def run(self, query: str, params: Sequence[Any]) -> None:
        self._texts.append(query)
        self._arguments += params

    def flush(self) -> None:
        key = tuple(self._texts)
        joined = _JOINED.get(key)
        if joined is None:
            joined = _JOINED[key] = join(self._texts)
        self._connection.execute(joined, self._arguments)


_JOINED: dict[tuple[str, ...], str] = {}


class SqliteStore:
    """Reads on the event loop, writes in one thread: those that wait while a commit is under way share the next."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._reader = self._connect()
        self._waiting: SimpleQueue[tuple[Work[Any], asyncio.Future[Any]]] = SimpleQueue()
        threading.Thread(target=self._write_waiting, daemon=True).start()

    async def read(self, work: Work[T]) -> T:
        return work(_Direct(self._reader), SQLITE)

    async def write(self, work: Work[T]) -> T:
        future: asyncio.Future[T] = self._loop.create_future()
        self._waiting.put((work, future))
        return await future

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, cached_statements=512, check_same_thread=False)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "cache_size = -32000"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _write_waiting(self) -> None:
        connection = self._connect()
        session, execute = _Direct(connection), connection.execute
        while True:
            batch = [self._waiting.get()]
            while len(batch) < BATCH:
                try:
                    batch.append(self._waiting.get_nowait())
                except Empty:
                    break
            execute("BEGIN IMMEDIATE")
            results = [(future, work(session, SQLITE)) for work, future in batch]
            execute("COMMIT")
            self._loop.call_soon_threadsafe(_settle, results)


def _settle(results: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in results:
        if not future.done():
            future.set_result(result)


class PostgresStore:
    """A thread and a connection each, in autocommit; everything of one request in one pipeline."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._local = threading.local()
        self._threads = ThreadPoolExecutor(CONNECTIONS)
        self._writes = 0

    async def read(self, work: Work[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, work)

    async def write(self, work: Work[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._write, work)

    def _read(self, work: Work[T]) -> T:
        return work(_Direct(self._connection()), POSTGRESQL)

    def _write(self, work: Work[T]) -> T:
        connection = self._connection()
        with connection.pipeline():  # one transaction, as in Rollbook
            session = _Held(connection)
            result = work(session, POSTGRESQL)
            session.flush()
        self._writes += 1
        if self._writes in ANALYZE_AFTER:
            connection.execute("ANALYZE")
        return result

    def _connection(self) -> psycopg.Connection[tuple[Any, ...]]:
        connection: psycopg.Connection[tuple[Any, ...]] | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = psycopg.connect(
                self._address, autocommit=True, cursor_factory=psycopg.RawCursor, prepare_threshold=0
            )
            self._local.connection = connection
        return connection
