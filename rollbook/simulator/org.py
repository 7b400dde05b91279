"""The simulated Okta org: what its administrator does to people, its one app and its tokens.

It shares its people with the push client (app.py): an act that Okta would push is pushed, one that it would not is
not. The people themselves are in org_directory.py; what the org answers to whoever asks is in org_api.py, and
org_server.py serves it over HTTP.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

from rollbook.simulator.app import ProvisioningApp
from rollbook.simulator.clock import Clock
from rollbook.simulator.org_directory import Directory, Who
from rollbook.simulator.org_faults import Faults
from rollbook.simulator.org_limits import Limits
from rollbook.simulator.org_lists import Cursors
from rollbook.simulator.org_log import Log
from rollbook.simulator.org_profile import Showing, stamp, with_profile
from rollbook.simulator.people import ID_LETTERS, Assignment, OktaUser
from rollbook.simulator.wire import ProvisioningError

Right = Literal["read", "nothing"]

CURSOR_LIFE = timedelta(hours=1)
REQUESTS_A_MINUTE = 600


class Org(Directory):
    """A directory with one app, `app_id`, and one token, `token`, to begin with.

    With a push client, what happens to people assigned to the app is sent through it. Acts may come from any
    thread while the org is read, but from one at a time: the push client is one program.
    """

    def __init__(
        self,
        push: ProvisioningApp | None = None,
        *,
        clock: Clock | None = None,
        per_minute: int = REQUESTS_A_MINUTE,
        token: str | None = None,
        seed: int = 1,
    ) -> None:
        super().__init__(clock or Clock(), seed)
        self.push = push
        self.limits = Limits(self.clock, per_minute)
        self.log = Log()
        self.faults = Faults()
        self.cursors = Cursors(CURSOR_LIFE)
        self.showing = Showing()
        self.created = stamp(self.clock.now())
        self.tokens: dict[str, Right] = {}
        self._assignments: dict[str, Assignment] = {}
        self.app_id = self._new_id("0oa")
        self.token = self.issue_token(token)

    @property
    def assignments(self) -> dict[str, Assignment]:
        """Who is, or was, assigned to the app: the push client's own, where there is one."""
        return self.push.assignments if self.push else self._assignments

    # People.

    def adopt(self) -> int:
        """Takes everybody into the directory whom the push client knows, as it knows them; gives how many are new.

        For whoever was pushed without the org; nothing is sent.
        """
        new = 0
        for assignment in list(self.assignments.values()):
            if self.find(assignment.user):
                self.keep(assignment.user)
            else:
                self.add(assignment.user, groups=() if assignment.user.status == "DEPROVISIONED" else None)
                new += 1
        return new

    def set_profile(self, who: Who, **values: Any) -> OktaUser:
        """Changes variables, by Okta's names; None takes one away. The app is told of it, as Okta does."""
        user = self.keep(with_profile(self.user(who), values))
        if self.push and self.is_assigned(user):
            self.push.push_profile(user)
        return user

    def rename(self, who: Who, login: str) -> OktaUser:
        """A new login; the e-mail stays."""
        return self.set_profile(who, login=login)

    def deactivate(self, who: Who) -> OktaUser:
        """Ends every membership and the assignment; the app is told of it if it holds the server's id."""
        user = self.switch(who, "DEPROVISIONED")
        if self.is_assigned(user):
            self._end_assignment(user)
        return user

    def reactivate(self, who: Who, *, assign: bool = False) -> OktaUser:
        """Active again, in no group; with `assign` the app is assigned anew, which restores in the server."""
        user = self.switch(who, "ACTIVE")
        if assign and self.push:
            self.push.reactivate(user)
        elif assign:
            self._assignments[user.id] = Assignment(user)
        return user

    def suspend(self, who: Who) -> OktaUser:
        """Stays in groups and in the app, which is told nothing."""
        return self._remembered(self.switch(who, "SUSPENDED"))

    def unsuspend(self, who: Who) -> OktaUser:
        return self._remembered(self.switch(who, "ACTIVE"))

    def delete(self, who: Who) -> None:
        """Deactivates, then takes away for good: no list and no look-up knows them."""
        user = self.deactivate(who)
        self.forget(user)
        self.assignments.pop(user.id, None)

    # The app.

    def is_assigned(self, who: Who) -> bool:
        assignment = self.assignments.get(self.user(who).id)
        return assignment is not None and assignment.assigned

    def assign(self, who: Who) -> Assignment:
        """Assigns the app: the push client looks the person up, links or creates them."""
        return self._client().assign(self.user(who))

    def assign_before_provisioning(self, *who: Who) -> None:
        """Assignments from before provisioning was switched on: nothing is sent and no id is known."""
        for user in map(self.user, who):
            self.assignments[user.id] = Assignment(user)

    def unassign(self, who: Who) -> None:
        """Takes the app away; it is told of it if it holds the server's id."""
        self._end_assignment(self.user(who))

    def provision_user(self, who: Who) -> Assignment:
        """*Provision User*, the click for an assignment without an id: looks up by user name, links, pushes.

        Raises ProvisioningError for somebody who is not assigned: Okta offers it to nobody else.
        """
        user = self.user(who)
        if not self.is_assigned(user):
            raise ProvisioningError(f"{user.login} is not assigned to the app.")
        return self._client().assign(user)

    def import_and_confirm(self, *who: Who) -> list[Assignment]:
        """*Import Now*, then confirming that the server's user of the same user name or e-mail is this person.

        Raises ProvisioningError for somebody whom the server does not have.
        """
        found: dict[str, str] = {}
        for resource in self._client().import_users():
            names = [resource.get("userName"), *(entry.get("value") for entry in resource.get("emails") or [])]
            for name in names:
                found.setdefault(str(name or "").casefold(), str(resource["id"]))
        confirmed = []
        for user in map(self.user, who):
            given = found.get(user.login.casefold()) or found.get(user.email.casefold())
            if given is None:
                raise ProvisioningError(f"The import brought nobody with the user name or e-mail of {user.login}.")
            confirmed.append(self._client().confirm_match(user, given))
        return confirmed

    # Tokens.

    def issue_token(self, text: str | None = None) -> str:
        token = text or "00" + "".join(self._dice.choices(ID_LETTERS, k=40))
        self.tokens[token] = "read"
        return token

    def revoke_token(self, token: str | None = None) -> None:
        """From now on it is answered 401."""
        self.tokens.pop(token or self.token, None)

    def restrict_token(self, token: str | None = None) -> None:
        """Its owner lost the right to read: from now on it is answered 403."""
        self.tokens[token or self.token] = "nothing"

    # Inside.

    def _client(self) -> ProvisioningApp:
        if self.push is None:
            raise ProvisioningError("The org has no push client, so nothing can be sent.")
        return self.push

    def _end_assignment(self, user: OktaUser) -> None:
        if self.push:
            self.push.unassign(user)
        else:
            self._assignments[user.id] = replace(self._assignments[user.id], user=user, assigned=False)

    def _remembered(self, user: OktaUser) -> OktaUser:
        if user.id in self.assignments:
            self.assignments[user.id] = replace(self.assignments[user.id], user=user)
        return user
