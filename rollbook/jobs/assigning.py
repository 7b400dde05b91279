"""The tasks of learning: groups in steps, newcomers, what follows a completion, records that were joined.

Each write is one small step, and the lease is renewed with it.
"""

from __future__ import annotations

from collections.abc import Callable

from rollbook import clock
from rollbook.activity import queue
from rollbook.activity.events import Actor
from rollbook.activity.queue import Task
from rollbook.database import Database, Tx
from rollbook.learning import group_assignments, inheritance, newcomers, triggers
from rollbook.learning.group_assignments import GroupAssignment


async def assign_group(database: Database, task: Task) -> None:
    """Assigns to the members of a group, step by step."""
    await _walk(database, task, group_assignments.step, "assigning")


async def withdraw_group(database: Database, task: Task) -> None:
    """Takes what a group was assigned back from whoever is not done, step by step."""
    await _walk(database, task, group_assignments.withdraw_step, "withdrawing")


async def greet_member(database: Database, task: Task) -> None:
    """Gives a new member what the group's newcomers receive, and fires its triggers."""

    def work(tx: Tx) -> None:
        newcomers.greet(
            tx,
            task.company_id,
            task.payload["subject_id"],
            task.payload["group_id"],
            act_id=task.id,
            since=clock.moment(task.created_at),
            actor=Actor("task", task.name),
            now=clock.now(),
        )

    await database.write(work)


async def greet_returner(database: Database, task: Task) -> None:
    """Gives somebody who was restored what they missed as a newcomer of their groups."""

    def work(tx: Tx) -> None:
        newcomers.greet_returner(
            tx,
            task.company_id,
            task.payload["subject_id"],
            act_id=task.id,
            actor=Actor("task", task.name),
            now=clock.now(),
        )

    await database.write(work)


async def after_completion(database: Database, task: Task) -> None:
    """Assigns what follows something that a person has completed."""

    def work(tx: Tx) -> None:
        triggers.fire_after(
            tx,
            task.company_id,
            task.payload["subject_id"],
            task.payload["completed_id"],
            act_id=task.id,
            since=clock.moment(task.created_at),
            actor=Actor("task", task.name),
            now=clock.now(),
        )

    await database.write(work)


async def inherit_assignments(database: Database, task: Task) -> None:
    """Brings the assignments of an ended record over to the one into which it was joined."""
    after: str | None = ""

    def work(tx: Tx) -> str | None:
        now = clock.now()
        if not queue.extend(tx, task, now=now):
            return None
        old_id, new_id = task.payload["joined_from"], task.payload["subject_id"]
        actor = Actor("task", task.name)
        return inheritance.inherit(tx, task.company_id, old_id, new_id, after=after or "", actor=actor, now=now)

    while after is not None:
        after = await database.write(work)


async def _walk(database: Database, task: Task, step: Callable[..., GroupAssignment], state: str) -> None:
    kind, _, actor_id = task.payload["actor"].partition(":")
    actor = Actor(kind, actor_id or None)

    def work(tx: Tx) -> bool:
        now = clock.now()
        if not queue.extend(tx, task, now=now):
            return False  # another worker has it
        act = step(tx, task.company_id, task.payload["group_assignment_id"], actor=actor, now=now)
        return act.state == state

    while await database.write(work):
        pass
