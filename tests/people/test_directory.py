"""Lists of people: every filter, alone and with others, page by page."""

from __future__ import annotations

from typing import Any

import pytest

from rollbook.database import Tx
from rollbook.database.tables import group_members
from rollbook.database.tables import groups as groups_table
from rollbook.people import (
    deletion,
    directory,
    erasure,
    field_values,
    fields,
    group_managers,
    groups,
    memberships,
    users,
)
from rollbook.people.groups import Group
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from tests.cast import ADA, CLEO, LEO, MONA, OTTO
from tests.conftest import House
from tests.people.spreadsheets import Company, another


@pytest.fixture
def company(house: House, company_id: str) -> Company:
    return Company(house, company_id)


def listed(company: Company, **filters: Any) -> list[str]:
    found = company.house.read(lambda tx: directory.list_people(tx, company.id, **filters))
    assert [user.id for user in found] == sorted(user.id for user in found)
    return [user.given_name for user in found]


def custom(company: Company, user: User, field: str, value: str) -> None:
    own = company.house.read(lambda tx: fields.named(tx, company.id, field))
    company.do(field_values.set_value, user, own, value)


def test_archived_people_are_listed_only_where_asked_for(company: Company, house: House) -> None:
    company.hire(ADA, "admin")
    company.do(users.archive, company.hire(LEO))
    company.do(deletion.delete, company.hire(MONA))
    company.do(erasure.erase, company.hire(CLEO))
    another(house).hire(OTTO)
    assert listed(company) == ["Ada"]
    assert listed(company, archived=True) == ["Leo"]
    assert listed(company, archived=None) == ["Ada", "Leo"]


def test_each_filter_and_all_of_them_together(company: Company) -> None:
    company.field("Region")
    where = {"location": "Lyon", "business_unit": "Sales", "department": "Bread"}
    leo = company.hire(Profile("leo", "leo@acme.example", "Leo", "Linden", **where))
    lea = company.hire(Profile("lea", "lea@acme.example", "Lea", "Linden", **where | {"department": "Cake"}))
    company.hire(MONA, "manager")
    custom(company, leo, "Region", "Île-de-France")
    custom(company, lea, "Region", "île-de-france")
    region = company.house.read(lambda tx: fields.named(tx, company.id, "Region"))
    assert listed(company, role="manager") == ["Mona"]
    assert listed(company, location="Lyon") == listed(company, business_unit="Sales") == ["Leo", "Lea"]
    assert listed(company, department="Cake") == ["Lea"]
    assert listed(company, custom={region: "ÎLE-DE-FRANCE"}) == ["Leo", "Lea"]
    assert listed(company, custom={region: "Île"}) == []
    everything = {"role": "learner", "location": "Lyon", "business_unit": "Sales", "text": "linden"}
    assert listed(company, **everything, department="Bread", custom={region: "Île-de-France"}) == ["Leo"]
    assert listed(company, **everything, department="Bread", archived=True) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("LIND", ["Leo", "Zoë"]),
        ("leo lin", ["Leo"]),
        ("zoë", ["Zoë"]),
        ("ZOË", ["Zoë"]),
        ("acme.example", ["Leo", "Zoë"]),
        ("user-7", ["Zoë"]),
        ("%", []),
        ("_", ["Zoë"]),
        ("", ["Leo", "Zoë"]),
        ("\0", []),
        ("' OR 1=1 --", []),
    ],
)
def test_text_is_part_of_a_name_a_user_name_or_an_e_mail(company: Company, text: str, names: list[str]) -> None:
    company.hire(LEO)
    company.hire(Profile("user-7", "z_z@acme.example", "Zoë", "Lindgren"))
    assert listed(company, text=text) == names


def test_pages_follow_each_other(company: Company) -> None:
    people = [company.hire(Profile(f"leo{n}", f"leo{n}@acme.example", f"Leo{n}", "Linden")) for n in range(5)]
    assert listed(company, limit=2) == ["Leo0", "Leo1"]
    assert listed(company, limit=2, after=people[1].id) == ["Leo2", "Leo3"]
    assert listed(company, limit=2, after=people[3].id) == ["Leo4"]


def test_a_group_is_who_is_in_it_now(company: Company, house: House) -> None:
    leo, mona, cleo = company.hire(LEO), company.hire(MONA, "manager"), company.hire(CLEO)
    bakers: Group = company.do(groups.create, company.id, "Bakers")
    for user in (leo, cleo):
        company.do(memberships.join, bakers, user)
    company.do(users.archive, cleo)
    assert listed(company, group_id=bakers.id) == ["Leo"]
    assert listed(company, group_id=bakers.id, archived=None) == ["Leo", "Cleo"]
    everyone = house.read(lambda tx: groups.named(tx, company.id, "Everyone"))
    assert (
        listed(company, group_id=everyone.id) == listed(company, group_id=everyone.id, archived=None) == ["Leo", "Mona"]
    )
    assert listed(company, group_id="nobody's") == []

    def rebuilt(tx: Tx) -> None:
        """A rule was built anew: another version counts, in which Mona is and Leo is not."""
        ids = {"company_id": company.id, "group_id": bakers.id}
        row = {**ids, "version": 1, "user_id": mona.id, "joined_at": "2026-11-24T06:00:00.000000Z"}
        tx.search(group_members.insert().values(row).returning(group_members.c.user_id))
        switched = groups_table.update().where(groups_table.c.company_id == company.id, groups_table.c.id == bakers.id)
        tx.search(switched.values(version=1).returning(groups_table.c.id))

    house.write(rebuilt)
    assert listed(company, group_id=bakers.id) == ["Mona"]


def test_a_manager_s_list_is_the_people_of_their_groups(company: Company, house: House) -> None:
    mona, leo, cleo, ada = company.hire(MONA, "manager"), company.hire(LEO), company.hire(CLEO), company.hire(ADA)
    bakers, drivers, closed = (company.do(groups.create, company.id, name) for name in ("Bakers", "Drivers", "Closed"))
    for group, user in ((bakers, leo), (drivers, leo), (drivers, cleo), (closed, ada)):
        company.do(memberships.join, group, user)
    for group in (bakers, drivers, closed):
        company.do(group_managers.appoint, group, mona)
    company.do(groups.archive, closed)
    assert listed(company, managed_by=mona.id) == ["Leo", "Cleo"]
    assert listed(company, managed_by=mona.id, group_id=bakers.id) == ["Leo"]
    assert listed(company, managed_by=mona.id, text="clover") == ["Cleo"]
    assert listed(company, managed_by=leo.id) == []
    other = another(house)
    assert house.read(lambda tx: directory.list_people(tx, other.id, managed_by=mona.id)) == []


def test_custom_values_of_a_page_come_with_it(company: Company) -> None:
    own = company.field("Region")
    leo, mona = company.hire(LEO), company.hire(MONA)
    custom(company, leo, "Region", "Lyon")
    values = company.house.read(lambda tx: field_values.of_people(tx, company.id, [leo.id, mona.id]))
    assert values == {leo.id: {own.id: "Lyon"}}
