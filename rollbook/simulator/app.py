"""A provisioning app in the simulated Okta: which requests each act of its administrator sends, in order.

The bodies are made in bodies.py and travel through wire.py.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import quote

from rollbook.simulator.bodies import JSON, creation, merged, status_change
from rollbook.simulator.people import Assignment, OktaUser
from rollbook.simulator.wire import ProvisioningError, Wire, equals

Kind = Literal["wizard", "catalogue"]
Act = Literal["create", "update", "deactivate", "reactivate"]

PAGE = 100
MOST_PAGES = 20_000
FILLER = "abcdefghijkmnpqrstuvwxyz23456789"

SENTENCES: dict[Act, str] = {
    "create": "Automatic provisioning of user {name} to app {app} failed: {why}",
    "update": "Automatic profile push of user {name} to app {app} failed: {why}",
    "deactivate": "Automatic deprovisioning of user {name} from app {app} failed: {why}",
    "reactivate": "Automatic reactivation of user {name} in app {app} failed: {why}",
}


@dataclass(frozen=True, slots=True)
class Task:
    """A failure as Okta's administrator sees it under *Tasks*; `detail` is the server's text, verbatim."""

    number: int
    act: Act
    user_id: str
    text: str
    status: int | None
    detail: str


@dataclass(kw_only=True)
class ProvisioningApp:
    """An app of kind *wizard* (made with the App Integration Wizard: PUT for everything) or *catalogue*
    (PUT for profiles, PATCH for the status), with *Create*, *Update* and *Deactivate Users* switched on.

    No act raises when the server refuses: the assignment's `sync` becomes ERROR and a Task is left, which
    `retry` tries again. `with_external_id` and `with_enterprise` are the attribute mappings.
    """

    wire: Wire
    kind: Kind = "wizard"
    name: str = "Rollbook"
    unique_attribute: str = "userName"
    with_external_id: bool = True
    with_enterprise: bool = True
    seed: int | None = None
    assignments: dict[str, Assignment] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)  # noqa: S311 (filler and numbering, not secrets)
        self._numbered = 0

    # What the administrator presses on the Provisioning and Import tabs.

    def test_connection(self) -> int:
        """*Test API Credentials*: one GET; gives `totalResults`. Raises ProvisioningError."""
        answer = self.wire.ask("GET", "/Users", query={"startIndex": 1, "count": 2})
        return _total(answer)

    def import_users(self) -> list[JSON]:
        """*Import Now*: every user of the server, page by page until `totalResults` is reached.

        Okta steps by 100 whatever a page held. Raises ProvisioningError.
        """
        users: list[JSON] = []
        for page in range(MOST_PAGES):
            answer = self.wire.ask("GET", "/Users", query={"startIndex": page * PAGE + 1, "count": PAGE})
            users += resources(answer)
            if (page + 1) * PAGE >= _total(answer):
                return users
        raise ProvisioningError(f"The import did not end within {MOST_PAGES} pages.")

    def confirm_match(self, user: OktaUser, external_id: str) -> Assignment:
        """*Confirm Assignments* of the import: Okta remembers the id and writes the profile to it."""
        self.assignments[user.id] = Assignment(user, external_id)
        return self._act("update", user, self._write_profile)

    # What happens to people.

    def assign(self, user: OktaUser) -> Assignment:
        """Assigns the app: looks the person up, then writes to the one found or creates one.

        Somebody found archived is reactivated.
        """
        self.assignments[user.id] = Assignment(user)
        return self._act("create", user, self._match_or_create)

    def assign_before_provisioning(self, user: OktaUser) -> Assignment:
        """An assignment from before provisioning was switched on: nothing is sent and no id is known."""
        self.assignments[user.id] = Assignment(user)
        return self.assignments[user.id]

    def push_profile(self, user: OktaUser) -> Assignment:
        """The person's profile changed in Okta. Sends nothing for an assignment without an id."""
        return self._change(user, "update", self._write_profile)

    def change_email(self, user: OktaUser, email: str) -> Assignment:
        return self.push_profile(replace(user, email=email))

    def rename(self, user: OktaUser, login: str) -> Assignment:
        """A new `userName`; the e-mail stays."""
        return self.push_profile(replace(user, login=login))

    def suspend(self, user: OktaUser) -> Assignment:
        """Okta tells the server nothing of a suspension."""
        return self._remember(replace(user, status="SUSPENDED"))

    def unassign(self, user: OktaUser) -> Assignment:
        """Takes the app away. Sends nothing for an assignment without an id: the account stays active."""
        self.assignments[user.id] = replace(self._assignment(user), assigned=False)
        return self._change(user, "deactivate", self._archive)

    def deactivate(self, user: OktaUser) -> Assignment:
        """The person is deactivated in Okta, which ends the assignment too."""
        return self.unassign(replace(user, status="DEPROVISIONED"))

    def reactivate(self, user: OktaUser) -> Assignment:
        """The person is activated and assigned again; Okta looks them up anew, the old id is forgotten."""
        back = replace(user, status="ACTIVE")
        self.assignments[user.id] = Assignment(back)
        return self._act("reactivate", back, self._match_or_create)

    def retry(self, task: Task) -> Assignment:
        """*Retry Selected* under Tasks: the same act for the person as Okta now knows them."""
        self.tasks.remove(task)
        user = self.assignments[task.user_id].user
        steps: dict[Act, Callable[[OktaUser], Assignment]] = {
            "create": self._match_or_create,
            "update": self._write_profile,
            "deactivate": self._archive,
            "reactivate": self._match_or_create,
        }
        return self._act(task.act, user, steps[task.act])

    def id_of(self, user: OktaUser) -> str:
        """The server's id of somebody, as Okta remembers it; raises ProvisioningError without one."""
        given = self._assignment(user).external_id
        if given is None:
            raise ProvisioningError(f"No id is known of {user.login}.")
        return given

    # The requests.

    def match(self, user: OktaUser) -> JSON | None:
        """The one user whose unique attribute equals the login, None without one; raises ProvisioningError
        when more than one is found."""
        query = {"filter": equals(self.unique_attribute, user.login), "startIndex": 1, "count": PAGE}
        found = resources(self.wire.ask("GET", "/Users", query=query))
        if len(found) > 1:
            raise ProvisioningError(f"Ambiguous match: {len(found)} users have {user.login}.")
        return found[0] if found else None

    def _match_or_create(self, user: OktaUser) -> Assignment:
        found = self.match(user)
        if found is None:
            return self._create(user)
        external_id = _id_of(found)
        self.assignments[user.id] = Assignment(user, external_id)
        if found.get("active") is not False:
            return self._write_profile(user)
        if self.kind == "catalogue":
            self.wire.ask("PATCH", user_path(external_id), body=status_change(True))
            return self._write_profile(user)
        self._write_profile(user)
        return self._write_profile(user)  # wizard apps send the pair twice within seconds

    def _create(self, user: OktaUser) -> Assignment:
        filler = "".join(self._dice.choices(FILLER, k=8))
        body = creation(
            user,
            filler,
            with_external_id=self.with_external_id,
            with_enterprise=self.with_enterprise,
        )
        answer = self.wire.ask("POST", "/Users", body=body)
        if not answer:
            raise ProvisioningError("Create new user returned empty user")
        return replace(self.assignments[user.id], user=user, external_id=_id_of(answer))

    def _write_profile(self, user: OktaUser, active: bool = True) -> Assignment:
        assignment = self.assignments[user.id]
        path = user_path(self.id_of(user))
        body = merged(
            user,
            self.wire.ask("GET", path),
            active=active,
            with_external_id=self.with_external_id,
            with_enterprise=self.with_enterprise,
        )
        self.wire.ask("PUT", path, body=body)
        return replace(assignment, user=user)

    def _archive(self, user: OktaUser) -> Assignment:
        if self.kind == "wizard":
            return self._write_profile(user, active=False)
        assignment = self.assignments[user.id]
        self.wire.ask("PATCH", user_path(self.id_of(user)), body=status_change(False))
        return replace(assignment, user=user)

    def _change(self, user: OktaUser, act: Act, run: Callable[[OktaUser], Assignment]) -> Assignment:
        self._remember(user)
        if self.assignments[user.id].external_id is None:
            return self.assignments[user.id]
        return self._act(act, user, run)

    def _remember(self, user: OktaUser) -> Assignment:
        self.assignments[user.id] = replace(self._assignment(user), user=user)
        return self.assignments[user.id]

    def _assignment(self, user: OktaUser) -> Assignment:
        """What Okta remembers; somebody who was never assigned is without an id, so nothing will be sent."""
        return self.assignments.get(user.id, Assignment(user, assigned=False))

    def _act(self, act: Act, user: OktaUser, run: Callable[[OktaUser], Assignment]) -> Assignment:
        try:
            assignment = replace(run(user), sync="SYNCHRONIZED")
        except ProvisioningError as error:
            assignment = replace(self.assignments[user.id], sync="ERROR")
            self._numbered += 1
            text = SENTENCES[act].format(name=user.display_name, app=self.name, why=error.message)
            self.tasks.append(Task(self._numbered, act, user.id, text, error.status, error.detail))
        self.assignments[user.id] = assignment
        return assignment


def user_path(external_id: str) -> str:
    """The path of a user, below the base URL."""
    return "/Users/" + quote(external_id, safe="")


def resources(answer: JSON) -> list[JSON]:
    """The resources of a ListResponse."""
    found = answer.get("Resources") or []
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _total(answer: JSON) -> int:
    total = answer.get("totalResults")
    if not isinstance(total, int) or isinstance(total, bool):
        raise ProvisioningError("The answer is no list: totalResults is not a number.")
    return total


def _id_of(resource: JSON) -> str:
    given = resource.get("id")
    if not isinstance(given, str) or not given:
        raise ProvisioningError("The server's user has no id.")
    return given
