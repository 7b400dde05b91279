"""Rules are asked about somebody once everything that one act changes is written: who is half written joins nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from rollbook.people import deletion, fields, memberships, returners, users
from rollbook.people.fields import Field
from rollbook.people.record import User
from tests import history
from tests.api.conftest import Api, api_of  # noqa: F401
from tests.cast import DEACTIVATE, ENTERPRISE, LEO, patch, scim_user
from tests.conftest import House, Tenant
from tests.people.smart_company import Company
from tests.people.spreadsheets import Company as Spreadsheets
from tests.scim.own import OURS, hire

SALES = scim_user(LEO, **{ENTERPRISE: {"department": "Sales"}})
OPS = scim_user(LEO, **{ENTERPRISE: {"department": "Ops"}, OURS: {"skill": "sell"}})
SKILL = f"{OURS}:skill"
MOVE = patch(
    {"op": "replace", "path": f"{ENTERPRISE}:department", "value": "Ops"},
    {"op": "add", "path": SKILL, "value": "sell"},
)


@pytest.fixture
def company(house: House, acme: Tenant) -> Company:
    return Company(house, acme.id)


@pytest.fixture
def skill(company: Company) -> Field:
    return company.field("Skill", owner="scim")


def told(company: Company, user_id: str) -> list[str]:
    """What the timeline says of groups."""
    return company.told(company.ask(users.get, company.id, user_id))


@pytest.mark.parametrize(("method", "body"), [("PUT", OPS), ("PATCH", MOVE)])
def test_who_meets_the_rule_before_and_after_a_request_stays(
    method: str, body: Any, company: Company, skill: Field, acme: Tenant
) -> None:
    sellers = company.smart("Sellers", 'department = Sales or custom.Skill = "sell"')
    company.smart("Readers", "group Sellers")
    leo = hire(acme, SALES)
    answer = acme.scim.request(method, f"/Users/{leo}", json=body)
    assert (answer.status_code, answer.json()[OURS]) == (200, {"skill": "sell"})
    assert told(company, leo) == ["+Sellers", "+Readers"]
    assert company.members(sellers) == {leo}
    assert company.house.read(lambda tx: history.contradictions(tx, company.id)) == []


def test_who_comes_with_a_value_was_never_without_it(company: Company, skill: Field, acme: Tenant) -> None:
    unskilled, skilled = (
        company.smart("Unskilled", "custom.Skill is empty"),
        company.smart("Any", "custom.Skill = sell"),
    )
    leo = hire(acme, OPS)
    assert told(company, leo) == ["+Any"]
    assert (company.members(unskilled), company.members(skilled)) == (set(), {leo})


def test_who_comes_back_with_a_value_was_never_back_without_it(company: Company, skill: Field, acme: Tenant) -> None:
    company.smart("Unskilled", "custom.Skill is empty")
    leo = hire(acme, OPS)
    acme.scim.patch(f"/Users/{leo}", json=DEACTIVATE)
    acme.scim.put(f"/Users/{leo}", json=scim_user(LEO, active=False))
    assert hire(acme, OPS) == leo
    assert told(company, leo) == []


def test_several_own_fields_are_one_change(company: Company, skill: Field, acme: Tenant, house: House) -> None:
    company.field("Town", owner="scim")
    company.smart("Placed", 'custom.Skill = "sell" or custom.Town = Lyon')
    leo = hire(acme, scim_user(LEO, **{OURS: {"skill": "sell"}}))
    acme.scim.put(f"/Users/{leo}", json=scim_user(LEO, **{OURS: {"town": "Lyon"}}))
    assert told(company, leo) == ["+Placed"]


@pytest.mark.parametrize("owner", ["learning", "scim"])
def test_a_spreadsheet_s_row_is_one_change(owner: Any, house: House, company: Company, skill: Field) -> None:
    company.do(fields.change, skill, owner=owner)
    company.smart("Sellers", 'department = Sales or custom.Skill = "sell"')
    company.smart("Unskilled", 'custom.Skill is empty and department != "Sales"')
    sheets = Spreadsheets(house, company.id)
    head = "email,given_name,family_name,department,custom.skill"
    sheets.run(f"{head}\nleo@acme.example,Leo,Linden,Sales,\nmona@acme.example,Mona,Marigold,Ops,sell\n")
    sheets.run(f"{head}\nleo@acme.example,,,Ops,sell\nmona@acme.example,,,Sales,-\n")
    for name in ("leo@acme.example", "mona@acme.example"):
        assert told(company, sheets.named(name).id) == ["+Sellers"]


def test_a_request_of_the_api_is_one_change(
    api_of: Callable[[Tenant], Api],  # noqa: F811
    company: Company,
    skill: Field,
    acme: Tenant,
) -> None:
    company.do(fields.change, skill, owner="learning")
    company.field("Town")
    company.smart("Sellers", 'department = Sales or custom.Skill = "sell" or custom.Town = Lyon')
    company.smart("Unskilled", "custom.Skill is empty and department = Ops")
    api = api_of(acme)
    new = {"email": LEO.email, "given_name": "Leo", "family_name": "Linden"}
    leo = api.send("POST", "/users", {**new, "department": "Ops", "custom": {"Skill": "sell"}}, 201)["id"]
    api.send("PATCH", f"/users/{leo}", {"department": "Sales", "external_id": "00u1", "custom": {"skill": None}})
    api.send("PATCH", f"/users/{leo}", {"department": None, "custom": {"Town": "Lyon"}})
    shown = api.send("PATCH", f"/users/{leo}", {"custom": {"Skill": "sell", "Town": ""}})
    assert (shown["external_id"], shown["custom"]) == ("00u1", {"Skill": "sell"})
    assert told(company, leo) == ["+Sellers"]


def test_what_a_record_inherits_is_one_change(company: Company, skill: Field) -> None:
    company.do(fields.change, skill, owner="learning")
    town = company.field("Town")
    company.smart("Placed", "custom.Skill = sell and custom.Town is empty")
    bakers = company.group()
    company.smart("Hungry", "group Bakers and custom.Skill is empty")
    old = company.hire()
    company.put(old, skill, "sell")
    company.put(old, town, "Lyon")
    company.do(memberships.join, bakers, old)
    old = company.do(deletion.delete, company.now(old))
    new: User = company.hire(msgspec.structs.replace(LEO, location="Turin"))
    company.do(returners.join, old, new)
    assert told(company, new.id) == ["+Bakers"]
