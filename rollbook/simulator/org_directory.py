"""The directory of the simulated org: its people, their profiles and their groups.

What its administrator does to them, and what the app is told of it, is in org.py.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from rollbook.simulator.clock import Clock
from rollbook.simulator.org_lists import Roll
from rollbook.simulator.org_profile import BASE, VARIABLES, Person, Variable, stamp, type_of
from rollbook.simulator.people import ID_LETTERS, OktaUser, Status, staff

Who = OktaUser | str  # a user, or their id or login

FIRST_HIRE = date(2019, 1, 7)
HIRE_DAYS = 2500
REGIONS = {"Lyon": "South", "Porto": "South", "Leeds": "North", "Gdynia": "East", "Berlin": "East", "Ghent": "North"}


@dataclass(slots=True)
class Group:
    id: str
    name: str
    created: str
    members: Roll = field(default_factory=Roll)


class Directory:
    """People and groups, with one group, `group_id`, to begin with.

    A person is named by a user, an id or a login; KeyError for nobody. Whoever reads or writes holds `lock`.
    """

    def __init__(self, clock: Clock, seed: int) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.roll = Roll()
        self.people: dict[str, Person] = {}
        self.groups: dict[str, Group] = {}
        self.variables: dict[str, Variable] = {}
        self._dice = random.Random(seed)  # noqa: S311 (invented ids)
        self._logins: dict[str, str] = {}
        self.group_id = self.add_group("Learning")

    def find(self, who: Who) -> Person | None:
        """Somebody, deactivated or not, by id or by login in any case."""
        key = who.id if isinstance(who, OktaUser) else who
        with self.lock:
            return self.people.get(key) or self.people.get(self._logins.get(key.casefold(), ""))

    def user(self, who: Who) -> OktaUser:
        """Somebody as the org knows them now."""
        return self._person(who).user

    def add(self, *users: OktaUser, groups: Iterable[str] | None = None) -> None:
        """Puts people into the directory and into groups (the org's first, unless said otherwise).

        Raises ValueError where an id or a login is taken.
        """
        chosen = [self.group_id] if groups is None else list(groups)
        now = stamp(self.clock.now())
        with self.lock:
            for user in users:
                if user.id in self.people:
                    raise ValueError(f"There is somebody with the id {user.id}.")
                self._take_login(user)
                self._define(user.extra)
                self.people[user.id] = Person(user, now, now, now)
                self.roll.add(user.id)
                for group_id in chosen:
                    self.groups[group_id].members.add(user.id)

    def fill(self, count: int, *, seed: int = 1, domain: str = "acme.example") -> list[OktaUser]:
        """Adds an invented staff with the variables hireDate and region, all in the org's first group."""
        dice = random.Random(seed)  # noqa: S311 (invented days)
        self.define("hireDate", "Hire date")
        self.define("region", "Region")
        users = [
            replace(
                user,
                extra={
                    "hireDate": (FIRST_HIRE + timedelta(days=dice.randrange(HIRE_DAYS))).isoformat(),
                    "region": REGIONS[user.cost_center],
                },
            )
            for user in staff(count, seed=seed, domain=domain)
        ]
        self.add(*users)
        return users

    def define(self, name: str, title: str = "", type: str = "string") -> None:
        """Adds a variable to the schema; one that a profile holds is added by itself."""
        self.variables[name] = Variable(title or name, type)

    def add_group(self, name: str) -> str:
        group_id = self._new_id("00g")
        with self.lock:
            self.groups[group_id] = Group(group_id, name, stamp(self.clock.now()))
        return group_id

    def remove_group(self, group_id: str) -> None:
        with self.lock:
            del self.groups[group_id]

    def join(self, who: Who, group_id: str | None = None) -> None:
        """Into a group, the org's first unless said otherwise; who comes back is last in its list."""
        with self.lock:
            self.groups[group_id or self.group_id].members.add(self._person(who).user.id)

    def leave(self, who: Who, group_id: str | None = None) -> None:
        with self.lock:
            self.groups[group_id or self.group_id].members.discard(self._person(who).user.id)

    def keep(self, user: OktaUser) -> OktaUser:
        """What a known person is from now on; raises ValueError where the new login is taken."""
        with self.lock:
            person = self._person(user)
            self._take_login(user)
            if person.user.login.casefold() != user.login.casefold():
                del self._logins[person.user.login.casefold()]
            self._define(user.extra)
            person.user = user
            person.changed = stamp(self.clock.now())
        return user

    def switch(self, who: Who, status: Status) -> OktaUser:
        """Another status; DEPROVISIONED ends every membership."""
        with self.lock:
            person = self._person(who)
            person.status_changed = stamp(self.clock.now())
            if status == "DEPROVISIONED":
                for group in self.groups.values():
                    group.members.discard(person.user.id)
            return self.keep(replace(person.user, status=status))

    def forget(self, who: Who) -> None:
        """Takes somebody away for good: no list and no look-up knows them."""
        with self.lock:
            user = self._person(who).user
            for group in self.groups.values():
                group.members.discard(user.id)
            self.roll.discard(user.id)
            del self.people[user.id]
            del self._logins[user.login.casefold()]

    def _person(self, who: Who) -> Person:
        person = self.find(who)
        if person is None:
            raise KeyError(who if isinstance(who, str) else who.login)
        return person

    def _take_login(self, user: OktaUser) -> None:
        if self._logins.setdefault(user.login.casefold(), user.id) != user.id:
            raise ValueError(f"There is somebody with the login {user.login}.")

    def _define(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if name not in VARIABLES and name not in BASE and name not in self.variables:
                self.define(name, type=type_of(value))

    def _new_id(self, prefix: str) -> str:
        return prefix + "".join(self._dice.choices(ID_LETTERS, k=17))
