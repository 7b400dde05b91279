"""The worker: does what is due, lets nothing that breaks stop the rest, and leaves a dead worker's task to the next."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, update

from rollbook import clock, settings
from rollbook.activity import events, queue
from rollbook.activity import log as provisioning_log
from rollbook.activity.log import Entry
from rollbook.activity.queue import Task
from rollbook.database import Database, Tx
from rollbook.database.tables import events as table
from rollbook.database.tables import tasks
from rollbook.errors import Unavailable
from rollbook.installation import Installation, open_installation
from rollbook.jobs import heartbeat, schedule, worker
from rollbook.jobs.tasks import TASKS
from rollbook.people import companies
from tests import history, postgres
from tests.conftest import OPERATOR
from tests.servers import clean_environment, environment

EARLIER = update(tasks).where(tasks.c.company_id == bindparam("company"))


@pytest.fixture
def address(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    url = "" if engine == "sqlite" else postgres.new_database(request.getfixturevalue("postgres_server"))
    return environment(tmp_path, url)


@pytest.fixture
def own(address: dict[str, str]) -> Iterator[Installation]:
    """An installation of this test alone, since a worker works for every company."""
    opened = open_installation(settings.read(address))
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """No slot of the calendar falls into a test that is about something else."""
    monkeypatch.setattr(schedule, "DAILY", {})


def company(own: Installation, subdomain: str = "acme") -> str:
    write = own.database.engine.write
    return write(lambda tx: companies.create(tx, subdomain, "Acme", actor=OPERATOR, now=clock.now())).id


def enqueue(own: Installation, company_id: str, name: str = "remind", **how: Any) -> None:
    own.database.engine.write(lambda tx: queue.enqueue(tx, company_id, name, {}, **({"now": clock.now()} | how)))


def rows(own: Installation, company_id: str) -> list[dict[str, Any]]:
    return own.database.engine.read(lambda tx: history.rows(tx, tasks, company_id))


def run(own: Installation) -> int:
    return asyncio.run(worker.run(own.database, once=True))


def test_everything_that_is_due_is_done_once(own: Installation) -> None:
    acme, umbra = company(own), company(own, "umbra")
    for company_id in (acme, acme, umbra):
        enqueue(own, company_id)
    assert run(own) == 3
    assert [row["state"] for row in (*rows(own, acme), *rows(own, umbra))] == ["done"] * 3
    assert run(own) == 0


def test_no_company_waits_behind_another_s_thousand(own: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    acme, umbra = company(own), company(own, "umbra")
    for _ in range(20):
        enqueue(own, acme)
    enqueue(own, umbra)
    turns: list[str] = []

    async def note(database: Database, task: Task) -> None:
        turns.append(task.company_id)

    monkeypatch.setitem(TASKS, "remind", note)
    run(own)
    assert umbra in turns[:2]
    assert len(turns) == 21


def test_one_that_breaks_is_tried_later_and_the_others_are_done(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = company(own)

    async def broken(database: Database, task: Task) -> None:
        raise ValueError("leo@acme.example must not be kept anywhere")

    monkeypatch.setitem(TASKS, "prune", broken)
    enqueue(own, acme, "prune")
    enqueue(own, acme)
    run(own)
    by_name = {row["name"]: row for row in rows(own, acme)}
    assert by_name["remind"]["state"] == "done"
    assert (by_name["prune"]["state"], by_name["prune"]["error"]) == ("due", "ValueError")
    assert by_name["prune"]["due_at"] > clock.text(clock.now())


def test_a_task_of_a_newer_version_is_left_for_it(own: Installation) -> None:
    acme = company(own)
    enqueue(own, acme, "of_tomorrow")
    run(own)
    assert [(row["state"], row["error"]) for row in rows(own, acme)] == [("due", "KeyError")]


def test_the_worker_outlives_a_database_that_is_away(own: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    acme = company(own)
    enqueue(own, acme)
    failures = iter([Unavailable("away"), Unavailable("still away")])
    work_once = worker.work_once

    async def at_times_away(database: Database) -> int:
        for failure in failures:
            raise failure
        return await work_once(database)

    async def until_done() -> None:
        running = asyncio.create_task(worker.run(own.database))
        for _ in range(200):
            await asyncio.sleep(0.02)
            if rows(own, acme)[0]["state"] == "done":
                break
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(worker, "work_once", at_times_away)
    asyncio.run(until_done())
    assert [row["state"] for row in rows(own, acme)] == ["done"]


def test_a_worker_beats_and_is_seen(own: Installation) -> None:
    assert own.database.engine.read(heartbeat.last) is None
    before = clock.text(clock.now())
    run(own)
    beat = own.database.engine.read(heartbeat.last)
    assert beat is not None
    assert beat >= before


def test_a_killed_worker_s_task_is_done_by_the_next(own: Installation, address: dict[str, str]) -> None:
    """The process is killed in the middle of the task; its lease runs out and somebody else takes over."""
    acme = company(own)
    enqueue(own, acme)
    program = (
        "import asyncio\n"
        "from rollbook.installation import open_installation\n"
        "from rollbook.jobs import schedule, tasks, worker\n"
        "schedule.DAILY = {}\n"
        "async def hang(database, task):\n"
        "    print('begun', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "tasks.TASKS['remind'] = hang\n"
        "asyncio.run(worker.run(open_installation().database, once=True))\n"
    )
    victim = subprocess.Popen(
        [sys.executable, "-c", program], env={**clean_environment(), **address}, stdout=subprocess.PIPE
    )
    assert victim.stdout is not None
    assert victim.stdout.readline() == b"begun\n"
    victim.send_signal(signal.SIGKILL)
    victim.communicate(timeout=20)
    assert [row["state"] for row in rows(own, acme)] == ["running"]
    assert run(own) == 0
    own.database.engine.write(lambda tx: tx.run(EARLIER, {"company": acme, "due_at": clock.text(clock.now())}))
    assert run(own) == 1
    assert [(row["state"], row["attempts"]) for row in rows(own, acme)] == [("done", 2)]


def test_a_worker_alone_does_what_is_due_and_ends(own: Installation, address: dict[str, str]) -> None:
    acme = company(own)
    enqueue(own, acme)
    done = subprocess.run(
        [sys.executable, "-m", "rollbook", "worker", "--once"],
        env={**clean_environment(), **address},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "done" in [row["state"] for row in rows(own, acme) if row["name"] == "remind"]


def test_old_lines_and_done_tasks_are_pruned(own: Installation) -> None:
    acme = company(own)
    line = Entry(method="PUT", path="/", status=200, decision="updated", request_id="r")
    long_ago = clock.now() - timedelta(days=provisioning_log.KEEP_DAYS + 1)

    def fill(tx: Tx) -> None:
        for _ in range(3):
            provisioning_log.write(tx, acme, line, now=long_ago)
        for entry in provisioning_log.search(tx, acme)[1:]:
            tx.run(AGE, {"company": acme, "entry": entry.id, "id": _aged(entry.id, long_ago)})

    own.database.engine.write(fill)
    enqueue(own, acme)
    run(own)
    own.database.engine.write(
        lambda tx: tx.run(EARLIER, {"company": acme, "ended_at": clock.later(clock.now(), days=-8)})
    )
    enqueue(own, acme, "prune")
    assert run(own) == 1
    assert [row["name"] for row in rows(own, acme)] == ["prune"]
    assert len(own.database.engine.read(lambda tx: provisioning_log.search(tx, acme))) == 1


AGE = update(table).where(table.c.company_id == bindparam("company"), table.c.id == bindparam("entry"))


def _aged(id_: str, at: datetime) -> str:
    return clock.first_id_at(at)[:14] + id_[14:]


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        ("2026-11-24 02:59:59", "2026-11-24 03:00:00", ["prune"]),
        ("2026-11-24 03:00:00", "2026-11-24 03:00:01", []),
        ("2026-11-24 02:00:00", "2026-11-24 02:59:59", []),
        ("2026-11-23 23:00:00", "2026-11-24 04:00:00", ["prune"]),
        # Down since yesterday afternoon, or since two o'clock yesterday morning: the slot between is not forgotten.
        ("2026-11-23 02:00:00", "2026-11-24 02:00:00", ["prune"]),
        ("2026-11-23 02:00:00", "2026-11-24 12:00:00", ["prune"]),
        ("2026-12-31 23:59:59", "2027-01-01 00:00:01", []),
    ],
)
def test_a_slot_is_due_once_and_never_forgotten(
    last: str, now: str, due: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "DAILY", {"prune": 3})
    moments = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (last, now)]
    assert schedule.due_since(*moments) == due


def test_what_falls_due_is_queued_once_by_several_workers(own: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "DAILY", {"prune": 3})
    acme = company(own)
    last, now = datetime(2026, 11, 24, 2, 59, tzinfo=UTC), datetime(2026, 11, 24, 3, 0, tzinfo=UTC)

    async def both() -> None:
        await asyncio.gather(*(schedule.queue_due(own.database, last=last, now=now) for _ in range(2)))

    asyncio.run(both())
    assert [row["name"] for row in rows(own, acme)] == ["prune"]


def test_an_archive_is_watched_by_the_worker_that_follows(own: Installation) -> None:
    acme = company(own)
    own.database.engine.write(
        lambda tx: events.record(tx, acme, "UserArchived", "leo", actor=OPERATOR, now=clock.now())
    )
    assert run(own) == 1
    assert [(row["name"], row["state"]) for row in rows(own, acme)] == [
        ("watch_archives", "done"),
        ("watch_archives", "due"),  # the second look
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_that_is_told_to_stop_stops(
    address: dict[str, str], own: Installation, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "rollbook", "worker"],
        env={**clean_environment(), **address},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # as a shell does in the background
    )
    deadline = time.monotonic() + 30
    while own.database.engine.read(heartbeat.last) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    assert b"Traceback" not in said


def test_an_error_that_nobody_foresaw_does_not_end_the_worker(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    stumbled = []

    async def once_broken(*_: Any, **__: Any) -> None:
        if not stumbled:
            stumbled.append(1)
            raise RuntimeError("as a bug would")

    monkeypatch.setattr(schedule, "queue_due", once_broken)
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)

    async def work_a_while() -> bool:
        task = asyncio.create_task(worker.run(own.database))
        await asyncio.sleep(0.5)
        alive = not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return alive

    assert asyncio.run(work_a_while())
    assert stumbled
