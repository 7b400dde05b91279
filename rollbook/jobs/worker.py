"""The worker's loop: finds companies with due work, claims a task of each in turn, runs it, reports.

Killed anywhere it loses nothing: a claimed task falls due again when its lease runs out, and a worker that comes back
to a task it lost changes no row with its report.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog

from rollbook import clock
from rollbook.activity import outbox, queue
from rollbook.database import Collision, Database
from rollbook.errors import Unavailable
from rollbook.installation import Installation
from rollbook.jobs import pulling, schedule
from rollbook.jobs.heartbeat import Heartbeat
from rollbook.jobs.lane import Lane, one_ended, pause, run_task
from rollbook.jobs.post import Post, post_of
from rollbook.jobs.pulling import Pulls
from rollbook.jobs.tasks import TASKS
from rollbook.logs import kind_and_place
from rollbook.okta import runs

POLL_SECONDS = 1.0
MAIL = outbox.DELIVER  # post.py's
PULL, ASK = runs.PULL, pulling.ASK  # pulling.py's; every other task is in tasks.py
MAIL_RUNS = 4  # companies whose mail is delivered at the same time
PULL_RUNS = 4  # companies whose Okta is read at the same time
ASKS = 4  # companies whose Okta is asked about one person
IN_LANES = (MAIL, PULL, ASK)

Lanes = tuple[Lane, ...]

log = structlog.get_logger()


async def run_until_told(installation: Installation, *, once: bool = False) -> int | None:
    """As `run_for`, in a process of its own: SIGINT and SIGTERM end it, and None says that they did.

    The handlers are set here, since a process that a shell put into the background starts with SIGINT ignored.
    """
    work = asyncio.create_task(run_for(installation, once=once))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, work.cancel)
    try:
        return await work
    except asyncio.CancelledError:
        return None


async def run_for(installation: Installation, *, once: bool = False) -> int:
    """As `run`, with all that an installation has."""
    return await run(installation.database, post=post_of(installation), pulls=Pulls(installation), once=once)


async def run(database: Database, *, post: Post | None = None, pulls: Pulls | None = None, once: bool = False) -> int:
    """Works until cancelled; with `once`, until nothing is due. Returns how many tasks were run.

    Without a `post` mail waits in the outbox, and without `pulls` nobody's Okta is read.
    """
    mail = Lane(database, MAIL, post.deliver if post is not None else None, most=MAIL_RUNS)
    okta = (
        Lane(database, PULL, pulls.pull if pulls is not None else None, most=PULL_RUNS, alone_among=pulling.ALONE),
        Lane(database, ASK, pulls.ask if pulls is not None else None, most=ASKS, alone_among=pulling.ALONE),
    )
    if pulls is not None:
        with _going_on():
            await pulls.reseal()
    # In a loop of its own: whatever long task this one is at, a slot begins when its hour comes.
    beside = asyncio.create_task(_keep_pulling(pulls, okta)) if pulls is not None and not once else None
    try:
        return await _work(database, mail, okta, pulls if once else None, once=once)
    finally:
        if beside is not None:
            beside.cancel()
            await asyncio.gather(beside, return_exceptions=True)
        for lane in (mail, *okta):
            await lane.stop()


async def _work(database: Database, mail: Lane, okta: Lanes, pulls: Pulls | None, *, once: bool) -> int:
    done = 0
    heartbeat = Heartbeat(database)
    # A day back: what fell due while no worker ran is done now, and doing it twice does no harm.
    last = clock.now() - timedelta(days=1)
    while True:
        worked = 0
        with _going_on():
            now = clock.now()
            await heartbeat.beat(now)
            await schedule.queue_due(database, last=last, now=now)
            last = now
            if pulls is not None:
                worked += await _begin_pulls(pulls, okta)
            worked += await mail.begin_due() + await work_once(database)
        done += worked
        if not worked:
            if once and not await one_ended(mail, *okta):
                return done
            if not once:
                await pause(POLL_SECONDS, mail)


async def _keep_pulling(pulls: Pulls, okta: Lanes) -> None:
    while True:
        with _going_on():
            await _begin_pulls(pulls, okta)
        await pause(min(POLL_SECONDS, pulls.seconds_to_slot()), *okta)


async def _begin_pulls(pulls: Pulls, okta: Lanes) -> int:
    await pulls.queue_slots()
    return sum([await lane.begin_due() for lane in okta])


@contextmanager
def _going_on() -> Iterator[None]:
    """The worker goes on whatever happens."""
    try:
        yield
    except (Unavailable, Collision) as error:
        log.warning("the worker waits for the database", kind=type(error).__name__)
    except Exception as error:  # noqa: BLE001 - what broke is logged for the operator
        log.error("the worker stumbled", **kind_and_place(error))


async def work_once(database: Database) -> int:
    """One task of each company that has due work, in random order: no company waits behind another's thousand.

    Returns how many tasks were run. What has a lane is not among them: whoever is waited for there delays nothing else.
    """
    now = clock.now()
    due = await database.read(lambda tx: queue.companies_with_due(tx, now, but=IN_LANES))
    random.shuffle(due)
    return sum([await _work_for(database, company_id) for company_id in due])


async def _work_for(database: Database, company_id: str) -> bool:
    task = await database.write(lambda tx: queue.claim(tx, company_id, but=IN_LANES, now=clock.now()))
    if task is None:
        return False
    # Looked up where it is run: what a newer version asked for is put off for it.
    await run_task(database, task, lambda database, task: TASKS[task.name](database, task))
    return True
