"""Groups: named once, filled by hand, and without anybody who is archived."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from rollbook import clock
from rollbook.activity import events
from rollbook.errors import Conflict, InvalidValue, NotFound
from rollbook.people import companies, deletion, erasure, group_managers, groups, memberships, users
from rollbook.people.groups import Group
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from tests.cast import ADA, LEO, MONA
from tests.conftest import OPERATOR, House

T = TypeVar("T")


@dataclass
class Company:
    """A company's groups and people, by the verbs."""

    house: House
    id: str

    def do(self, verb: Callable[..., T], *of: Any, **how: Any) -> T:
        return self.house.write(lambda tx: verb(tx, *of, actor=OPERATOR, now=clock.now(), **how))

    def ask(self, question: Callable[..., T], *of: Any, **how: Any) -> T:
        return self.house.read(lambda tx: question(tx, *of, **how))

    def group(self, name: str = "Bakers") -> Group:
        return self.do(groups.create, self.id, name)

    def hire(self, profile: Profile = LEO, role: str = "learner") -> User:
        return self.do(users.create, self.id, profile, role=role)

    def everyone(self) -> Group:
        return self.ask(groups.named, self.id, "everyone")

    def members(self, group: Group) -> list[str]:
        return [member.id for member in self.ask(memberships.members, group)]

    def told(self, subject: User | Group) -> list[tuple[str, dict[str, list[Any]]]]:
        timeline = self.ask(events.of_subject, self.id, subject.id)
        return [(event.kind, event.changes) for event in timeline if event.kind.startswith("Group")]


@pytest.fixture
def company(house: House, company_id: str) -> Company:
    return Company(house, company_id)


def test_a_group_s_name_is_its_own_whatever_the_case(company: Company) -> None:
    bakers = company.group("Bakers of Straße")
    for name in ("bakers of STRASSE", " Bakers of Straße "):
        with pytest.raises(Conflict, match="Bakers of Straße has this name already") as refused:
            company.group(name)
        assert refused.value.holder_id == bakers.id
    assert company.ask(groups.named, company.id, "BAKERS OF STRASSE") == bakers
    assert company.ask(groups.named, company.id, bakers.id) == bakers


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "x" * 201, "a\x00"])
def test_what_is_no_name_is_refused(company: Company, name: str) -> None:
    with pytest.raises(InvalidValue, match="1 to 200 characters"):
        company.group(name)
    assert [group.name for group in company.ask(groups.all_of, company.id)] == ["Everyone"]


def test_another_company_s_group_is_no_group(company: Company, house: House) -> None:
    bakers = company.group()
    other = company.do(companies.create, f"umbra-{clock.new_id()[:18]}", "Umbra")
    assert company.ask(groups.find, other.id, bakers.id) is None
    with pytest.raises(NotFound):
        company.ask(groups.named, other.id, "Bakers")
    assert company.do(groups.create, other.id, "Bakers").id != bakers.id


def test_joining_and_leaving_are_told_once(company: Company) -> None:
    bakers, leo = company.group(), company.hire()
    assert [company.do(memberships.join, bakers, leo) for _ in range(2)] == [True, False]
    assert company.members(bakers) == [leo.id]
    assert company.ask(memberships.groups_of, leo) == {bakers.id: "Bakers"}
    assert [company.do(memberships.leave, bakers, leo) for _ in range(2)] == [True, False]
    assert company.members(bakers) == []
    assert company.told(leo) == [
        ("GroupJoined", {"group": [None, "Bakers"], "group_id": [None, bakers.id]}),
        ("GroupLeft", {"group": ["Bakers", None], "group_id": [bakers.id, None]}),
    ]


def test_an_archived_person_is_in_no_list_and_no_count_and_comes_back_into_both(company: Company) -> None:
    bakers, leo, mona = company.group(), company.hire(), company.hire(MONA, "manager")
    for verb, user in ((memberships.join, leo), (memberships.join, mona), (group_managers.appoint, mona)):
        company.do(verb, bakers, user)
    both = [bakers, company.everyone()]
    assert company.ask(memberships.sizes, company.id, both) == {bakers.id: 2, both[1].id: 2}
    leo, mona = company.do(users.archive, leo), company.do(users.archive, mona)
    assert company.ask(memberships.sizes, company.id, both) == {bakers.id: 0, both[1].id: 0}
    assert company.members(bakers) == company.members(both[1]) == []
    assert company.ask(group_managers.managers, bakers) == []
    company.do(users.restore, leo)
    company.do(users.restore, mona)
    assert company.ask(memberships.sizes, company.id, both) == {bakers.id: 2, both[1].id: 2}
    assert company.members(bakers) == [leo.id, mona.id]
    assert [manager.id for manager in company.ask(group_managers.managers, bakers)] == [mona.id]


def test_members_come_in_pages(company: Company) -> None:
    bakers = company.group()
    people = [company.hire(Profile(f"leo{n}", f"leo{n}@acme.example", "Leo", "Linden")) for n in range(5)]
    for person in people:
        company.do(memberships.join, bakers, person)
    for group in (bakers, company.everyone()):
        first = company.ask(memberships.members, group, limit=3)
        rest = company.ask(memberships.members, group, after=first[-1].id, limit=3)
        assert [member.id for member in first + rest] == [person.id for person in people]


def test_everyone_is_nobody_s_to_change(company: Company) -> None:
    everyone, leo, mona = company.everyone(), company.hire(), company.hire(MONA, "manager")
    for verb, of in (
        (memberships.join, leo),
        (memberships.leave, leo),
        (group_managers.appoint, mona),
        (groups.rename, "All"),
    ):
        with pytest.raises(Conflict):
            company.do(verb, everyone, of)
    with pytest.raises(Conflict):
        company.do(groups.archive, everyone)
    assert company.members(everyone) == [leo.id, mona.id]


def test_only_who_may_manage_is_appointed(company: Company) -> None:
    bakers, leo, mona = company.group(), company.hire(), company.hire(MONA, "manager")
    with pytest.raises(InvalidValue, match="make them a manager first"):
        company.do(group_managers.appoint, bakers, leo)
    assert [company.do(group_managers.appoint, bakers, mona) for _ in range(2)] == [True, False]
    assert company.ask(group_managers.managed_by, company.id, mona.id) == {bakers.id: "Bakers"}
    mona = company.do(users.set_role, mona, "learner")
    assert company.ask(group_managers.managers, bakers) == []
    mona = company.do(users.set_role, mona, "manager")
    assert [manager.id for manager in company.ask(group_managers.managers, bakers)] == [mona.id]
    assert [company.do(group_managers.dismiss, bakers, mona) for _ in range(2)] == [True, False]
    assert [kind for kind, _ in company.told(mona)] == ["GroupManagerAppointed", "GroupManagerDismissed"]


def test_an_archived_group_frees_its_name_and_keeps_its_people(company: Company) -> None:
    bakers, leo = company.group(), company.hire()
    company.do(memberships.join, bakers, leo)
    bakers = company.do(groups.archive, bakers)
    assert company.do(groups.archive, bakers) == bakers
    assert company.ask(memberships.groups_of, leo) == {}
    assert [group.name for group in company.ask(groups.all_of, company.id, archived=True)] == ["Bakers"]
    with pytest.raises(Conflict, match="restore it first"):
        company.do(memberships.join, bakers, company.hire(MONA))
    again = company.group()
    with pytest.raises(Conflict, match="has this name already"):
        company.do(groups.restore, bakers)
    again = company.do(groups.rename, again, "Confectioners")
    bakers = company.do(groups.restore, bakers)
    assert company.do(groups.restore, bakers) == bakers
    assert company.members(bakers) == [leo.id]
    assert [kind for kind, _ in company.told(bakers)] == ["GroupCreated", "GroupArchived", "GroupRestored"]
    assert company.told(again) == [
        ("GroupCreated", {"name": [None, "Bakers"]}),
        ("GroupRenamed", {"name": ["Bakers", "Confectioners"]}),
    ]
    with pytest.raises(Conflict):
        company.do(groups.rename, again, "bakers")


def test_a_deleted_person_joins_nothing_and_an_erased_one_is_in_nothing(company: Company) -> None:
    bakers, ada = company.group(), company.hire(ADA, "admin")
    company.do(memberships.join, bakers, ada)
    company.do(group_managers.appoint, bakers, ada)
    ada = company.do(deletion.delete, ada)
    for verb in (memberships.join, group_managers.appoint):
        with pytest.raises(Conflict):
            company.do(verb, bakers, ada)
    assert company.ask(memberships.groups_of, ada) == {bakers.id: "Bakers"}
    company.do(erasure.erase, ada)
    assert company.ask(memberships.groups_of, ada) == company.ask(group_managers.managed_by, company.id, ada.id) == {}
