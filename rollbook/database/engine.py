"""`Database`: read(fn) and write(fn) for coroutines, over the blocking engines of sqlite.py and postgres.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

from rollbook.database.shared_commits import SharedCommits
from rollbook.database.sqlite import SqliteEngine, make_file
from rollbook.database.statements import Collision, Tx
from rollbook.database.threads import in_thread
from rollbook.settings import Settings

if TYPE_CHECKING:
    from rollbook.database.postgres import PostgresEngine

__all__ = ["Collision", "Database", "open_database"]

T = TypeVar("T")


class Database:
    """Runs plain functions `fn(tx)` in a transaction.

    `fn` does nothing but SQL, since it may run twice (a lost serialization on PostgreSQL). When `write` returns
    the change is durable; when it raises nothing of it is kept. Raises what `fn` raised, or Unavailable.
    """

    def __init__(self, engine: SqliteEngine | PostgresEngine, *, threads: int) -> None:
        self.engine = engine
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="database")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._commits: WeakKeyDictionary[asyncio.AbstractEventLoop, SharedCommits] = WeakKeyDictionary()

    async def read(self, fn: Callable[[Tx], T], *, brief: bool = False) -> T:
        """Runs `fn` for its answer; it cannot write. Several statements of one `fn` see one snapshot.

        `brief` promises a handful of rows found by an index, and does without the snapshot; SQLite then answers on
        the spot, in less time than the way to a thread and back takes.
        """
        engine = self.engine
        if brief and isinstance(engine, SqliteEngine):
            return engine.read_brief(fn)
        return await in_thread(self._threads, partial(engine.read_brief if brief else engine.read, fn))

    async def write(self, fn: Callable[[Tx], T], *, brief: bool = False) -> T:
        """Runs `fn` and returns when its change is durable; `brief` promises a handful of rows found by an index."""
        if not isinstance(self.engine, SqliteEngine):
            return await in_thread(self._threads, partial(self.engine.write, fn))
        loop = asyncio.get_running_loop()
        commits = self._commits.get(loop)
        if commits is None:
            commits = self._commits[loop] = SharedCommits(self.engine, self._writer)
        result: T = await commits.submit(fn, brief=brief)
        return result

    def close(self) -> None:
        """Finishes the writes under way and lets go of every connection."""
        self._threads.shutdown()
        self._writer.shutdown()
        self.engine.close()


def open_database(settings: Settings, *, connections: int = 12) -> Database:
    """The database of these settings, opened but not looked at; raises Unavailable where it cannot be reached."""
    address = settings.database_url.get_secret_value()
    if address:
        from rollbook.database.postgres import PostgresEngine  # its driver takes a laptop's command half its time

        return Database(PostgresEngine(address, connections=connections), threads=connections)
    path = settings.sqlite_path
    assert path is not None
    make_file(path)
    return Database(SqliteEngine(path), threads=4)
