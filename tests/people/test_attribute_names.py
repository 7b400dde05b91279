"""What fields are called in SCIM: valid whatever people call them, each its own, and for life."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook import clock
from rollbook.people import attribute_names, fields
from rollbook.people.fields import LONGEST_NAME
from tests.conftest import OPERATOR, House

# RFC 7643 section 2.1, without the hyphen and the underscore that nobody needs.
ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
NAMES = st.one_of(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=LONGEST_NAME),
    st.text("aAbB 12-_'", min_size=1, max_size=6),
    st.sampled_from(["schemas", "ID", "Meta", "hire date", "field", "Field 2", "größe", "Größe", "靴", "٣"]),
)


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("Shoe size", "shoeSize"),
        ("shoeSize", "shoeSize"),
        ("T-shirt size", "tShirtSize"),
        ("HR code", "hrCode"),
        ("Cost center (old)", "costCenterOld"),
        ("Manager's office", "managersOffice"),
        ("Größe", "grosse"),
        ("ÉTÉ", "ete"),
        ("Øre", "ore"),
        ("2nd office", "field2ndOffice"),
        ("靴のサイズ", "field"),
        ("…", "field"),
        ("id", "id2"),
        ("Schemas", "schemas2"),
        ("External ID", "externalID2"),
        ("hiredate", "hiredate2"),
        ("urn:acme:User", "urnAcmeUser"),
    ],
)
def test_a_field_s_name_in_scim_can_be_guessed(name: str, attribute: str) -> None:
    assert attribute_names.make(name, {"hiredate"}) == attribute


def test_two_fields_never_share_a_name() -> None:
    taken: set[str] = set()
    made = []
    for name in ("Shoe size", "Shoe-Size", "SHOESIZE", "Line 1", "line-1"):
        made.append(attribute_names.make(name, taken))
        taken.add(made[-1].lower())
    assert made == ["shoeSize", "shoeSize2", "shoesize3", "line1", "line1_2"]


@given(st.lists(NAMES, max_size=30))
def test_whatever_fields_are_called_their_names_in_scim_are_valid_and_their_own(names: list[str]) -> None:
    taken = {"hiredate"}
    for name in names:
        made = attribute_names.make(name, taken)
        assert ATTRIBUTE.fullmatch(made), (name, made)
        assert made.lower() not in taken | attribute_names.RESERVED
        assert len(made) <= attribute_names.LONGEST + 4
        taken.add(made.lower())


def test_a_field_keeps_its_name_in_scim_whatever_becomes_of_it(house: House, company_id: str) -> None:
    def change(of: str, **changes: object) -> fields.Field:
        return house.write(
            lambda tx: fields.change(
                tx,
                fields.named(tx, company_id, of),
                actor=OPERATOR,
                now=clock.now(),
                **changes,  # type: ignore[arg-type]  # its parts are of several types
            )
        )

    def create(name: str) -> fields.Field:
        return house.write(lambda tx: fields.create(tx, company_id, name, actor=OPERATOR, now=clock.now()))

    assert create("Shoe size").attribute == "shoeSize"
    assert change("Shoe size", name="Boots", owner="scim").attribute == "shoeSize"
    assert change("Boots", owner="learning").attribute == "shoeSize"
    assert create("Shoe size").attribute == "shoeSize2"  # the first one's name is taken for good
    assert house.read(lambda tx: fields.hire_date(tx, company_id)).attribute == "hireDate"
