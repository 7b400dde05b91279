"""`remind`: once a day, who is to be told that something falls due soon or is overdue.

What is due is learning's to say, how often and whether at all the company's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby

from rollbook import clock
from rollbook.activity import outbox, queue
from rollbook.activity.outbox import Item
from rollbook.activity.queue import Task
from rollbook.database import Database, Tx
from rollbook.learning import reminders
from rollbook.learning.reminders import Due
from rollbook.people import company_settings

ROWS_A_READ = 2000
ROWS_A_WRITE = 50  # each is two rows or three, and 50 ms must do for them


async def remind(database: Database, task: Task) -> None:
    """Puts one mail a person into the outbox, about all that is due for them today. Run again it adds nothing."""
    company_id, today = task.company_id, clock.now().date()
    settings = await database.read(lambda tx: company_settings.get(tx, company_id))
    if not (settings.mail and settings.reminders):
        return
    wanted = reminders.occasions(today, reminder_days=settings.reminder_days, overdue_days=settings.overdue_days)
    after = ("", "")
    while True:
        found = await database.read(
            partial(reminders.due, company_id=company_id, wanted=wanted, after=after, limit=ROWS_A_READ)
        )
        more = len(found) >= ROWS_A_READ
        if more and found[0].user_id != found[-1].user_id:
            found = [due for due in found if due.user_id != found[-1].user_id]  # whole with the next page
        for step in _steps(found):
            await database.write(partial(_put, company_id=company_id, act_id=f"remind:{today}", step=step))
            await database.write(lambda tx: queue.extend(tx, task, now=clock.now()))
        if not more:
            return
        after = (found[-1].user_id, found[-1].assignment_id)


def _steps(found: Sequence[Due]) -> list[list[Due]]:
    """Small writes. A person's share stays together unless it is larger than one; then it still makes one mail."""
    steps: list[list[Due]] = [[]]
    for _, group in groupby(found, key=lambda due: due.user_id):
        share = list(group)
        if steps[-1] and len(steps[-1]) + len(share) > ROWS_A_WRITE:
            steps.append([])
        while share:
            room = ROWS_A_WRITE - len(steps[-1])
            steps[-1] += share[:room]
            share = share[room:]
            if share:
                steps.append([])
    return [step for step in steps if step]


def _put(tx: Tx, *, company_id: str, act_id: str, step: list[Due]) -> None:
    now = clock.now()
    for user_id, share in groupby(step, key=lambda due: due.user_id):
        items = [Item(due.assignment_id, due.round, due.kind) for due in share]
        late = any(item.kind.startswith("overdue:") for item in items)
        outbox.put(tx, company_id, user_id, "overdue" if late else "reminder", act_id=act_id, items=items, now=now)
