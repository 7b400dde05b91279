"""What Okta said once proves nothing now: nobody is put out, and nobody comes back, by an answer that may be old."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.okta import questions
from rollbook.okta.answers import Page, Refused
from rollbook.okta.failures import RecordRefused
from rollbook.okta.runs import Run
from rollbook.people import identity_links, users
from tests.conftest import OPERATOR
from tests.okta_pull.pull import Company, okta_user
from tests.okta_pull.test_leaving import pull_through

SCIM = Actor("scim", "a key")


@contextmanager
def later(hours: int) -> Iterator[None]:
    with time_machine.travel(clock.now() + timedelta(hours=hours), tick=True):
        yield


class Unreadable:
    """A client to whom somebody's record makes no sense, not even its status."""

    def __init__(self, client: Any, okta_id: str) -> None:
        self._client, self._okta_id = client, okta_id

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def people(self, group_id: str | None, after: str | None) -> Page[Any]:
        page = await self._client.people(group_id, after)
        kept = [person for person in page.items if person.id != self._okta_id]
        refused = [Refused(self._okta_id, "It cannot be read.")] if len(kept) != len(page.items) else []
        return Page(kept, [*page.refused, *refused], page.next)

    async def person(self, okta_id: str) -> Any:
        if okta_id == self._okta_id:
            raise RecordRefused("It cannot be read.", None)
        return await self._client.person(okta_id)


@pytest.mark.parametrize("where", ["on the list", "asked for alone", "over the wire"])
def test_the_status_of_long_ago_archives_nobody_whose_record_cannot_be_read_now(company: Company, where: str) -> None:
    company.configure(most_percent=100)
    leo = company.hire("leo", external_id="00uleo")
    company.org.add(okta_user("00uleo"), okta_user("00ustays"))
    company.org.deactivate("00uleo")
    company.pull()
    assert not company.user("leo").active
    company.org.reactivate("00uleo")
    if where != "asked for alone":
        company.org.join("00uleo")
    company.write(lambda tx: users.restore(tx, users.get(tx, company.id, leo.id), actor=OPERATOR, now=clock.now()))
    if where == "over the wire":
        person = company.org.people["00uleo"]
        person.user = replace(person.user, status="-")  # type: ignore[arg-type]  # no word of Okta's
        run = company.pull()
    else:
        run = pull_through(company, lambda client: Unreadable(client, "00uleo"))
    assert (run.state, company.told(run, "archive")) == ("done", [])
    assert company.user("leo").active


def test_whom_scim_linked_after_okta_was_asked_is_not_archived(company: Company) -> None:
    company.configure(most_percent=100)
    leo = company.hire("leo", external_id="00uleo")
    company.org.add(okta_user("00uleo"), okta_user("00ustays"))
    company.org.deactivate("00uleo")

    def linked_meanwhile(run: Run | None) -> None:
        if run is not None and run.state == "applying":
            company.after_step = None
            company.org.reactivate("00uleo")
            company.write(
                lambda tx: identity_links.link(
                    tx, leo, external_id="00uleo", by_client=True, actor=SCIM, now=clock.now()
                )
            )

    company.after_step = linked_meanwhile
    run = company.pull()
    assert company.told(run) == [("archive", "leo@acme.example", "passed_over")]
    assert (company.user("leo").active, company.user("leo").link) == (True, "linked")


def test_a_run_that_goes_on_hours_later_asks_again_before_it_archives(company: Company) -> None:
    class Killed(Exception):
        pass

    def kill(run: Run | None) -> None:
        if run is not None and run.part == "singles":
            raise Killed

    company.configure(most_percent=100)
    for name in ("leo", "mona"):
        company.hire(name, external_id=f"00u{name}")
    company.org.add(okta_user("00uleo"), okta_user("00umona"), okta_user("00ustays"))
    company.org.deactivate("00uleo")
    company.org.deactivate("00umona")
    company.after_step = kill
    run = company.ask()
    with pytest.raises(Killed):
        company.work()
    company.after_step = None
    company.expire()
    company.org.reactivate("00uleo")
    with later(hours=5):
        company.work()
    run = company.run(run.id)
    assert company.told(run) == [
        ("archive", "leo@acme.example", "passed_over"),
        ("archive", "mona@acme.example", "applied"),
    ]
    assert company.user("leo").active


@pytest.mark.parametrize("left", ["deactivated", "out of the group", "deleted"])
def test_a_late_yes_brings_nobody_back_who_left_since(company: Company, left: str) -> None:
    company.configure(mode="full", most_people=0)
    company.org.add(*[okta_user(f"00u{name}") for name in ("leo", "mona", "cleo", "stays")])
    company.pull()
    for name in ("leo", "mona"):
        company.org.suspend(f"00u{name}")
    company.approve(company.pull())
    for name in ("leo", "mona"):
        company.org.unsuspend(f"00u{name}")
    company.org.deactivate("00ucleo")
    run = company.pull()
    assert run.state == "held"
    if left == "deactivated":
        company.org.deactivate("00uleo")
    elif left == "deleted":
        company.org.deactivate("00uleo")
        company.org.delete("00uleo")
    else:
        company.org.leave("00uleo")
    with later(hours=14):
        run = company.approve(run)
    assert company.told(run, "restore") == [
        ("restore", "leo@acme.example", "passed_over"),
        ("restore", "mona@acme.example", "applied"),
    ]
    assert (company.user("leo").active, company.user("mona").active) == (False, True)


def test_a_late_yes_matches_no_leaver_whose_names_are_somebody_elses_by_now(company: Company) -> None:
    company.configure(most_people=0)
    for name in ("leo", "mona"):
        company.hire(name)
    company.org.add(okta_user("00uold", "leo"), okta_user("00umona"), okta_user("00ustays"))
    company.org.deactivate("00uold")
    company.org.deactivate("00umona")
    run = company.pull()
    assert run.state == "held"
    company.org.add(okta_user("00unew", "leo.linden", email="leo@acme.example"))
    with later(hours=14):
        run = company.approve(run)
    assert company.told(run, "link", "archive") == [
        ("archive", "leo@acme.example", "passed_over"),
        ("archive", "mona@acme.example", "applied"),
        ("link", "leo@acme.example", "passed_over"),
        ("link", "mona@acme.example", "applied"),
    ]
    assert (company.user("leo").active, company.user("leo").external_id) == (True, None)


def test_a_late_yes_asks_anew_about_namesakes_whom_the_run_had_read(company: Company) -> None:
    company.configure(most_people=0)
    for name in ("leo", "mona"):
        company.hire(name)
    company.org.add(*[okta_user(okta_id, name) for okta_id, name in (("00uold", "leo"), ("00unew", "newhire"))])
    company.org.add(okta_user("00umona"), okta_user("00ustays"))
    company.org.deactivate("00uold")
    company.org.deactivate("00umona")
    run = company.pull()
    assert run.state == "held"
    company.org.set_profile("00unew", email="leo@acme.example")
    with later(hours=14):
        run = company.approve(run)
    assert company.told(run, "archive") == [
        ("archive", "leo@acme.example", "passed_over"),
        ("archive", "mona@acme.example", "applied"),
    ]
    assert company.remembered()["00unew"]["listed"] == 1


def test_a_late_yes_goes_on_however_few_are_asked_about_at_a_time(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.configure(most_people=0)
    names = [f"p{number}" for number in range(6)]
    for name in reversed(names):
        company.hire(name)
        company.org.add(okta_user(f"00u{name}"))
    for name in names:
        company.org.deactivate(f"00u{name}")
    company.org.add(okta_user("00ustays"))
    run = company.pull()
    assert run.state == "held"
    monkeypatch.setattr(questions, "ASKING_SECONDS", 0.0)
    company.steps = 0

    def not_for_ever(run: Run | None) -> None:
        assert company.steps < 100

    company.after_step = not_for_ever
    with later(hours=14):
        run = company.approve(run)
    assert run.state == "done"
    assert not any(company.user(name).active for name in names)
