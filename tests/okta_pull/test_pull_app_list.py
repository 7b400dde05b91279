"""The list of the app: what of it cannot be read spoils nothing else, and no page of it is one long write."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any, cast

import pytest

from rollbook import clock
from rollbook.activity import queue
from rollbook.okta import answers, drafting, grounds, reading, runs
from rollbook.okta.answers import AppUser, Page, Person, Refused
from rollbook.okta.client import Client
from rollbook.okta.drafting import Draft
from rollbook.okta.runs import Run
from rollbook.okta.sync import Sync
from rollbook.okta.terms import Terms
from rollbook.people import okta_view
from tests.okta_pull.pull import Company, okta_user

SOUND = {"id": "00ucleo", "status": "ACTIVE", "externalId": "0199", "profile": {}}


@pytest.mark.parametrize(
    ("member", "value"),
    [("externalId", "a\x00b"), ("externalId", "x" * 501), ("status", "ACT\x00IVE"), ("status", "x" * 60)],
)
def test_an_app_user_who_cannot_be_kept_is_refused_alone(member: str, value: str) -> None:
    body = json.dumps([{**SOUND, "id": "00uleo", member: value}, SOUND]).encode()
    read, refused = answers.app_users(body)
    assert [each.id for each in read] == ["00ucleo"]
    assert [each.id for each in refused] == ["00uleo"]
    assert value not in refused[0].why


class Tampered:
    """The org, but for the list of its app."""

    def __init__(self, client: Client, body: bytes) -> None:
        self._client = client
        self._body = body

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def app_users(self, app_id: str, after: str | None) -> Page[AppUser]:
        items, refused = answers.app_users(self._body)
        return Page(items, refused, None)


def pull_with_app_list(company: Company, *records: dict[str, Any]) -> Run:
    run = company.ask()
    body = json.dumps(records).encode()

    async def work() -> None:
        task = company.claim()
        assert task is not None
        async with company.client() as client:
            source = cast(Client, Tampered(client, body))
            sync = Sync(company.house.installation.database, source, company.connection(), task)
            while await sync.step():
                pass
        company.write(lambda tx: queue.finish(tx, task, now=clock.now()))

    asyncio.run(work())
    return company.run(run.id)


def shown(company: Company, name: str) -> str:
    user = company.user(name)
    return company.read(lambda tx: okta_view.views(tx, company.id, [user]))[user.id].status  # type: ignore[no-any-return]  # `read` returns whatever is read


def test_whose_assignment_cannot_be_read_is_not_shown_as_unassigned(company: Company) -> None:
    """On PostgreSQL a NUL is no text, and the whole run would end with it."""
    company.configure(app_id=company.org.app_id)
    for name in ("leo", "cleo", "mona"):
        company.hire(name)
        company.org.add(okta_user(f"00u{name}"))
    sound = [{**SOUND, "id": f"00u{name}"} for name in ("leo", "cleo", "mona")]
    assert pull_with_app_list(company, *sound).state == "done"
    assert shown(company, "leo") == "assigned with another id"
    run = pull_with_app_list(company, {**sound[0], "externalId": "a\x00b"}, sound[1])
    assert (run.state, run.counts["unreadable"]) == ("done", 1)
    assert [shown(company, name) for name in ("leo", "cleo", "mona")] == [
        "unknown",
        "assigned with another id",
        "not assigned",
    ]
    (aside,) = [row for row in company.plan(run, "set_aside") if "app" in row.reason]
    assert aside.reason.startswith("1 record in the app's list")
    assert pull_with_app_list(company, *sound).state == "done"
    assert shown(company, "leo") == "assigned with another id"


def test_where_nobody_knows_whose_record_it_is_nobody_counts_as_unassigned(company: Company) -> None:
    company.configure(app_id=company.org.app_id)
    for name in ("leo", "cleo"):
        company.hire(name)
        company.org.add(okta_user(f"00u{name}"))
    sound = [{**SOUND, "id": f"00u{name}"} for name in ("leo", "cleo")]
    pull_with_app_list(company, *sound)
    run = pull_with_app_list(company, {"status": "ACTIVE"}, sound[1])
    assert run.counts["unreadable"] == 1
    assert [shown(company, name) for name in ("leo", "cleo")] == ["assigned with another id"] * 2
    pull_with_app_list(company, sound[1])
    assert shown(company, "leo") == "not assigned"


def reading_run(company: Company) -> Run:
    run = company.ask()
    company.write(lambda tx: runs.advance(tx, run, state="reading", part="people"))
    return company.run(run.id)


def test_a_page_of_the_app_is_written_some_at_a_time(company: Company) -> None:
    company.configure(app_id=company.org.app_id)
    run = reading_run(company)
    users = [AppUser(f"00u{number:03}", "ACTIVE", "0199") for number in range(90)]
    refused = [Refused(f"00v{number:03}", "It makes no sense.") for number in range(30)]
    page = reading.AppPage(Page(users, [*refused, Refused(None, "Nor does it.")], None))
    steps, more = [0], True
    while more:
        run, more = company.write(lambda tx, r=run: page.keep(tx, r, {"part": "singles"}))
        assert run.part == ("people" if more else "singles")
        steps.append(sum(row["app_run"] == run.id for row in company.remembered().values()))
    assert steps[-1] == 120
    assert max(after - before for before, after in pairwise(steps)) <= reading.WRITTEN_AT_ONCE
    assert (run.counts["app"], run.counts["unreadable"]) == (90, 31)
    # The list is read from its beginning once more: nobody is counted twice.
    run, more = company.write(lambda tx, r=run: reading.AppPage(Page(users, refused, None)).keep(tx, r, {}))
    assert (more, run.counts["app"], run.counts["unreadable"]) == (False, 90, 31)


def test_refused_records_of_a_page_are_written_some_at_a_time(company: Company) -> None:
    company.configure()
    run = reading_run(company)
    page: Page[Person] = Page([], [Refused(f"00u{number:03}", "It makes no sense.") for number in range(120)], None)
    people = reading.PeoplePage(Terms(mode="complement", group_id="g", app_id=None), "people", page)
    steps, more = [0], True
    while more:
        run, more = company.write(lambda tx, r=run: people.keep(tx, r, {}))
        steps.append(len(company.remembered()))
    assert steps == [0, 50, 100, 120]
    assert run.counts["unreadable"] == 120


def test_a_step_of_the_plan_writes_no_more_rows_than_it_may(company: Company) -> None:
    """Everybody is missing and unassigned at once."""
    company.configure(app_id=company.org.app_id)
    run = reading_run(company)
    terms = Terms(mode="complement", group_id="g", app_id="a")
    people = [Person(f"00u{number:04}", "ACTIVE", {"login": f"p{number}@acme.example"}) for number in range(700)]
    for start in range(0, 700, 100):
        page = reading.PeoplePage(terms, "people", Page(people[start : start + 100], [], None))
        app = reading.AppPage(Page([AppUser(each.id, "ACTIVE") for each in people[start : start + 100]], [], None))
        for part in (page, app):
            more = True
            while more:
                run, more = company.write(lambda tx, p=part, r=run: p.keep(tx, r, {}))
    company.drop(run)
    later = company.ask()
    company.write(lambda tx: runs.advance(tx, later, state="planning"))
    run = company.run(later.id)
    rests_on = company.read(lambda tx: grounds.of_company(terms, (), listed=5, present={"login": 5}))
    drafts: list[Draft] = []
    while not drafts or drafts[-1].last is not None:
        drafts.append(company.read(lambda tx, r=run: drafting.draft(tx, r, rests_on)))
        if drafts[-1].last is not None:
            run = company.write(lambda tx, r=run: drafting.keep(tx, r, drafts[-1]))
    rows = [len(d.plans) + len(d.missing) + len(d.unassigned) + len(d.forgotten) for d in drafts]
    assert max(rows) <= drafting.MOST_ROWS
    assert sum(rows) == 1400
    assert {(row["missing_runs"], row["app_status"]) for row in company.remembered().values()} == {(1, None)}
