"""Which of Okta's variables goes into which field: the field must exist, and belongs to the standard integration."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.errors import Conflict, InvalidValue, NotFound
from rollbook.okta import connections, field_map
from rollbook.okta.field_map import STANDARD, Mapped
from rollbook.okta.wanted import Wanted
from rollbook.people import fields, users
from rollbook.people.attribute_mapping import LABELS
from rollbook.people.fields import Field
from rollbook.people.record import User
from tests.cast import LEO
from tests.conftest import OPERATOR, House


@pytest.fixture
def connected(house: House, company_id: str) -> str:
    return connect(house, company_id)


def connect(house: House, company_id: str, mode: Any = "complement") -> str:
    wanted = Wanted("https://acme.okta.com", None, mode=mode)
    how: dict[str, Any] = {"sealed_token": "sealed", "actor": OPERATOR, "now": clock.now()}
    house.write(lambda tx: connections.configure(tx, company_id, wanted, **how))
    return company_id


def field(house: House, company_id: str, name: str = "Region", **how: Any) -> Field:
    return house.write(lambda tx: fields.create(tx, company_id, name, actor=OPERATOR, now=clock.now(), **how))


def map_to(house: House, company_id: str, variable: str, target: str, **how: Any) -> Mapped:
    how = {"actor": OPERATOR, "now": clock.now()} | how
    return house.write(lambda tx: field_map.map_to(tx, company_id, variable, target, **how))


def unmap(house: House, company_id: str, target: str) -> None:
    house.write(lambda tx: field_map.unmap(tx, company_id, target, actor=OPERATOR, now=clock.now()))


def owner(house: House, company_id: str, name: str) -> str:
    return house.read(lambda tx: fields.named(tx, company_id, name)).owner


def hire(house: House, company_id: str, actor: Actor) -> User:
    """Leo with a hire date, written by whoever is named."""
    dated = msgspec.structs.replace(LEO, hire_date="2026-11-02")
    return house.write(lambda tx: users.create(tx, company_id, dated, actor=actor, now=clock.now()))


def test_a_field_of_the_company_is_filled_and_stays_so_under_another_name(house: House, connected: str) -> None:
    region = field(house, connected)
    mapped = map_to(house, connected, "region", "custom.Region")
    assert mapped == Mapped(f"custom:{region.id}", "Region", "custom.Region", "text", "region", False, None)
    assert owner(house, connected, "Region") == "okta"
    house.write(lambda tx: fields.change(tx, region, name="Area", actor=OPERATOR, now=clock.now()))
    (listed,) = house.read(lambda tx: field_map.listed(tx, connected))
    assert (listed.typed, listed.variable) == ("custom.Area", "region")
    assert house.read(lambda tx: field_map.of_company(tx, connected)) == {f"custom:{region.id}": "region"}


def test_mapping_again_replaces_and_is_told_once(house: House, connected: str) -> None:
    region = field(house, connected)
    for variable in ("region", "salesRegion", "salesRegion"):
        map_to(house, connected, variable, "Region")
    found = house.read(lambda tx: events.of_subject(tx, connected, connected))
    kept = f"custom:{region.id}"
    assert [event.changes for event in found if event.kind == "OktaFieldMapped"] == [
        {kept: [None, "region"]},
        {kept: ["region", "salesRegion"]},
    ]


def test_the_hire_date_is_taken_where_scim_wrote_none(house: House, connected: str) -> None:
    hire(house, connected, OPERATOR)
    assert owner(house, connected, "hire_date") == "scim"
    assert map_to(house, connected, "hireDate", "hire_date") == Mapped(
        "hire_date", "Hire date", "hire_date", "date", "hireDate", False, None
    )
    assert owner(house, connected, "hire_date") == "okta"


def test_what_scim_writes_is_not_fought_over(house: House, connected: str) -> None:
    hire(house, connected, Actor("scim", "a key"))
    field(house, connected, owner="scim")
    for target, typed in (("hire_date", "hire_date"), ("custom.Region", "custom.Region")):
        with pytest.raises(Conflict, match="belongs to Okta SCIM") as refused:
            map_to(house, connected, "anything", target)
        assert refused.value.field == typed
        assert owner(house, connected, target) == "scim"
    assert house.read(lambda tx: field_map.of_company(tx, connected)) == {}
    map_to(house, connected, "hireDate", "hire_date", take_over=True)
    assert owner(house, connected, "hire_date") == "okta"


def test_a_field_taken_back_is_shown_as_a_conflict(house: House, connected: str) -> None:
    region = field(house, connected)
    map_to(house, connected, "region", "Region")
    house.write(
        lambda tx: fields.change(
            tx, fields.named(tx, connected, region.id), owner="scim", actor=OPERATOR, now=clock.now()
        )
    )
    (listed,) = house.read(lambda tx: field_map.listed(tx, connected))
    assert listed.conflict == "Region belongs to Okta SCIM, which writes it."


def test_what_does_not_exist_is_not_mapped(house: House, connected: str) -> None:
    with pytest.raises(NotFound, match=r"no field 'custom\.Regoin'"):
        map_to(house, connected, "region", "custom.Regoin")
    for variable in ("", "user.region", "region or 1=1", "r" * 101):
        with pytest.raises(InvalidValue):
            map_to(house, connected, variable, "hire_date")


def test_a_company_without_the_integration_maps_nothing(house: House, company_id: str) -> None:
    with pytest.raises(NotFound, match="rollbook okta configure"):
        map_to(house, company_id, "hireDate", "hire_date")


@pytest.mark.parametrize("target", sorted(STANDARD))
def test_complement_leaves_to_provisioning_what_is_its_own(house: House, connected: str, target: str) -> None:
    with pytest.raises(Conflict, match="only full mode"):
        map_to(house, connected, "anything", target)


def test_full_mode_fills_the_standard_fields_unless_the_company_says_otherwise(house: House, company_id: str) -> None:
    connect(house, company_id, "full")
    assert {
        mapped.field: mapped.variable for mapped in house.read(lambda tx: field_map.listed(tx, company_id))
    } == STANDARD
    assert map_to(house, company_id, "office", "location") == Mapped(
        "location", "Location", "location", "text", "office", False, None
    )
    own = house.read(lambda tx: field_map.of_company(tx, company_id))
    assert own == {"location": "office"}
    assert field_map.effective("full", own) == STANDARD | {"location": "office"}
    assert field_map.effective("complement", own) == {}
    unmap(house, company_id, "location")
    listed = {mapped.field: mapped for mapped in house.read(lambda tx: field_map.listed(tx, company_id))}
    assert (listed["location"].variable, listed["location"].standard) == ("costCenter", True)
    assert set(STANDARD) <= set(LABELS)


def test_what_is_mapped_no_more_is_learning_s(house: House, connected: str) -> None:
    field(house, connected)
    map_to(house, connected, "region", "Region")
    unmap(house, connected, "custom.Region")
    assert owner(house, connected, "Region") == "learning"
    assert house.read(lambda tx: field_map.listed(tx, connected)) == []
    with pytest.raises(NotFound, match="Nothing is mapped"):
        unmap(house, connected, "custom.Region")
