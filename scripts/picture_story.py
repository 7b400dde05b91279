"""The story that the pictures of docs/pictures show: a realistic company and what happens in it.

The clock of this process is moved while it is told, so that the log reads like weeks of work; people come by real SCIM
requests, the rest by the command line. The server and the browser are picture.py's.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import time_machine
from typer.testing import CliRunner

from rollbook.cli import app
from rollbook.database import Database, Tx
from rollbook.jobs import worker
from rollbook.people import companies, keys
from rollbook.people.profiles import Profile
from tests.cast import DEACTIVATE, ENTERPRISE, REACTIVATE, patch, scim_user
from tests.servers import ThreadServer

# Given and family name, Location, Business Unit, job title.
HIRES = (
    ("Leo", "Linden", "Lyon", "Sales", "Account Executive"),
    ("Nora", "Nettle", "Lyon", "Sales", "Account Executive"),
    ("Felix", "Fennel", "Berlin", "Engineering", "Backend Engineer"),
    ("Ida", "Iris", "Berlin", "Engineering", "Engineering Lead"),
    ("Oscar", "Oregano", "Utrecht", "Support", "Support Specialist"),
    ("Rosa", "Rosemary", "Porto", "Sales", "Sales Manager"),
    ("Theo", "Thyme", "Porto", "Support", "Support Lead"),
    ("Viola", "Verbena", "Lyon", "Marketing", "Content Editor"),
    ("Hugo", "Hawthorn", "Berlin", "Engineering", "Data Engineer"),
    ("Lila", "Lavender", "Utrecht", "Marketing", "Designer"),
    ("Emil", "Elder", "Berlin", "Finance", "Controller"),
    ("Clara", "Chervil", "Lyon", "Finance", "Accountant"),
    ("Max", "Mallow", "Porto", "Engineering", "Frontend Engineer"),
    ("Pia", "Primrose", "Utrecht", "Sales", "Sales Engineer"),
    ("Samir", "Saffron", "Lyon", "Support", "Support Specialist"),
    ("Greta", "Gentian", "Berlin", "People", "Recruiter"),
    ("Jonas", "Juniper", "Utrecht", "Engineering", "Site Engineer"),
    ("Alma", "Anise", "Porto", "People", "People Partner"),
    ("Tilda", "Tansy", "Lyon", "Sales", "Account Executive"),
    ("Bruno", "Borage", "Berlin", "Support", "Support Specialist"),
    ("Celia", "Cicely", "Utrecht", "Finance", "Analyst"),
    ("Dario", "Dill", "Porto", "Sales", "Account Executive"),
    ("Edda", "Edelweiss", "Berlin", "Marketing", "Campaign Manager"),
    ("Yara", "Yarrow", "Lyon", "Engineering", "Backend Engineer"),
)


class Story:
    """The company, and the hands that Okta and the operator have in it."""

    def __init__(
        self, server: ThreadServer, environment: dict[str, str], database: Database, *, bad_week: bool
    ) -> None:
        self._environment = environment
        self._database = database
        self.bad_week = bad_week
        self.ids: dict[str, str] = {}
        self.now = datetime.now(UTC)
        self.okta = httpx2.Client(base_url=f"{server.url}/scim/v2", timeout=30, trust_env=False)

    @contextmanager
    def ago(self, **before: float) -> Iterator[None]:
        """Runs what is inside that long before now."""
        with time_machine.travel(self.now - timedelta(**before), tick=True):
            yield

    def operator(self, *words: str, given: str | None = None) -> Any:
        """A command of the operator, and its JSON."""
        result = CliRunner().invoke(app, [*words, "--json"], env=self._environment, input=given)
        if result.exit_code:
            raise RuntimeError(f"{' '.join(words)}: {result.output} {result.exception}")
        return json.loads(result.stdout)

    def send(self, method: str, path: str, body: dict[str, Any] | None = None, *, expect: int) -> Any:
        """A request of Okta, which must be answered so."""
        answer = self.okta.request(method, path, json=body)
        if answer.status_code != expect:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    def invite(self, given: str, family: str, role: str) -> str:
        """The operator invites somebody; the sign-in link."""
        words = ["user", "invite", "acme", f"{given.lower()}@acme.example", "--role", role]
        invited = self.operator(*words, "--given", given, "--family", family)
        self.ids[family] = invited["id"]
        return str(invited["sign_in_url"])

    def hire(self, person: tuple[str, str, str, str, str], *, number: int, expect: int = 201) -> str:
        """Okta creates somebody."""
        created = self.send("POST", "/Users", body_of(person, number), expect=expect)
        self.ids[person[1]] = created["id"]
        return str(created["id"])

    def remember_use(self) -> None:
        """What the server would store within a minute: when the key was used last."""
        at = self.now - timedelta(minutes=3)

        def work(tx: Tx) -> None:
            company = companies.get(tx, "acme")
            keys.note_use(tx, company.id, {key.id: (at, None) for key in keys.search(tx, company.id)})

        self._database.engine.write(work)

    def work(self) -> None:
        """The worker does what is due."""
        asyncio.run(worker.run(self._database, once=True))


def body_of(person: tuple[str, str, str, str, str], number: int, **attributes: Any) -> dict[str, Any]:
    """What Okta sends about somebody."""
    given, family, location, unit, title = person
    address = f"{given}.{family}@acme.example".lower()
    profile = Profile(address, address, given, family, location, unit, external_id=f"00u8ac{number:04d}")
    return scim_user(profile, **{"title": title, **attributes})


def begin(story: Story) -> None:
    """Three weeks ago: the company, its key, the people of before; a week later Okta brings everybody."""
    with story.ago(days=21):
        story.operator("company", "create", "acme", "--name", "Acme")
        key = story.operator("key", "issue", "acme", "--scope", "scim", "--label", "Okta production")["key"]
        story.okta.auth = ("acme", key)
        story.invite("Rufus", "Rue", "admin" if story.bad_week else "learner")
        if story.bad_week:
            story.send("PATCH", f"/Users/{story.ids['Rue']}", DEACTIVATE, expect=200)
        story.invite("Ada", "Lovage", "admin")
        story.invite("Mona", "Marigold", "manager")
        story.invite("Cleo", "Clover", "creator")
        story.invite("Iwan", "Ivy", "manager")
        for given, family in (("Basil", "Bergamot"), ("Hazel", "Hyssop"), ("Sage", "Sorrel")):
            story.operator(
                "user", "create", "acme", f"{given.lower()}@acme.example", "--given", given, "--family", family
            )
        story.operator("user", "link", "acme", "sage@acme.example", "--external-id", "00u8ac0900")
    with story.ago(days=14):
        for number, person in enumerate(HIRES):
            story.hire(person, number=number)
        before = (
            ("Ada", "Lovage", "Head of IT"),
            ("Mona", "Marigold", "Sales Director"),
            ("Cleo", "Clover", "Trainer"),
            ("Iwan", "Ivy", "Team Lead"),
            ("Rufus", "Rue", "Trainee"),
        )
        for number, (given, family, title) in enumerate(before):
            body = privileged(given, family, title, number)
            if family != "Rue" or not story.bad_week:
                story.send("PUT", f"/Users/{story.ids[family]}", body, expect=200)


def privileged(given: str, family: str, title: str, number: int, **attributes: Any) -> dict[str, Any]:
    """What Okta sends about somebody who was here before, under the address they have."""
    address = f"{given.lower()}@acme.example"
    profile = Profile(address, address, given, family, "Lyon", "Sales", external_id=f"00u8ad{number:04d}")
    return scim_user(profile, **{"title": title, **attributes})


def go_on(story: Story) -> None:
    """The last days: leavers, moves, somebody who comes back, and what was refused and why."""
    with story.ago(days=6):
        story.send("DELETE", f"/Users/{story.ids['Nettle']}", expect=204)
    if story.bad_week:
        with story.ago(days=1):
            story.send("DELETE", f"/Users/{story.ids['Ivy']}", expect=204)
    with story.ago(hours=20):
        story.hire(HIRES[1], number=301)
    with story.ago(hours=5):
        put = body_of(HIRES[5], 5, title="Regional Sales Manager")
        put[ENTERPRISE] = {"costCenter": "Lisbon", "division": "Sales", "department": "Iberia"}
        story.send("PUT", f"/Users/{story.ids['Rosemary']}", put, expect=200)
    with story.ago(hours=3, minutes=12):
        tagged = patch({"op": "add", "value": {"nickName": "Jo", "tags": ["Utrecht"]}})
        story.send("PATCH", f"/Users/{story.ids['Juniper']}", tagged, expect=200)
    with story.ago(hours=2):
        moved = privileged("Mona", "Marigold", "Sales Director", 1)
        moved["emails"] = [{"primary": True, "value": "mona.marigold@acme-group.example", "type": "work"}]
        story.send("PUT", f"/Users/{story.ids['Marigold']}", moved, expect=200)
    with story.ago(minutes=48):
        story.send("PATCH", f"/Users/{story.ids['Clover']}", DEACTIVATE, expect=200)
    with story.ago(minutes=31):
        story.send("PATCH", f"/Users/{story.ids['Clover']}", REACTIVATE, expect=200)
    with story.ago(minutes=19):
        nameless = body_of(("Wanda", "Woodruff", "Lyon", "Sales", "Trainee"), 77)
        del nameless["name"]["familyName"]
        story.send("POST", "/Users", nameless, expect=400)
    with story.ago(minutes=16):
        homonym = body_of(("Basil", "Basswood", "Porto", "Support", "Trainee"), 78)
        homonym["emails"] = [{"primary": True, "value": "basil@acme.example", "type": "work"}]
        story.send("POST", "/Users", homonym, expect=409)
    with story.ago(minutes=9):
        story.send("PATCH", f"/Users/{story.ids['Elder']}", DEACTIVATE, expect=200)
    if story.bad_week:
        with story.ago(minutes=7):
            for person in HIRES[11:24]:
                story.send("PATCH", f"/Users/{story.ids[person[1]]}", DEACTIVATE, expect=200)
            story.work()
    with story.ago(minutes=3):
        put = body_of(HIRES[0], 0, title="Senior Account Executive")
        put[ENTERPRISE] = {"costCenter": "Paris", "division": "Sales", "department": "Key Accounts"}
        story.send("PUT", f"/Users/{story.ids['Linden']}", put, expect=200)


# Title, description, days until it is due.
LESSONS = (
    ("Working safely with ladders", "Choosing one, setting it up, and when to leave it alone.", -3),
    ("Welcome to Acme", "Who we are, where things are, whom to ask.", 4),
    ("Fire drill", "What you do when the bell rings.", 11),
)
LEO, LEOS_NAME = "leo.linden@acme.example", ("--given", "Leo", "--family", "Linden")
STEPS = ("Meet a customer", "Listen first", "Write an offer")


def train(story: Story) -> None:
    """What Leo is to do, and has done."""
    with story.ago(days=9):
        for title, description, days in LESSONS:
            write(story, title, description)
            due = (story.now + timedelta(days=days)).date().isoformat()
            story.operator("assign", "acme", title, "--user", LEO, "--due", due)
        for title in STEPS:
            write(story, title, "")
        steps = [word for title in STEPS for word in ("--lesson", title)]
        story.operator("path", "create", "acme", "--title", "Selling at Acme", "--publish", *steps)
        due = (story.now + timedelta(days=20)).date().isoformat()
        story.operator("assign", "acme", "Selling at Acme", "--user", LEO, "--due", due)
    with story.ago(days=2):
        story.operator("complete", "acme", "Welcome to Acme", LEO, "--score", "95")
        story.operator("complete", "acme", STEPS[0], LEO)


def write(story: Story, title: str, description: str) -> None:
    """A lesson, published."""
    words = ["lesson", "create", "acme", "--title", title, "--description", description]
    story.operator(*words, "--body-file", "-", "--publish", given=f"# {title}\n")
