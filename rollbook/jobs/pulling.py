"""The tasks that ask Okta: `pull`, a run of the standard integration from its first page to its last change, which
rollbook/okta/sync.py does, and `ask_okta`, a question about one person. The slots of the calendar are queued here too.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from rollbook import clock
from rollbook.activity import queue
from rollbook.activity.events import Actor
from rollbook.activity.queue import Task
from rollbook.database import Database, Tx
from rollbook.errors import Misconfigured, NotFound, Unavailable
from rollbook.installation import Installation
from rollbook.okta import attention, calendar, connections, runs, sessions, slots
from rollbook.okta.client import Client
from rollbook.okta.connections import Connection
from rollbook.okta.failures import OktaFailure
from rollbook.okta.lease import Lease, LeaseLost
from rollbook.okta.person_record import ALIVE
from rollbook.okta.sync import Sync
from rollbook.people import companies, flapping, users

ASK = "ask_okta"  # the task; that of a run is runs.PULL
ALONE = (runs.PULL, ASK)  # a company's Okta is in one conversation with us at a time, whichever
AGAIN = timedelta(minutes=1)  # a slot that could not have its run yet is looked at again
MISSED = "No worker ran at that hour, nor in the three hours after it. The next run brings what changed."
IN_THE_WAY = "Run {run} was under way until it was too late for that hour. The next run brings what changed."

log = structlog.get_logger()


class Pulls:
    """The pulls of an installation."""

    def __init__(self, installation: Installation) -> None:
        self._database = installation.database
        self._access = sessions.access_of(installation.settings, installation.pepper)
        self._looked: datetime | None = None
        self._again: datetime | None = None

    async def pull(self, database: Database, task: Task) -> None:
        """Goes on with the run that the task names until it ends, waits for a yes, or belongs to another worker."""

        async def renew() -> None:
            await work.renew()

        try:
            async with sessions.opened(database, self._access, task.company_id, while_waiting=renew) as (kept, client):
                work = Sync(database, client, kept, task)
                while await work.step():
                    pass
        except LeaseLost:
            log.info("a run goes on with another worker", company_id=task.company_id)
        except sessions.CannotOpen as error:
            await database.write(partial(_cannot_open, task=task, reason=error.message, now=clock.now()))

    async def finish(self, task: Task) -> None:
        """As the worker does it, for a command that claimed the task itself: reported, and what broke is told."""
        try:
            await self.pull(self._database, task)
        except Exception as error:
            kind = type(error).__name__
            await self._database.write(partial(queue.postpone, task=task, error=kind, now=clock.now()))
            raise Unavailable(f"The run broke off ({kind}); a worker goes on with it in a while.") from error
        await self._database.write(partial(queue.finish, task=task, now=clock.now()))

    async def ask(self, database: Database, task: Task) -> None:
        """Asks Okta about somebody who was restored and archived again at once, and acts on the answer.

        Where nobody can be asked the alarm waits for an administrator; where Okta only does not answer just now, it is
        asked again later.
        """
        company_id, user_id = task.company_id, task.payload["user_id"]
        user = await database.read(partial(flapping.waiting, company_id=company_id, user_id=user_id))
        if user is None:
            return
        active = None
        if user.external_id is not None:
            try:
                renew = Lease(database, task).renew
                async with sessions.opened(database, self._access, company_id, while_waiting=renew) as (kept, client):
                    active = await _is_here(client, kept, user.external_id)
            except (NotFound, sessions.CannotOpen):
                log.info("okta cannot be asked", company_id=company_id, user_id=user_id)
            except OktaFailure as failure:
                if failure.kind != "refused":
                    raise
                log.warning("okta refuses to be asked", company_id=company_id, user_id=user_id)

        def settle(tx: Tx) -> str:
            found = users.get(tx, company_id, user_id, lock=True)
            return flapping.settle(tx, found, active, actor=Actor("okta"), now=clock.now())

        outcome = await database.write(settle)
        log.info("okta was asked about a person", company_id=company_id, user_id=user_id, outcome=outcome)

    def seconds_to_slot(self) -> float:
        """How long it is to the next slot."""
        now = clock.now()
        return (slots.following(now) - now).total_seconds()

    async def queue_slots(self) -> None:
        """Makes a run for each slot that has begun, or notes that it was missed. Several workers may do so at once; the
        first that looks after a start finds what was missed while none ran.
        """
        now = clock.now()
        if (
            self._looked is not None
            and not slots.between(self._looked, now)
            and not (self._again and now >= self._again)
        ):
            return
        self._again = None
        ids = [company.id for company in await self._database.read(companies.all_of_them)]
        random.shuffle(ids)  # workers share the work
        for company_id in ids:
            await self._queue_slots_of(company_id, now)
        self._looked = now

    async def reseal(self) -> None:
        """After the operator's secret was changed: seals every token anew, so that the one before can be forgotten."""
        if len(self._access.secrets) == 1:
            return
        for company in await self._database.read(companies.all_of_them):
            seal_anew = partial(sessions.reseal, access=self._access, company_id=company.id, now=clock.now())
            try:
                if await self._database.write(seal_anew):
                    log.info("an Okta token was sealed anew", company_id=company.id)
            except Misconfigured:
                log.error("an Okta token can be read with neither secret", company_id=company.id)

    async def _queue_slots_of(self, company_id: str, now: datetime) -> None:
        for slot in await self._database.read(partial(calendar.open_slots, company_id=company_id, now=now)):
            about: dict[str, Any] = {"company_id": company_id, "slot": slot, "now": now}
            if slots.is_missed(slot, now):
                await self._database.write(partial(_skip, **about))
            elif await self._database.write(partial(runs.create_for_slot, **about)) is None:
                self._again = now + AGAIN  # another worker was first, or another run is under way still


def _skip(tx: Tx, *, company_id: str, slot: datetime, now: datetime) -> None:
    """A slot that was missed, with why."""
    other = calendar.in_the_way(tx, company_id, slot, margin=2 * AGAIN)
    runs.skip_slot(tx, company_id, slot, IN_THE_WAY.format(run=other) if other else MISSED, now=now)
    log.warning("a slot was missed", company_id=company_id, slot=clock.text(slot), in_the_way=other)


async def _is_here(client: Client, connection: Connection, okta_id: str) -> bool | None:
    """Whether Okta says that somebody belongs here, not only that they are active there; None where it says neither.

    The app's own assignment decides where the app is known, else the group. Raises OktaFailure.
    """
    person = await client.person(okta_id)
    if person is None or person.status not in ALIVE:
        return False
    if connection.app_id is not None:
        return await client.is_assigned(okta_id, connection.app_id) or None
    if connection.group_id is not None:
        return await client.is_member(okta_id, connection.group_id) or None
    return True


def _cannot_open(tx: Tx, *, task: Task, reason: str, now: datetime) -> None:
    """The run of a task ends before Okta was asked."""
    run = runs.find(tx, task.company_id, task.payload["run_id"])
    if run is None or run.ended_at is not None or run.state == "held":
        return
    off = connections.get(tx, task.company_id, lock=True).state == "off"
    attention.ask_for(tx, task.company_id, reason, run_id=run.id, actor=run.actor, now=now)
    runs.end(tx, run, "dropped" if off else "needs_attention", reason, now=now)
