"""`deliver_mail`: takes a company's mail to the mail server, one after the other, each claimed before it is said.

The server that is down is asked again after a while, for all companies alike; what it was not told of stays queued. A
recipient who is refused or put off holds up nobody else.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import structlog

from rollbook import clock
from rollbook.activity import outbox, queue, sending
from rollbook.activity.queue import Task
from rollbook.database import Collision, Database, Tx
from rollbook.errors import Unavailable
from rollbook.installation import Installation
from rollbook.mail import letters, messages
from rollbook.mail.delivery import MAIL_SECONDS, Outcome, Server, ServerDown, Session, read_address
from rollbook.mail.letters import Claimed, Dropped
from rollbook.people import sign_in
from rollbook.settings import Settings

log = structlog.get_logger()

MAILS_A_RUN = 200  # then other companies have their turn
MAILS_A_SESSION = 50  # many servers want no more
REPORT_TRIES = 10
EXTEND_SECONDS = 15.0
GOODBYE_SECONDS = 5.0  # what a mail under way may still take when the worker is told to stop


@dataclass(slots=True)
class _Run:
    """One task's work, and the conversation it is in."""

    task: Task
    session: Session | None = None
    handed_over: int = 0  # on this session

    @property
    def sender(self) -> str:
        return sending.sender_of(self.task)


class Post:
    """The mail of an installation that has a mail server."""

    def __init__(self, installation: Installation, server: Server, *, mail_seconds: float = MAIL_SECONDS) -> None:
        self._database = installation.database
        self._pepper = installation.pepper
        self._settings = installation.settings
        self._server = server
        self._mail_seconds = mail_seconds
        self._failures = 0  # of the server, one after the other
        self._closed_until: datetime | None = None

    async def deliver(self, database: Database, task: Task) -> None:
        """The task: settles what was lost, sends what is due, and asks for the next run where more is to come."""
        run = _Run(task)
        try:
            lost = await database.write(lambda tx: sending.settle_lost(tx, task.company_id, now=clock.now()))
            if lost:
                log.warning("mail may have been lost", company_id=task.company_id, count=lost)
            finished = False
            for _ in range(MAILS_A_RUN):
                finished = not await self._one(run)
                if finished:
                    break
        finally:
            await self._leave(run)
        await database.write(partial(_ask_for_next, company_id=task.company_id, not_before=self._closed_until))

    async def _one(self, run: _Run) -> bool:
        """One mail; False where none is due, the server takes none, or the task is somebody else's by now."""
        company_id = run.task.company_id
        if not await self._connected(run):
            return False
        claimed = await self._database.write(
            lambda tx: letters.claim(
                tx,
                company_id,
                sender=run.sender,
                public_url=self._settings.public_url,
                pepper=self._pepper,
                now=clock.now(),
            )
        )
        if claimed is None:
            return False
        if isinstance(claimed, Dropped):
            return True
        outcome = await self._handed_over(run, claimed)
        # A server that closes after some mails is not down; it is asked once more, on a new connection.
        again = outcome.verdict == "closed" and run.handed_over > 0
        still_ours = await self._written_down(run, claimed, outcome, again=again)
        if outcome.verdict == "closed":
            await self._leave(run)
            if not again:
                self._is_down(outcome.reason)
                return False
        else:
            run.handed_over += 1
            self._failures, self._closed_until = 0, None  # not before: a server may greet and then take nothing
        return still_ours

    async def _connected(self, run: _Run) -> bool:
        """Has a conversation with the server. Nothing is claimed before: a server that is down costs no mail a try."""
        if run.session is not None and run.session.is_open and run.handed_over < MAILS_A_SESSION:
            return True
        await self._leave(run)
        now = clock.now()
        company_id = run.task.company_id
        if await self._database.read(lambda tx: sending.next_due(tx, company_id, now=now), brief=True) is None:
            return False
        if self._closed_until is not None and now < self._closed_until:
            return False
        connecting = asyncio.create_task(asyncio.to_thread(Session, self._server, mail_seconds=self._mail_seconds))
        try:
            await self._keeping_lease(run, connecting)
            run.session = connecting.result()
        except ServerDown as error:
            self._is_down(str(error))
            return False
        return True

    async def _handed_over(self, run: _Run, claimed: Claimed) -> Outcome:
        session = run.session
        assert session is not None
        handing = asyncio.create_task(asyncio.to_thread(self._hand_over, session, claimed))
        try:
            await self._keeping_lease(run, handing)
        except asyncio.CancelledError:
            # The worker is told to stop: the mail under way ends first, and what became of it is written down.
            await asyncio.wait({handing}, timeout=GOODBYE_SECONDS)
            session.cut()
            outcome = await handing
            await self._written_down(run, claimed, outcome, again=False)
            raise
        return handing.result()

    def _hand_over(self, session: Session, claimed: Claimed) -> Outcome:
        """In a thread: a message takes some milliseconds to make, and a mail server as long as it likes."""
        public_url, sender = self._settings.public_url, self._settings.mail_from
        try:
            made = messages.envelope(claimed.letter, sender=sender, public_url=public_url, now=clock.now())
        except messages.Unsendable as error:
            return Outcome("refused", str(error))
        return session.deliver(made.message, sender=made.sender, recipient=made.recipient)

    async def _keeping_lease(self, run: _Run, work: asyncio.Task[Any]) -> None:
        """Waits for work in a thread and renews the task's lease meanwhile."""
        while not work.done():
            await asyncio.wait({work}, timeout=EXTEND_SECONDS)
            if not work.done():
                # A lease that cannot be renewed may be lost, and is fenced; what is being said must be heard out.
                with suppress(Unavailable, Collision):
                    await self._database.write(lambda tx: queue.extend(tx, run.task, now=clock.now()))

    async def _leave(self, run: _Run) -> None:
        if run.session is not None:
            await asyncio.to_thread(run.session.close)
        run.session, run.handed_over = None, 0

    async def _written_down(self, run: _Run, claimed: Claimed, outcome: Outcome, *, again: bool) -> bool:
        """What became of a mail, and the lease renewed; whether it is still ours. Tried for a while: it is known now,
        and would otherwise be unknown for ever.
        """
        for turn in range(REPORT_TRIES):
            try:
                return await self._database.write(
                    lambda tx: self._report(tx, run, claimed, outcome, again=again, now=clock.now())
                )
            except (Unavailable, Collision):
                if turn == REPORT_TRIES - 1:
                    raise
                await asyncio.sleep(turn)
        raise AssertionError("the last try returns or raises")

    def _report(self, tx: Tx, run: _Run, claimed: Claimed, outcome: Outcome, *, again: bool, now: datetime) -> bool:
        company_id, mail_id, reason = run.task.company_id, claimed.letter.mail_id, outcome.reason
        if again:
            sending.put_back(tx, company_id, mail_id, sender=run.sender, now=now)
        elif outcome.verdict in ("put off", "closed"):
            sending.postpone(
                tx,
                company_id,
                claimed.user_id,
                mail_id,
                attempts=claimed.attempts,
                sender=run.sender,
                reason=reason or "",
                now=now,
            )
        else:
            state = "failed" if outcome.verdict == "refused" else outcome.verdict
            sending.report(tx, company_id, mail_id, sender=run.sender, state=state, reason=reason, now=now)
        if outcome.verdict not in ("sent", "unknown"):
            sign_in.end_link(tx, company_id, claimed.token, pepper=self._pepper, now=now)
        return queue.extend(tx, run.task, now=now)

    def _is_down(self, reason: str | None) -> None:
        self._failures += 1
        wait = sending.wait_after(self._failures)
        self._closed_until = clock.moment(clock.later(clock.now(), seconds=wait))
        log.warning("the mail server takes no mail", reason=reason, failures=self._failures, wait_seconds=round(wait))


def post_of(installation: Installation) -> Post | None:
    """The post of an installation; None where ROLLBOOK_SMTP_URL is empty."""
    address = installation.settings.smtp_url.get_secret_value()
    return Post(installation, read_address(address)) if address else None


def try_server(settings: Settings, *, seconds: float) -> str | None:
    """Speaks with the mail server as far as a mail would begin; what is wrong with it, or None."""
    try:
        Session(read_address(settings.smtp_url.get_secret_value()), mail_seconds=seconds).close()
    except ServerDown as error:
        return str(error)
    return None


def _ask_for_next(tx: Tx, *, company_id: str, not_before: datetime | None) -> None:
    due_at = sending.next_at(tx, company_id)
    if due_at is not None:
        at = clock.moment(due_at)
        _ask(tx, company_id=company_id, due_at=max(at, not_before) if not_before is not None else at)


def _ask(tx: Tx, *, company_id: str, due_at: datetime | None) -> None:
    """For now under the key that `outbox.put` uses, for later under one of its minute: neither delays the other."""
    now = clock.now()
    if due_at is None or due_at <= now:
        queue.enqueue(tx, company_id, outbox.DELIVER, {}, waiting_key=outbox.WAITING_KEY, now=now)
    else:
        key = f"{outbox.WAITING_KEY} at {clock.text(due_at)[:16]}"
        queue.enqueue(tx, company_id, outbox.DELIVER, {}, waiting_key=key, due_at=due_at, now=now)
