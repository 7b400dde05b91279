"""`Database`: read(fn) and write(fn) for coroutines, over the blocking engines of sqlite.py and postgres.py."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from rollbook.database.sqlite import SqliteEngine, make_file
from rollbook.database.statements import Collision, Tx
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

    async def read(self, fn: Callable[[Tx], T], *, brief: bool = False) -> T:
        """Runs `fn` for its answer; it cannot write.

        `brief` promises a handful of rows found by an index: SQLite then answers on the spot (some ten
        microseconds, less than the way to a thread and back). Several statements of one `fn` see one snapshot on
        SQLite, and on PostgreSQL unless brief.
        """
        if isinstance(self.engine, SqliteEngine):
            if brief:
                return self.engine.read(fn)
            return await asyncio.get_running_loop().run_in_executor(self._threads, self.engine.read, fn)
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self.engine.read_brief if brief else self.engine.read, fn
        )

    async def write(self, fn: Callable[[Tx], T]) -> T:
        """Runs `fn` and returns when its change is durable."""
        loop = asyncio.get_running_loop()
        if not isinstance(self.engine, SqliteEngine):
            return await loop.run_in_executor(self._threads, self.engine.write, fn)
        future: asyncio.Future[T] = loop.create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            if future.done():  # the caller went away; the write stands
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        def deliver(result: Any, error: BaseException | None) -> None:
            # A loop that ended meanwhile has nobody waiting, and its error must not end the writer of all others.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, result, error)

        self.engine.submit(fn, deliver)
        return await future

    def close(self) -> None:
        """Finishes the writes under way and lets go of every connection."""
        self._threads.shutdown()
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
