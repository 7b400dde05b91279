"""A company that learns, its post, and a mail server that keeps what comes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from rollbook import clock
from rollbook.activity import outbox, queue
from rollbook.activity.outbox import Mail
from rollbook.jobs.post import Post
from rollbook.learning.content_record import Content
from rollbook.mail.delivery import Server
from rollbook.people.record import User
from tests.conftest import House
from tests.learning.school import School
from tests.mail.sink import HOST, Sink


@pytest.fixture
def sink() -> Iterator[Sink]:
    running = Sink()
    yield running
    running.close()


@dataclass
class PostedSchool(School):
    """A school whose mail leaves by a post of its own: a worker for this company alone."""

    post: Post

    def deliver(self, *, runs: int = 20) -> int:
        """Runs the deliveries that are due, at most so many; how many there were."""
        return asyncio.run(self._deliver(runs))

    async def _deliver(self, runs: int) -> int:
        database = self.house.installation.database
        for done in range(runs):
            task = await database.write(lambda tx: queue.claim(tx, self.id, only="deliver_mail", now=clock.now()))
            if task is None:
                return done
            await self.post.deliver(database, task)
            await database.write(lambda tx, task=task: queue.finish(tx, task, now=clock.now()))  # type: ignore[misc]  # a lambda with a default
        return runs

    def by(self, port: int, **how: Any) -> PostedSchool:
        """The same company with a post to another mail server."""
        return replace(self, post=Post(self.house.installation, Server(HOST, port), **how))

    def box(self, user: User | None = None) -> list[Mail]:
        """The outbox, oldest first."""
        return self.ask(outbox.search, self.id, user_id=user.id if user else None, limit=100_000)[::-1]

    def states(self, user: User | None = None) -> list[tuple[str, str]]:
        return [(mail.kind, mail.state) for mail in self.box(user)]

    def assign_all(self, user: User, *lessons: Content, **how: Any) -> None:
        """Several in one act."""
        act_id = clock.new_id()
        for lesson in lessons:
            self.assign(user, lesson, act_id=act_id, **how)


@pytest.fixture
def school(house: House, company_id: str, sink: Sink) -> PostedSchool:
    return PostedSchool(house, company_id, Post(house.installation, Server(HOST, sink.port)))
