"""One conversation with a company's Okta at a time: runs and questions about one person wait for each other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import time_machine

from rollbook import clock
from rollbook.activity import queue
from rollbook.activity.queue import Task
from rollbook.database import Database
from rollbook.jobs import pulling, worker
from rollbook.jobs.lane import Lane
from rollbook.jobs.pulling import ASK, Pulls
from rollbook.okta import runs
from rollbook.people import search
from tests.conftest import OPERATOR
from tests.okta_pull import place as place_
from tests.okta_pull.place import Place
from tests.okta_pull.test_lane import (
    BEFORE,
    SIX,
    connect,
    flapped,
    noon,  # noqa: F401
    queue_slots,
    slots_of,
    until,
)

AMONG = (runs.PULL, ASK)


@pytest.fixture
def place(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    with place_.opened(engine, tmp_path, request) as opened:
        opened.org.fill(3)
        yield opened


def ask_for(place: Place, name: str, **more: Any) -> None:
    place.write(lambda tx: queue.enqueue(tx, place.company_id, name, {}, now=clock.now(), **more))


def claim(place: Place, name: str, **how: Any) -> Task | None:
    how = {"now": clock.now(), **how}
    return place.write(lambda tx: queue.claim(tx, place.company_id, only=name, alone_among=AMONG, **how))


def test_a_task_is_not_claimed_while_one_of_its_group_runs(place: Place) -> None:
    for name in (runs.PULL, ASK, runs.PULL):
        ask_for(place, name)
    first = claim(place, runs.PULL)
    assert first is not None
    assert claim(place, ASK) is None
    assert claim(place, runs.PULL) is None
    place.write(lambda tx: queue.finish(tx, first, now=clock.now()))
    asking = claim(place, ASK)
    assert asking is not None
    assert claim(place, runs.PULL) is None
    # Whoever asked has died: its lease runs out.
    later = clock.now() + timedelta(seconds=queue.LEASE_SECONDS + 1)
    assert claim(place, runs.PULL, now=later) is not None
    assert claim(place, ASK, now=later) is None


def test_many_workers_claim_one_of_the_group(place: Place) -> None:
    """Each with its own transaction, at once."""
    for _ in range(4):
        ask_for(place, runs.PULL)
        ask_for(place, ASK)
    for _ in range(6):
        gate = threading.Barrier(6)
        won: list[Task] = []

        def go(name: str, gate: threading.Barrier = gate, won: list[Task] = won) -> None:
            gate.wait()
            task = claim(place, name)
            if task is not None:
                won.append(task)

        threads = [threading.Thread(target=go, args=(AMONG[number % 2],)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        place.write(lambda tx, task=won[0]: queue.finish(tx, task, now=clock.now()))


def test_a_lane_of_the_group_waits_for_the_other(place: Place) -> None:
    ask_for(place, runs.PULL)
    ask_for(place, ASK)
    under_way: list[str] = []

    async def work() -> None:
        go_on = asyncio.Event()

        async def wait(database: Database, task: Task) -> None:
            under_way.append(task.name)
            await go_on.wait()

        lanes = [Lane(place.installation.database, name, wait, most=4, alone_among=AMONG) for name in AMONG]
        assert [await lane.begin_due() for lane in lanes] == [1, 0]
        await asyncio.sleep(0)
        assert under_way == [runs.PULL]
        go_on.set()
        await asyncio.gather(*lanes[0].running)
        assert [await lane.begin_due() for lane in lanes] == [0, 1]
        await asyncio.gather(*lanes[1].running)

    asyncio.run(work())
    assert under_way == [runs.PULL, ASK]


def test_nobody_is_asked_about_while_their_company_is_read(place: Place) -> None:
    """The run waits for a silent Okta; whoever flapped meanwhile is asked about when it has ended."""
    acme, database = place.company_id, place.installation.database
    connect(place, acme, clock.now())
    id_ = flapped(place, 0)
    place.org.faults.by(lambda request: "silence")
    run = place.write(lambda tx: runs.create_by_hand(tx, acme, "sync", actor=OPERATOR, now=clock.now()))

    async def work() -> None:
        running = asyncio.create_task(worker.run(database, pulls=Pulls(place.installation)))
        await until(lambda: place.org.log.in_flight == 1)
        await asyncio.sleep(2 * worker.POLL_SECONDS)
        place.write(lambda tx: runs.drop(tx, acme, run.id, "No.", actor=OPERATOR, now=clock.now()))
        place.org.faults.clear()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(work())
    assert place.org.log.most_in_flight == 1
    with time_machine.travel(clock.now() + timedelta(minutes=2), tick=True):
        place.work()
    assert place.read(lambda tx: search.named(tx, acme, id_)).active
    assert place.org.log.most_in_flight == 1


# A slot that another run took.


def test_a_slot_that_another_run_took_is_skipped_with_that_as_its_reason(place: Place) -> None:
    acme = place.company_id
    connect(place, acme, BEFORE)
    with time_machine.travel(SIX - timedelta(minutes=1), tick=False):
        run = place.write(lambda tx: runs.create_by_hand(tx, acme, "sync", actor=OPERATOR, now=clock.now()))
    pulls = queue_slots(place, SIX, SIX + timedelta(hours=1), SIX + timedelta(hours=3, minutes=1))
    assert slots_of(place, acme) == [(clock.text(SIX), "skipped")]
    skipped = place.read(lambda tx: runs.of_slot(tx, acme, SIX))
    assert skipped is not None
    assert skipped.reason == pulling.IN_THE_WAY.format(run=run.id)
    # Where it ended between the last look and the end of the three hours, no other reason is true either.
    end = partial(runs.end, state="done")
    place.write(lambda tx: end(tx, run, now=SIX + timedelta(hours=4)))
    with time_machine.travel(SIX + timedelta(hours=8, minutes=59), tick=False):
        other = place.write(lambda tx: runs.create_by_hand(tx, acme, "sync", actor=OPERATOR, now=clock.now()))
    fifteen = SIX.replace(hour=15)
    queue_slots(place, fifteen, fifteen + timedelta(hours=2, minutes=59, seconds=20), pulls=pulls)
    place.write(lambda tx: end(tx, other, now=fifteen + timedelta(hours=2, minutes=59, seconds=50)))
    queue_slots(place, fifteen + timedelta(hours=3, seconds=21), pulls=pulls)
    skipped = place.read(lambda tx: runs.of_slot(tx, acme, fifteen))
    assert skipped is not None
    assert skipped.reason == pulling.IN_THE_WAY.format(run=other.id)


def test_a_slot_that_no_worker_saw_is_not_blamed_on_a_run_that_was_over(place: Place) -> None:
    acme = place.company_id
    connect(place, acme, BEFORE)
    with time_machine.travel(SIX - timedelta(minutes=1), tick=False):
        run = place.write(lambda tx: runs.create_by_hand(tx, acme, "sync", actor=OPERATOR, now=clock.now()))
    place.write(lambda tx: runs.end(tx, run, "done", now=SIX + timedelta(hours=1)))
    queue_slots(place, SIX + timedelta(hours=5))
    skipped = place.read(lambda tx: runs.of_slot(tx, acme, SIX))
    assert skipped is not None
    assert skipped.reason == pulling.MISSED
