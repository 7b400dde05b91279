"""Hundreds are archived in a row: each is out with the answer, one alarm tells of it, and one click brings all back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from rollbook import clock, settings
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import alarms as alarms_table
from rollbook.database.tables import users
from rollbook.errors import NotFound
from rollbook.installation import Installation, open_installation
from rollbook.people import alarms, companies, keys, mass_archive, sign_in
from rollbook.people import users as people
from rollbook.people.alarms import Alarm
from rollbook.people.profiles import Profile
from rollbook.people.roles import ROLES
from tests import history, postgres
from tests.cast import ADA, DEACTIVATE
from tests.conftest import OPERATOR
from tests.servers import PLAIN, ThreadServer, environment

LONG = bool(os.environ.get("ROLLBOOK_LONG"))
LEAVERS = 5_000 if LONG else 500
PER_SECOND = 25 if LONG else None  # what a provisioning client is promised; None: as fast as it goes
STAYERS = 20
OTHERS = 60


@dataclass
class Company:
    """A company with its own database, a worker, and people who are signed in."""

    installation: Installation
    id: str
    ada: str
    sessions: dict[str, str]
    http: httpx2.Client

    def read(self, fn: Callable[[Tx], Any]) -> Any:
        return self.installation.database.engine.read(fn)

    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["id"]: row for row in self.read(lambda tx: history.rows(tx, users, self.id))}

    def alarm(self) -> Alarm | None:
        found: Alarm | None = self.read(lambda tx: alarms.find_open(tx, self.id, "mass_archive", self.id))
        return found


def settle_in(installation: Installation) -> tuple[str, str, dict[str, str], tuple[str, str]]:
    """Makes the company: (its id, Ada's id, a session of each of the others, what the client signs in with)."""
    pepper = installation.pepper
    write = installation.database.engine.write

    def found(tx: Tx) -> tuple[str, str, tuple[str, str]]:
        company = companies.create(tx, "acme", "Acme", actor=OPERATOR, now=clock.now())
        ada = people.create(tx, company.id, ADA, role="admin", actor=OPERATOR, now=clock.now())
        _, key = keys.issue(tx, company.id, "scim", pepper=pepper, actor=OPERATOR, now=clock.now())
        return company.id, ada.id, ("acme", key)

    company_id, ada, auth = write(found)
    sessions: dict[str, str] = {}

    def arrive(tx: Tx, number: int) -> str:
        email = f"leo{number}@acme.example"
        profile = Profile(
            email, email, "Leo", f"Linden {number}", location="Lyon", hire_date="2026-11-24", kept={"nickName": "Ly"}
        )
        role = ROLES[number % 3]
        user = people.create(tx, company_id, profile, role=role, linked=True, actor=OPERATOR, now=clock.now())
        link = sign_in.issue_link(tx, company_id, user.id, pepper=pepper, actor=OPERATOR, now=clock.now())
        sessions[user.id], _ = sign_in.consume_link(tx, link, pepper=pepper, now=clock.now())
        return user.id

    for first in range(0, LEAVERS + STAYERS, 100):
        numbers = range(first, min(first + 100, LEAVERS + STAYERS))
        write(lambda tx, numbers=numbers: [arrive(tx, number) for number in numbers])  # type: ignore[misc]  # a lambda with a default
    write(settle_others)
    return company_id, ada, sessions, auth


def settle_others(tx: Tx) -> None:
    """Another company, where people stay and leave at the same time."""
    other = companies.create(tx, "umbra", "Umbra", actor=OPERATOR, now=clock.now())
    for number in range(OTHERS):
        email = f"otto{number}@umbra.example"
        profile = Profile(email, email, "Otto", "Oleander")
        otto = people.create(tx, other.id, profile, actor=OPERATOR, now=clock.now())
        if number % 2:
            people.archive(tx, otto, actor=Actor("scim", "another"), now=clock.now())


@pytest.fixture
def company(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Company]:
    url = "" if engine == "sqlite" else postgres.new_database(request.getfixturevalue("postgres_server"))
    installation = open_installation(settings.read(environment(tmp_path, url)))
    company_id, ada, sessions, auth = settle_in(installation)
    server = ThreadServer(installation, with_worker=True)
    with httpx2.Client(base_url=f"{server.url}/scim/v2", auth=auth, timeout=30, verify=PLAIN) as http:
        yield Company(installation, company_id, ada, sessions, http)
    server.stop()
    installation.close()


def signed_in(company: Company, user_id: str) -> bool:
    pepper, text = company.installation.pepper, company.sessions[user_id]
    return company.read(lambda tx: sign_in.session(tx, text, pepper=pepper, now=clock.now())) is not None


def archive(company: Company, leavers: list[str]) -> list[float]:
    """Archives them one after the other and looks after each; returns how long each answer took, in seconds."""
    times = []
    started = time.monotonic()
    for number, user_id in enumerate(leavers):
        if PER_SECOND:
            time.sleep(max(0.0, started + number / PER_SECOND - time.monotonic()))
        assert number % 50 or signed_in(company, user_id)
        before = time.monotonic()
        answer = company.http.patch(f"/Users/{user_id}", json=DEACTIVATE)
        times.append(time.monotonic() - before)
        assert answer.status_code == 200, answer.text
        assert not signed_in(company, user_id)
        assert company.http.get(f"/Users/{user_id}").json()["active"] is False
    return sorted(times)


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + (300 if LONG else 60)
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@pytest.mark.long
@pytest.mark.timeout(1800 if LONG else 300)
def test_hundreds_leave_at_once_and_one_click_brings_them_back(
    company: Company, record_property: Callable[[str, object], None]
) -> None:
    before = company.rows()
    leavers = list(company.sessions)[:LEAVERS]
    stayers = list(company.sessions)[LEAVERS:]

    times = archive(company, leavers)
    record_property("people archived", len(times))
    record_property("median answer", f"{times[len(times) // 2] * 1000:.1f} ms")
    record_property("99 of 100 within", f"{times[len(times) * 99 // 100] * 1000:.1f} ms")
    record_property("slowest answer", f"{times[-1] * 1000:.1f} ms")

    assert all(signed_in(company, user_id) for user_id in stayers)
    until(lambda: (found := company.alarm()) is not None and found.detail["count"] == LEAVERS, "the alarm counts all")
    raised = company.read(lambda tx: history.rows(tx, alarms_table, company.id))
    assert [row["kind"] for row in raised] == ["mass_archive"]
    alarm = company.alarm()
    assert alarm is not None
    assert (alarm.detail["count"], alarm.detail["of"]) == (LEAVERS, LEAVERS + STAYERS + 1)

    ada = Actor("user", company.ada)
    click: Callable[[Tx], None] = lambda tx: mass_archive.ask_restore(  # noqa: E731
        tx, company.id, alarm.id, actor=ada, now=clock.now()
    )
    company.installation.database.engine.write(click)
    company.installation.database.engine.write(click)  # an impatient finger
    until(lambda: company.alarm() is None, "the alarm is settled")

    after = company.rows()
    changing = {"version", "updated_at", "away_from", "away_until"}
    for user_id, row in before.items():
        left = user_id in set(leavers)
        assert {name: after[user_id][name] for name in row.keys() - changing} == {
            name: row[name] for name in row.keys() - changing
        }
        assert after[user_id]["version"] == row["version"] + 2 * left
    others = company.read(lambda tx: history.rows(tx, users, companies.get(tx, "umbra").id))
    assert sum(row["archived_at"] is not None for row in others) == OTHERS / 2
    assert not any(signed_in(company, user_id) for user_id in leavers)  # they sign in anew
    assert all(company.http.get(f"/Users/{user_id}").json()["active"] for user_id in leavers[:: LEAVERS // 50])
    told = company.read(lambda tx: history.events_of(tx, company.id))
    restored = [event for event in told if event["kind"] == "UserRestored"]
    assert sorted(event["subject_id"] for event in restored) == sorted(leavers)
    assert {event["actor"] for event in restored} == {str(ada)}
    time.sleep(1.5)  # a watch that was asked for by the last archive finds nothing to tell any more
    assert company.alarm() is None
    assert len(company.read(lambda tx: history.rows(tx, alarms_table, company.id))) == 1


def test_one_company_s_alarm_is_settled_by_no_other(company: Company) -> None:
    archive(company, list(company.sessions)[: LEAVERS // 10])
    until(lambda: company.alarm() is not None, "the alarm is raised")
    alarm = company.alarm()
    assert alarm is not None

    def click(tx: Tx) -> None:
        other = companies.get(tx, "umbra")
        mass_archive.ask_restore(tx, other.id, alarm.id, actor=OPERATOR, now=clock.now())

    with pytest.raises(NotFound):
        company.installation.database.engine.write(click)
    assert company.alarm() is not None


def test_a_few_leavers_raise_no_alarm(company: Company) -> None:
    archive(company, list(company.sessions)[: mass_archive.LEAST])
    time.sleep(1.5)
    assert company.alarm() is None


def test_whose_address_was_taken_meanwhile_stays_archived_and_all_others_return(company: Company) -> None:
    leavers = list(company.sessions)[: LEAVERS // 10]
    archive(company, leavers)
    until(
        lambda: (found := company.alarm()) is not None and found.detail["count"] == len(leavers),
        "the alarm counts all",
    )
    taken = company.rows()[leavers[7]]["email"]
    newcomer = Profile("newcomer@acme.example", taken, "New", "Comer")
    write = company.installation.database.engine.write
    write(lambda tx: people.create(tx, company.id, newcomer, actor=OPERATOR, now=clock.now()))
    deleted = company.http.delete(f"/Users/{leavers[8]}")  # privileged or not: deleted is deleted
    assert deleted.status_code == 204
    alarm = company.alarm()
    assert alarm is not None
    write(lambda tx: mass_archive.ask_restore(tx, company.id, alarm.id, actor=OPERATOR, now=clock.now()))
    until(lambda: company.alarm() is None, "the alarm is settled")
    archived = {user_id for user_id, row in company.rows().items() if row["archived_at"]}
    assert archived == {leavers[7], leavers[8]}


def test_whom_a_person_archived_is_not_brought_back_by_the_click(company: Company) -> None:
    leavers = list(company.sessions)[: LEAVERS // 10]
    by_hand = list(company.sessions)[-1]

    def archive_by_hand(tx: Tx) -> None:
        people.archive(tx, people.get(tx, company.id, by_hand), actor=Actor("user", company.ada), now=clock.now())

    write = company.installation.database.engine.write
    archive(company, leavers[::2])
    write(archive_by_hand)
    archive(company, leavers[1::2])
    until(
        lambda: (found := company.alarm()) is not None and found.detail["count"] == len(leavers),
        "the alarm counts all",
    )
    alarm = company.alarm()
    assert alarm is not None
    write(lambda tx: mass_archive.ask_restore(tx, company.id, alarm.id, actor=OPERATOR, now=clock.now()))
    until(lambda: company.alarm() is None, "the alarm is settled")
    assert [user_id for user_id, row in company.rows().items() if row["archived_at"]] == [by_hand]
    others = company.read(lambda tx: history.rows(tx, users, companies.get(tx, "umbra").id))
    assert sum(row["archived_at"] is not None for row in others) == OTHERS / 2
