"""The worker's loop: finds companies with due work, claims a task of each in turn, runs it, reports.

Killed anywhere it loses nothing: a claimed task falls due again when its lease runs out, and a worker that comes back
to a task it lost changes no row with its report.
"""

from __future__ import annotations

import asyncio
import random
import signal
from datetime import timedelta

import structlog

from rollbook import clock
from rollbook.activity import queue
from rollbook.database import Collision, Database
from rollbook.errors import Unavailable
from rollbook.jobs import schedule
from rollbook.jobs.heartbeat import Heartbeat
from rollbook.jobs.tasks import TASKS
from rollbook.logs import kind_and_place

POLL_SECONDS = 1.0

log = structlog.get_logger()


async def run_until_told(database: Database, *, once: bool = False) -> int | None:
    """As `run`, in a process of its own: SIGINT and SIGTERM end it, and None says that they did.

    The handlers are set here, since a process that a shell put into the background starts with SIGINT ignored.
    """
    work = asyncio.create_task(run(database, once=once))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, work.cancel)
    try:
        return await work
    except asyncio.CancelledError:
        return None


async def run(database: Database, *, once: bool = False) -> int:
    """Works until cancelled; with `once`, until nothing is due. Returns how many tasks were run."""
    done = 0
    heartbeat = Heartbeat(database)
    # A day back: what fell due while no worker ran is done now, and doing it twice does no harm.
    last = clock.now() - timedelta(days=1)
    while True:
        try:
            now = clock.now()
            await heartbeat.beat(now)
            await schedule.queue_due(database, last=last, now=now)
            last = now
            worked = await work_once(database)
            done += worked
        except (Unavailable, Collision) as error:
            log.warning("the worker waits for the database", kind=type(error).__name__)
            worked = 0
        except Exception as error:  # noqa: BLE001 - the worker goes on; what broke is logged for the operator
            log.error("the worker stumbled", **kind_and_place(error))
            worked = 0
        if not worked:
            if once:
                return done
            await asyncio.sleep(POLL_SECONDS)


async def work_once(database: Database) -> int:
    """One task of each company that has due work, in random order: no company waits behind another's thousand.

    Returns how many tasks were run.
    """
    now = clock.now()
    due = await database.read(lambda tx: queue.companies_with_due(tx, now))
    random.shuffle(due)
    return sum([await _work_for(database, company_id) for company_id in due])


async def _work_for(database: Database, company_id: str) -> bool:
    task = await database.write(lambda tx: queue.claim(tx, company_id, now=clock.now()))
    if task is None:
        return False
    try:
        await TASKS[task.name](database, task)
    except Exception as error:  # noqa: BLE001 - one broken task must not end the others; its kind is kept and shown
        kind = type(error).__name__
        log.error("a task failed", task=task.name, kind=kind, attempt=task.attempts, company_id=company_id)
        await database.write(lambda tx: queue.postpone(tx, task, kind, now=clock.now()))
    else:
        await database.write(lambda tx: queue.finish(tx, task, now=clock.now()))
    return True
