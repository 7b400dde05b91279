"""A company's own fields in our extension: published, written in every dialect, and given back as sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rollbook import clock
from rollbook.activity import events
from rollbook.people import field_values, fields, users
from rollbook.people.fields import Field
from rollbook.scim.user_schema import ROLLBOOK_USER as OURS
from tests import history
from tests.cast import LEO, MONA, patch, scim_user
from tests.conftest import House, Tenant
from tests.people.test_fields import ACTORS
from tests.scim.own import ALL, REGIONS, TYPED, change_field, find, hire, last_line, ours, sent, typed


def test_fields_that_okta_owns_are_published(acme: Tenant, own: dict[str, Field]) -> None:
    schema = acme.scim.get(f"/Schemas/{OURS.upper()}").json()
    listed = next(item for item in acme.scim.get("/Schemas").json()["Resources"] if item["id"] == OURS)
    assert listed == schema
    usual: dict[str, Any] = {"multiValued": False, "required": False, "mutability": "readWrite"}
    usual |= {"returned": "default", "uniqueness": "none", "caseExact": False}
    assert [attribute["name"] for attribute in schema["attributes"]] == [
        *("hireDate", "contractUntil", "nick", "region", "shoeSize"),
    ]
    assert schema["attributes"][1:] == [
        {
            "name": "contractUntil",
            "type": "dateTime",
            "description": "Contract until; YYYY-MM-DD is understood as well.",
            **usual,
        },
        {"name": "nick", "type": "string", "description": "Nick", **usual},
        {"name": "region", "type": "string", "description": "Region", **usual, "canonicalValues": list(REGIONS)},
        {"name": "shoeSize", "type": "decimal", "description": "Shoe size", **usual},
    ]


def test_a_hire_date_that_another_source_owns_is_published_as_read_only(acme: Tenant, house: House) -> None:
    def mutability() -> str:
        (hire_date,) = acme.scim.get(f"/Schemas/{OURS}").json()["attributes"]
        return str(hire_date["mutability"])

    assert mutability() == "readWrite"
    change_field(house, house.read(lambda tx: fields.hire_date(tx, acme.id)), owner="okta")
    assert mutability() == "readOnly"


def test_another_company_s_fields_are_nowhere(
    acme: Tenant, umbra: Tenant, own: dict[str, Field], house: House, make_field: Callable[..., Field]
) -> None:
    plain = umbra.scim.get("/Schemas").text
    assert "shoeSize" not in plain
    hire(acme, sent(**ALL))
    otto = hire(umbra, sent(**ALL))
    assert ours(umbra, otto) is None
    assert typed(house, umbra, otto) == {}
    assert set(last_line(house, umbra).ignored) == {f"{OURS}:{name}" for name in ALL}
    for value in ("42.5", "x"):
        refused = find(umbra, f'{OURS}:nick eq "{value}"')
        assert (refused.status_code, refused.json()["scimType"]) == (400, "invalidFilter")
    size = make_field(umbra, "Shoe size", "text")
    assert find(umbra, f'{OURS}:shoeSize eq "42.5"').json()["totalResults"] == 0
    assert size.attribute == "shoeSize"
    hire(umbra, scim_user(MONA, **{OURS: {"shoeSize": "forty-two"}}))  # theirs is a text
    assert find(umbra, f'{OURS}:shoeSize eq "forty-two"').json()["totalResults"] == 1


# What is written, in every dialect.

FLAT = {f"{OURS}:{name}": value for name, value in ALL.items()}
BODIES = {
    "nested": scim_user(LEO, **{OURS: ALL}),
    "flat": scim_user(LEO, **FLAT),
    "in other cases": scim_user(LEO, **{OURS.upper(): {name.upper(): value for name, value in ALL.items()}}),
    "flat in capitals": scim_user(LEO, **{name.upper(): value for name, value in FLAT.items()}),
}
PATCHES = {
    "a path each": [{"op": "replace", "path": name, "value": value} for name, value in FLAT.items()],
    "a path each, as Entra": [{"op": "Add", "path": name.upper(), "value": value} for name, value in FLAT.items()],
    "no path, nested": [{"op": "replace", "value": {OURS: ALL}}],
    "no path, flat": [{"op": "add", "value": FLAT}],
    "the extension as path": [{"op": "replace", "path": OURS, "value": ALL}],
    "arrays of one": [{"op": "replace", "path": name, "value": [value]} for name, value in FLAT.items()],
}
REMOVALS = {
    "a path each": [{"op": "remove", "path": name} for name in FLAT],
    "null": [{"op": "replace", "path": name, "value": None} for name in FLAT],
    "empty text": [{"op": "replace", "value": dict.fromkeys(FLAT, "")}],
    "null, nested": [{"op": "replace", "value": {OURS: dict.fromkeys(ALL)}}],
    "the extension": [{"op": "remove", "path": OURS}],
}


@pytest.mark.parametrize("dialect", BODIES)
def test_a_new_person_s_values_are_written_and_given_back_as_sent(
    dialect: str, acme: Tenant, own: dict[str, Field], house: House
) -> None:
    answer = acme.scim.post("/Users", json=BODIES[dialect])
    assert answer.status_code == 201
    assert answer.json()[OURS] == ALL
    leo = answer.json()["id"]
    assert ours(acme, leo) == ALL
    assert acme.scim.get("/Users").json()["Resources"][0][OURS] == ALL
    assert acme.scim.get('/Users?filter=userName eq "leo@acme.example"').json()["Resources"][0][OURS] == ALL
    assert typed(house, acme, leo) == TYPED
    line = last_line(house, acme)
    assert line.ignored == ()
    assert {name: change for name, change in line.changes.items() if name.startswith("custom.")} == {
        f"custom.{name}": [None, value] for name, value in TYPED.items()
    }
    written = house.read(lambda tx: field_values.values_of(tx, users.get(tx, acme.id, leo)))
    assert {value.written_by for value in written.values()} == {f"scim:{acme.key_id}"}
    assert house.read(lambda tx: history.contradictions(tx, acme.id)) == []


@pytest.mark.parametrize("dialect", PATCHES)
def test_a_patch_writes_in_every_dialect_and_the_same_again_changes_nothing(
    dialect: str, acme: Tenant, own: dict[str, Field], house: House
) -> None:
    leo = hire(acme, scim_user(LEO))
    for version in ('W/"2"', 'W/"2"'):
        answer = acme.scim.patch(f"/Users/{leo}", json=patch(*PATCHES[dialect]))
        assert answer.status_code == 200
        assert (answer.json()[OURS], answer.json()["meta"]["version"]) == (ALL, version)
    assert last_line(house, acme).decision == "unchanged"
    assert typed(house, acme, leo) == TYPED
    told = [event.kind for event in house.read(lambda tx: events.of_subject(tx, acme.id, leo))]
    assert told == ["UserCreated", "UserUpdated", *["UserFieldChanged"] * 4]
    one = acme.scim.patch(f"/Users/{leo}", json=patch({"op": "replace", "path": f"{OURS}:nick", "value": "Lee"}))
    assert one.json()[OURS] == ALL | {"nick": "Lee"}
    assert typed(house, acme, leo) == TYPED | {"Nick": "Lee"}
    assert house.read(lambda tx: history.contradictions(tx, acme.id)) == []


@pytest.mark.parametrize("dialect", REMOVALS)
def test_a_removal_clears_in_every_dialect(dialect: str, acme: Tenant, own: dict[str, Field], house: House) -> None:
    leo = hire(acme, sent(**ALL))
    for _ in range(2):
        answer = acme.scim.patch(f"/Users/{leo}", json=patch(*REMOVALS[dialect]))
        assert answer.status_code == 200
        assert OURS not in answer.json()
        assert OURS not in answer.json()["schemas"]
    assert last_line(house, acme).decision == "unchanged"
    assert typed(house, acme, leo) == {}
    told = house.read(lambda tx: events.of_subject(tx, acme.id, leo))[-4:]
    assert {name: change for event in told for name, change in event.changes.items()} == {
        f"custom.{name}": [value, None] for name, value in TYPED.items()
    }


def test_a_put_clears_what_it_leaves_out_and_nothing_that_is_another_source_s(
    acme: Tenant, own: dict[str, Field], house: House
) -> None:
    leo = hire(acme, sent(**ALL, hireDate="2026-11-24"))
    user = house.read(lambda tx: users.get(tx, acme.id, leo))
    house.write(
        lambda tx: field_values.set_value(tx, user, own["mood"], "fine", actor=ACTORS["learning"], now=clock.now())
    )
    fewer = acme.scim.put(f"/Users/{leo}", json=sent(shoeSize=43, hireDate="2026-11-24"))
    assert fewer.json()[OURS] == {"hireDate": "2026-11-24", "shoeSize": 43}
    assert typed(house, acme, leo) == {"Shoe size": "43", "Mood": "fine"}
    without = acme.scim.put(f"/Users/{leo}", json=scim_user(LEO))
    assert without.json()[OURS] == {"hireDate": "2026-11-24"}  # stays where our extension is not sent at all
    assert typed(house, acme, leo) == {"Mood": "fine"}
    version = without.json()["meta"]["version"]
    assert acme.scim.put(f"/Users/{leo}", json=scim_user(LEO)).json()["meta"]["version"] == version
    assert last_line(house, acme).decision == "unchanged"


def test_okta_writes_back_what_it_read(acme: Tenant, own: dict[str, Field], house: House) -> None:
    """Its PUT is our own answer with its attributes merged in."""
    leo = hire(acme, sent(**ALL, hireDate="2026-11-24T00:00:00.000Z"))
    shown = acme.scim.get(f"/Users/{leo}").json()
    assert acme.scim.put(f"/Users/{leo}", json=shown).json() == shown
    again = acme.scim.put(f"/Users/{leo}", json=shown | {OURS: shown[OURS] | {"shoeSize": "43"}})
    assert again.json()[OURS] == shown[OURS] | {"shoeSize": 43}
    assert typed(house, acme, leo) == TYPED | {"Shoe size": "43"}


def test_only_the_switch_leaves_values_alone_and_shows_them(acme: Tenant, own: dict[str, Field], house: House) -> None:
    leo = hire(acme, sent(**ALL))
    for active in (False, True):
        answer = acme.scim.patch(f"/Users/{leo}", json=patch({"op": "replace", "value": {"active": active}}))
        assert (answer.json()["active"], answer.json()[OURS]) == (active, ALL)
    assert typed(house, acme, leo) == TYPED


def test_whoever_comes_back_by_a_create_has_what_is_recorded_and_what_is_sent(
    acme: Tenant, own: dict[str, Field], house: House
) -> None:
    """As with the hire date: Okta writes the whole profile right after, and that is what clears."""
    leo = hire(acme, sent(**ALL, hireDate="2026-11-24T00:00:00.000Z"))
    acme.scim.patch(f"/Users/{leo}", json=patch({"op": "replace", "value": {"active": False}}))
    back = acme.scim.post("/Users", json=sent(shoeSize=44))
    assert (back.status_code, back.json()["id"]) == (201, leo)
    assert back.json()[OURS] == ALL | {"shoeSize": 44, "hireDate": "2026-11-24T00:00:00.000Z"}
    assert typed(house, acme, leo) == TYPED | {"Shoe size": "44"}
    acme.scim.patch(f"/Users/{leo}", json=patch({"op": "replace", "value": {"active": False}}))
    assert acme.scim.post("/Users", json=scim_user(LEO)).json()[OURS] == back.json()[OURS]
    assert house.read(lambda tx: history.contradictions(tx, acme.id)) == []
