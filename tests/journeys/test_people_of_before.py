"""Accounts that are older than the integration: found, matched, and archived when they leave, by whichever way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from rollbook import clock
from rollbook.database import Tx
from rollbook.database.tables import outbox
from rollbook.okta import leavers
from rollbook.people import keys, users
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from rollbook.people.roles import Role
from rollbook.simulator.app import ProvisioningApp
from rollbook.simulator.org import Org
from rollbook.simulator.people import OktaUser
from rollbook.simulator.wire import Wire
from tests import history
from tests.cast import ADA, CLEO, MONA
from tests.conftest import OPERATOR
from tests.okta_pull.place import Place, opened
from tests.servers import ThreadServer, rollbook


@dataclass
class Acme:
    """A company, the app that Okta provisions it with, and its org."""

    place: Place
    app: ProvisioningApp
    org: Org

    def make(self, *people: tuple[Profile, Role]) -> None:
        """Accounts made in Learning, before anything was connected."""

        def work(tx: Tx) -> None:
            for profile, role in people:
                users.create(tx, self.place.company_id, profile, role=role, actor=OPERATOR, now=clock.now())

        self.place.write(work)

    def people(self) -> dict[str, User]:
        """Everybody in Learning by user name."""
        everybody = self.place.read(
            lambda tx: users.search(tx, users.SELECT.where(users.users.c.company_id == self.place.company_id))
        )
        return {user.user_name: user for user in everybody}

    def links(self) -> dict[str, dict[str, Any]]:
        """`rollbook links` by user name."""
        return {entry["user"]["user_name"]: entry for entry in self.ask("links")}

    def ask(self, *command: str) -> Any:
        ended = rollbook(self.place.environment, command[0], "acme", *command[1:], "--json")
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    def mails(self) -> list[Any]:
        return self.place.read(lambda tx: history.rows(tx, outbox, self.place.company_id))


@pytest.fixture
def acme(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Acme]:
    with opened(engine, tmp_path, request) as place:
        pepper = place.installation.pepper
        _, key = place.write(
            lambda tx: keys.issue(tx, place.company_id, "scim", pepper=pepper, actor=OPERATOR, now=clock.now())
        )
        server = ThreadServer(place.installation)
        app = ProvisioningApp(wire=Wire(base_url=f"{server.url}/scim/v2", user="acme", key=key, remember=5000))
        place.org.push = app
        yield Acme(place, app, place.org)
        app.wire.close()
        server.stop()


def account(number: int) -> Profile:
    name = f"p{number:03d}@acme.example"
    return Profile(name, name, "Leo", f"Linden {number}")


def known_to_okta(number: int, **values: Any) -> OktaUser:
    name = f"p{number:03d}@acme.example"
    person = OktaUser(f"00uacmebefore{number:07d}", name, name, "Leo", f"Linden {number}")
    return replace(person, **values)


def staff_in_okta(profile: Profile, number: int) -> OktaUser:
    return known_to_okta(
        number,
        login=profile.user_name,
        email=profile.email,
        first_name=profile.given_name,
        last_name=profile.family_name,
    )


ACCOUNTS = 500
MOVED = range(9)  # another e-mail in Okta, the same login
RENAMED = range(9, 13)  # another e-mail and another login
SHARED = range(13, 15)  # other logins in Okta, and two people there who have the e-mail
GONE = range(100, 140)  # left Okta long ago
CLICKED = range(200, 205)  # for whom Provision User is clicked


def test_five_hundred_people_of_before_are_named_matched_and_leave(acme: Acme) -> None:
    place, org = acme.place, acme.org
    acme.make(*((account(number), "learner") for number in range(ACCOUNTS)))
    acme.make((ADA, "admin"), (MONA, "manager"), (CLEO, "creator"))
    for number in range(ACCOUNTS):
        values: dict[str, str] = {}
        if number in MOVED:
            values = {"email": f"moved{number}@acme.example"}
        elif number in RENAMED:
            values = {"email": f"other{number}@acme.example", "login": f"other{number}@acme.example"}
        elif number in SHARED:
            values = {"login": f"first{number}@acme.example"}
        org.add(known_to_okta(number, **values))
    for number in SHARED:
        org.add(known_to_okta(ACCOUNTS + number, login=f"second{number}@acme.example", email=account(number).email))
    privileged = [staff_in_okta(profile, 900 + n) for n, profile in enumerate((ADA, MONA, CLEO))]
    org.add(*privileged)
    everybody = [person.user for person in org.people.values()]
    org.assign_before_provisioning(*everybody)
    for number in GONE:
        org.deactivate(known_to_okta(number).id)
    org.deactivate(privileged[-1])
    assert not acme.app.wire.exchanges

    # SCIM is connected: Okta tests its credentials and reads, and reading links nobody.
    acme.app.test_connection()
    acme.app.import_users()
    named = acme.links()
    assert len(named) == ACCOUNTS + 3
    assert {entry["link"] for entry in named.values()} == {"unlinked"}
    assert all("Provision User" in entry["what_to_do"] for entry in named.values())

    # The click links, and only those it was made for.
    for number in CLICKED:
        org.provision_user(known_to_okta(number))
    assert len(acme.links()) == ACCOUNTS + 3 - len(CLICKED)

    # What a run would do is shown, and nothing of it done.
    place.configure("--app", org.app_id)
    before = acme.people()
    plan = place.run("preview")
    assert acme.people() == before
    assert [len(plan[kind]) for kind in ("create", "change", "restore")] == [0, 0, 0]
    assert len(plan["archive"]) == len(GONE) + 1
    assert "wait for a person's yes" in plan["held"]
    aside = [entry for entry in plan["set_aside"] if "e-mail" in entry["rule"]]
    assert len(aside) == 2 * len(SHARED)

    # The run waits for the yes, and then archives those who left. Nobody privileged is touched by that.
    held = place.run("sync")
    assert held["state"] == "held"
    assert not [user for user in acme.people().values() if not user.active]
    after_yes = place.run("approve", held["id"])
    assert after_yes["state"] == "held"
    assert "privileged" in after_yes["reason"]
    people = acme.people()
    assert sorted(user.user_name for user in people.values() if not user.active) == sorted(
        account(number).user_name for number in GONE
    )
    for profile in (ADA, MONA, CLEO):
        user = people[profile.user_name]
        assert (user.active, user.link, user.external_id) == (True, "unlinked", None)
    place.run("drop", held["id"])
    known = {name for name, user in people.items() if user.link == "known" and user.active}
    clear = set(range(ACCOUNTS)) - {*RENAMED, *SHARED, *GONE, *CLICKED}
    assert known == {account(number).user_name for number in clear}

    # Those whom no rule could tell are listed for a person, each with its reason.
    named = acme.links()
    unlinked = {name for name, entry in named.items() if entry["link"] == "unlinked"}
    assert unlinked == {account(number).user_name for number in (*RENAMED, *SHARED)} | {
        profile.user_name for profile in (ADA, MONA, CLEO)
    }
    for number in SHARED:
        assert "so have others in Okta" in named[account(number).user_name]["reason"]
    assert named[account(300).user_name]["okta_status"] == "assigned without an id"

    # From now on: whoever is linked leaves with Okta's request, whoever is known with the next run.
    linked, watched = known_to_okta(CLICKED[0]), known_to_okta(300)
    org.deactivate(linked)
    assert acme.people()[linked.login].archived_by.startswith("scim:")
    sent = len(acme.app.wire.exchanges)
    org.deactivate(watched)
    assert len(acme.app.wire.exchanges) == sent
    assert acme.people()[watched.login].active
    assert place.run("sync")["state"] == "held"  # for the privileged ones alone
    assert acme.people()[watched.login].archived_by.startswith("okta:")
    assert acme.mails() == []
    assert org.log.writes == []
    assert org.limits.violations == 0


def test_sixty_people_of_before_leave_at_once_and_each_by_a_way_that_is_told(acme: Acme) -> None:
    place, org = acme.place, acme.org
    acme.make(*((account(number), "learner") for number in range(200)))
    org.add(*map(known_to_okta, range(200)))
    org.assign_before_provisioning(*map(known_to_okta, range(200)))
    for number in range(20):
        org.provision_user(known_to_okta(number))
    place.configure("--app", org.app_id)
    assert place.run("sync")["state"] == "done"
    acme.make(*((account(number), "learner") for number in range(200, 220)))  # after the run: no rule has seen them
    org.add(*map(known_to_okta, range(200, 220)))
    for number in (*range(40), *range(200, 220)):
        org.deactivate(known_to_okta(number))
    held = place.run("sync")
    assert (held["state"], "40 people" in held["reason"]) == ("held", True)
    assert place.run("approve", held["id"])["state"] == "done"
    gone = {name for name, user in acme.people().items() if not user.active}
    assert gone == {account(number).user_name for number in (*range(40), *range(200, 220))}
    counts = place.read(lambda tx: leavers.counts(tx, place.company_id, now=clock.now()))
    assert (counts["scim"], counts["okta"], counts["learning"]) == (20, 40, 0)
    told = place.read(lambda tx: leavers.search(tx, place.company_id, way="okta", limit=100, now=clock.now()))
    ways = {leaver.user.user_name: leaver.matched_by for leaver in told}
    assert {ways[account(number).user_name] for number in range(20, 40)} == {None}  # known before
    assert {ways[account(number).user_name] for number in range(200, 220)} == {"user name"}
    assert acme.mails() == []


def test_whoever_is_back_in_the_group_is_back_whole_in_full_mode(acme: Acme) -> None:
    place, org = acme.place, acme.org
    org.push = None  # a company without SCIM
    org.add(*map(known_to_okta, range(30)))
    place.configure("--mode", "full", "--most-percent", "50")
    assert place.run("sync")["counts"]["applied"] == 30
    before = acme.people()
    leo = known_to_okta(7)
    org.deactivate(leo)
    assert place.run("sync")["state"] == "done"
    assert not acme.people()[leo.login].active
    org.reactivate(leo)
    place.run("sync")
    assert not acme.people()[leo.login].active  # active in Okta, and in the group no more
    org.join(leo, org.group_id)
    assert place.run("sync")["state"] == "done"
    back = acme.people()[leo.login]
    assert (back.id, back.active, back.role) == (before[leo.login].id, True, "learner")
    assert acme.mails() == []
