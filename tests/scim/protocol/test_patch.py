"""PATCH in the dialects of its clients. Whole resources are compared."""

from __future__ import annotations

from typing import Any

import pytest

from rollbook.scim.protocol.errors import (
    InvalidFilter,
    InvalidPath,
    InvalidSyntax,
    InvalidValue,
    NoTarget,
    ScimError,
    TooMany,
)
from rollbook.scim.protocol.messages import CORE_GROUP, CORE_USER, ENTERPRISE_USER, LIST_RESPONSE, PATCH_OP
from rollbook.scim.protocol.patch import Operation, Patched, apply, parse_operations
from tests.patience import within_patience

from .people import LEO
from .resources import GROUP, ROLLBOOK_USER, USER

WORK = {"primary": True, "value": "leo@acme.example", "type": "work"}
HOME = {"value": "leo@home.example", "type": "home"}


def patch(resource: dict[str, Any], *operations: dict[str, Any]) -> dict[str, Any]:
    """The resource after operations of which nothing may be passed over."""
    result = apply(USER, resource, parse_operations({"schemas": [PATCH_OP], "Operations": list(operations)}))
    assert (result.ignored, result.read_only) == ((), ())
    return result.resource


def group(*members: str) -> dict[str, Any]:
    resource: dict[str, Any] = {"schemas": [CORE_GROUP], "displayName": "Sales"}
    return resource | ({"members": [{"value": member} for member in members]} if members else {})


def patch_group(resource: dict[str, Any], *operations: dict[str, Any]) -> Patched:
    return apply(GROUP, resource, parse_operations({"Operations": list(operations)}))


# Okta


def test_okta_archives_and_restores_without_a_path() -> None:
    archived = patch(LEO, {"op": "replace", "value": {"active": False}})
    assert archived == LEO | {"active": False}
    assert patch(archived, {"op": "replace", "value": {"active": True}}) == LEO
    assert patch(LEO, {"op": "replace", "value": {"active": True}}) == LEO


def test_okta_renames_a_group_and_sends_the_id() -> None:
    result = patch_group(group("1"), {"op": "replace", "value": {"id": "abf4dd94", "displayName": "Support"}})
    assert result == Patched(group("1") | {"displayName": "Support"}, (), ("id",))


def test_okta_pushes_members() -> None:
    changed = patch_group(
        group("1", "2"),
        {"op": "remove", "path": 'members[value eq "1"]'},
        {"op": "add", "path": "members", "value": [{"value": "3", "display": "leo@acme.example"}, {"value": "2"}]},
    ).resource
    assert changed == group() | {"members": [{"value": "2"}, {"value": "3", "display": "leo@acme.example"}]}
    replaced = patch_group(group("1", "2"), {"op": "replace", "path": "members", "value": [{"value": "3"}]})
    assert replaced.resource == group("3")
    assert patch_group(group("1"), {"op": "replace", "path": "members", "value": []}).resource == group()
    emptied = patch_group(group("1"), {"op": "replace", "value": {"members": [], "id": "a", "displayName": "Sales"}})
    assert emptied.resource == group()


def test_okta_sets_a_password_without_a_path() -> None:
    assert patch(LEO, {"op": "replace", "value": {"password": "1mz050nq"}}) == LEO | {"password": "1mz050nq"}


# Entra


def test_entra_capitalises_and_sends_booleans_as_text() -> None:
    assert patch(LEO, {"op": "Replace", "path": "active", "value": "False"}) == LEO | {"active": False}
    assert patch(LEO, {"Op": "ADD", "Path": "Title", "Value": "Boss"}) == LEO | {"title": "Boss"}


@pytest.mark.parametrize("op", ["Add", "Replace"])
def test_writing_to_a_missing_element_creates_it(op: str) -> None:
    bare = {"schemas": [CORE_USER], "userName": "leo"}
    assert patch(bare, {"op": op, "path": 'emails[type eq "work"].value', "value": "a@acme.example"}) == bare | {
        "emails": [{"type": "work", "value": "a@acme.example"}]
    }
    assert patch(
        bare, {"op": op, "path": 'emails[type eq "work" and primary eq "true"].value', "value": "a"}
    ) == bare | {"emails": [{"type": "work", "primary": True, "value": "a"}]}
    assert patch(bare, {"op": op, "path": 'emails[type eq "home"]', "value": {"value": "a"}}) == bare | {
        "emails": [{"type": "home", "value": "a"}]
    }
    assert patch(bare, {"op": op, "path": 'emails[type eq "home"]', "value": "a"}) == bare | {
        "emails": [{"type": "home", "value": "a"}]
    }


def test_five_adds_build_one_address() -> None:
    address = {"streetAddress": "1 rue", "locality": "Lyon", "region": "ARA", "postalCode": "69001", "country": "FR"}
    operations = [
        {"op": "Add", "path": f'addresses[type eq "work"].{name}', "value": value} for name, value in address.items()
    ]
    assert patch(LEO, *operations) == LEO | {"addresses": [{"type": "work", **address}]}


def test_an_element_that_is_there_is_changed_in_place() -> None:
    before = LEO | {"emails": [WORK, HOME]}
    assert patch(before, {"op": "Replace", "path": 'emails[type eq "HOME"].value', "value": "new"}) == LEO | {
        "emails": [WORK, {"value": "new", "type": "home"}]
    }
    assert patch(before, {"op": "Replace", "path": "emails[primary eq true].value", "value": "new"}) == LEO | {
        "emails": [WORK | {"value": "new"}, HOME]
    }
    assert patch(before, {"op": "replace", "path": 'emails[value ew "home.example"].display', "value": "H"}) == LEO | {
        "emails": [WORK, HOME | {"display": "H"}]
    }
    assert patch(before, {"op": "replace", "path": 'emails[not (type eq "work")].value', "value": "new"}) == LEO | {
        "emails": [WORK, {"value": "new", "type": "home"}]
    }


def test_entra_sends_the_manager_as_text() -> None:
    path = f"{ENTERPRISE_USER}:manager"
    changed = patch(LEO, {"op": "Add", "path": path, "value": "cleo"})
    assert changed == LEO | {ENTERPRISE_USER: LEO[ENTERPRISE_USER] | {"manager": {"value": "cleo"}}}
    for empty in ("", None, {}):
        cleared = patch(LEO, {"op": "Replace", "path": path, "value": empty})
        assert cleared[ENTERPRISE_USER] == {"costCenter": "4130", "division": "Sales"}


def test_entra_sends_dotted_and_urn_keys_without_a_path() -> None:
    value = {
        "displayName": "L",
        "name.givenName": "Leonard",
        f"{ENTERPRISE_USER}:employeeNumber": 7,
        f"{ENTERPRISE_USER}:manager.value": "cleo",
        'emails[type eq "work"].value': "new@acme.example",
        ENTERPRISE_USER: {"division": "IT"},
    }
    assert patch(LEO, {"op": "replace", "value": value}) == LEO | {
        "displayName": "L",
        "name": {"givenName": "Leonard", "familyName": "Learner"},
        "emails": [WORK | {"value": "new@acme.example"}],
        ENTERPRISE_USER: {
            "costCenter": "4130",
            "division": "IT",
            "manager": {"value": "cleo"},
            "employeeNumber": "7",
        },
    }


def test_entra_clears_with_an_empty_text_and_with_null() -> None:
    without = {name: value for name, value in LEO.items() if name != "title"}
    for empty in (None, "", [], [None], [""]):
        assert patch(LEO, {"op": "replace", "path": "title", "value": empty}) == without
        assert patch(LEO, {"op": "add", "path": "title", "value": empty}) == without
        assert patch(LEO, {"op": "replace", "value": {"title": empty}}) == without
    assert patch(LEO, {"op": "replace", "path": "title"}) == without
    assert patch(LEO, {"op": "replace", "path": 'emails[type eq "work"].value', "value": ""}) == {
        name: value for name, value in LEO.items() if name != "emails"
    }


def test_removing_listed_members_leaves_the_others() -> None:
    listed = {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": "1"}, {"value": "9"}]}
    assert patch_group(group("1", "2"), listed).resource == group("2")
    for value in ({"value": "1"}, "1", ["1"]):
        assert patch_group(group("1", "2"), {"op": "remove", "path": "members", "value": value}).resource == group("2")
    # A list of nobody removes nobody; no list removes all.
    assert patch_group(group("1", "2"), {"op": "remove", "path": "members", "value": []}).resource == group("1", "2")
    assert patch_group(group("1", "2"), {"op": "remove", "path": "members"}).resource == group()
    assert patch_group(group("1", "2"), {"op": "remove", "path": "members", "value": None}).resource == group()


def test_an_array_of_one_stands_for_its_element() -> None:
    assert patch(LEO, {"op": "replace", "path": "title", "value": ["Boss"]}) == LEO | {"title": "Boss"}
    assert patch(LEO, {"op": "replace", "path": "name", "value": [{"givenName": "L"}]}) == LEO | {
        "name": {"givenName": "L", "familyName": "Learner"}
    }
    assert patch(LEO, {"op": "replace", "value": [{"active": "false"}]}) == LEO | {"active": False}


def test_an_empty_message_does_nothing() -> None:
    for message in ({"Operations": []}, {"operations": None}, []):
        assert parse_operations(message) == []
    assert patch(LEO) == LEO


def test_primary_may_be_text() -> None:
    before = LEO | {"emails": [WORK, HOME]}
    after = patch(before, {"op": "Add", "path": 'emails[type eq "home"].primary', "value": "True"})
    assert after == LEO | {"emails": [HOME | {"primary": True}, WORK | {"primary": False}]}


# The RFC's words


def test_a_new_primary_element_demotes_the_other() -> None:
    new = {"value": "new", "type": "other", "primary": True}
    assert patch(LEO, {"op": "add", "path": "emails", "value": new}) == LEO | {
        "emails": [new, WORK | {"primary": False}]
    }
    again = {"op": "add", "path": "emails", "value": [HOME | {"primary": True}]}
    assert patch(LEO | {"emails": [WORK, HOME]}, again) == LEO | {
        "emails": [HOME | {"primary": True}, WORK | {"primary": False}]
    }


def test_adding_what_is_there_changes_nothing() -> None:
    assert patch(LEO, {"op": "add", "path": "emails", "value": [WORK]}) == LEO
    assert patch(LEO, {"op": "add", "path": "emails", "value": {"value": "leo@acme.example", "type": "work"}}) == LEO
    assert patch(LEO, {"op": "add", "value": {"emails": [HOME]}}) == LEO | {"emails": [WORK, HOME]}
    assert patch(LEO, {"op": "add", "path": "emails", "value": []}) == LEO
    assert patch(LEO, {"op": "add", "path": "emails", "value": None}) == LEO


def test_replacing_a_complex_attribute_leaves_what_is_not_named() -> None:
    assert patch(LEO, {"op": "replace", "path": "name", "value": {"givenName": "L", "middleName": "Q"}}) == LEO | {
        "name": {"givenName": "L", "familyName": "Learner", "middleName": "Q"}
    }
    assert patch(LEO, {"op": "replace", "value": {"name": {"GIVENNAME": None}}}) == LEO | {
        "name": {"familyName": "Learner"}
    }
    assert patch(LEO, {"op": "replace", "path": "name.givenName", "value": ""}) == LEO | {
        "name": {"familyName": "Learner"}
    }
    cleared = patch(LEO, {"op": "replace", "path": "name", "value": {"givenName": "", "familyName": None}})
    assert "name" not in cleared


def test_replacing_an_element_leaves_nothing_of_it() -> None:
    before = LEO | {"addresses": [{"type": "work", "region": "CA", "primary": True}]}
    path = 'addresses[type eq "work"]'
    assert patch(before, {"op": "replace", "path": path, "value": {"locality": "Lyon"}}) == LEO | {
        "addresses": [{"type": "work", "locality": "Lyon"}]
    }
    assert patch(before, {"op": "add", "path": path, "value": {"locality": "Lyon"}}) == LEO | {
        "addresses": [{"type": "work", "region": "CA", "primary": True, "locality": "Lyon"}]
    }
    assert patch(before, {"op": "replace", "path": path, "value": {"primary": False}}) == LEO | {
        "addresses": [{"type": "work", "region": "CA", "primary": False}]
    }
    assert patch(before, {"op": "replace", "path": path, "value": None}) == LEO


def test_removing_takes_what_is_named_and_nothing_else() -> None:
    before = LEO | {"emails": [WORK, HOME]}
    assert patch(before, {"op": "remove", "path": 'emails[type eq "home"]'}) == LEO
    assert patch(before, {"op": "remove", "path": 'emails[type eq "home"].value'}) == LEO
    assert patch(before, {"op": "remove", "path": 'emails[type eq "home"].type'}) == LEO | {
        "emails": [WORK, {"value": "leo@home.example"}]
    }
    assert patch(before, {"op": "remove", "path": "emails.type"}) == LEO | {
        "emails": [{"primary": True, "value": "leo@acme.example"}, {"value": "leo@home.example"}]
    }
    assert patch(before, {"op": "remove", "path": "emails", "value": [{"value": "leo@home.example"}]}) == LEO
    assert patch(LEO, {"op": "remove", "path": "name.givenName"}) == LEO | {"name": {"familyName": "Learner"}}
    assert patch(LEO, {"op": "remove", "path": ENTERPRISE_USER}) == {
        name: value for name, value in LEO.items() if name != ENTERPRISE_USER
    } | {"schemas": [CORE_USER]}


ABSENT = [
    *("nickName", "ims", 'ims[type eq "x"]', 'ims[type eq "x"].value', 'emails[type eq "x"].value', "name.middleName"),
    *("emails.display", ROLLBOOK_USER, f"{ROLLBOOK_USER}:level", f"{ROLLBOOK_USER}:badges"),
]


@pytest.mark.parametrize("path", ABSENT)
def test_removing_what_is_absent_is_a_quiet_success(path: str) -> None:
    assert patch(LEO, {"op": "remove", "path": path}) == LEO
    assert patch(LEO, {"op": "replace", "path": path, "value": None}) == LEO


def test_schemas_follow_the_extensions() -> None:
    bare = {"schemas": [CORE_USER], "userName": "leo"}
    level = {"op": "add", "path": f"{ROLLBOOK_USER}:level", "value": "3"}
    assert patch(bare, level) == {"schemas": [CORE_USER, ROLLBOOK_USER], "userName": "leo", ROLLBOOK_USER: {"level": 3}}
    assert patch(patch(bare, level), {"op": "remove", "path": f"{ROLLBOOK_USER}:level"}) == bare
    assert patch(bare, {"op": "replace", "path": ROLLBOOK_USER, "value": {"level": 3}}) == patch(bare, level)
    assert patch(LEO, {"op": "replace", "value": {ENTERPRISE_USER: {}}}) == LEO
    assert ENTERPRISE_USER not in patch(LEO, {"op": "replace", "value": {ENTERPRISE_USER: None}})
    assert patch(bare, {"op": "add", "path": "schemas", "value": ["urn:x"]}) == bare
    badge = {"op": "add", "path": f"{ROLLBOOK_USER}:badges", "value": "gold"}
    assert patch(bare, badge, badge, level)[ROLLBOOK_USER] == {"level": 3, "badges": ["gold"]}
    assert patch(bare, badge, {"op": "remove", "path": ROLLBOOK_USER}) == bare


def test_the_core_urn_alone_is_the_resource() -> None:
    assert patch(LEO, {"op": "replace", "path": CORE_USER, "value": {"title": "Boss"}}) == LEO | {"title": "Boss"}


def test_scalars_of_a_multi_valued_attribute() -> None:
    before = patch({"schemas": [CORE_USER]}, {"op": "add", "path": f"{ROLLBOOK_USER}:badges", "value": ["a", "b", "a"]})
    path = f'{ROLLBOOK_USER}:badges[value eq "a"]'
    assert before[ROLLBOOK_USER] == {"badges": ["a", "b"]}
    assert patch(before, {"op": "remove", "path": path})[ROLLBOOK_USER] == {"badges": ["b"]}
    assert patch(before, {"op": "remove", "path": f"{ROLLBOOK_USER}:badges", "value": ["b", "z"]})[ROLLBOOK_USER] == {
        "badges": ["a"]
    }
    assert patch(before, {"op": "replace", "path": path, "value": "c"})[ROLLBOOK_USER] == {"badges": ["b", "c"]}


def test_elements_that_become_equal_become_one() -> None:
    before = LEO | {"emails": [WORK, WORK | {"value": "b", "primary": False}]}
    assert patch(before, {"op": "replace", "path": 'emails[type eq "work"].value', "value": "c"}) == LEO | {
        "emails": [WORK | {"value": "c"}]
    }


def test_what_is_unknown_or_read_only_is_passed_over_and_named() -> None:
    operations = [
        {"op": "replace", "path": "tags", "value": 1},
        {"op": "replace", "path": "name.nick", "value": 1},
        {"op": "add", "path": 'emails[mood eq "x"].value', "value": 1},
        {"op": "add", "path": 'tags[type eq "x"].value', "value": 1},
        {"op": "remove", "path": "urn:x:tags"},
        {"op": "add", "value": {"colour": 1, "bad[": 1, "urn:y": {}, ENTERPRISE_USER: {"colour": 1}, "id": None}},
        {"op": "replace", "value": {"id": "1", "meta": {"version": "1"}, "groups": [], "name": {"formatted": "X"}}},
        {"op": "remove", "path": 'groups[value eq "1"]'},
        {"op": "replace", "path": f"{ENTERPRISE_USER}:manager.displayName", "value": "Mona"},
    ]
    assert apply(USER, LEO, parse_operations({"Operations": operations})) == Patched(
        LEO,
        (
            "tags",
            "name.nick",
            'emails[mood eq "x"].value',
            'tags[type eq "x"].value',
            "urn:x:tags",
            "colour",
            "bad[",
            "urn:y",
            f"{ENTERPRISE_USER}:colour",
        ),
        ("id", "meta", "name.formatted", 'groups[value eq "1"]', f"{ENTERPRISE_USER}:manager.displayName"),
    )


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ({"op": "remove"}, NoTarget),
        ({"op": "remove", "path": ""}, NoTarget),
        ({"op": "remove", "path": CORE_USER}, NoTarget),
        ({"op": "replace", "path": 'emails[value co "zzz"].value', "value": "a"}, NoTarget),
        ({"op": "add", "path": 'emails[type eq "x" or type eq "y"].value', "value": "a"}, NoTarget),
        ({"op": "add", "path": 'emails[not (type eq "work")].value', "value": "a"}, NoTarget),
        ({"op": "add", "path": 'emails[type eq "x" and value ne "y"]', "value": {"value": "a"}}, NoTarget),
        ({"op": "replace", "path": "a.b.c", "value": 1}, InvalidPath),
        ({"op": "replace", "path": "name[", "value": 1}, InvalidPath),
        ({"op": "replace", "path": 'name[givenName eq "Leo"].familyName', "value": "x"}, InvalidPath),
        ({"op": "replace", "path": "emails[type eq work].value", "value": 1}, InvalidFilter),
        ({"op": "replace", "path": "active", "value": "perhaps"}, InvalidValue),
        ({"op": "replace", "value": {"active": "perhaps"}}, InvalidValue),
        ({"op": "replace", "value": "active"}, InvalidValue),
        ({"op": "replace", "path": "title", "value": {"a": 1}}, InvalidValue),
        ({"op": "replace", "path": "title", "value": ["a", "b"]}, InvalidValue),
        ({"op": "add", "path": 'emails[type eq "work"]', "value": [{"value": "a"}, {"value": "b"}]}, InvalidValue),
        ({"op": "add", "path": 'emails[type eq "work"].value', "value": {"a": 1}}, InvalidValue),
        ({"op": "replace", "path": ENTERPRISE_USER, "value": "x"}, InvalidValue),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_is_done(operation: dict[str, Any], error: type[ScimError]) -> None:
    before = {**LEO}
    with pytest.raises(ScimError) as refusal:
        apply(USER, LEO, parse_operations({"Operations": [{"op": "add", "value": {"title": "X"}}, operation]}))
    assert type(refusal.value) is error
    assert before == LEO


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (None, InvalidSyntax),
        ("x", InvalidSyntax),
        ({}, InvalidSyntax),
        ({"active": False}, InvalidSyntax),
        ({"schemas": [LIST_RESPONSE], "Operations": []}, InvalidSyntax),
        ({"Operations": "replace"}, InvalidSyntax),
        ({"Operations": [1]}, InvalidSyntax),
        ({"Operations": [{}]}, InvalidSyntax),
        ({"Operations": [{"op": "move", "path": "title"}]}, InvalidSyntax),
        ({"Operations": [{"op": None}]}, InvalidSyntax),
        ({"Operations": [{"op": "add", "path": 1, "value": 1}]}, InvalidPath),
        ({"Operations": [{"op": "add"}]}, InvalidValue),
        ({"Operations": [{"op": "replace", "value": None}]}, InvalidValue),
        ({"Operations": [{"op": "remove", "path": "title"}] * 1001}, TooMany),
    ],
)
def test_what_is_no_patch_message_is_refused(message: Any, error: type[ScimError]) -> None:
    with pytest.raises(ScimError) as refusal:
        parse_operations(message)
    assert type(refusal.value) is error
    assert refusal.value.status == 400


def test_messages_are_read_leniently() -> None:
    operation = Operation("replace", "title", "Boss")
    for message in (
        {"Operations": [{"op": "replace", "path": "title", "value": "Boss"}]},
        {"operations": {"OP": "Replace", "PATH": "title", "VALUE": "Boss"}},
        {"SCHEMAS": [PATCH_OP.upper()], "OPERATIONS": [{"op": "REPLACE", "Path": "title", "vaLue": "Boss"}]},
        {"schemas": ["urn:x"], "Operations": [{"op": "replace", "path": "title", "value": "Boss", "note": 1}]},
        {"schemas": PATCH_OP, "Operations": [{"op": "replace", "Path": "title", "value": "Boss"}]},
        [{"op": "replace", "path": "title", "value": "Boss"}],
    ):
        assert parse_operations(message) == [operation]
    assert len(parse_operations({"Operations": [{"op": "remove", "path": "title"}] * 1000})) == 1000


def test_a_group_of_a_hundred_thousand_is_changed_in_linear_time() -> None:
    resource = group(*map(str, range(100_000)))
    operations = [{"op": "add", "path": "members", "value": [{"value": str(n)} for n in range(99_000, 101_000)]}]
    operations += [{"op": "remove", "path": f'members[value eq "{n}"]'} for n in range(400)]
    operations += [{"op": "add", "path": "members", "value": [{"value": f"new-{n}"}]} for n in range(400)]
    operations += [{"op": "remove", "path": "members", "value": [{"value": str(n)}]} for n in range(400, 500)]
    with within_patience():
        result = patch_group(resource, *operations)
    values = [member["value"] for member in result.resource["members"]]
    assert values == [*map(str, range(500, 101_000)), *(f"new-{n}" for n in range(400))]
    assert len(resource["members"]) == 100_000


def test_a_request_that_looks_through_too_much_is_refused() -> None:
    resource = group(*map(str, range(100_000)))
    with pytest.raises(TooMany):
        patch_group(resource, *[{"op": "remove", "path": 'members[display eq "x"]'}] * 1000)
