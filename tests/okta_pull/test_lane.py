"""The worker and the pull: each slot has one run whatever the number of workers, at its hour, and holds up nobody."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from rollbook import clock
from rollbook.activity import queue
from rollbook.activity.events import Actor
from rollbook.database import tables
from rollbook.jobs import pulling, schedule, worker
from rollbook.jobs.lane import Lane, one_ended
from rollbook.jobs.pulling import Pulls
from rollbook.okta import connections, runs, sealing, sessions, slots
from rollbook.okta.wanted import Wanted
from rollbook.people import alarms, companies, identity_links, search, users
from rollbook.people.flapping import watch
from rollbook.people.profiles import Profile
from tests import history
from tests.conftest import OPERATOR
from tests.okta_pull import place as place_
from tests.okta_pull.place import TOKEN, Place
from tests.servers import SECRET

SIX = datetime(2026, 11, 24, 6, tzinfo=UTC)
FIFTEEN = SIX.replace(hour=15)
BEFORE = SIX - timedelta(hours=2)


@pytest.fixture
def place(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    with place_.opened(engine, tmp_path, request) as opened:
        opened.org.fill(3)
        yield opened


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other hour of the calendar falls into these tests."""
    monkeypatch.setattr(schedule, "DAILY", {})


def connect(place: Place, company_id: str, at: datetime) -> None:
    """As `okta configure` does, but for the try; the org is the place's."""
    access = sessions.access_of(place.installation.settings, place.installation.pepper)
    wanted = Wanted(place.server.address, place.org.group_id)
    sealed = sessions.seal(access, company_id, TOKEN)
    place.write(lambda tx: connections.configure(tx, company_id, wanted, sealed_token=sealed, actor=OPERATOR, now=at))


def slots_of(place: Place, company_id: str) -> list[tuple[str, str]]:
    """(slot, state) of the runs of the calendar, oldest slot first."""
    found = place.read(lambda tx: runs.search(tx, company_id, limit=10_000))
    return sorted((run.slot, run.state) for run in found if run.slot is not None)


def queue_slots(place: Place, *at: datetime, pulls: Pulls | None = None) -> Pulls:
    """What a worker does at these instants, without its other work."""
    pulls = pulls or Pulls(place.installation)
    for instant in at:
        with time_machine.travel(instant, tick=False):
            asyncio.run(pulls.queue_slots())
    return pulls


def test_a_slot_has_a_run_from_its_first_microsecond_on(place: Place) -> None:
    connect(place, place.company_id, BEFORE)
    pulls = queue_slots(place, BEFORE, SIX - timedelta(microseconds=1))
    assert slots_of(place, place.company_id) == []
    queue_slots(place, SIX, pulls=pulls)
    assert slots_of(place, place.company_id) == [(clock.text(SIX), "waiting")]
    queue_slots(place, SIX + timedelta(seconds=1), pulls=pulls)
    (task,) = open_pulls(place)
    assert task["due_at"] == clock.text(SIX)


def open_pulls(place: Place) -> list[dict[str, Any]]:
    tasks = place.read(lambda tx: history.rows(tx, tables.tasks, place.company_id))
    return [task for task in tasks if task["name"] == runs.PULL and task["state"] in ("due", "running")]


def test_a_run_begins_at_its_hour_though_the_worker_is_at_something_long(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slot comes while another task blocks the worker's own loop for good; the run is done all the same."""
    connect(place, place.company_id, BEFORE)

    async def work() -> None:
        blocked, over = asyncio.Event(), asyncio.Event()

        async def long(database: Any, task: Any) -> None:
            blocked.set()
            await over.wait()

        monkeypatch.setitem(worker.TASKS, "prune", long)
        place.write(lambda tx: queue.enqueue(tx, place.company_id, "prune", {}, now=BEFORE))
        with time_machine.travel(SIX - timedelta(seconds=1.2), tick=True):
            running = asyncio.create_task(worker.run(place.installation.database, pulls=Pulls(place.installation)))
            await asyncio.wait_for(blocked.wait(), 60)
            await until(lambda: slots_of(place, place.company_id) == [(clock.text(SIX), "done")])
            (run,) = place.read(lambda tx: runs.search(tx, place.company_id))
            assert run.created_at >= clock.text(SIX)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(work())


async def until(held: Any) -> None:
    for _ in range(1500):
        if held():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to that")


def test_nobody_runs_for_a_company_that_is_off_or_was_on_later(place: Place) -> None:
    acme = place.company_id
    queue_slots(place, SIX)
    connect(place, acme, SIX + timedelta(minutes=1))
    queue_slots(place, SIX + timedelta(minutes=2))
    assert slots_of(place, acme) == []
    place.write(lambda tx: connections.switch_off(tx, acme, actor=OPERATOR, now=FIFTEEN - timedelta(hours=1)))
    queue_slots(place, FIFTEEN)
    place.write(lambda tx: connections.switch_on(tx, acme, actor=OPERATOR, now=FIFTEEN + timedelta(hours=1)))
    queue_slots(place, FIFTEEN + timedelta(hours=2))
    assert slots_of(place, acme) == []


def another_company(place: Place) -> str:
    subdomain = f"c{clock.new_id()[-12:]}"
    return place.write(lambda tx: companies.create(tx, subdomain, "Co", actor=OPERATOR, now=clock.now())).id


def test_what_was_missed_runs_late_within_three_hours_and_is_skipped_after(place: Place) -> None:
    """No worker runs for a minute to two days; whenever that begins, every slot has its row."""
    dice = random.Random(21)
    for minutes in (1, 29, 90, 179, 180, 181, 300, 539, 541, 719, 721, 900, 1439, 1441, 2160, 2880):
        company_id = another_company(place)
        down = BEFORE + timedelta(minutes=dice.uniform(0, 1440))
        connect(place, company_id, down)
        up = down + timedelta(minutes=minutes)
        queue_slots(place, up)
        wanted = [
            (clock.text(slot), "waiting" if up - slot < timedelta(hours=3) else "skipped")
            for slot in slots.between(down, up)
        ]
        assert slots_of(place, company_id) == wanted
        skipped = [run for run in place.read(lambda tx, c=company_id: runs.search(tx, c)) if run.state == "skipped"]
        assert all(run.reason == pulling.MISSED and run.ended_at for run in skipped)


def test_a_slot_that_finds_another_run_under_way_is_looked_at_again(place: Place) -> None:
    connect(place, place.company_id, BEFORE)
    with time_machine.travel(SIX - timedelta(minutes=5), tick=False):
        run = place.write(lambda tx: runs.create_by_hand(tx, place.company_id, "sync", actor=OPERATOR, now=clock.now()))
    pulls = queue_slots(place, SIX)
    assert slots_of(place, place.company_id) == []
    place.write(lambda tx: runs.end(tx, run, "done", now=SIX + timedelta(seconds=10)))
    queue_slots(place, SIX + timedelta(seconds=59), pulls=pulls)
    assert slots_of(place, place.company_id) == []
    queue_slots(place, SIX + timedelta(seconds=61), pulls=pulls)
    assert slots_of(place, place.company_id) == [(clock.text(SIX), "waiting")]


LONG = bool(os.environ.get("ROLLBOOK_LONG"))
WORKERS = 8
HOURS = 1000 if LONG else 24


@pytest.mark.long
def test_many_workers_at_the_same_hour_make_one_run(place: Place) -> None:
    """Each looks at its own moment within the minute, some of them die before they looked, and not one hour is lost."""
    acme = place.company_id
    connect(place, acme, BEFORE)
    dice = random.Random(20)
    slot = SIX
    for _ in range(HOURS):
        alive = [Pulls(place.installation) for _ in range(dice.randint(1, WORKERS))]
        with time_machine.travel(slot + timedelta(seconds=dice.uniform(0, 60)), tick=False):
            together(alive)
            (run,) = [run for run in place.read(lambda tx: runs.search(tx, acme, limit=2)) if run.ended_at is None]
            assert run.slot == clock.text(slot)
            assert len(open_pulls(place)) == 1
            end(place, run)
        slot = slots.following(slot)
    found = slots_of(place, acme)
    assert found == [(clock.text(each), "done") for each in slots.between(BEFORE, slot - timedelta(seconds=1))]
    assert len(found) == HOURS


def together(pulls: list[Pulls]) -> None:
    """Each in a thread of its own, at once."""
    gate = threading.Barrier(len(pulls))
    broken: list[BaseException] = []

    def look(own: Pulls) -> None:
        gate.wait()
        try:
            asyncio.run(own.queue_slots())
        except BaseException as error:
            broken.append(error)
            raise

    threads = [threading.Thread(target=look, args=(own,)) for own in pulls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert broken == []


def end(place: Place, run: runs.Run) -> None:
    """As the worker that has the task would."""

    def work(tx: Any) -> None:
        task = queue.claim(tx, place.company_id, only=runs.PULL, now=clock.now())
        assert task is not None
        assert task.payload["run_id"] == run.id
        runs.end(tx, runs.get(tx, place.company_id, run.id, lock=True), "done", now=clock.now())
        queue.finish(tx, task, now=clock.now())

    place.write(work)


# What a worker does with a run.


def test_the_worker_does_what_is_due_and_nobody_runs_twice(place: Place) -> None:
    connect(place, place.company_id, clock.now())
    run = place.write(lambda tx: runs.create_by_hand(tx, place.company_id, "sync", actor=OPERATOR, now=clock.now()))
    assert place.work() == 1
    assert place.read(lambda tx: runs.get(tx, place.company_id, run.id)).state == "done"
    asked = place.org.log.count
    assert asked > 0
    assert place.work() == 0
    assert place.org.log.count == asked
    assert (place.org.log.writes, place.org.log.most_in_flight) == ([], 1)


def test_a_worker_without_pulls_leaves_them_to_others(place: Place) -> None:
    connect(place, place.company_id, clock.now())
    place.write(lambda tx: runs.create_by_hand(tx, place.company_id, "sync", actor=OPERATOR, now=clock.now()))
    assert asyncio.run(worker.run(place.installation.database, once=True)) == 0
    assert place.work() == 1


def test_an_okta_that_is_silent_delays_nothing_else(place: Place) -> None:
    connect(place, place.company_id, clock.now())
    place.org.faults.by(lambda request: "silence")
    run = place.write(lambda tx: runs.create_by_hand(tx, place.company_id, "sync", actor=OPERATOR, now=clock.now()))

    async def work() -> None:
        running = asyncio.create_task(worker.run(place.installation.database, pulls=Pulls(place.installation)))
        await until(lambda: place.org.log.in_flight == 1)
        place.write(lambda tx: queue.enqueue(tx, place.company_id, "prune", {}, now=clock.now()))
        await until(lambda: place.read(lambda tx: queue.open_since(tx, place.company_id, "prune")) is None)
        assert place.read(lambda tx: runs.get(tx, place.company_id, run.id)).state == "reading"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(work())


def test_a_run_that_cannot_even_ask_needs_attention(place: Place) -> None:
    acme = place.company_id
    connect(place, acme, clock.now())
    run = place.write(lambda tx: runs.create_by_hand(tx, acme, "sync", actor=OPERATOR, now=clock.now()))
    other = sealing.seal(b"a secret that nobody knows any more", acme, TOKEN)
    kept = place.read(lambda tx: connections.get(tx, acme))
    place.write(lambda tx: connections.reseal(tx, kept, other, now=clock.now()))
    place.work()
    ended = place.read(lambda tx: runs.get(tx, acme, run.id))
    assert ended.state == "needs_attention"
    assert ended.reason is not None
    assert "ROLLBOOK_SECRET" in ended.reason
    assert place.read(lambda tx: connections.get(tx, acme)).state == "needs_attention"
    (alarm,) = place.read(lambda tx: alarms.open_ones(tx, acme))
    assert (alarm.kind, alarm.detail) == ("okta_attention", {"run_id": run.id, "reason": ended.reason})
    assert place.org.log.count == 0


def test_a_run_of_a_company_that_was_switched_off_is_dropped(place: Place) -> None:
    acme = place.company_id
    connect(place, acme, clock.now())
    run = place.write(lambda tx: runs.create_by_hand(tx, acme, "sync", actor=OPERATOR, now=clock.now()))
    place.write(lambda tx: connections.switch_off(tx, acme, actor=OPERATOR, now=clock.now()))
    place.work()
    assert place.read(lambda tx: runs.get(tx, acme, run.id)).state == "dropped"
    assert place.read(lambda tx: alarms.open_ones(tx, acme)) == []
    assert place.org.log.count == 0


def test_tokens_are_sealed_anew_when_a_worker_starts_with_another_secret(place: Place) -> None:
    connect(place, place.company_id, clock.now())
    new = "the next secret of the tests, long too"
    pepper = type(place.installation.pepper)(new.encode(), SECRET.encode())
    rotating = type(place.installation)(place.installation.settings, place.installation.database, pepper)
    before = place.read(lambda tx: connections.get(tx, place.company_id)).sealed_token
    asyncio.run(worker.run(rotating.database, pulls=Pulls(rotating), once=True))
    after = place.read(lambda tx: connections.get(tx, place.company_id)).sealed_token
    assert after is not None
    assert after != before
    assert sealing.unseal([new.encode()], place.company_id, after) == TOKEN


def test_a_lane_has_a_task_of_each_company_and_no_more_than_it_may(place: Place) -> None:
    ids = [
        place.write(
            lambda tx: companies.create(tx, f"c{clock.new_id()[-12:]}", "Co", actor=OPERATOR, now=clock.now())
        ).id
        for _ in range(6)
    ]
    for company_id in (*ids, *ids):
        place.write(lambda tx, c=company_id: queue.enqueue(tx, c, "pull", {}, now=clock.now()))
    under_way: list[str] = []
    begun: list[int] = []

    async def work() -> None:
        go_on = asyncio.Event()

        async def wait(database: Any, task: Any) -> None:
            assert task.company_id not in under_way
            under_way.append(task.company_id)
            await go_on.wait()
            under_way.remove(task.company_id)

        lane = Lane(place.installation.database, "pull", wait, most=4)
        while not begun or begun[-1] or lane.running:
            begun.append(await lane.begin_due())
            assert await lane.begin_due() == 0  # there is no room, or nothing due
            await asyncio.sleep(0)
            assert len(under_way) == len(lane.running) <= 4
            go_on.set()
            await one_ended(lane)
            while lane.running and not all(task.done() for task in lane.running):
                await one_ended(lane)
            go_on.clear()

    asyncio.run(work())
    assert (max(begun), sum(begun)) == (4, 12)
    assert place.read(lambda tx: queue.companies_with_due(tx, clock.now(), only="pull")) == []


# One person, asked about at once.


def flapped(place: Place, number: int, **other: Any) -> str:
    """Somebody restored and archived again at once by provisioning; the id of ours."""
    acme = place.company_id
    user = place.org.user(list(place.org.people)[number])

    client = Actor("scim", "a key")

    def work(tx: Any) -> str:
        profile = Profile(user.login, user.email, user.first_name, user.last_name)
        made = users.create(tx, acme, profile, actor=client, now=clock.now(), **other)
        identity_links.link(tx, made, external_id=user.id, by_client=True, actor=client, now=clock.now())
        users.archive(tx, users.get(tx, acme, made.id, lock=True), actor=client, now=clock.now())
        return made.id

    id_ = place.write(work)
    place.write(lambda tx: users.restore(tx, users.get(tx, acme, id_, lock=True), actor=client, now=clock.now()))

    def again(tx: Any) -> None:
        before = users.get(tx, acme, id_, lock=True)
        users.archive(tx, before, actor=client, now=clock.now())
        assert watch(tx, before, actor=client, now=clock.now())

    place.write(again)
    return id_


def test_okta_is_asked_at_once_about_somebody_who_flapped(place: Place) -> None:
    connect(place, place.company_id, clock.now())
    here, gone = flapped(place, 0), flapped(place, 1)
    place.org.deactivate(list(place.org.people)[1])
    place.work()
    found = {id_: place.read(lambda tx, i=id_: search.named(tx, place.company_id, i)) for id_ in (here, gone)}
    assert [found[here].active, found[gone].active] == [True, False]
    assert place.read(lambda tx: alarms.open_ones(tx, place.company_id)) == []
    assert place.org.log.count == 3  # about both, and about the group of the one who is active


@pytest.mark.parametrize("known", ["app", "group", "neither"])
def test_whoever_is_active_in_okta_but_has_no_place_in_learning_is_not_brought_back(place: Place, known: str) -> None:
    org, acme = place.org, place.company_id
    here, elsewhere = list(org.people)[:2]
    access = sessions.access_of(place.installation.settings, place.installation.pepper)
    wanted = Wanted(
        place.server.address,
        org.group_id if known != "neither" else None,
        app_id=org.app_id if known == "app" else None,
    )
    sealed = sessions.seal(access, acme, TOKEN)
    place.write(
        lambda tx: connections.configure(tx, acme, wanted, sealed_token=sealed, actor=OPERATOR, now=clock.now())
    )
    if known == "app":
        org.assign_before_provisioning(here)  # both are in the group
    else:
        org.leave(elsewhere)
    ids = [flapped(place, 0), flapped(place, 1)]
    place.work()
    active = [place.read(lambda tx, i=id_: search.named(tx, acme, i)).active for id_ in ids]
    assert active == [True, known == "neither"]
    waiting = [alarm.subject_id for alarm in place.read(lambda tx: alarms.open_ones(tx, acme))]
    assert waiting == ([] if known == "neither" else [ids[1]])


def test_where_okta_cannot_be_asked_the_alarm_waits_for_a_person(place: Place) -> None:
    id_ = flapped(place, 0)
    place.work()
    (alarm,) = place.read(lambda tx: alarms.open_ones(tx, place.company_id))
    assert (alarm.kind, alarm.subject_id) == ("flapping", id_)


def test_where_okta_does_not_answer_it_is_asked_again_later(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(place, place.company_id, clock.now())
    id_ = flapped(place, 0)
    place.org.faults.by(lambda request: "html")
    monkeypatch.setattr("rollbook.okta.pacing.backoff", lambda failed, jitter: 0.0)
    place.work()
    assert not place.read(lambda tx: search.named(tx, place.company_id, id_)).active
    place.org.faults.clear()
    with time_machine.travel(clock.now() + timedelta(minutes=1), tick=True):
        place.work()
    assert place.read(lambda tx: search.named(tx, place.company_id, id_)).active
