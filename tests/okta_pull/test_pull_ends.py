"""A run ends where it is no longer wanted: the integration was switched off, or reads otherwise from now on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from rollbook import clock
from rollbook.activity import events
from rollbook.errors import Conflict
from rollbook.okta import connections, runs
from rollbook.okta.runs import Run
from rollbook.okta.sync import Sync
from rollbook.people import alarms
from tests.conftest import OPERATOR
from tests.okta_pull.pull import Company, okta_user
from tests.scim.test_statements import counted

_LOCKS = re.compile(r"FROM okta_connections|UPDATE okta_runs")

Meddle = Callable[[Company], Any]


def switch_off(company: Company) -> None:
    company.write(lambda tx: connections.switch_off(tx, company.id, forget_token=True, actor=OPERATOR, now=clock.now()))


def to_complement(company: Company) -> None:
    company.write(lambda tx: connections.change(tx, company.id, mode="complement", actor=OPERATOR, now=clock.now()))


def to_another_group(company: Company) -> None:
    company.configure(mode="full", most_people=0, group_id=company.org.add_group("Others"))


def to_the_app(company: Company) -> None:
    company.configure(mode="full", most_people=0, app_id=company.org.app_id)


ENDS: dict[Meddle, str] = {
    switch_off: connections.OFF,
    to_complement: connections.OTHERWISE,
    to_another_group: connections.OTHERWISE,
    to_the_app: connections.OTHERWISE,
}


def begin(company: Company) -> None:
    """A leaver and a newcomer, in full mode."""
    company.configure(mode="full", most_people=0)
    company.org.add(*[okta_user(f"00u{name}") for name in ("leo", "cleo", "mona")])
    company.pull()
    company.org.deactivate("00uleo")
    company.org.add(okta_user("00unew"))


def left_alone(company: Company) -> bool:
    return company.user("leo").active and "new@acme.example" not in company.people()


@pytest.mark.parametrize("meddle", ENDS)
def test_a_held_run_is_dropped_and_nobody_can_approve_it_any_more(company: Company, meddle: Meddle) -> None:
    begin(company)
    run = company.pull()
    assert run.state == "held"
    meddle(company)
    run = company.run(run.id)
    assert (run.state, run.reason) == ("dropped", ENDS[meddle])
    assert company.read(lambda tx: alarms.find_open(tx, company.id, "okta_held", company.id)) is None
    told = company.read(lambda tx: events.of_subject(tx, company.id, run.id))
    assert [event.kind for event in told] == ["OktaRunAsked", "OktaRunDropped"]
    with pytest.raises(Conflict, match="nothing to approve"):
        company.approve(run)
    assert left_alone(company)


@pytest.mark.parametrize("at", ["reading people", "reading deprovisioned", "planning", "applying"])
@pytest.mark.parametrize("meddle", [switch_off, to_complement])
def test_a_run_under_way_stops(company: Company, meddle: Meddle, at: str) -> None:
    begin(company)
    company.write(lambda tx: connections.change(tx, company.id, most_people=50, actor=OPERATOR, now=clock.now()))
    asked: list[int] = []

    def look(run: Run | None) -> None:
        if run is not None and f"{run.state} {run.part or ''}".strip() == at:
            company.after_step = None
            meddle(company)
            asked.append(company.org.log.count)

    company.after_step = look
    run = company.pull()
    assert (run.state, run.reason) == ("dropped", ENDS[meddle])
    assert left_alone(company)
    assert company.org.log.count <= asked[0] + 1  # what was on its way


def test_a_run_that_waits_for_okta_ends_though_okta_is_silent(company: Company) -> None:
    begin(company)
    run = company.ask()

    async def play() -> None:
        task = company.claim()
        assert task is not None
        async with company.client() as client:
            sync = Sync(company.house.installation.database, client, company.connection(), task)
            assert await sync.step()
            await sync.renew()
            switch_off(company)
            with pytest.raises(runs.RunEnded):
                await sync.renew()

    asyncio.run(play())
    assert company.run(run.id).state == "dropped"


def test_a_run_that_was_made_while_it_was_switched_off_reads_nothing(company: Company) -> None:
    """A worker looked at the calendar before, and made the run after."""
    begin(company)
    before, asked = company.connection(), company.org.log.count
    switch_off(company)
    run = company.ask()

    async def play() -> None:
        task = company.claim()
        assert task is not None
        async with company.client() as client:
            assert not await Sync(company.house.installation.database, client, before, task).step()

    asyncio.run(play())
    run = company.run(run.id)
    assert (run.state, run.reason, company.org.log.count) == ("dropped", connections.OFF, asked)


def test_a_run_begins_on_the_terms_of_that_moment(company: Company) -> None:
    """Not on those of when its worker opened the connection."""
    begin(company)
    before = company.connection()
    to_complement(company)
    run = company.ask()

    async def play() -> None:
        task = company.claim()
        assert task is not None
        async with company.client() as client:
            assert await Sync(company.house.installation.database, client, before, task).step()

    asyncio.run(play())
    assert company.run(run.id).notes["terms"]["mode"] == "complement"


def test_limits_and_a_new_token_leave_a_held_run_as_it_is(company: Company) -> None:
    begin(company)
    run = company.pull()
    company.configure(mode="full", most_people=0)
    company.write(lambda tx: connections.change(tx, company.id, most_people=7, actor=OPERATOR, now=clock.now()))
    assert company.run(run.id).state == "held"


def test_whoever_locks_both_locks_the_connection_before_the_run(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one order everywhere, or two of them wait for each other."""
    begin(company)
    database = company.house.installation.database

    def touched(given: list[str]) -> list[str]:
        found = ["connection" if "FROM okta_connections" in one else "run" for one in given if _LOCKS.search(one)]
        return list(dict.fromkeys(found))

    async def play() -> None:
        company.ask()
        task = company.claim()
        assert task is not None
        async with company.client() as client:
            sync = Sync(database, client, company.connection(), task)
            assert await sync.step()
            company.org.revoke_token()
            with counted(company.house, monkeypatch) as given:
                assert not await sync.step()
            assert touched(given) == ["connection", "run"]

    asyncio.run(play())
    company.ask()
    with counted(company.house, monkeypatch) as given:
        switch_off(company)
    assert touched(given) == ["connection", "run"]
