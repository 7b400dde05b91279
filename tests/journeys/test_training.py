"""Joiner, mover, leaver, returner, as a company's training sees them: over SCIM, by real mail, in the reports."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from rollbook import clock, settings
from rollbook.activity import outbox
from rollbook.database import Tx
from rollbook.installation import Installation, open_installation
from rollbook.jobs import schedule, worker
from rollbook.jobs.post import Post
from rollbook.learning import assignments, completion, group_assignments, lessons, reports, shelf, triggers
from rollbook.learning.content_record import Content
from rollbook.mail.delivery import Server
from rollbook.people import companies, groups, keys, memberships, smart_groups, users
from rollbook.people.authorization import Who
from rollbook.people.groups import Group
from tests import postgres
from tests.cast import DEACTIVATE, LEO, MONA, REACTIVATE, scim_user
from tests.conftest import OPERATOR
from tests.console.desk import Page
from tests.mail.sink import HOST, Received, Sink
from tests.servers import PLAIN, ThreadServer, environment

LINK = re.compile(r"http://\S+/sign-in/\S+")


@dataclass
class Journey:
    """A company, what Okta sends to it, and what its people find in their mail."""

    own: Installation
    server: ThreadServer
    sink: Sink
    id: str
    okta: httpx2.Client

    def do(self, verb: Any, *arguments: Any, **how: Any) -> Any:
        """A verb of the operator."""
        work = lambda tx: verb(tx, *arguments, **how, actor=OPERATOR, now=clock.now())  # noqa: E731
        return self.own.database.engine.write(work)

    def ask(self, question: Any, *arguments: Any, **how: Any) -> Any:
        return self.own.database.engine.read(lambda tx: question(tx, *arguments, **how))

    def work(self) -> list[Received]:
        """The worker does everything that is due; the mails that came of it."""
        before = len(self.sink.received)
        post = Post(self.own, Server(HOST, self.sink.port))
        asyncio.run(worker.run(self.own.database, post=post, once=True))
        return self.sink.received[before:]

    def hire(self, profile: Any = LEO) -> str:
        answer = self.okta.post("/Users", json=scim_user(profile))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def move(self, user_id: str, location: str, profile: Any = LEO) -> None:
        moved = scim_user(replace(profile, location=location))
        assert self.okta.put(f"/Users/{user_id}", json=moved).status_code == 200

    def switch(self, user_id: str, body: dict[str, Any]) -> None:
        assert self.okta.patch(f"/Users/{user_id}", json=body).status_code == 200

    def lesson(self, title: str) -> Content:
        made: Content = self.do(lessons.create, self.id, title, "Read **this**.", description="Short.", publish=True)
        return made

    def smart(self, name: str, rule: str) -> Group:
        made: Group = self.do(smart_groups.create, self.id, name, rule)
        self.work()
        return made

    def assign(self, user_id: str, lesson: Content) -> None:
        def work(tx: Tx) -> None:
            user = users.get(tx, self.id, user_id, lock=True)
            act = clock.new_id()
            assignments.assign(tx, user, lesson, act_id=act, actor=OPERATOR, now=clock.now())

        self.own.database.engine.write(work)

    def members(self, group: Group) -> list[str]:
        return [member.id for member in self.ask(lambda tx: memberships.members(tx, groups.get(tx, self.id, group.id)))]

    def titles(self, user_id: str) -> list[str]:
        """What stands on the person's own page."""
        entries = self.ask(shelf.of_person, self.id, user_id, today=clock.now().date())
        return sorted(entry.title for entry in entries)

    def everywhere(self, user_id: str) -> list[str]:
        """The reports and exports that name the person."""
        who = Who(self.id, OPERATOR, "admin")
        today = clock.now().date()
        named = []
        for name in {**reports.REPORTS, **reports.EXPORTS}:
            text = repr(list(reports.rows(self.own.database.engine, who, name, today=today)))
            if user_id in text:
                named.append(name)
        return sorted(named)

    def states(self, user_id: str) -> list[tuple[str, str]]:
        mails = self.ask(outbox.search, self.id, user_id=user_id, limit=1000)
        return [(mail.kind, mail.state) for mail in reversed(mails)]


@pytest.fixture
def journey(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Journey]:
    monkeypatch.setattr(schedule, "DAILY", {})  # no slot of the calendar falls into a journey
    url = "" if engine == "sqlite" else postgres.new_database(request.getfixturevalue("postgres_server"))
    own = open_installation(settings.read(environment(tmp_path, url)))
    server, sink = ThreadServer(own), Sink()

    def found(tx: Tx) -> tuple[str, str]:
        company = companies.create(tx, "acme", "Acme", actor=OPERATOR, now=clock.now())
        _, key = keys.issue(tx, company.id, "scim", pepper=own.pepper, actor=OPERATOR, now=clock.now())
        return company.id, key

    company_id, key = own.database.engine.write(found)
    okta = httpx2.Client(base_url=f"{server.url}/scim/v2", auth=("acme", key), timeout=30, verify=PLAIN)
    yield Journey(own, server, sink, company_id, okta)
    okta.close()
    sink.close()
    server.stop()
    own.close()


def test_a_joiner_hears_nothing_until_the_first_assignment_and_then_once(journey: Journey) -> None:
    leo = journey.hire()
    for place in ("Paris", "Ghent", "Lyon"):
        journey.move(leo, place)
    assert journey.work() == []
    assert journey.states(leo) == []
    journey.assign(leo, journey.lesson("Safe at the bench"))
    (mail,) = journey.work()
    assert mail.recipients == ["leo@acme.example"]
    assert mail.subject == "You have a new account and an assignment: Safe at the bench"
    assert "Short." in mail.part("plain")
    assert journey.states(leo) == [("first", "sent")]
    link = LINK.findall(mail.part("plain"))[0].replace("http://127.0.0.1:8000", journey.server.url)
    with httpx2.Client(timeout=30, verify=PLAIN) as browser:
        page = Page(browser.get(link))
        form = next(form for form in page.forms if form.action.startswith("/sign-in/"))
        first, again = (browser.post(f"{journey.server.url}{form.action}", data=form.fields) for _ in range(2))
        assert (first.status_code, again.status_code) == (303, 403)
        assert "Safe at the bench" in browser.get(f"{journey.server.url}{first.headers['location']}").text
    assert journey.work() == []
    journey.assign(leo, journey.lesson("Second"))
    (plain,) = journey.work()
    assert plain.subject == "New assignment: Second"


def test_a_mover_leaves_one_group_and_joins_another_whose_trigger_assigns_by_one_mail(journey: Journey) -> None:
    lyon = journey.smart("Lyon", 'location = "Lyon"')
    ghent = journey.smart("Ghent", 'location = "Ghent"')
    here, there = journey.lesson("Rules of Lyon"), journey.lesson("Rules of Ghent")
    for group, lesson in ((lyon, here), (ghent, there)):
        journey.do(triggers.on_join, group, lesson, due_days=7, notify=True)
    leo = journey.hire()
    assert (journey.members(lyon), journey.members(ghent)) == ([leo], [])
    (first,) = journey.work()
    assert first.subject.endswith("Rules of Lyon")
    journey.move(leo, "Ghent")
    assert (journey.members(lyon), journey.members(ghent)) == ([], [leo])
    (second,) = journey.work()
    assert second.subject == "New assignment: Rules of Ghent"
    assert journey.titles(leo) == ["Rules of Ghent", "Rules of Lyon"]
    for place in ("Lyon", "Ghent"):
        journey.move(leo, place)
        assert journey.work() == []


def test_a_leaver_is_nowhere_from_the_same_moment_and_a_returner_is_whole(journey: Journey) -> None:
    group = journey.smart("Lyon", 'location = "Lyon"')
    leo, mona = journey.hire(), journey.hire(replace(MONA, location="Lyon"))
    done, late = journey.lesson("Done"), journey.lesson("Open")
    journey.do(group_assignments.create, groups_get(journey, group), done)
    assert len(journey.work()) == 2

    def complete(tx: Tx) -> None:
        user = users.get(tx, journey.id, leo, lock=True)
        completion.complete(tx, user, done, score=80, actor=OPERATOR, now=clock.now())
        users.set_role(tx, user, "creator", actor=OPERATOR, now=clock.now())

    journey.own.database.engine.write(complete)
    journey.assign(leo, late)  # its mail still waits when he leaves
    before = journey.everywhere(leo)
    assert before
    assert journey.members(group) == sorted([leo, mona])
    journey.switch(leo, DEACTIVATE)
    assert journey.everywhere(leo) == []
    assert journey.members(group) == [mona]
    assert journey.titles(leo) == []
    assert journey.states(leo)[-1] == ("assigned", "cancelled")
    assert journey.work() == []
    journey.switch(leo, REACTIVATE)
    assert journey.everywhere(leo) == before
    assert journey.members(group) == sorted([leo, mona])
    assert journey.titles(leo) == ["Done", "Open"]
    user = journey.ask(users.get, journey.id, leo)
    assert (user.id, user.role, user.active) == (leo, "creator", True)
    kept = {one.content_id: (one.state, one.score) for one in journey.ask(assignments.of_user, user)}
    assert kept == {done.id: ("completed", 80), late.id: ("incomplete", None)}
    assert journey.work() == []


def groups_get(journey: Journey, group: Group) -> Group:
    """The group as it stands by now: it was built since it was made."""
    found: Group = journey.ask(groups.get, journey.id, group.id)
    return found
