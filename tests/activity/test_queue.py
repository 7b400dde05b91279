"""The queue: a task is claimed by one, held by a lease, reported on by its holder, tried again, given up, forgotten."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from rollbook import clock
from rollbook.activity import queue
from rollbook.activity.queue import ATTEMPTS, BACKOFF_SECONDS, LEASE_SECONDS, Task
from rollbook.database import Tx
from rollbook.database.tables import tasks
from rollbook.people import companies
from tests import history
from tests.conftest import OPERATOR, House

NOW = clock.now()


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def enqueue(house: House, company_id: str, **how: Any) -> None:
    house.write(lambda tx: queue.enqueue(tx, company_id, "prune", {"n": 1}, **({"now": NOW} | how)))


def claim(house: House, company_id: str, now: datetime = NOW) -> Task | None:
    return house.write(lambda tx: queue.claim(tx, company_id, now=now))


def claimed(house: House, company_id: str, now: datetime = NOW) -> Task:
    task = claim(house, company_id, now)
    assert task is not None
    return task


def rows(house: House, company_id: str) -> list[dict[str, Any]]:
    return house.read(lambda tx: history.rows(tx, tasks, company_id))


def test_a_task_is_claimed_with_its_payload_and_then_is_gone(house: House, company_id: str) -> None:
    enqueue(house, company_id)
    task = claimed(house, company_id)
    assert (task.company_id, task.name, task.payload, task.attempts, task.generation) == (
        company_id,
        "prune",
        {"n": 1},
        1,
        1,
    )
    assert claim(house, company_id) is None
    assert house.write(lambda tx: queue.finish(tx, task, now=NOW))
    assert [row["state"] for row in rows(house, company_id)] == ["done"]


def test_of_eight_claimers_exactly_one_gets_each_task(house: House, company_id: str) -> None:
    def fill(tx: Tx) -> None:
        for _ in range(100):
            queue.enqueue(tx, company_id, "prune", {}, now=NOW)

    house.write(fill)
    found: list[str] = []
    start = threading.Barrier(8)

    def claimer() -> None:
        start.wait(10)
        nothing = 0
        while nothing < 3:  # somebody else's lock may hide what is left
            task = claim(house, company_id)
            if task is None:
                nothing += 1
            else:
                found.append(task.id)

    threads = [threading.Thread(target=claimer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(found) == sorted(row["id"] for row in rows(house, company_id))
    assert {(row["state"], row["generation"]) for row in rows(house, company_id)} == {("running", 1)}


def test_the_longest_due_is_claimed_first_and_the_future_waits(house: House, company_id: str) -> None:
    enqueue(house, company_id, due_at=after(5))
    enqueue(house, company_id, due_at=after(-5))
    enqueue(house, company_id, due_at=after(60))
    ids = [row["id"] for row in rows(house, company_id)]
    found = [claimed(house, company_id, after(10)).id for _ in range(2)]
    assert found == [ids[1], ids[0]]
    assert claim(house, company_id, after(10)) is None


def test_a_task_of_a_dead_worker_falls_due_when_its_lease_ran_out(house: House, company_id: str) -> None:
    enqueue(house, company_id)
    dead = claimed(house, company_id)
    assert claim(house, company_id, after(LEASE_SECONDS - 1)) is None
    second = claimed(house, company_id, after(LEASE_SECONDS))
    assert (second.id, second.attempts, second.generation) == (dead.id, 2, 2)


@pytest.mark.parametrize("report", ["finish", "extend", "postpone"])
def test_whoever_lost_the_lease_changes_nothing(house: House, company_id: str, report: str) -> None:
    enqueue(house, company_id)
    lost = claimed(house, company_id)
    holder = claimed(house, company_id, after(LEASE_SECONDS))
    before = rows(house, company_id)

    def late(tx: Tx) -> bool:
        now = after(LEASE_SECONDS + 1)
        if report == "postpone":
            return queue.postpone(tx, lost, "Late", now=now)
        return (queue.finish if report == "finish" else queue.extend)(tx, lost, now=now)

    assert house.write(late) is False
    assert rows(house, company_id) == before
    assert house.write(lambda tx: queue.finish(tx, holder, now=after(LEASE_SECONDS + 2)))
    assert house.write(late) is False
    assert [row["state"] for row in rows(house, company_id)] == ["done"]


def test_a_lease_that_is_renewed_holds_on(house: House, company_id: str) -> None:
    enqueue(house, company_id)
    task = claimed(house, company_id)
    assert house.write(lambda tx: queue.extend(tx, task, now=after(LEASE_SECONDS - 1)))
    assert claim(house, company_id, after(LEASE_SECONDS + 1)) is None
    assert house.write(lambda tx: queue.finish(tx, task, now=after(LEASE_SECONDS + 2)))


def test_a_failing_task_waits_longer_each_time_and_is_given_up(house: House, company_id: str) -> None:
    enqueue(house, company_id)
    now = NOW
    for attempt in range(1, ATTEMPTS):
        task = claimed(house, company_id, now)
        assert task.attempts == attempt
        assert house.write(lambda tx, t=task, n=now: queue.postpone(tx, t, "Broken", now=n))  # type: ignore[misc]  # a lambda with a default
        wait = BACKOFF_SECONDS[min(attempt, len(BACKOFF_SECONDS)) - 1]
        assert claim(house, company_id, now + timedelta(seconds=wait * 0.99)) is None
        now += timedelta(seconds=wait * 1.2)
    last = claimed(house, company_id, now)
    assert house.write(lambda tx: queue.postpone(tx, last, "Broken", now=now))
    assert claim(house, company_id, now + timedelta(days=30)) is None
    given_up = house.read(lambda tx: queue.given_up(tx, company_id))
    assert [(task.id, task.name, task.error) for task in given_up] == [(last.id, "prune", "Broken")]


def test_what_waits_already_is_not_queued_again(house: House, company_id: str) -> None:
    for _ in range(3):
        enqueue(house, company_id, waiting_key="day")
    assert len(rows(house, company_id)) == 1
    claimed(house, company_id)
    # What happens while it runs may concern what it no longer sees.
    for _ in range(3):
        enqueue(house, company_id, waiting_key="day")
    assert [row["state"] for row in rows(house, company_id)] == ["running", "due"]


def test_a_task_that_is_to_see_a_change_is_not_claimed_before_it_is_there(house: House, company_id: str) -> None:
    """It waited already; claimed now it would look, find nothing and end, and nobody would ask again."""
    house.write(lambda tx: queue.enqueue_to_see(tx, company_id, "prune", waiting_key="k", now=NOW))
    asked, go_on = threading.Event(), threading.Event()

    def change(tx: Tx) -> None:
        queue.enqueue_to_see(tx, company_id, "prune", waiting_key="k", now=NOW)
        asked.set()
        go_on.wait(10)

    writing = threading.Thread(target=house.write, args=(change,))
    writing.start()
    assert asked.wait(10)
    if house.installation.settings.sqlite_path is None:  # SQLite has one writer: a claim waits by itself
        assert claim(house, company_id) is None
    go_on.set()
    writing.join()
    assert claim(house, company_id) is not None
    assert claim(house, company_id) is None


def test_what_was_claimed_meanwhile_is_queued_again(house: House, company_id: str) -> None:
    for _ in range(2):
        house.write(lambda tx: queue.enqueue_to_see(tx, company_id, "prune", waiting_key="k", now=NOW))
    claimed(house, company_id)
    house.write(lambda tx: queue.enqueue_to_see(tx, company_id, "prune", waiting_key="k", now=NOW))
    assert [row["state"] for row in rows(house, company_id)] == ["running", "due"]


def test_a_task_whose_change_is_undone_was_never_queued(house: House, company_id: str) -> None:
    class Undone(Exception):
        pass

    def work(tx: Tx) -> None:
        queue.enqueue(tx, company_id, "prune", {}, now=NOW)
        raise Undone

    with pytest.raises(Undone):
        house.write(work)
    assert rows(house, company_id) == []


def test_a_company_with_due_work_is_found_and_one_without_is_not(house: House, company_id: str) -> None:
    assert company_id not in house.read(lambda tx: queue.companies_with_due(tx, NOW))
    enqueue(house, company_id, due_at=after(5))
    assert company_id not in house.read(lambda tx: queue.companies_with_due(tx, NOW))
    assert company_id in house.read(lambda tx: queue.companies_with_due(tx, after(5)))


def test_one_company_s_tasks_are_no_other_s(house: House, company_id: str) -> None:
    other = house.write(lambda tx: companies.create(tx, clock.new_id(), "Umbra", actor=OPERATOR, now=NOW)).id
    enqueue(house, other)
    assert house.read(lambda tx: queue.open_since(tx, company_id, "prune")) is None
    assert house.read(lambda tx: queue.open_since(tx, other, "prune")) == clock.text(NOW)
    assert claim(house, company_id) is None
    task = claimed(house, other)
    assert house.write(lambda tx: queue.finish(tx, task, now=NOW))
    assert house.write(lambda tx: queue.prune(tx, company_id, ended_before=clock.text(after(1)))) == 0
    assert len(rows(house, other)) == 1
    enqueue(house, other)
    failing = house.write(lambda tx: queue.claim(tx, other, now=NOW))
    assert failing is not None
    house.write(lambda tx: queue.postpone(tx, replace(failing, attempts=ATTEMPTS), "Broken", now=NOW))
    assert house.read(lambda tx: queue.given_up(tx, company_id)) == []
    assert len(house.read(lambda tx: queue.given_up(tx, other))) == 1


def test_done_tasks_are_forgotten_in_small_steps_and_others_stay(house: House, company_id: str) -> None:
    def fill(tx: Tx) -> None:
        for number, state in enumerate(["done"] * 5 + ["failed", "due"]):
            row = {"company_id": company_id, "id": clock.new_id(), "name": "prune", "payload": "{}", "state": state}
            times = {"due_at": clock.text(NOW), "created_at": clock.text(NOW), "attempts": 1, "generation": 1}
            tx.run(insert(tasks), row | times | {"ended_at": clock.text(after(number)) if state != "due" else None})

    house.write(fill)
    before = clock.text(after(4))
    steps = []
    while step := house.write(lambda tx: queue.prune(tx, company_id, ended_before=before, limit=3)):
        steps.append(step)
    assert steps == [3, 1]
    assert [row["state"] for row in rows(house, company_id)] == ["done", "failed", "due"]
