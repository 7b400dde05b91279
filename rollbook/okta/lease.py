"""The lease of whoever converses with a company's Okta: the claim of the task that says so.

Each write renews it first, and leaves nothing where it was lost. So whoever claims the task next goes on where the last
write ended, wherever that one was killed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rollbook import clock
from rollbook.activity import queue
from rollbook.activity.queue import Task
from rollbook.database import Database, Tx

T = TypeVar("T")


class LeaseLost(Exception):
    """Somebody else has claimed the task; what was under way left nothing."""


class Lease:
    """The right to write, which a claimed task gives."""

    def __init__(self, database: Database, task: Task) -> None:
        self._database = database
        self._task = task

    async def write(self, fn: Callable[[Tx], T]) -> T:
        """As Database.write. Raises LeaseLost."""

        def work(tx: Tx) -> T:
            if not queue.extend(tx, self._task, now=clock.now()):
                raise LeaseLost(self._task.id)
            return fn(tx)

        return await self._database.write(work)

    async def renew(self) -> None:
        """Keeps it while Okta is waited for. Raises LeaseLost."""
        await self.write(lambda _: None)
