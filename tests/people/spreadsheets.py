"""A company whose people come and go as spreadsheets, for the tests of import and export."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rollbook import clock, spreadsheet
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import events as events_table
from rollbook.people import companies, directory, field_values, fields, users
from rollbook.people.authorization import Who
from rollbook.people.csv import exporting
from rollbook.people.csv.importing import Import
from rollbook.people.csv.plan import Plan
from rollbook.people.fields import Field
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from rollbook.people.roles import Role
from tests import history
from tests.cast import LEO
from tests.conftest import OPERATOR, House

T = TypeVar("T")


class Company:
    """A company by its verbs; files are texts."""

    def __init__(self, house: House, company_id: str) -> None:
        self.house, self.id = house, company_id
        self.who = Who(company_id, OPERATOR, "admin")

    def do(self, verb: Callable[..., T], *of: Any, **how: Any) -> T:
        return self.house.write(lambda tx: verb(tx, *of, actor=OPERATOR, now=clock.now(), **how))

    def hire(self, profile: Profile = LEO, role: Role = "learner", **how: Any) -> User:
        return self.do(users.create, self.id, profile, role=role, **how)

    def field(self, name: str, type_: str = "text", **how: Any) -> Field:
        return self.do(fields.create, self.id, name, type_, **how)

    def opened(self, text: str | bytes, *, who: Who | None = None, mail: bool = True) -> Import:
        content = text.encode() if isinstance(text, str) else text
        return Import(self.house.installation.database.engine, io.BytesIO(content), who=who or self.who, mail=mail)

    def preview(self, text: str | bytes, **how: Any) -> list[Plan]:
        return list(self.opened(text, **how).preview())

    def run(self, text: str | bytes, **how: Any) -> list[Plan]:
        return list(self.opened(text, **how).run())

    def problems(self, text: str, **how: Any) -> dict[int, list[str]]:
        """The problems of a preview by row; the run says the same."""
        planned = self.preview(text, **how)
        assert outcome(self.run(text, **how)) == outcome(planned)
        return {plan.row: [problem.message for problem in plan.problems] for plan in planned if plan.problems}

    def export(self, *, archived: bool = True) -> str:
        engine = self.house.installation.database.engine
        return "".join(spreadsheet.write(exporting.rows(engine, self.id, archived=archived)))

    def people(self, *, archived: bool | None = None) -> list[User]:
        return self.house.read(lambda tx: directory.list_people(tx, self.id, archived=archived, limit=1000))

    def named(self, user_name: str) -> User:
        return next(user for user in self.people() if user.user_name == user_name)

    def custom(self, user: User) -> dict[str, str]:
        return self.house.read(lambda tx: field_values.custom_of(tx, user))

    def told(self, user: User) -> list[str]:
        return [event.kind for event in self.house.read(lambda tx: events.of_subject(tx, self.id, user.id))]

    def events(self) -> int:
        return len(self.house.read(lambda tx: history.rows(tx, events_table, self.id)))


def another(house: House) -> Company:
    """A company more, for each example of a property."""

    def work(tx: Tx) -> str:
        return companies.create(tx, f"acme-{clock.new_id()}", "Acme", actor=OPERATOR, now=clock.now()).id

    return Company(house, house.write(work))


def person(user: User) -> Who:
    """Somebody signed in."""
    return Who(user.company_id, Actor("user", user.id), user.role)  # type: ignore[arg-type]  # a role, as the record has it


def key(company: Company) -> Who:
    """The holder of an API key."""
    return Who(company.id, Actor("api", "key"), "admin")


def outcome(plans: Sequence[Plan]) -> list[tuple[Any, ...]]:
    """What a preview and a run have in common: everything but the ids of people who are made."""
    return [(plan.row, plan.action, plan.who, plan.changes, plan.problems) for plan in plans]


def actions(plans: Sequence[Plan]) -> dict[str, int]:
    """How many rows had each action."""
    return dict(Counter(plan.action for plan in plans))
