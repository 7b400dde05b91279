"""A lane: tasks of one name, of a few companies at a time, beside everything else that is done. For what waits for
somebody else, a mail server or Okta, and must delay nothing. The worker's loop is worker.py's.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from rollbook import clock
from rollbook.activity import queue
from rollbook.activity.queue import Task
from rollbook.database import Database
from rollbook.logs import kind_and_place

log = structlog.get_logger()

Work = Callable[[Database, Task], Awaitable[None]]


async def run_task(database: Database, task: Task, work: Work) -> None:
    """Runs a claimed task and reports: done, or put off for a while."""
    try:
        await work(database, task)
    except Exception as error:  # noqa: BLE001 - one broken task must not end the others; its kind is kept and shown
        kind = type(error).__name__
        about = {"task": task.name, "attempt": task.attempts, "company_id": task.company_id}
        log.error("a task failed", **kind_and_place(error), **about)
        await database.write(lambda tx: queue.postpone(tx, task, kind, now=clock.now()))
    else:
        await database.write(lambda tx: queue.finish(tx, task, now=clock.now()))


class Lane:
    """Works at the tasks of a name, at most one of a company and `most` in all. Without `work` nothing is begun: the
    tasks stay due for a worker that can. None is begun while a task of a name in `alone_among` runs for its company,
    here or elsewhere.
    """

    def __init__(
        self, database: Database, name: str, work: Work | None, *, most: int, alone_among: tuple[str, ...] = ()
    ) -> None:
        self._database = database
        self._name = name
        self._work = work
        self._most = most
        self._alone_among = alone_among
        self._running: dict[str, asyncio.Task[None]] = {}

    async def begin_due(self) -> int:
        """Begins with companies that have such a task due, as far as there is room; how many."""
        if self._work is None:
            return 0
        for company_id, running in list(self._running.items()):
            if running.done():
                del self._running[company_id]
                running.result()
        now = clock.now()
        due = await self._database.read(lambda tx: queue.companies_with_due(tx, now, only=self._name))
        random.shuffle(due)
        begun = 0
        for company_id in due:
            if len(self._running) >= self._most:
                break
            if company_id not in self._running:
                begun += await self._begin(company_id, self._work)
        return begun

    async def stop(self) -> None:
        """Tells those that run to stop, and waits until they have."""
        for running in self._running.values():
            running.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _begin(self, company_id: str, work: Work) -> bool:
        how: dict[str, Any] = {"only": self._name, "alone_among": self._alone_among}
        task = await self._database.write(lambda tx: queue.claim(tx, company_id, **how, now=clock.now()))
        if task is None:
            return False
        self._running[company_id] = asyncio.create_task(run_task(self._database, task, work))
        return True

    @property
    def running(self) -> list[asyncio.Task[None]]:
        """Those under way."""
        return list(self._running.values())


async def one_ended(*lanes: Lane) -> bool:
    """Waits for one that runs in any of them; False where none does."""
    running = [task for lane in lanes for task in lane.running]
    if running:
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    return bool(running)


async def pause(seconds: float, *lanes: Lane) -> None:
    """A rest, until one that runs in any of them has ended."""
    running = [task for lane in lanes for task in lane.running]
    if running:
        await asyncio.wait(running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    else:
        await asyncio.sleep(seconds)
