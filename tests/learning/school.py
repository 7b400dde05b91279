"""A company that learns, by the verbs of the rooms: what the tests of this package share."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import select

from rollbook import clock
from rollbook.activity import events, queue
from rollbook.activity.queue import Task
from rollbook.database import tables
from rollbook.jobs.tasks import TASKS
from rollbook.learning import assignments, completion, content_record, lessons, paths
from rollbook.learning.assignments import Assignment
from rollbook.learning.content_record import Content
from rollbook.people import groups, memberships, users
from rollbook.people.groups import Group
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from tests.cast import LEO
from tests.conftest import OPERATOR, House

T = TypeVar("T")

_numbers = itertools.count(1)


@dataclass
class School:
    """A company's content, people and what they are to do."""

    house: House
    id: str

    def do(self, verb: Callable[..., T], *of: Any, **how: Any) -> T:
        how = {"actor": OPERATOR, "now": clock.now()} | how
        return self.house.write(lambda tx: verb(tx, *of, **how))

    def ask(self, question: Callable[..., T], *of: Any, **how: Any) -> T:
        return self.house.read(lambda tx: question(tx, *of, **how))

    def lesson(self, title: str = "Food safety", *, publish: bool = True) -> Content:
        return self.do(lessons.create, self.id, title, f"# {title}", publish=publish)

    def path(self, *of: Content, title: str = "First week", publish: bool = True, **how: Any) -> Content:
        return self.do(paths.create, self.id, title, of, publish=publish, **how)

    def hire(self, profile: Profile = LEO, role: str = "learner", **how: Any) -> User:
        return self.do(users.create, self.id, profile, role=role, **how)

    def hire_many(self, count: int) -> list[User]:
        def work(tx: Any) -> list[User]:
            numbers = [next(_numbers) for _ in range(count)]
            profiles = [Profile(f"p{n}@acme.example", f"p{n}@acme.example", "Leo", f"Linden {n}") for n in numbers]
            return [users.create(tx, self.id, profile, actor=OPERATOR, now=clock.now()) for profile in profiles]

        return self.house.write(work)

    def group(self, *members: User, name: str = "Bakers") -> Group:
        group = self.do(groups.create, self.id, name)
        for member in members:
            self.do(memberships.join, group, member)
        return self.ask(groups.get, self.id, group.id)

    def everyone(self) -> Group:
        return self.ask(groups.named, self.id, "everyone")

    def assign(self, user: User, what: Content, **how: Any) -> Assignment:
        return self.do(assignments.assign, user, what, **({"act_id": clock.new_id()} | how))

    def complete(self, user: User, lesson: Content, **how: Any) -> Assignment:
        return self.do(completion.complete, user, lesson, **how)

    def of(self, user: User) -> list[Assignment]:
        return self.ask(assignments.of_user, user)

    def content(self, what: Content) -> Content:
        return self.ask(content_record.get, self.id, what.id)

    def told(self, subject: User | Content | Group) -> list[tuple[str, dict[str, list[Any]]]]:
        """The events of the learning side about somebody or something."""
        learning = ("Assignment", "Lesson", "Path", "Trigger", "GroupAssignment")
        timeline = self.ask(events.of_subject, self.id, subject.id)
        return [(event.kind, event.changes) for event in timeline if event.kind.startswith(learning)]

    def kinds(self, subject: User | Content | Group) -> list[str]:
        return [kind for kind, _ in self.told(subject)]

    def mail(self, user: User | None = None) -> list[dict[str, Any]]:
        rows = self.rows(tables.outbox)
        return [row for row in rows if user is None or row["user_id"] == user.id]

    def items(self) -> list[dict[str, Any]]:
        return self.rows(tables.outbox_items)

    def tasks(self, name: str) -> list[dict[str, Any]]:
        return [task for task in self.rows(tables.tasks) if task["name"] == name]

    def claim(self, name: str) -> Task:
        """Claims tasks until the wanted one comes; the others are done."""
        while True:
            task = self.house.write(lambda tx: queue.claim(tx, self.id, now=clock.now()))
            assert task is not None, f"no {name} waits"
            if task.name == name:
                return task
            self.house.write(lambda tx, task=task: queue.finish(tx, task, now=clock.now()))  # type: ignore[misc]  # a lambda with a default

    def run_due(self, name: str) -> None:
        """What the worker does with the next task of a name."""
        task = self.claim(name)
        database = self.house.installation.database

        async def work() -> None:
            await TASKS[name](database, task)
            await database.write(lambda tx: queue.finish(tx, task, now=clock.now()))

        asyncio.run(work())

    def rows(self, table: Any) -> list[dict[str, Any]]:
        """A company's rows in the order of their key."""
        query = select(table).where(table.c.company_id == self.id).order_by(*table.primary_key.columns)
        return [
            dict(zip(table.columns.keys(), row, strict=True)) for row in self.house.read(lambda tx: tx.search(query))
        ]
