"""What of a company's own fields is refused, passed over, or never understood, whatever they are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rollbook import clock
from rollbook.database.tables import users as table
from rollbook.errors import Forbidden
from rollbook.people import field_values, users
from rollbook.people.fields import Field
from rollbook.scim.user_schema import ROLLBOOK_USER as OURS
from tests import history
from tests.cast import LEO, MONA, patch, scim_user
from tests.conftest import OPERATOR, House, Tenant
from tests.people.test_fields import ACTORS
from tests.scim.own import ALL, TYPED, find, hire, last_line, ours, sent, typed

WRONG = [
    ("contractUntil", "2027-02-30", "YYYY-MM-DD"),
    ("contractUntil", "soon", "YYYY-MM-DD"),
    ("contractUntil", 20270131, "YYYY-MM-DD"),
    ("region", "West", "one of North, South, Île-de-France"),
    ("shoeSize", "large", "must be a number"),
    ("shoeSize", True, "must be a number"),
    ("shoeSize", 1e300, "a number, such as 7 or 7.5"),
    ("shoeSize", "1234567890123456789012345", "more digits than JSON keeps"),
    ("nick", "a\nb", "without line breaks"),
    ("nick", "x" * 1025, "at most 1,024 characters"),
    ("nick", {"a": 1}, "must be text"),
    ("nick", ["a", "b"], "holds one value"),
]


@pytest.mark.parametrize(("name", "value", "words"), WRONG, ids=lambda value: str(value)[:20])
def test_an_invalid_value_is_refused_by_name_and_nothing_is_done(
    name: str, value: Any, words: str, acme: Tenant, own: dict[str, Field], house: House
) -> None:
    leo = hire(acme, sent(**ALL))
    body = scim_user(LEO, title="Changed", **{OURS: ALL | {name: value}})
    operations = [
        {"op": "replace", "path": "title", "value": "Changed"},
        {"op": "replace", "path": f"{OURS}:{name}", "value": value},
    ]
    for answer in (
        acme.scim.put(f"/Users/{leo}", json=body),
        acme.scim.patch(f"/Users/{leo}", json=patch(*operations)),
        acme.scim.post("/Users", json=scim_user(MONA, **{OURS: {name: value}})),
    ):
        assert answer.status_code == 400
        told = answer.json()
        assert told["scimType"] == "invalidValue"
        assert words in told["detail"]
        assert f"{OURS}:{name}" in told["detail"]
        assert "in okta" in told["detail"].lower()
    shown = acme.scim.get(f"/Users/{leo}").json()
    assert (shown[OURS], shown["meta"]["version"]) == (ALL, 'W/"1"')
    assert "title" not in shown
    assert acme.scim.get("/Users?count=0").json()["totalResults"] == 1
    assert typed(house, acme, leo) == TYPED


@pytest.mark.parametrize("value", ["", None, "   ", [], {}])
def test_an_unset_value_is_none(value: Any, acme: Tenant, own: dict[str, Field], house: House) -> None:
    leo = hire(acme, sent(nick=value))
    assert ours(acme, leo) is None
    acme.scim.patch(f"/Users/{leo}", json=patch({"op": "replace", "path": f"{OURS}:nick", "value": "Lee"}))
    acme.scim.put(f"/Users/{leo}", json=sent(nick=value))
    assert ours(acme, leo) is None
    assert typed(house, acme, leo) == {}


@pytest.mark.parametrize("owner", ["learning", "okta"])
def test_what_another_source_owns_is_neither_published_nor_written_and_is_named(
    owner: str, acme: Tenant, make_field: Callable[..., Field], house: House
) -> None:
    secret = make_field(acme, "Mood", "text", owner=owner)
    leo = hire(acme, sent(mood="bad"))
    assert "mood" not in acme.scim.get("/Schemas").text
    assert last_line(house, acme).ignored == (f"{OURS}:mood",)
    user = house.read(lambda tx: users.get(tx, acme.id, leo))
    house.write(lambda tx: field_values.set_value(tx, user, secret, "fine", actor=OPERATOR, now=clock.now()))
    for answer in (
        acme.scim.put(f"/Users/{leo}", json=sent(mood="bad")),
        acme.scim.patch(f"/Users/{leo}", json=patch({"op": "replace", "path": f"{OURS}:mood", "value": "bad"})),
        acme.scim.patch(f"/Users/{leo}", json=patch({"op": "replace", "value": {OURS: {"mood": "bad"}}})),
        acme.scim.patch(f"/Users/{leo}", json=patch({"op": "remove", "path": f"{OURS}:mood"})),
    ):
        assert answer.status_code == 200
        assert OURS not in answer.json()
        line = last_line(house, acme)
        assert (line.decision, line.ignored) == ("unchanged", (f"{OURS}:mood",))
    assert typed(house, acme, leo) == {"Mood": "fine"}
    refused = find(acme, f'{OURS}:mood eq "fine"')
    assert refused.status_code == 400
    with pytest.raises(Forbidden):
        house.read(lambda tx: field_values.changes(tx, user, {secret: "bad"}, actor=ACTORS["scim"]))


def test_no_name_of_a_column_is_smuggled_in_beside_own_fields(
    acme: Tenant, own: dict[str, Field], house: House
) -> None:
    def row(user_id: str) -> dict[str, Any]:
        rows = house.read(lambda tx: history.rows(tx, table, acme.id))
        return next(row for row in rows if row["id"] == user_id)

    names = [column.name for column in table.columns if column.name not in ("nick", "region")]
    leo = hire(acme, sent(**ALL))
    before = row(leo)
    evil = dict.fromkeys(names, "admin")
    assert acme.scim.put(f"/Users/{leo}", json=sent(**ALL, **evil)).status_code == 200
    assert acme.scim.patch(f"/Users/{leo}", json=patch({"op": "add", "value": {OURS: evil}})).status_code == 200
    assert row(leo) == before
    assert f"{OURS}:role" in last_line(house, acme).ignored
    mona = acme.scim.post("/Users", json=scim_user(MONA, **{OURS: ALL | evil})).json()
    assert mona[OURS] == ALL
    assert row(mona["id"])["role"] == "learner"


HOSTILE = [
    *("schemas", "id", "meta", "external id", "password", "hiredate", "Hire-Date", "userName", "active", "value"),
    *("größe", "Größe (cm)", "靴のサイズ", "٣", "<script>alert(1)</script>", "'; DROP TABLE users; --", "a" * 100),
    *("urn:ietf:params:scim:schemas:core:2.0:User", "and", "model_config", "class", "  spaces  ", "x.y", "$ref"),
]


def test_hostile_names_of_fields_harm_nobody(acme: Tenant, house: House, make_field: Callable[..., Field]) -> None:
    made = {field.attribute: field for field in (make_field(acme, name) for name in HOSTILE)}
    assert len({name.lower() for name in made}) == len(HOSTILE)
    values = {name: f"value of {field.name}" for name, field in made.items()}
    leo = hire(acme, sent(hireDate="2026-11-24", **values))
    shown = acme.scim.get(f"/Users/{leo}").json()
    assert shown[OURS] == {"hireDate": "2026-11-24", **values}
    assert (shown["id"], shown["active"], shown["userName"]) == (leo, True, "leo@acme.example")
    assert typed(house, acme, leo) == {field.name: values[name] for name, field in made.items()}
    for name, value in values.items():
        found = find(acme, f'{OURS}:{name} eq "{value}"').json()
        assert [resource["id"] for resource in found["Resources"]] == [leo], name
    assert acme.scim.put(f"/Users/{leo}", json=shown).json() == shown
    assert [attribute["name"] for attribute in acme.scim.get(f"/Schemas/{OURS}").json()["attributes"]][1:] == sorted(
        made, key=lambda name: made[name].name.casefold()
    )
