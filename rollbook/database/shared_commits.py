"""Which writes share a commit on SQLite: those that came while the commit before was under way.

Brief writes run on the event loop itself, one after another, and only their COMMIT, which waits for the disk, has a
thread. Two threads that take turns at Python's lock for every statement would cost more than the statements.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from rollbook.database.sqlite import Outcome, SqliteEngine, Work
from rollbook.database.threads import in_thread

# One fsync serves at most this many writes: a bound on what a failing COMMIT takes with it, and on how long the loop
# is away from everything else.
BATCH = 32


class SharedCommits:
    """The writes of one event loop, one batch at a time. Everything but the thread's work happens on that loop."""

    def __init__(self, engine: SqliteEngine, thread: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._thread = thread
        self._waiting: deque[tuple[Work, bool, asyncio.Future[Any]]] = deque()
        self._under_way = False

    def submit(self, fn: Work, *, brief: bool) -> asyncio.Future[Any]:
        """Queues a write; the future is done once it is durable or refused. One that is not `brief` runs elsewhere."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((fn, brief, future))
        if not self._under_way:
            self._under_way = True
            loop.call_soon(self._start)  # requests that are read in the same turn of the loop come along
        return future

    def _start(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH))]
        works = [fn for fn, _, _ in batch]
        futures = [future for _, _, future in batch]
        rest = partial(self._engine.run, works)
        if all(brief for _, brief, _ in batch) and self._engine.begin(patient=False):
            outcomes = self._engine.attempt(works)
            engine = self._engine
            rest = partial(engine.run_carefully, works) if outcomes is None else partial(engine.commit, outcomes)
        try:
            in_thread(self._thread, rest).add_done_callback(partial(self._settle, futures))
        except RuntimeError:  # the thread was told to end: nobody writes any more, and this waits for nobody
            ended: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
            ended.set_result(rest())
            self._settle(futures, ended)

    def _settle(self, futures: list[asyncio.Future[Any]], done: asyncio.Future[list[Outcome]]) -> None:
        failure = done.exception()
        outcomes: list[Outcome] = [(None, failure) for _ in futures] if failure is not None else done.result()
        for future, (result, error) in zip(futures, outcomes, strict=True):
            if future.done():  # the caller went away; the write stands
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._start)
        else:
            self._under_way = False
