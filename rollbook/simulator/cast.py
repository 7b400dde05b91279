"""The cast of the demo and what its scenes share: the stage, the apps, the people; questions to the command line."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rollbook import clock
from rollbook.simulator.app import ProvisioningApp, Task, user_path
from rollbook.simulator.bodies import JSON
from rollbook.simulator.browser import Browser, Page
from rollbook.simulator.checks import Found, UnmetError, expect
from rollbook.simulator.lifecycle import expect_synchronized
from rollbook.simulator.org import Org
from rollbook.simulator.people import Assignment, OktaUser, staff
from rollbook.simulator.stage import Stage
from rollbook.simulator.wire import Wire

Tick = Callable[[], None]
HIRES = 40

ADA = "ada@acme.example"
OTTO = "otto@umbra.example"


def _member(number: int, first: str, last: str, title: str, location: str, unit: str) -> OktaUser:
    login = f"{first.lower()}@acme.example"
    return OktaUser(
        id=f"00uacmecast{number:09d}",
        login=login,
        email=login,
        first_name=first,
        last_name=last,
        title=title,
        division=unit,
        cost_center=location,
    )


MONA = _member(1, "Mona", "Manager", "Head of Support", "Lyon", "Support")
CLEO = _member(2, "Cleo", "Creator", "Author", "Berlin", "Engineering")
LEO = _member(3, "Leo", "Learner", "Technician", "Leeds", "Support")
NORA = _member(4, "Nora", "Newman", "Dispatcher", "Porto", "Operations")
EMIL = _member(6, "Emil", "Earlier", "Storekeeper", "Ghent", "Operations")


@dataclass(kw_only=True)
class Play:
    """The state of the demo while it is played.

    `wizard` and `catalogue` are the two apps of acme once they exist; `links` holds sign-in links by e-mail,
    `ids` the ids that Rollbook gave to people made in Learning, `archived` the leavers by user name as the
    command line showed them, `log` the provisioning log of acme once it was asked for. `leo` is Leo's browser
    and `leos_page` the sign-in page that lies open in it when he is archived.
    """

    stage: Stage
    wizard: ProvisioningApp
    catalogue: ProvisioningApp
    org: Org
    org_address: str
    hires: list[OktaUser] = field(default_factory=lambda: staff(HIRES, seed=1))
    tick: Tick = lambda: None
    links: dict[str, str] = field(default_factory=Found)
    ids: dict[str, str] = field(default_factory=Found)
    keys: dict[str, JSON] = field(default_factory=Found)
    archived: dict[str, JSON] = field(default_factory=Found)
    log: list[JSON] = field(default_factory=list)
    leo: Browser = field(default_factory=Browser)
    leos_page: Page | None = None
    latest_slot: datetime = field(default_factory=clock.now)

    def ask(self, *arguments: str) -> Any:
        return self.stage.command(*arguments)

    def users(self, company: str = "acme", *options: str) -> dict[str, JSON]:
        """`rollbook user list` by user name."""
        return Found((user["user_name"], user) for user in self.ask("user", "list", company, *options))

    def user(self, who: str, company: str = "acme") -> JSON:
        """`rollbook user show`."""
        shown = self.ask("user", "show", company, who)
        if not isinstance(shown, dict):
            raise UnmetError(f"rollbook user show gave no user for {who}.")
        return shown

    def held(self, user: OktaUser) -> JSON:
        """What the SCIM door says about somebody assigned through the wizard app."""
        return self.wizard.wire.ask("GET", user_path(self.wizard.id_of(user)))

    def issue_key(self, company: str, label: str) -> str:
        """A new SCIM key; remembered by its label."""
        issued = self.ask("key", "issue", company, "--scope", "scim", "--label", label)
        self.keys[label] = issued
        return str(issued["key"])

    def apps(self) -> list[ProvisioningApp]:
        return [self.wizard, self.catalogue]

    def wires(self) -> list[Wire]:
        return [app.wire for app in self.apps()]

    def close(self) -> None:
        for wire in self.wires():
            wire.close()
        self.leo.close()


def through(app: ProvisioningApp, assignment: Assignment) -> Assignment:
    """Demands that an act went through without a task."""
    return expect_synchronized(app, assignment)


def expect_fields(user: JSON, **wanted: Any) -> None:
    """Compares fields of a user as the command line shows them."""
    for name, value in wanted.items():
        held = user.get(name)
        expect(held == value, f"{name} of {user.get('user_name')} is {held!r}, expected {value!r}.")


def first_assignment(app: ProvisioningApp) -> Assignment:
    for assignment in app.assignments.values():
        return assignment
    raise UnmetError("Nobody is assigned to the app.")


def newest_task(app: ProvisioningApp) -> Task:
    if not app.tasks:
        raise UnmetError("There is no task.")
    return app.tasks[-1]
