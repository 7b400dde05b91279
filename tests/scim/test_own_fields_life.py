"""What becomes of values that SCIM sent when a field changes, when others write, and when people go and come."""

from __future__ import annotations

from typing import Any

from rollbook import clock
from rollbook.activity import events, log
from rollbook.people import erasure, field_values, returners, search, users
from rollbook.people.fields import Field
from rollbook.scim.user_schema import ROLLBOOK_USER as OURS
from tests import history
from tests.cast import patch
from tests.conftest import OPERATOR, House, Tenant
from tests.people.test_fields import ACTORS
from tests.scim.own import ALL, TYPED, change_field, hire, last_line, ours, sent, typed


def test_a_renamed_field_is_the_same_attribute(acme: Tenant, own: dict[str, Field], house: House) -> None:
    """Okta's mapping names the attribute, so it goes on working."""
    leo = hire(acme, sent(**ALL))
    change_field(house, own["shoeSize"], name="Boots")
    assert ours(acme, leo) == ALL
    assert acme.scim.put(f"/Users/{leo}", json=sent(**ALL)).json()["meta"]["version"] == 'W/"1"'
    acme.scim.put(f"/Users/{leo}", json=sent(**ALL | {"shoeSize": 44}))
    assert typed(house, acme, leo)["Boots"] == "44"
    described = {a["name"]: a["description"] for a in acme.scim.get(f"/Schemas/{OURS}").json()["attributes"]}
    assert described["shoeSize"] == "Boots"


def test_a_field_taken_from_scim_keeps_its_values_and_is_shown_no_more(
    acme: Tenant, own: dict[str, Field], house: House
) -> None:
    leo = hire(acme, sent(**ALL))
    nick = change_field(house, own["nick"], owner="learning")
    rest = {name: value for name, value in ALL.items() if name != "nick"}
    assert ours(acme, leo) == rest
    assert typed(house, acme, leo) == TYPED
    assert acme.scim.put(f"/Users/{leo}", json=sent(**ALL | {"nick": "Other"})).json()[OURS] == rest
    assert last_line(house, acme).ignored == (f"{OURS}:nick",)
    assert typed(house, acme, leo) == TYPED
    before = len(house.read(lambda tx: events.of_subject(tx, acme.id, leo)))
    acme.scim.put(f"/Users/{leo}", json=sent(**ALL | {"nick": "Other"}))
    assert len(house.read(lambda tx: events.of_subject(tx, acme.id, leo))) == before
    change_field(house, nick, owner="scim")
    assert ours(acme, leo) == rest  # shown again once Okta has sent it
    assert acme.scim.put(f"/Users/{leo}", json=sent(**ALL)).json()[OURS] == ALL


def test_learning_s_own_value_is_never_hidden_behind_what_scim_once_sent(
    acme: Tenant, own: dict[str, Field], house: House
) -> None:
    leo = hire(acme, sent(**ALL))
    nick = change_field(house, own["nick"], owner="learning")

    def put(text: str | None) -> None:
        def work(tx: Any) -> None:
            user = users.get(tx, acme.id, leo, lock=True)
            field_values.set_value(tx, user, nick, text, actor=ACTORS["learning"], now=clock.now())

        house.write(work)

    put("Learning's")
    nick = change_field(house, nick, owner="scim")
    assert "nick" not in ours(acme, leo)
    assert typed(house, acme, leo)["Nick"] == "Learning's"
    assert (
        "nick" not in acme.scim.patch(f"/Users/{leo}", json=patch({"op": "add", "value": {"title": "X"}})).json()[OURS]
    )
    assert typed(house, acme, leo)["Nick"] == "Learning's"  # a PATCH touches what it names
    without = {name: value for name, value in ALL.items() if name != "nick"}
    acme.scim.put(f"/Users/{leo}", json=sent(**without))
    assert last_line(house, acme).changes["custom.Nick"] == ["Learning's", None]
    assert "Nick" not in typed(house, acme, leo)  # a PUT with our extension says all of it


def test_what_the_operator_writes_is_what_scim_shows(acme: Tenant, own: dict[str, Field], house: House) -> None:
    leo = hire(acme, sent(**ALL))

    def put(attribute: str, text: str | None) -> None:
        def work(tx: Any) -> None:
            user = users.get(tx, acme.id, leo, lock=True)
            field_values.set_value(tx, user, own[attribute], text, actor=OPERATOR, now=clock.now())

        house.write(work)

    put("shoeSize", "44.0")
    put("region", "south")
    put("nick", None)
    put("contractUntil", "2028-01-01")
    shown = acme.scim.get(f"/Users/{leo}").json()
    assert shown[OURS] == {"shoeSize": 44, "region": "South", "contractUntil": "2028-01-01"}
    assert shown["meta"]["version"] == 'W/"5"'
    assert house.read(lambda tx: history.contradictions(tx, acme.id)) == []
    assert acme.scim.put(f"/Users/{leo}", json=sent(**ALL)).json()[OURS] == ALL
    assert typed(house, acme, leo) == TYPED


def test_a_choice_that_is_none_any_more_stays_and_holds_up_no_leaver(
    acme: Tenant, own: dict[str, Field], house: House
) -> None:
    leo = hire(acme, sent(**ALL))
    change_field(house, own["region"], choices=["South"])
    gone = acme.scim.put(f"/Users/{leo}", json=sent(**ALL) | {"active": False})
    assert (gone.status_code, gone.json()["active"], gone.json()[OURS]) == (200, False, ALL)
    assert typed(house, acme, leo) == TYPED
    assert acme.scim.put(f"/Users/{leo}", json=sent(**ALL | {"region": "Île-de-France"})).status_code == 400
    assert acme.scim.put(f"/Users/{leo}", json=sent(**ALL | {"region": "south"})).status_code == 200


def test_an_erased_person_s_values_are_nowhere(acme: Tenant, own: dict[str, Field], house: House) -> None:
    leo = hire(acme, sent(**ALL))
    erased = house.write(
        lambda tx: erasure.erase(tx, users.get(tx, acme.id, leo, lock=True), actor=OPERATOR, now=clock.now())
    )
    assert (erased.kept, erased.own_attributes) == ("{}", {})
    assert house.read(lambda tx: field_values.values_of(tx, erased)) == {}
    told = repr(house.read(lambda tx: (events.of_subject(tx, acme.id, leo), log.search(tx, acme.id))))
    assert "Ömlaut" not in told
    assert "42.5" not in told


def test_whoever_is_joined_shows_the_values_of_the_record_before(
    acme: Tenant, own: dict[str, Field], house: House
) -> None:
    old = hire(acme, sent(**ALL))
    acme.scim.delete(f"/Users/{old}")
    new = hire(acme, sent(shoeSize=44))

    def work(tx: Any) -> users.User:
        before, after = (users.get(tx, acme.id, id_, lock=True) for id_ in (old, new))
        return returners.join(tx, before, after, actor=OPERATOR, now=clock.now())

    joined = house.write(work)
    assert joined == house.read(lambda tx: search.named(tx, acme.id, new))
    assert ours(acme, new) == {
        "shoeSize": 44,
        "contractUntil": "2027-01-31",
        "region": "North",
        "nick": "Leo the Ömlaut",
    }
    assert typed(house, acme, new) == TYPED | {"Shoe size": "44"}
