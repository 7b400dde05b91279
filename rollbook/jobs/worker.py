"""The worker's loop: finds companies with due work, claims a task of each in turn, runs it, reports.

Killed anywhere it loses nothing: a claimed task falls due again when its lease runs out, and a worker that comes back
to a task it lost changes no row with its report.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from rollbook import clock
from rollbook.activity import outbox, queue
from rollbook.activity.queue import Task
from rollbook.database import Collision, Database
from rollbook.errors import Unavailable
from rollbook.jobs import schedule
from rollbook.jobs.heartbeat import Heartbeat
from rollbook.jobs.post import Post
from rollbook.jobs.tasks import TASKS
from rollbook.logs import kind_and_place

POLL_SECONDS = 1.0
MAIL = outbox.DELIVER  # post.py's; every other task is in tasks.py
MAIL_RUNS = 4  # companies whose mail is delivered at the same time

log = structlog.get_logger()


async def run_until_told(database: Database, *, post: Post | None = None, once: bool = False) -> int | None:
    """As `run`, in a process of its own: SIGINT and SIGTERM end it, and None says that they did.

    The handlers are set here, since a process that a shell put into the background starts with SIGINT ignored.
    """
    work = asyncio.create_task(run(database, post=post, once=once))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, work.cancel)
    try:
        return await work
    except asyncio.CancelledError:
        return None


async def run(database: Database, *, post: Post | None = None, once: bool = False) -> int:
    """Works until cancelled; with `once`, until nothing is due. Returns how many tasks were run.

    Without a `post` mail waits in the outbox.
    """
    mail = _MailLane(database, post)
    try:
        return await _work(database, mail, once=once)
    finally:
        await mail.stop()


async def _work(database: Database, mail: _MailLane, *, once: bool) -> int:
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
            worked = await mail.begin_due() + await work_once(database)
            done += worked
        except (Unavailable, Collision) as error:
            log.warning("the worker waits for the database", kind=type(error).__name__)
            worked = 0
        except Exception as error:  # noqa: BLE001 - the worker goes on; what broke is logged for the operator
            log.error("the worker stumbled", **kind_and_place(error))
            worked = 0
        if not worked:
            if once and not await mail.one_ended():
                return done
            if not once:
                await mail.pause(POLL_SECONDS)


async def work_once(database: Database) -> int:
    """One task of each company that has due work, in random order: no company waits behind another's thousand.

    Returns how many tasks were run. Mail is not among them: a slow mail server must delay nothing else.
    """
    now = clock.now()
    due = await database.read(lambda tx: queue.companies_with_due(tx, now, but=MAIL))
    random.shuffle(due)
    return sum([await _work_for(database, company_id) for company_id in due])


async def _work_for(database: Database, company_id: str) -> bool:
    task = await database.write(lambda tx: queue.claim(tx, company_id, but=MAIL, now=clock.now()))
    if task is None:
        return False
    await _run_task(database, task, lambda: TASKS[task.name](database, task))
    return True


async def _run_task(database: Database, task: Task, work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except Exception as error:  # noqa: BLE001 - one broken task must not end the others; its kind is kept and shown
        kind = type(error).__name__
        log.error("a task failed", task=task.name, kind=kind, attempt=task.attempts, company_id=task.company_id)
        await database.write(lambda tx: queue.postpone(tx, task, kind, now=clock.now()))
    else:
        await database.write(lambda tx: queue.finish(tx, task, now=clock.now()))


class _MailLane:
    """The mail of a few companies at a time, beside everything else that is done."""

    def __init__(self, database: Database, post: Post | None) -> None:
        self._database = database
        self._post = post
        self._running: dict[str, asyncio.Task[None]] = {}

    async def begin_due(self) -> int:
        """Begins with companies whose mail is due, as far as there is room; how many.

        Without a post nothing is begun: the task stays due for a worker that has one.
        """
        if self._post is None:
            return 0
        for company_id, running in list(self._running.items()):
            if running.done():
                del self._running[company_id]
                running.result()
        now = clock.now()
        due = await self._database.read(lambda tx: queue.companies_with_due(tx, now, only=MAIL))
        random.shuffle(due)
        begun = 0
        for company_id in due:
            if len(self._running) >= MAIL_RUNS:
                break
            if company_id not in self._running:
                begun += await self._begin(company_id, self._post)
        return begun

    async def one_ended(self) -> bool:
        """Waits for one that runs; False where none does."""
        if not self._running:
            return False
        await asyncio.wait(self._running.values(), return_when=asyncio.FIRST_COMPLETED)
        return True

    async def pause(self, seconds: float) -> None:
        """A rest, until one that runs has ended."""
        if self._running:
            await asyncio.wait(self._running.values(), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(seconds)

    async def stop(self) -> None:
        """Tells those that run to stop; each finishes the mail that is under way."""
        for running in self._running.values():
            running.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _begin(self, company_id: str, post: Post) -> bool:
        task = await self._database.write(lambda tx: queue.claim(tx, company_id, only=MAIL, now=clock.now()))
        if task is None:
            return False
        run = _run_task(self._database, task, lambda: post.deliver(self._database, task))
        self._running[company_id] = asyncio.create_task(run)
        return True
