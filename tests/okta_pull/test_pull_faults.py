"""Okta answers badly, page by page and fault by fault: in the end everything is as without it, and nobody is archived
for what a list only seems to say.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from rollbook import clock
from rollbook.okta.runs import Run
from rollbook.people import companies
from rollbook.simulator.org_faults import FAULTS, Fault
from rollbook.simulator.org_log import Request
from tests.conftest import OPERATOR, House
from tests.okta_pull.pull import Company, company_of, okta_user, state

LONG = bool(os.environ.get("ROLLBOOK_LONG"))
PULLS = int(os.environ.get("ROLLBOOK_PULLS") or (5000 if LONG else 40))  # on each of the two databases
PEOPLE = 14
PAGE = 5
# What Okta cannot say by accident, since a person has to do something about it.
FOR_A_PERSON = ("401", "403")


def own_company(house: House, name: str) -> str:
    """One more company."""
    return house.write(lambda tx: companies.create(tx, name, "Acme", actor=OPERATOR, now=clock.now())).id


def begin(company: Company) -> None:
    """Everybody is created by a first run; then some are to change, to leave and to come."""
    company.page_size = PAGE
    company.configure(mode="full", app_id=company.org.app_id, most_percent=100)
    company.field("Region", "region")
    company.org.add(*[okta_user(f"00u{n:02}", title="Cook", extra={"region": "South"}) for n in range(PEOPLE)])
    company.org.assign_before_provisioning(*[f"00u{n:02}" for n in range(7)])
    assert company.pull().state == "done"
    company.hire("before")
    company.org.add(okta_user("00ubefore"), okta_user("00unew"))
    company.org.deactivate("00u03")
    company.org.leave("00u05")
    company.org.delete("00u06")
    company.org.set_profile("00u08", title="Chef", region="North")
    company.org.set_profile("00u09", title=None)


def settle(company: Company) -> list[str]:
    """As slots do: run after run, a held one giving way to the next, until three have done all of their work."""
    states: list[str] = []
    while states.count("done") < 3:
        run = company.pull()
        states.append(run.state)
        if run.state == "held":
            company.drop(run)
        if run.state == "needs_attention":
            company.org.faults.clear()
        assert len(states) < 8, run.reason
    return states


class At:
    """A fault at one request of a run, or at that request each time that it is tried again."""

    def __init__(self, number: int, fault: Fault, *, lasting: bool) -> None:
        self._number, self._fault, self._lasting = number, fault, lasting
        self._asked = 0
        self._where: tuple[str, Any] | None = None
        self.met = 0

    def __call__(self, request: Request) -> Fault | None:
        where = (request.path, request.query.get("after"))
        self._asked += 1
        if self._asked == self._number + 1:
            self._where = where
        elif not (self._lasting and where == self._where):
            return None
        self.met += 1
        return self._fault


@pytest.fixture(scope="module")
def without() -> dict[str, Any]:
    """What comes of it where nothing goes wrong, by database; and how many requests that takes."""
    return {}


def expected(house: House, engine: str, without: dict[str, Any], name: str) -> tuple[dict[str, Any], int]:
    if engine not in without:
        with company_of(house, own_company(house, name)) as company:
            begin(company)
            before = len(company.org.log.requests)
            assert company.pull().state == "done"
            requests = len(company.org.log.requests) - before
            for _ in range(2):
                assert company.pull().state == "done"
            without[engine] = state(company), requests
    return without[engine]


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
def test_each_page_with_each_fault_ends_as_without(
    house: House,
    engine: str,
    without: dict[str, Any],
    lasting: bool,
    record_property: Callable[[str, object], None],
) -> None:
    name = f"faults-{os.getpid()}-{lasting}".lower()
    wanted, requests = expected(house, engine, without, f"{name}-x")
    assert requests >= 8
    assert {user[8] for user in wanted.values()} == {True, False}
    if LONG:
        cases = [(number, fault) for number in range(requests) for fault in FAULTS]
    else:  # each fault at some request, each request with some fault
        cases = [(place % requests, fault) for place, fault in enumerate(FAULTS)][:: 3 if lasting else 1]
    ends: dict[str, int] = {}
    for place, (number, fault) in enumerate(cases):
        how: dict[str, Any] = {"request_seconds": 0.4, "tries_again": 1 if lasting else 5}
        with company_of(house, own_company(house, f"{name}-{place}"), **how) as company:
            begin(company)
            company.org.faults.by(at := At(number, fault, lasting=lasting))
            first = company.pull()
            assert at.met, (number, fault)
            ends[first.state] = ends.get(first.state, 0) + 1
            if fault in FOR_A_PERSON:
                assert first.state == "needs_attention"
            if first.state == "held":
                company.drop(first)
            company.org.faults.clear()
            settle(company)
            assert state(company) == wanted, (number, fault)
            assert company.org.log.writes == []
    record_property(f"pages with a fault, {engine}", len(cases))
    record_property(f"runs ended, {engine}", ends)


# What a list says wrongly without anybody noticing, and what somebody notices.
CORRUPTIONS: tuple[Fault, ...] = (
    *("thinned", "missing", "beyond", "empty", "repeated", "loop"),
    *("expired", "cut", "bad_json", "html", "object", "500", "reset", "stray"),
)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_no_corrupted_page_archives_anybody(
    company: Company, engine: str, record_property: Callable[[str, object], None]
) -> None:
    """The guard on many leavers is open, and whatever is held is approved: nothing but the rules protects people."""
    chance = Random(18)
    everybody = [f"00u{n:02}" for n in range(30)]
    company.page_size, company.tries_again, company.request_seconds = PAGE, 1, 0.5
    company.configure(mode="full", most_percent=100, most_people=1_000_000)
    company.org.add(*[okta_user(okta_id, title="Cook") for okta_id in everybody])
    company.pull()
    corrupted = {"lists": 0, "people": 0, "groups": 0}

    def corrupt(request: Request) -> Fault | None:
        of = "lists" if request.path.endswith("/users") else "groups" if request.path.endswith("/groups") else "people"
        if chance.random() > (0.35 if of == "lists" else 0.15):
            return None
        corrupted[of] += 1
        if of == "lists" and chance.random() < 0.2:  # somebody moves to the end of the list while it is read
            moved = chance.choice(everybody)
            company.org.leave(moved)
            company.org.join(moved)
        return chance.choice(CORRUPTIONS)

    company.org.faults.by(corrupt)
    ends: dict[str, int] = {}
    for _ in range(PULLS):
        run = company.pull()
        ends[run.state] = ends.get(run.state, 0) + 1
        if run.state == "held":
            company.approve(run)
        assert archived_by(company, run) == 0
    assert all(user.active for user in company.people().values())
    record_property(f"corrupted answers, {engine}", corrupted)
    record_property(f"pulls, {engine}", ends)
    assert corrupted["lists"] > PULLS
    assert corrupted["people"] > PULLS / 4
    assert corrupted["groups"] > 0
    assert ends["done"] > PULLS / 20
    company.org.faults.clear()
    company.org.leave("00u00")
    company.org.deactivate("00u01")
    for _ in range(2):
        company.pull()
    assert [name for name, user in sorted(company.people().items()) if not user.active] == [
        "00@acme.example",
        "01@acme.example",
    ]


def archived_by(company: Company, run: Run) -> int:
    return len(company.plan(run, "archive"))
