"""A company with smart groups, by the verbs: people, fields, rules, and the building of rules step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import tasks
from rollbook.people import field_values, fields, groups, memberships, rule_builds, smart_groups, users
from rollbook.people.fields import Field
from rollbook.people.groups import Group
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from tests import history
from tests.cast import LEO
from tests.conftest import OPERATOR, House

T = TypeVar("T")


@dataclass
class Company:
    """What a test of smart groups does to a company and asks of it."""

    house: House
    id: str

    def do(self, verb: Callable[..., T], *of: Any, actor: Actor = OPERATOR, **how: Any) -> T:
        return self.house.write(lambda tx: verb(tx, *of, actor=actor, now=clock.now(), **how))

    def ask(self, question: Callable[..., T], *of: Any, **how: Any) -> T:
        return self.house.read(lambda tx: question(tx, *of, **how))

    def hire(self, profile: Profile = LEO, **how: Any) -> User:
        return self.do(users.create, self.id, profile, **how)

    def many(self, count: int, **said: Any) -> list[User]:
        """So many learners, all in one write."""

        def work(tx: Tx) -> list[User]:
            now = clock.now()
            people = []
            for _ in range(count):
                name = f"{clock.new_id()}@acme.example"
                profile = Profile(name, name, "Leo", "Linden", **said)
                people.append(users.create(tx, self.id, profile, actor=OPERATOR, now=now))
            return people

        return self.house.write(work)

    def set(self, user: User, field: str, value: str | None) -> User:
        return self.do(users.set_fields, self.now(user), {field: value})

    def now(self, user: User) -> User:
        return self.ask(users.get, self.id, user.id)

    def field(self, name: str, type_: str = "text", **how: Any) -> Field:
        return self.do(fields.create, self.id, name, type_, **how)

    def put(self, user: User, field: Field, value: str | None) -> bool:
        return self.do(field_values.set_value, self.now(user), field, value)

    def group(self, name: str = "Bakers") -> Group:
        return self.do(groups.create, self.id, name)

    def smart(self, name: str, rule: str, *, built: bool = True) -> Group:
        group = self.do(smart_groups.create, self.id, name, rule)
        if built:
            self.build()
        return self.ask(groups.get, self.id, group.id)

    def rule(self, group: Group, rule: str, *, built: bool = True) -> None:
        def work(tx: Tx) -> None:
            found = groups.get(tx, self.id, group.id, lock=True)
            smart_groups.set_rule(tx, found, rule, actor=OPERATOR, now=clock.now())

        self.house.write(work)
        if built:
            self.build()

    def build(self) -> None:
        """Builds every rule that waits, with all that follows."""
        while waiting := self.ask(rule_builds.pending, self.id):
            for group_id, version in waiting:
                while self.step(group_id, version):
                    pass

    def step(self, group_id: str, version: int) -> bool:
        return self.house.write(lambda tx: rule_builds.step(tx, self.id, group_id, version, now=clock.now()))

    def members(self, group: Group) -> set[str]:
        return {member.id for member in self.ask(memberships.members, self.ask(groups.get, self.id, group.id))}

    def told(self, user: User) -> list[str]:
        """What somebody's timeline says of groups: `+Bakers`, `-Bakers`."""
        lines = []
        for event in self.ask(events.of_subject, self.id, user.id):
            if event.kind in ("GroupJoined", "GroupLeft"):
                before, after = event.changes["group"]
                lines.append(f"+{after}" if after else f"-{before}")
        return lines

    def tasks(self, name: str) -> list[dict[str, Any]]:
        return [task for task in self.house.read(lambda tx: history.rows(tx, tasks, self.id)) if task["name"] == name]
