"""What each task does. Every task is safe to run twice, and each of its writes is small (design: 500 rows, 50 ms).

Which event asks for which is in activity/reactions.py, which hour in schedule.py. Those of learning: assigning.py;
of a source that is switched off: disconnecting.py. Mail and Okta are waited for, in lanes: post.py, pulling.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import structlog

from rollbook import clock
from rollbook.activity import log as provisioning_log
from rollbook.activity import outbox, queue
from rollbook.activity.events import Actor
from rollbook.activity.queue import Task
from rollbook.database import Database, Tx
from rollbook.jobs import assigning, disconnecting
from rollbook.jobs.reminding import remind
from rollbook.okta import changes
from rollbook.people import alarms, mass_archive, rule_builds, second_looks, watches
from rollbook.people.alarms import Alarm

log = structlog.get_logger()

KEEP_DONE_DAYS = 7
LOOK_AGAIN_SECONDS = 60  # far longer than any request's transaction is open

Work = Callable[[Database, Task], Awaitable[None]]


async def watch_archives(database: Database, task: Task) -> None:
    """Counts the archives that provisioning pushed within the hour; too many raise one alarm. And once more a little
    later: an archive under way found this task waiting, asked for no other, and is not seen yet.
    """
    now = clock.now()

    def watch(tx: Tx) -> Alarm | None:
        if not task.payload.get("again"):
            due_at = (now + timedelta(seconds=LOOK_AGAIN_SECONDS + 59.999999)).replace(second=0, microsecond=0)
            key = f"again {due_at:%H:%M}"  # looks that share one are all that much earlier
            queue.enqueue(tx, task.company_id, task.name, {"again": True}, waiting_key=key, due_at=due_at, now=now)
        return mass_archive.watch(tx, task.company_id, now=now)

    alarm = await database.write(watch)
    if alarm is not None:
        log.warning("many people were archived", company_id=task.company_id, count=alarm.detail["count"])


async def restore_archived(database: Database, task: Task) -> None:
    """Restores everybody whom a mass archive took, step by step, and settles the alarm. Asked for by a person."""
    kind, _, actor_id = task.payload["actor"].partition(":")
    actor = Actor(kind, actor_id or None)
    since, until, after = task.payload["since"], task.payload["until"], ""
    restored = skipped = 0
    while True:
        now = clock.now()
        last, done, left = await database.write(
            partial(
                mass_archive.restore_some,
                company_id=task.company_id,
                since=since,
                until=until,
                after=after,
                actor=actor,
                now=now,
            )
        )
        restored, skipped = restored + done, skipped + left
        if last is None:
            break
        after = last
        await database.write(partial(queue.extend, task=task, now=now))
    await database.write(
        lambda tx: alarms.resolve(tx, task.company_id, "mass_archive", task.company_id, actor=actor, now=now)
    )
    log.info("people were restored", company_id=task.company_id, restored=restored, skipped=skipped)


async def tell_of_last_admin(database: Database, task: Task) -> None:
    """The operator reads in the log that nobody of a company can undo anything in Learning any more."""
    if await database.read(lambda tx: watches.active_admins(tx, task.company_id)) == 0:
        fix = "rollbook user restore, or rollbook user role"
        log.error("a company has no administrator", company_id=task.company_id, fix=fix)


async def prune(database: Database, task: Task) -> None:
    """Forgets what is older than we keep it: lines of the provisioning log, plans of runs, tasks that are done. And
    looks after what was forgotten: mail whose task failed for good would wait for the next mail of its company.
    """
    if await database.write(lambda tx: outbox.ask_again(tx, task.company_id, now=clock.now())):
        log.warning("mail is delivered that nobody was to deliver", company_id=task.company_id)
    before = clock.now() - timedelta(days=provisioning_log.KEEP_DAYS)
    while await database.write(lambda tx: provisioning_log.prune(tx, task.company_id, before=before)):
        pass
    planned_before = clock.now() - timedelta(days=changes.KEEP_DAYS)
    while await database.write(lambda tx: changes.prune(tx, task.company_id, before=planned_before)):
        pass
    ended_before = clock.later(clock.now(), days=-KEEP_DONE_DAYS)
    while await database.write(lambda tx: queue.prune(tx, task.company_id, ended_before=ended_before)):
        pass


async def build_rule(database: Database, task: Task) -> None:
    """Builds the rule that a smart group was given, step by step; whoever comes or goes is told."""
    group_id, version = task.payload["group_id"], task.payload["version"]
    while True:
        now = clock.now()
        more = await database.write(
            partial(rule_builds.step, company_id=task.company_id, group_id=group_id, version=version, now=now)
        )
        if not more:
            break
        await database.write(partial(queue.extend, task=task, now=now))


async def look_back(database: Database, task: Task) -> None:
    """Looks again at whoever changed while a rule was built (people/second_looks.py)."""
    group_id, version, until = task.payload["group_id"], task.payload["version"], task.payload["until"]
    after: str | None = task.payload["after"]
    look = partial(second_looks.look_back, company_id=task.company_id, group_id=group_id, version=version, until=until)
    while after is not None:
        now = clock.now()
        after = await database.write(partial(look, after=after, now=now))
        await database.write(partial(queue.extend, task=task, now=now))


TASKS: dict[str, Work] = {
    "watch_archives": watch_archives,
    "restore_archived": restore_archived,
    "tell_of_last_admin": tell_of_last_admin,
    "build_rule": build_rule,
    "look_back": look_back,
    "prune": prune,
    "assign_group": assigning.assign_group,
    "withdraw_group": assigning.withdraw_group,
    "greet_member": assigning.greet_member,
    "greet_returner": assigning.greet_returner,
    "after_completion": assigning.after_completion,
    "inherit_assignments": assigning.inherit_assignments,
    "remind": remind,
    "disconnect_people": disconnecting.disconnect_people,
}
