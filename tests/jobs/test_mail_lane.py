"""Mail beside other work: a mail server that hangs delays nothing else, and a worker that is told to stop ends well."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollbook import clock, settings
from rollbook.activity import outbox, queue
from rollbook.activity.outbox import Mail
from rollbook.installation import Installation, open_installation
from rollbook.jobs import schedule, worker
from rollbook.jobs.post import Post, post_of
from rollbook.mail.delivery import Server
from rollbook.people import companies, invitations
from tests import postgres
from tests.cast import ADA
from tests.conftest import OPERATOR
from tests.mail.sink import HOST, Faulty, Sink
from tests.servers import environment


@pytest.fixture
def own(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """An installation of this test alone, since a worker works for every company."""
    url = "" if engine == "sqlite" else postgres.new_database(request.getfixturevalue("postgres_server"))
    opened = open_installation(settings.read(environment(tmp_path, url)))
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """No slot of the calendar falls into a test that is about something else."""
    monkeypatch.setattr(schedule, "DAILY", {})
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.02)


@pytest.fixture
def sink() -> Iterator[Sink]:
    running = Sink()
    yield running
    running.close()


def company_with_mail(own: Installation, subdomain: str) -> str:
    def work(tx: Any) -> str:
        company = companies.create(tx, subdomain, "Acme", actor=OPERATOR, now=clock.now())
        invitations.invite(tx, company.id, ADA, "admin", pepper=own.pepper, actor=OPERATOR, now=clock.now())
        return company.id

    return own.database.engine.write(work)


def box(own: Installation, company_id: str) -> list[Mail]:
    return own.database.engine.read(lambda tx: outbox.search(tx, company_id))


async def until(held: Callable[[], bool]) -> None:
    for _ in range(500):
        if held():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to that")


def open_tasks(own: Installation, company_id: str, name: str) -> bool:
    return own.database.engine.read(lambda tx: queue.open_since(tx, company_id, name)) is not None


def test_a_mail_server_that_hangs_delays_nothing_else(own: Installation) -> None:
    slow = Faulty(replies={"RCPT": "hang"})
    acme, umbra = company_with_mail(own, "acme"), company_with_mail(own, "umbra")
    post = Post(own, Server(HOST, slow.port), mail_seconds=20)

    async def work() -> None:
        running = asyncio.create_task(worker.run(own.database, post=post))
        await until(lambda: {mail.state for id_ in (acme, umbra) for mail in box(own, id_)} == {"sending"})
        own.database.engine.write(lambda tx: queue.enqueue(tx, acme, "remind", {}, waiting_key="day", now=clock.now()))
        await until(lambda: not open_tasks(own, acme, "remind"))
        assert {mail.state for mail in box(own, acme)} == {"sending"}
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(work())
    slow.close()
    # Cut before the final dot: it certainly was not sent, and the next worker does.
    assert [mail.state for id_ in (acme, umbra) for mail in box(own, id_)] == ["queued", "queued"]


def test_a_worker_that_is_told_to_stop_finishes_the_mail_under_way(own: Installation, sink: Sink) -> None:
    acme = company_with_mail(own, "acme")
    post = Post(own, Server(HOST, sink.port))

    async def work() -> None:
        running = asyncio.create_task(worker.run(own.database, post=post))
        loop = asyncio.get_running_loop()

        def tell(stage: str, _: str) -> None:
            if stage == "RCPT":
                loop.call_soon_threadsafe(running.cancel)

        sink.before = tell
        await asyncio.gather(running, return_exceptions=True)
        assert running.cancelled()

    asyncio.run(work())
    assert [mail.state for mail in box(own, acme)] == ["sent"]
    assert len(sink.received) == 1


def test_what_waited_without_a_mail_server_is_sent_when_a_worker_has_one(own: Installation, sink: Sink) -> None:
    acme = company_with_mail(own, "acme")
    assert post_of(own) is None
    asyncio.run(worker.run(own.database, once=True))
    assert [mail.state for mail in box(own, acme)] == ["queued"]
    assert open_tasks(own, acme, "deliver_mail")  # left for a worker that has one
    asyncio.run(worker.run(own.database, post=Post(own, Server(HOST, sink.port)), once=True))
    assert [mail.state for mail in box(own, acme)] == ["sent"]
    assert [mail.recipients for mail in sink.received] == [["ada@acme.example"]]


def test_many_companies_have_their_mail_delivered(own: Installation, sink: Sink) -> None:
    ids = [company_with_mail(own, f"acme-{number}") for number in range(worker.MAIL_RUNS * 2 + 1)]
    asyncio.run(worker.run(own.database, post=Post(own, Server(HOST, sink.port)), once=True))
    assert [mail.state for id_ in ids for mail in box(own, id_)] == ["sent"] * len(ids)
    assert len(sink.received) == len(ids)


def test_mail_whose_task_was_given_up_is_taken_up_again(own: Installation, sink: Sink) -> None:
    acme = company_with_mail(own, "acme")
    write = own.database.engine.write

    def give_up(tx: Any) -> None:
        task = queue.claim(tx, acme, only=outbox.DELIVER, now=clock.now())
        assert task is not None
        assert queue.postpone(tx, replace(task, attempts=queue.ATTEMPTS), "Broken", now=clock.now())

    write(give_up)
    assert [task.name for task in own.database.engine.read(lambda tx: queue.given_up(tx, acme))] == [outbox.DELIVER]
    write(lambda tx: queue.enqueue(tx, acme, "prune", {}, now=clock.now()))  # as every day, and when a worker starts
    asyncio.run(worker.run(own.database, post=Post(own, Server(HOST, sink.port)), once=True))
    assert [mail.state for mail in box(own, acme)] == ["sent"]


def test_mail_that_is_to_be_delivered_is_not_asked_for_twice(own: Installation) -> None:
    acme = company_with_mail(own, "acme")
    assert not own.database.engine.write(lambda tx: outbox.ask_again(tx, acme, now=clock.now()))
