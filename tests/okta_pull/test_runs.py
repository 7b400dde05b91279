"""Runs: one at a time, one for each hour of the calendar, held ones approved, dropped or replaced."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from rollbook import clock
from rollbook.activity import events, queue
from rollbook.errors import Conflict, NotFound
from rollbook.okta import approval, changes, runs
from rollbook.okta.planning import Plan
from rollbook.okta.runs import Run
from rollbook.people import alarms
from tests.conftest import OPERATOR, House

SIX = clock.moment("2026-11-24T06:00:00.000000Z")
THREE_PM = SIX + timedelta(hours=9)
NOW = SIX + timedelta(seconds=1)


def for_slot(house: House, company_id: str, slot: Any = SIX, now: Any = NOW) -> Run | None:
    return house.write(lambda tx: runs.create_for_slot(tx, company_id, slot, now=now))


def by_hand(house: House, company_id: str, purpose: Any = "sync", now: Any = NOW) -> Run:
    return house.write(lambda tx: runs.create_by_hand(tx, company_id, purpose, actor=OPERATOR, now=now))


def held(house: House, run: Run) -> Run:
    return house.write(lambda tx: runs.hold(tx, run, "Too many.", now=NOW))


def ended(house: House, run: Run) -> Run:
    return house.write(lambda tx: runs.end(tx, run, "done", now=NOW))


def again(house: House, run: Run) -> Run:
    return house.read(lambda tx: runs.get(tx, run.company_id, run.id))


def claim(house: House, company_id: str) -> queue.Task | None:
    return house.write(lambda tx: queue.claim(tx, company_id, only=runs.PULL, now=clock.now() + timedelta(days=400)))


def finish(house: House, task: queue.Task) -> None:
    house.write(lambda tx: queue.finish(tx, task, now=NOW))


def test_a_slot_has_one_run_with_one_task(house: House, company_id: str) -> None:
    run = for_slot(house, company_id)
    assert run is not None
    assert (run.slot, run.state, run.purpose, run.asked_by) == (clock.text(SIX), "waiting", "sync", "schedule")
    assert for_slot(house, company_id) is None
    task = claim(house, company_id)
    assert task is not None
    assert task.payload == {"run_id": run.id}
    assert claim(house, company_id) is None
    assert again(house, run) == run
    assert house.read(lambda tx: runs.of_slot(tx, company_id, SIX)) == run


def test_eight_who_ask_at_the_same_moment_make_one_run(house: House, company_id: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: for_slot(house, company_id), range(8)))
    assert len([run for run in made if run is not None]) == 1
    assert len(house.read(lambda tx: runs.search(tx, company_id))) == 1


def test_a_slot_waits_for_the_run_that_is_under_way(house: House, company_id: str) -> None:
    first = for_slot(house, company_id)
    assert first is not None
    assert for_slot(house, company_id, THREE_PM) is None
    ended(house, first)
    assert for_slot(house, company_id, THREE_PM) is not None


def test_a_run_by_hand_is_one_at_a_time(house: House, company_id: str) -> None:
    run = by_hand(house, company_id)
    for purpose in ("sync", "preview"):
        with pytest.raises(Conflict, match="wait until it ends"):
            by_hand(house, company_id, purpose)
    held(house, run)
    with pytest.raises(Conflict, match=f"okta plan SUBDOMAIN {run.id}"):
        by_hand(house, company_id)
    house.write(lambda tx: runs.drop(tx, company_id, run.id, "No.", actor=OPERATOR, now=NOW))
    assert by_hand(house, company_id, "preview").purpose == "preview"
    told = house.read(lambda tx: events.of_subject(tx, company_id, run.id))
    assert [event.kind for event in told] == ["OktaRunAsked", "OktaRunDropped"]


def test_a_held_run_waits_for_a_yes_and_says_so(house: House, company_id: str) -> None:
    run = by_hand(house, company_id)
    with pytest.raises(Conflict, match="nothing to approve"):
        house.write(lambda tx: approval.approve(tx, company_id, run.id, actor=OPERATOR, now=NOW))
    task = claim(house, company_id)
    assert task is not None
    held(house, run)
    finish(house, task)
    alarm = house.read(lambda tx: alarms.find_open(tx, company_id, "okta_held", company_id))
    assert alarm is not None
    assert alarm.detail == {"run_id": run.id, "reason": "Too many.", "counts": {}}
    approved = house.write(lambda tx: approval.approve(tx, company_id, run.id, actor=OPERATOR, now=NOW))
    assert (approved.state, approved.approved_by, approved.reason) == ("applying", "operator", "Too many.")
    assert house.read(lambda tx: alarms.find_open(tx, company_id, "okta_held", company_id)) is None
    assert claim(house, company_id) is not None
    with pytest.raises(Conflict):
        house.write(lambda tx: approval.approve(tx, company_id, run.id, actor=OPERATOR, now=NOW))


def test_the_next_slot_takes_a_held_runs_place(house: House, company_id: str) -> None:
    run = for_slot(house, company_id)
    assert run is not None
    held(house, run)
    assert for_slot(house, company_id) is None  # its own slot leaves it alone
    assert again(house, run).state == "held"
    later = for_slot(house, company_id, THREE_PM, THREE_PM)
    assert later is not None
    dropped = again(house, run)
    assert (dropped.state, dropped.ended_at) == ("dropped", clock.text(THREE_PM))
    assert house.read(lambda tx: alarms.find_open(tx, company_id, "okta_held", company_id)) is None


def test_a_late_slot_leaves_a_newer_held_run_alone(house: House, company_id: str) -> None:
    run = by_hand(house, company_id, now=SIX + timedelta(hours=1))
    held(house, run)
    assert for_slot(house, company_id, SIX, SIX + timedelta(hours=2)) is None
    assert again(house, run).state == "held"


def test_a_run_that_nobody_works_at_any_more_makes_way(house: House, company_id: str) -> None:
    run = by_hand(house, company_id)
    task = claim(house, company_id)
    assert task is not None
    finish(house, task)  # given up
    assert for_slot(house, company_id) is not None
    assert again(house, run).state == "partial"


def test_a_slot_that_was_missed_is_written_down_once(house: House, company_id: str) -> None:
    skip = lambda tx: runs.skip_slot(tx, company_id, SIX, "No worker ran.", now=THREE_PM)  # noqa: E731
    skipped = house.write(skip)
    assert skipped is not None
    assert house.write(skip) is None
    assert for_slot(house, company_id) is None
    found = house.read(lambda tx: runs.latest(tx, company_id))
    assert found == skipped
    assert (found.state, found.reason) == ("skipped", "No worker ran.")
    assert claim(house, company_id) is None
    other = by_hand(house, company_id)
    assert house.write(lambda tx: runs.skip_slot(tx, company_id, THREE_PM, "x", now=THREE_PM)) is not None
    assert again(house, other).state == "waiting"


def test_whoever_works_at_a_run_that_was_dropped_stops(house: House, company_id: str) -> None:
    run = by_hand(house, company_id)
    house.write(lambda tx: runs.drop(tx, company_id, run.id, "Switched off.", actor=OPERATOR, now=NOW))
    with pytest.raises(runs.RunEnded):
        house.write(lambda tx: runs.advance(tx, run, state="reading"))
    with pytest.raises(Conflict):
        house.write(lambda tx: runs.drop(tx, company_id, run.id, "x", actor=OPERATOR, now=NOW))


def test_counts_and_notes_are_kept_apart(house: House, company_id: str) -> None:
    run = by_hand(house, company_id)
    notes = {"terms": {"mode": "full"}}
    house.write(lambda tx: runs.advance(tx, run, counts=runs.counted(run, {"people": 3, "app": 0}), notes=notes))
    after = again(house, run)
    assert (after.counts, after.notes) == ({"people": 3}, notes)
    house.write(lambda tx: runs.advance(tx, after, counts=runs.counted(after, {"people": 2})))
    assert (again(house, run).counts, again(house, run).notes) == ({"people": 5}, notes)


def test_runs_are_listed_newest_first_in_pages_and_of_one_company(house: House, company_id: str, other_id: str) -> None:
    made = []
    for _ in range(5):
        run = by_hand(house, company_id)
        made.append(run.id)
        ended(house, run)
    by_hand(house, other_id)
    page = house.read(lambda tx: runs.search(tx, company_id, limit=2))
    rest = house.read(lambda tx: runs.search(tx, company_id, before=page[-1].id))
    assert [run.id for run in page + rest] == made[::-1]
    with pytest.raises(NotFound):
        house.read(lambda tx: runs.get(tx, other_id, made[0]))


def test_a_plan_is_kept_paged_shown_and_forgotten(house: House, company_id: str) -> None:
    run = by_hand(house, company_id, "preview")
    plans = [Plan("create", f"00u{n}", None, "new", "Because.", {"email": [None, f"{n}@x"]}) for n in range(5)]
    plans.append(Plan("archive", "00u9", None, "deprovisioned", "Left.", waits="An admin."))
    house.write(lambda tx: changes.add(tx, run, plans))
    page = house.read(lambda tx: changes.search(tx, run, limit=4))
    rest = house.read(lambda tx: changes.search(tx, run, after=page[-1].id))
    assert [row.okta_id for row in page + rest] == ["00u0", "00u1", "00u2", "00u3", "00u4", "00u9"]
    assert [row.kind for row in house.read(lambda tx: changes.search(tx, run, kind="archive"))] == ["archive"]
    assert house.read(lambda tx: changes.waiting(tx, run)) == 1
    assert len(house.read(lambda tx: changes.planned(tx, run, after=""))) == 5
    run = ended(house, run)
    shown = house.read(lambda tx: changes.preview(tx, run))
    assert {name: len(rows) for name, rows in shown.items() if name != "held"} == {
        "create": 5,
        "change": 0,
        "archive": 1,
        "restore": 0,
        "link": 0,
        "set_aside": 0,
    }
    first = shown["create"][0]
    assert (first["user"], first["rule"], first["changes"]) == ("00u0", "new", {"email": [None, "0@x"]})
    assert house.write(lambda tx: changes.prune(tx, company_id, before=NOW - timedelta(days=1))) == 0
    assert house.write(lambda tx: changes.prune(tx, company_id, before=NOW + timedelta(days=1), limit=4)) == 4
    assert house.write(lambda tx: changes.prune(tx, company_id, before=NOW + timedelta(days=1))) == 2
    assert again(house, run).state == "done"
