"""The task that follows when a source of people is switched off: its people, step by step."""

from __future__ import annotations

from functools import partial

import structlog

from rollbook import clock
from rollbook.activity import queue
from rollbook.activity.events import Actor
from rollbook.activity.queue import Task
from rollbook.database import Database, Tx
from rollbook.people import disconnecting

log = structlog.get_logger()


async def disconnect_people(database: Database, task: Task) -> None:
    """Archives or hands over whom the source had; in each step the lease is renewed."""
    kind, _, actor_id = task.payload["actor"].partition(":")
    actor = Actor(kind, actor_id or None)
    source, choice = task.payload["source"], task.payload["choice"]

    def look(tx: Tx, after: str) -> list[str]:
        return disconnecting.following(tx, task.company_id, source, choice, after=after)

    def work(tx: Tx, ids: list[str]) -> int:
        now = clock.now()
        if not queue.extend(tx, task, now=now):
            return 0  # another worker has it
        return disconnecting.step(tx, task.company_id, source, choice, ids, actor=actor, now=now)

    done, last = 0, ""
    while True:
        ids = await database.read(partial(look, after=last))
        step = await database.write(partial(work, ids=ids))
        if not step:
            break
        done += step
        last = ids[-1] if ids else last
    log.info("a source was switched off", company_id=task.company_id, source=source, choice=choice, done=done)
