"""What clients send in POST and PUT, and the resource that it means."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given

from rollbook.scim.protocol.errors import InvalidSyntax, InvalidValue
from rollbook.scim.protocol.messages import CORE_GROUP, CORE_USER, ENTERPRISE_USER
from rollbook.scim.protocol.normalize import Canonical, canonical

from .people import LEO, USERS
from .resources import GROUP, ROLLBOOK_USER, USER


def read(document: dict[str, Any]) -> dict[str, Any]:
    """The canonical resource without `schemas`, where nothing may be left out."""
    result = canonical(USER, document)
    assert (result.ignored, result.read_only) == ((), ())
    resource = dict(result.resource)
    assert resource.pop("schemas")[0] == CORE_USER
    return resource


def test_what_okta_posts_is_canonical_already() -> None:
    assert canonical(USER, LEO) == Canonical(LEO, (), ())


def test_a_put_that_echoes_our_own_answer_is_accepted() -> None:
    echo = LEO | {"id": "1", "meta": {"version": "2"}, "groups": [{"value": "g"}], "password": "1mz050nq"}
    echo["name"] = LEO["name"] | {"formatted": "Ada Admin"}
    result = canonical(USER, echo)
    assert result.resource == LEO | {"password": "1mz050nq"}
    assert result.read_only == ("name.formatted", "id", "meta", "groups")


@pytest.mark.parametrize("unset", [None, "", [], {}, [None], [""], [{}]])
def test_what_is_unset_is_left_out(unset: Any) -> None:
    for name in ("title", "name", "emails", "active", "id", "groups", "meta"):
        if unset in ([None], [""], [{}]) and name in ("groups", "meta", "id"):
            continue
        assert read({"userName": "ada", name: unset}) == {"userName": "ada"}
    assert read({ENTERPRISE_USER: None}) == {}
    assert read({ENTERPRISE_USER: {"department": unset, "manager": {"value": ""}}}) == {}
    assert canonical(USER, {ENTERPRISE_USER: {}}).resource == {"schemas": [CORE_USER]}


@pytest.mark.parametrize(
    ("document", "resource"),
    [
        ({"USERNAME": "Ada", "Name": {"GIVENNAME": "Ada"}}, {"userName": "Ada", "name": {"givenName": "Ada"}}),
        ({"name.givenName": "Ada", "NAME.familyname": "A"}, {"name": {"givenName": "Ada", "familyName": "A"}}),
        (
            {"name.givenName": "Ada", "name": {"givenName": "X", "familyName": "A"}},
            {"name": {"givenName": "Ada", "familyName": "A"}},
        ),
        ({f"{ENTERPRISE_USER}:department": "IT"}, {ENTERPRISE_USER: {"department": "IT"}}),
        ({f"{ENTERPRISE_USER}:Manager.value": "m"}, {ENTERPRISE_USER: {"manager": {"value": "m"}}}),
        ({f"{CORE_USER}:title": "T"}, {"title": "T"}),
        ({CORE_USER: {"title": "T", "name.givenName": "A"}}, {"title": "T", "name": {"givenName": "A"}}),
        ({ENTERPRISE_USER.upper(): {"DEPARTMENT": "IT"}}, {ENTERPRISE_USER: {"department": "IT"}}),
        ({ENTERPRISE_USER: {"manager.value": "m"}}, {ENTERPRISE_USER: {"manager": {"value": "m"}}}),
        ({"urn:scim:schemas:extension:enterprise:1.0": {"department": "IT"}}, {ENTERPRISE_USER: {"department": "IT"}}),
        ({"emails.value": "a", "emails.type": "work"}, {"emails": [{"value": "a", "type": "work"}]}),
        ({"emails.value": "a", "emails": ["b"]}, {"emails": [{"value": "b"}, {"value": "a"}]}),
        ({"active": ["true"]}, {"active": True}),
        ({ROLLBOOK_USER: {"level": "7", "score": "1.5"}}, {ROLLBOOK_USER: {"level": 7, "score": 1.5}}),
        ({ROLLBOOK_USER: {"level": 7.0, "score": 2}}, {ROLLBOOK_USER: {"level": 7, "score": 2}}),
        ({ROLLBOOK_USER: {"badges": "gold"}}, {ROLLBOOK_USER: {"badges": ["gold"]}}),
        ({ROLLBOOK_USER: {"badges": ["a", "b", "a", "A", ""]}}, {ROLLBOOK_USER: {"badges": ["a", "b", "A"]}}),
        ({"title": " kept  as sent "}, {"title": " kept  as sent "}),
        ({"phoneNumbers": [{"value": "+33 (0)4 72"}]}, {"phoneNumbers": [{"value": "+33 (0)4 72"}]}),
        ({"addresses": {"type": "work", "locality": "Lyon"}}, {"addresses": [{"type": "work", "locality": "Lyon"}]}),
    ],
)
def test_every_spelling_and_nesting_has_one_canonical_shape(document: dict[str, Any], resource: dict[str, Any]) -> None:
    assert read(document) == resource


@pytest.mark.parametrize("word", ["True", "true", "TRUE", True])
def test_booleans_may_be_text(word: Any) -> None:
    assert read({"active": word, "emails": [{"value": "a", "primary": word}]}) == {
        "active": True,
        "emails": [{"value": "a", "primary": True}],
    }
    assert read({"active": "False"}) == {"active": False}


def test_numbers_become_text_where_text_is_due() -> None:
    assert read({ENTERPRISE_USER: {"employeeNumber": 701984}}) == {ENTERPRISE_USER: {"employeeNumber": "701984"}}
    assert read({"title": 1.5}) == {"title": "1.5"}


def test_an_array_of_one_is_unwrapped() -> None:
    assert read({"title": ["T"], "name": [{"givenName": "Ada"}]}) == {"title": "T", "name": {"givenName": "Ada"}}


def test_a_wrapped_text_is_unwrapped() -> None:
    assert read({"title": [{"$ref": None, "value": "T"}]}) == {"title": "T"}
    assert read({"title": {"value": "T"}, "locale": [{"value": ""}]}) == {"title": "T"}
    with pytest.raises(InvalidValue, match="title"):
        read({"title": {"value": "T", "type": "work"}})


def test_an_unknown_attribute_that_holds_nothing_is_not_named() -> None:
    assert canonical(USER, {"userName": "ada", "tags": [], "tag": "", "team": None, "crew": {}}).ignored == ()


def test_a_scalar_becomes_the_value() -> None:
    assert read({ENTERPRISE_USER: {"manager": "mona"}}) == {ENTERPRISE_USER: {"manager": {"value": "mona"}}}
    assert read({ENTERPRISE_USER: {"manager": 7}}) == {ENTERPRISE_USER: {"manager": {"value": "7"}}}
    assert read({"emails": "a@b.example"}) == {"emails": [{"value": "a@b.example"}]}
    assert read({"emails": ["a", {"value": "b"}]}) == {"emails": [{"value": "a"}, {"value": "b"}]}


def test_roles_as_json_text_stay_text() -> None:
    assert read({"roles": ['{"value":"Admin"}']}) == {"roles": [{"value": '{"value":"Admin"}'}]}


def test_manager_id_is_the_value_of_manager() -> None:
    assert read({ENTERPRISE_USER: {"manager": {"managerId": "7"}}}) == {ENTERPRISE_USER: {"manager": {"value": "7"}}}
    both = {"managerId": "7", "value": "8"}
    assert read({ENTERPRISE_USER: {"manager": both}}) == {ENTERPRISE_USER: {"manager": {"value": "8"}}}


def test_an_address_sent_twice_stays_once() -> None:
    twice = {"value": "leo@acme.example", "type": "work", "primary": True}
    assert read({"emails": [twice, twice]}) == {"emails": [twice]}
    unmarked = {"value": "leo@acme.example", "type": "work"}
    assert read({"emails": [unmarked, twice]}) == {"emails": [twice]}


def test_at_most_one_element_is_primary_and_the_first_marked_stays() -> None:
    a, b = {"value": "a", "primary": True}, {"value": "b", "primary": "true"}
    assert read({"emails": [a, b]}) == {"emails": [a, {"value": "b", "primary": False}]}


def test_the_primary_element_comes_first() -> None:
    assert read({"emails": ["a", {"value": "b", "primary": True}, "c"]}) == {
        "emails": [{"value": "b", "primary": True}, {"value": "a"}, {"value": "c"}]
    }


def test_an_element_of_labels_alone_is_unset() -> None:
    assert read({"phoneNumbers": [{"type": "work", "primary": True, "value": ""}]}) == {}
    assert read({"addresses": [{"type": "work", "primary": True}, {"region": "CA"}]}) == {
        "addresses": [{"region": "CA"}]
    }


def test_what_the_schemas_do_not_know_is_dropped_and_named() -> None:
    result = canonical(
        USER,
        {
            "schemas": [CORE_USER, "urn:x:y", "urn:scim:schemas:core:1.0", ENTERPRISE_USER.lower()],
            "tags": ["a"],
            "name": {"nick": "A", "givenName": "Ada"},
            "emails": [{"value": "a", "mood": 1}, {"value": "b", "mood": 2}],
            "urn:x:y": {"a": 1},
            "urn:x:y:attribute": 1,
            "name.nick": 1,
            ENTERPRISE_USER: {"colour": "red", "manager": {"age": 3}},
        },
    )
    assert result.resource == {
        "schemas": [CORE_USER],
        "name": {"givenName": "Ada"},
        "emails": [{"value": "a"}, {"value": "b"}],
    }
    assert sorted(result.ignored) == sorted(
        [
            "tags",
            "name.nick",
            "emails.mood",
            "urn:x:y",
            "urn:x:y:attribute",
            f"{ENTERPRISE_USER}:colour",
            f"{ENTERPRISE_USER}:manager.age",
        ]
    )


def test_read_only_attributes_are_dropped_and_named() -> None:
    result = canonical(
        USER, {"ID": "1", "meta.version": "1", "id": None, ENTERPRISE_USER: {"manager": {"displayName": "Mona"}}}
    )
    assert result.resource == {"schemas": [CORE_USER]}
    assert result.read_only == ("id", f"{ENTERPRISE_USER}:manager.displayName", "meta")


def test_schemas_follow_from_what_is_there() -> None:
    assert canonical(USER, {}).resource == {"schemas": [CORE_USER]}
    assert canonical(USER, {f"{ENTERPRISE_USER}:department": "IT"}).resource["schemas"] == [CORE_USER, ENTERPRISE_USER]
    assert canonical(USER, {"schemas": [ENTERPRISE_USER]}).resource["schemas"] == [CORE_USER]


@pytest.mark.parametrize(
    ("document", "name", "wanted"),
    [
        ({"active": "yes"}, "active", "true or false"),
        ({"active": 1}, "active", "true or false"),
        ({"active": {"x": 1}}, "active", "true or false"),
        ({"title": True}, "title", "text"),
        ({"title": {"value": 7}}, "title", "text"),
        ({"title": [["T"]]}, "title", "text"),
        ({"title": ["a", "b"]}, "title", "one value"),
        ({"name": "Ada Admin"}, "name", "an object"),
        ({"name": {"givenName": {"x": 1}}}, "name.givenName", "text"),
        ({"emails": [{"value": ["a", "b"]}]}, "emails.value", "one value"),
        ({"emails": [["a"]]}, "emails", "an object"),
        ({"emails": [True]}, "emails.value", "text"),
        ({"emails": [{"value": "a", "primary": "first"}]}, "emails.primary", "true or false"),
        ({"addresses": ["Lyon"]}, "addresses", "an object"),
        ({ENTERPRISE_USER: {"department": {"x": 1}}}, f"{ENTERPRISE_USER}:department", "text"),
        ({ENTERPRISE_USER: "IT"}, ENTERPRISE_USER, "an object"),
        ({f"{ENTERPRISE_USER}:manager.value": True}, f"{ENTERPRISE_USER}:manager.value", "text"),
        ({ROLLBOOK_USER: {"level": "seven"}}, f"{ROLLBOOK_USER}:level", "a whole number"),
        ({ROLLBOOK_USER: {"level": 1.5}}, f"{ROLLBOOK_USER}:level", "a whole number"),
        ({ROLLBOOK_USER: {"level": True}}, f"{ROLLBOOK_USER}:level", "a whole number"),
        ({ROLLBOOK_USER: {"level": "9" * 19}}, f"{ROLLBOOK_USER}:level", "a whole number"),
        ({ROLLBOOK_USER: {"score": "1e"}}, f"{ROLLBOOK_USER}:score", "a number"),
        ({"schemas": [{"a": 1}]}, "schemas", "text"),
    ],
)
def test_a_value_that_cannot_be_of_its_type_is_refused_by_name(
    document: dict[str, Any], name: str, wanted: str
) -> None:
    with pytest.raises(InvalidValue) as refusal:
        canonical(USER, document)
    assert name in refusal.value.detail
    assert wanted in refusal.value.detail


def test_a_document_that_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidSyntax):
        canonical(USER, [])  # type: ignore[arg-type]  # that is the test


def test_a_refusal_never_shows_a_text_that_was_sent() -> None:
    with pytest.raises(InvalidValue) as refusal:
        canonical(USER, {"password": ["1mz050nq", "1mz050nr"]})
    assert "1mz" not in refusal.value.detail


def test_members_are_told_apart_by_value() -> None:
    members = [{"value": "1", "display": None, "$ref": "x"}, {"value": "1", "display": "Leo"}, {"value": "2"}]
    assert canonical(GROUP, {"displayName": "Sales", "members": members}).resource == {
        "schemas": [CORE_GROUP],
        "displayName": "Sales",
        "members": [{"value": "1", "$ref": "x"}, {"value": "2"}],
    }


@given(USERS)
def test_canonical_again_changes_nothing(document: dict[str, Any]) -> None:
    before = copy.deepcopy(document)
    first = canonical(USER, document)
    assert document == before
    assert canonical(USER, first.resource) == Canonical(first.resource, (), ())


@given(USERS)
def test_spelling_and_order_do_not_matter(document: dict[str, Any]) -> None:
    def respelt(value: Any) -> Any:
        if isinstance(value, dict):
            return {key.swapcase(): respelt(item) for key, item in reversed(value.items())}
        return [respelt(item) for item in value] if isinstance(value, list) else value

    assert canonical(USER, respelt(document)).resource == canonical(USER, document).resource
