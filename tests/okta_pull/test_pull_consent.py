"""A yes covers what it was asked for: not whoever became privileged since, and nobody who is back in Okta since."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from rollbook import clock
from rollbook.activity import queue
from rollbook.errors import Conflict
from rollbook.okta import applying, approval, connections, field_map, runs
from rollbook.okta.runs import Run
from rollbook.okta.sync import Sync
from rollbook.okta.wanted import Wanted
from rollbook.people import alarms, users
from tests.conftest import OPERATOR
from tests.okta_pull.pull import Company, okta_user


def promote(company: Company, name: str, role: Any = "admin") -> None:
    user = company.user(name)
    company.write(lambda tx: users.set_role(tx, user, role, actor=OPERATOR, now=clock.now()))


def leavers(company: Company, *names: str, **how: Any) -> Run:
    """They are deactivated, and so many at once that a run waits for a yes."""
    company.configure(most_people=0, most_percent=100, **how)
    for name in (*names, "stays"):
        company.hire(name, external_id=f"00u{name}")
        company.org.add(okta_user(f"00u{name}"))
    for name in names:
        company.org.deactivate(f"00u{name}")
    run = company.pull()
    assert run.state == "held"
    return run


def approve_later(company: Company, run: Run, **after: float) -> Run:
    with time_machine.travel(clock.now() + timedelta(**after), tick=True):
        return company.approve(run)


def test_who_became_privileged_while_the_run_was_held_needs_a_yes_of_their_own(company: Company) -> None:
    run = leavers(company, "leo", "cleo")
    promote(company, "leo")
    run = company.approve(run)
    assert run.state == "held"
    assert run.reason == "1 change of a privileged user needs a person's yes; everything else is done."
    assert company.told(run) == [
        ("archive", "cleo@acme.example", "applied"),
        ("archive", "leo@acme.example", "planned"),
    ]
    (waiting,) = [row for row in company.plan(run) if row.state == "planned"]
    assert waiting.why_not is not None
    assert "has the role admin" in waiting.why_not
    assert company.user("leo").active
    assert company.read(lambda tx: alarms.find_open(tx, company.id, "okta_held", company.id)) is not None
    assert company.approve(run).state == "done"
    assert not company.user("leo").active


def test_who_became_privileged_while_the_run_was_held_is_not_linked_unasked(company: Company) -> None:
    company.configure(most_people=0, most_percent=100)
    company.hire("leo")
    company.hire("cleo", external_id="00ucleo")
    company.org.add(okta_user("00uleo"), okta_user("00ucleo"))
    company.org.deactivate("00ucleo")
    run = company.pull()
    promote(company, "leo", "manager")
    run = company.approve(run)
    assert (run.state, company.user("leo").external_id) == ("held", None)
    company.approve(run)
    assert company.user("leo").external_id == "00uleo"


def test_who_became_privileged_after_the_plan_of_a_run_that_was_not_held_holds_it(company: Company) -> None:
    company.configure(most_percent=100)
    company.hire("leo", external_id="00uleo")
    company.org.add(okta_user("00uleo"), okta_user("00ustays"))
    company.org.deactivate("00uleo")

    def meddle(run: Run | None) -> None:
        if run is not None and run.state == "applying":
            company.after_step = None
            promote(company, "leo")

    company.after_step = meddle
    run = company.pull()
    assert (run.state, company.user("leo").active) == ("held", True)
    company.drop(run)
    assert company.user("leo").active


def test_who_is_back_in_okta_when_the_yes_comes_is_not_archived(company: Company) -> None:
    run = leavers(company, "leo", "cleo", "mona")
    company.org.reactivate("00uleo")
    company.org.delete("00umona")
    run = approve_later(company, run, hours=5)
    assert run.state == "done"
    assert company.told(run) == [
        ("archive", "cleo@acme.example", "applied"),
        ("archive", "leo@acme.example", "passed_over"),
        ("archive", "mona@acme.example", "applied"),
    ]
    assert company.user("leo").active


@pytest.mark.parametrize("back", ["in the group", "by another group only"])
def test_who_was_away_and_is_back_in_the_group_is_not_archived(company: Company, back: str) -> None:
    company.configure(mode="full", most_people=0)
    company.org.add(okta_user("00uleo"), okta_user("00ustays"))
    company.pull()
    company.org.leave("00uleo")
    company.pull()
    run = company.pull()
    assert [row.rule for row in company.plan(run, "archive")] == ["absent"]
    if back == "in the group":
        company.org.join("00uleo")
    else:
        company.org.join("00uleo", company.org.add_group("Others"))
    approve_later(company, run, hours=1)
    assert company.user("leo").active == (back == "in the group")


def test_what_okta_said_a_moment_ago_is_not_asked_again(company: Company) -> None:
    run = leavers(company, "leo", "cleo")
    asked = company.org.log.count
    assert approve_later(company, run, minutes=14).counts["applied"] == 2
    assert company.org.log.count == asked


def test_whose_record_cannot_be_read_any_more_is_not_archived(company: Company) -> None:
    run = leavers(company, *[f"l{number:02}" for number in range(12)])
    for number in (0, 5, 11):
        person = company.org.people[f"00ul{number:02}"]
        person.user = replace(person.user, status="-")  # type: ignore[arg-type]  # no status of Okta, which is meant
    run = approve_later(company, run, hours=1)
    assert run.state == "done"
    assert (run.counts["applied"], run.counts["passed_over"]) == (9, 3)
    active = {user.user_name[:3] for user in company.people().values() if user.active}
    assert active == {"l00", "l05", "l11", "sta"}


def test_a_token_that_is_refused_when_the_yes_comes_archives_nobody(company: Company) -> None:
    run = leavers(company, "leo", "cleo")
    company.org.revoke_token()
    assert approve_later(company, run, hours=1).state == "needs_attention"
    assert company.user("leo").active
    assert company.user("cleo").active


def test_a_worker_that_died_over_a_held_run_leaves_no_task_to_the_next(company: Company) -> None:
    company.configure(most_people=0)
    company.hire("leo", external_id="00uleo")
    company.org.add(okta_user("00uleo"), okta_user("00ustays"))
    company.org.deactivate("00uleo")
    run = company.ask()

    async def work_and_die() -> None:
        task = company.claim()
        assert task is not None
        async with company.client() as client:
            sync = Sync(company.house.installation.database, client, company.connection(), task)
            while await sync.step():
                pass

    asyncio.run(work_and_die())
    assert company.run(run.id).state == "held"
    company.write(lambda tx: approval.approve(tx, company.id, run.id, actor=OPERATOR, now=clock.now()))
    company.expire()
    assert company.claim() is not None  # that of the yes, and no other
    assert company.claim() is None


def test_of_two_who_apply_the_same_run_the_second_leaves_what_was_done(company: Company) -> None:
    run = leavers(company, "leo")
    company.write(lambda tx: approval.approve(tx, company.id, run.id, actor=OPERATOR, now=clock.now()))
    company.write(lambda tx: queue.enqueue(tx, company.id, runs.PULL, {"run_id": run.id}, now=clock.now()))

    async def both() -> None:
        first, second = company.claim(), company.claim()
        assert first is not None
        assert second is not None
        database = company.house.installation.database
        async with company.client() as client:
            quick = Sync(database, client, company.connection(), first)
            slow = Sync(database, client, company.connection(), second)
            planned = company.run(run.id)
            rows = company.read(lambda tx: applying.next_rows(tx, planned, 5))
            rests_on = await slow._rests_on(planned)
            assert await quick.step()
            with pytest.raises(runs.RunEnded):
                await slow._carry_out(planned, rows, rests_on)
            assert not await quick.step()

    asyncio.run(both())
    after = company.run(run.id)
    assert company.told(after) == [("archive", "leo@acme.example", "applied")]
    assert (after.state, after.counts["applied"], after.counts.get("passed_over", 0)) == ("done", 1, 0)
    assert not company.user("leo").active


def test_a_yes_speaks_of_the_question_it_was_read_with(company: Company) -> None:
    promoted = leavers(company, "leo", "mona")
    promote(company, "mona", "manager")
    first = company.run(promoted.id)
    assert first.question == 1
    second = company.approve(first)
    assert (second.state, second.question) == ("held", 2)
    for stale in (1, 3, None):
        with pytest.raises(Conflict, match="waits for another yes by now, to its question 2"):
            company.write(
                lambda tx, stale=stale: approval.approve(
                    tx, company.id, first.id, question=stale, actor=OPERATOR, now=clock.now()
                )
            )
    assert (company.user("leo").active, company.user("mona").active) == (False, True)
    assert company.approve(second).question is None
    assert not company.user("mona").active


def test_what_of_a_privileged_person_is_set_aside_waits_for_nobody(company: Company) -> None:
    company.configure(most_percent=100)
    company.field("Start", "start", "date")
    company.hire("mona", role="manager")
    company.org.add(okta_user("00umona", extra={"start": "soon"}), okta_user("00ustays", extra={"start": "2026-01-01"}))
    run = company.pull()
    assert run.reason is not None
    assert run.reason.startswith("1 change ")
    run = company.approve(run)
    assert (run.state, company.user("mona").external_id) == ("done", "00umona")
    assert [row.kind for row in company.plan(run)] == ["link", "set_aside"]


def test_a_token_that_was_replaced_meanwhile_asks_for_no_new_one(company: Company) -> None:
    company.configure()
    company.hire("leo", external_id="00uleo")
    company.org.add(okta_user("00uleo"))

    def replaced(run: Run | None) -> None:
        if run is not None and run.part == "deprovisioned":
            company.after_step = None
            wanted = Wanted(company.server.address, company.org.group_id)
            how: dict[str, Any] = {"sealed_token": "another", "actor": OPERATOR, "now": clock.now()}
            company.write(lambda tx: connections.configure(tx, company.id, wanted, **how))
            company.org.revoke_token()

    company.after_step = replaced
    run = company.pull()
    assert (run.state, company.connection().state) == ("partial", "on")
    assert run.reason is not None
    assert run.reason.startswith("The token was replaced")


@pytest.mark.parametrize("way", ["map", "unmap"])
@pytest.mark.parametrize("when", ["planning", "held"])
def test_no_run_writes_by_a_map_that_is_no_more(company: Company, way: str, when: str) -> None:
    leavers(company, "cleo", mode="full")
    company.map("workEmail", "email")
    company.org.set_profile("00ustays", workEmail="wrong@acme.example")

    def otherwise(run: Run | None) -> None:
        if run is not None and run.state == when:
            company.after_step = None
            if way == "map":
                company.map("mail", "email")
            else:
                company.write(lambda tx: field_map.unmap(tx, company.id, "email", actor=OPERATOR, now=clock.now()))

    company.after_step = otherwise
    run = company.pull()
    otherwise(run)
    assert company.run(run.id).state == "dropped"
    assert company.user("stays").email == "stays@acme.example"


def test_a_map_that_a_run_has_not_read_yet_leaves_it_alone(company: Company) -> None:
    company.configure(mode="full")
    run = company.ask()
    company.map("mail", "email")
    assert company.run(run.id).state == "waiting"


def test_who_was_counted_as_missing_on_other_terms_is_missing_for_the_first_time(company: Company) -> None:
    """A run on another group ended while it walked: it had read everything, and counted some."""
    company.configure(mode="full", most_percent=100)
    company.org.add(okta_user("00uleo"), okta_user("00ustays"))
    company.pull()
    other = company.org.add_group("Others")
    company.org.join("00ustays", other)
    company.configure(mode="full", most_percent=100, group_id=other)
    asked = company.ask()

    def dropped(run: Run | None) -> None:
        if run is not None and run.state == "planning" and run.cursor is not None:
            company.drop(run)

    company.after_step = dropped
    company.work()
    company.after_step = None
    assert company.run(asked.id).state == "dropped"
    assert company.remembered()["00uleo"]["missing_runs"] == 1
    company.configure(mode="full", most_percent=100)
    company.org.leave("00uleo")
    company.pull()
    assert company.user("leo").active
    company.pull()
    assert not company.user("leo").active
