"""Laws that hold for random users and random operations, and what an independent SCIM library says of the results."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from scim2_models import EnterpriseUser, Error, Group, ListResponse, Schema, User
from scim2_models import ResourceType as PublishedResourceType

from rollbook.scim.protocol.errors import ScimError, Uniqueness
from rollbook.scim.protocol.messages import ENTERPRISE_USER, list_response
from rollbook.scim.protocol.normalize import Canonical, canonical
from rollbook.scim.protocol.patch import Operation, apply, only_switches
from rollbook.scim.protocol.path import known_paths

from .people import ELEMENTS, LEO, SCALARS, UNSET, USERS, spelt
from .resources import GROUP, ROLLBOOK_USER, USER

RESOURCES = USERS.map(lambda document: canonical(USER, document).resource)

# Simple operations: those that a few lines of plain dicts can follow.
SINGLE = {"title": None, "nickName": None, "division": ENTERPRISE_USER, "department": ENTERPRISE_USER}


def reference(resource: dict[str, Any], op: str, name: str, value: Any) -> dict[str, Any]:
    """What add, replace and remove of one single-valued text mean, said as plainly as can be."""
    result = copy.deepcopy(resource)
    urn = SINGLE[name]
    holder = result if urn is None else result.setdefault(urn, {})
    holder.pop(name, None)
    if op != "remove" and value not in (None, "", [], {}):
        holder[name] = str(value)
    if urn is not None and not holder:
        del result[urn]
    result["schemas"] = [USER.schema.id, *(e.id for e in USER.extensions if e.id in result)]
    return result


@given(
    RESOURCES,
    st.lists(st.tuples(st.sampled_from(["add", "replace", "remove"]), st.sampled_from([*SINGLE]), SCALARS | UNSET)),
)
def test_simple_operations_agree_with_a_plain_reading(
    resource: dict[str, Any], changes: list[tuple[str, str, Any]]
) -> None:
    expected = resource
    operations = []
    for op, name, value in changes:
        expected = reference(expected, op, name, value)
        path = name if SINGLE[name] is None else f"{SINGLE[name]}:{name}"
        if op != "remove" and len(operations) % 2:
            operations.append(Operation(op, None, {path.upper(): value}))
        else:
            operations.append(Operation(op, path, value))
    assert apply(USER, resource, operations).resource == expected


SWITCHES = st.sampled_from(["active", "ACTIVE"])
VALUES = st.booleans() | st.sampled_from(
    [None, "True", "false", 0, {"active": True}, [], {"active": False, "title": "Baker"}]
)
OPERATIONS = st.builds(
    Operation, st.sampled_from(["add", "replace", "replace", "remove"]), SWITCHES | st.just("title"), VALUES
) | st.builds(
    Operation, st.sampled_from(["add", "replace"]), st.none(), st.dictionaries(SWITCHES, VALUES, max_size=2) | VALUES
)


@given(RESOURCES, st.lists(OPERATIONS, max_size=3))
def test_what_plainly_switches_an_attribute_does_just_that(
    resource: dict[str, Any], operations: list[Operation]
) -> None:
    switched = only_switches("active", operations)
    if switched is not None:
        assert apply(USER, resource, operations).resource == resource | {"active": switched}


def test_okta_s_leavers_and_returners_are_plain_switches() -> None:
    for value in (True, False):
        assert only_switches("active", [Operation("replace", None, {"active": value})]) is value
        assert only_switches("active", [Operation("Replace", "Active", value)]) is value
    for operation in (
        Operation("replace", None, {"active": "False"}),
        Operation("replace", None, {"active": False, "title": "Baker"}),
        Operation("remove", "active", True),
        Operation("replace", "title", True),
    ):
        assert only_switches("active", [Operation("replace", "active", True), operation]) is None
    assert only_switches("active", []) is None


BADGES = st.lists(st.sampled_from("abcd"), max_size=4)


@given(BADGES, st.lists(st.tuples(st.sampled_from(["add", "replace", "remove"]), BADGES), max_size=5))
def test_lists_of_scalars_agree_with_a_plain_reading(start: list[str], changes: list[tuple[str, list[str]]]) -> None:
    expected = list(dict.fromkeys(start))
    for op, badges in changes:
        if op == "add":
            expected = list(dict.fromkeys(expected + badges))
        elif op == "replace":
            expected = list(dict.fromkeys(badges))
        else:
            expected = [badge for badge in expected if badge not in badges]
    resource = canonical(USER, {ROLLBOOK_USER: {"badges": start}}).resource
    operations = [Operation(op, f"{ROLLBOOK_USER}:badges", badges) for op, badges in changes]
    assert apply(USER, resource, operations).resource.get(ROLLBOOK_USER, {}).get("badges", []) == expected


IDS = st.sampled_from("abcde")
MEMBERSHIP = st.one_of(
    st.builds(lambda ids: Operation("add", "members", [{"value": i} for i in ids]), st.lists(IDS, max_size=3)),
    st.builds(
        lambda ids: Operation("replace", None, {"members": [{"value": i} for i in ids]}), st.lists(IDS, max_size=3)
    ),
    st.builds(lambda ids: Operation("remove", "members", [{"value": i} for i in ids]), st.lists(IDS, max_size=3)),
    st.builds(lambda i: Operation("remove", f'members[value eq "{i}"]', None), IDS),
    st.builds(lambda i: Operation("remove", f'members[value eq "{i}" or value eq "a"]', None), IDS),
    st.just(Operation("remove", "members", None)),
)


@given(st.lists(IDS), st.lists(MEMBERSHIP, max_size=6))
def test_membership_agrees_with_a_set(start: list[str], operations: list[Operation]) -> None:
    resource = canonical(GROUP, {"displayName": "Sales", "members": start}).resource
    expected = set(start)
    for operation in operations:
        if operation.path is None:
            expected = {member["value"] for member in operation.value["members"]}
        elif operation.path == "members":
            listed = None if operation.value is None else {member["value"] for member in operation.value}
            if operation.op == "add":
                expected |= listed or set()
            else:
                expected = set() if listed is None else expected - listed
        else:
            expected -= {text for text in operation.path.split('"') if len(text) == 1}
    members = apply(GROUP, resource, operations).resource.get("members", [])
    assert len(members) == len(expected)
    assert {member["value"] for member in members} == expected


PATHS = (
    st.sampled_from([*known_paths(USER)])
    | st.sampled_from(
        [
            "emails",
            "name",
            ENTERPRISE_USER,
            'emails[type eq "work"].value',
            'emails[type eq "home" and primary eq true].value',
            'emails[value sw "a"]',
            "emails[primary eq true].display",
            'emails[type eq "work"]',
            'phoneNumbers[not (type eq "work")].type',
            'addresses[type eq "work"].locality',
            'emails[type eq "work" or value pr].primary',
            'emails[nick eq "x"].value',
            f'{ROLLBOOK_USER}:badges[value eq "a"]',
            "tags",
            "a.b.c",
        ]
    )
).flatmap(spelt)
VALUES = SCALARS | UNSET | ELEMENTS | st.booleans() | st.lists(ELEMENTS, max_size=3) | USERS
OPERATIONS = st.lists(
    st.builds(Operation, st.sampled_from(["add", "replace", "remove"]), st.none() | PATHS, VALUES)
    | st.builds(Operation, st.just("replace"), st.none(), USERS),
    max_size=4,
)


@given(RESOURCES, OPERATIONS)
def test_any_operations_are_pure_and_leave_a_canonical_resource(
    resource: dict[str, Any], operations: list[Operation]
) -> None:
    served = resource | {"id": "1", "meta": {"resourceType": "User"}}
    before = copy.deepcopy(served)
    sent = copy.deepcopy(operations)
    try:
        result = apply(USER, served, operations)
    except ScimError as refusal:
        result = None
        assert refusal.status == 400  # noqa: PT017 -- the kind of refusal is part of the law
    assert served == before
    assert operations == sent
    if result is not None:
        assert (result.resource["id"], result.resource["meta"]) == ("1", {"resourceType": "User"})
        rest = {name: value for name, value in result.resource.items() if name not in ("id", "meta")}
        assert canonical(USER, rest) == Canonical(rest, (), ())


@given(USERS)
def test_a_put_and_a_path_less_replace_mean_the_same(document: dict[str, Any]) -> None:
    # On an empty resource there is nothing that PATCH could leave in place; dotted keys aside, which join.
    plain = {
        key: value for key, value in document.items() if "." not in key.split(":")[-1] and key.lower() != "schemas"
    }
    extension = {key: value for key, value in plain.items() if key.lower() == ENTERPRISE_USER.lower()}
    for key, value in extension.items():
        plain[key] = {name: item for name, item in value.items() if "." not in name}
    empty = {"schemas": [USER.schema.id]}
    operations = [Operation("replace", None, plain)] if plain else []
    assert apply(USER, empty, operations).resource == canonical(USER, plain).resource


@given(RESOURCES)
def test_another_library_reads_our_resources(resource: dict[str, Any]) -> None:
    served = {name: value for name, value in resource.items() if name != ROLLBOOK_USER} | {"userName": "leo"}
    served["schemas"] = [urn for urn in served["schemas"] if urn != ROLLBOOK_USER]
    if "emails" in served:  # that library wants addresses where the RFC says "should"
        served["emails"] = [email | {"value": "leo@acme.example"} for email in served["emails"]]
    user = User[EnterpriseUser].model_validate(served)
    assert user.user_name == "leo"
    assert (user.name.given_name if user.name else None) == served.get("name", {}).get("givenName")
    if ENTERPRISE_USER in served:
        assert user[EnterpriseUser].division == served[ENTERPRISE_USER].get("division")


def test_another_library_reads_our_discovery_lists_and_errors() -> None:
    for schema in (USER.schema, *USER.extensions, GROUP.schema):
        read = Schema.model_validate(schema.to_json())
        assert [attribute.name for attribute in read.attributes or []] == [a.name for a in schema.attributes]
    assert PublishedResourceType.model_validate(USER.to_json()).endpoint == "/Users"
    page = ListResponse[User[EnterpriseUser]].model_validate(list_response([LEO], 1, 1))
    assert (page.total_results, page.items_per_page, len(page.resources or [])) == (1, 1, 1)
    assert Error.model_validate(Uniqueness("Taken.").to_json()).scim_type == "uniqueness"
    assert Group.model_validate({"schemas": [GROUP.schema.id], "displayName": "Sales"}).display_name == "Sales"


@given(st.text(max_size=12).filter(str.strip))
def test_any_text_as_a_path_is_done_named_or_refused(text: str) -> None:
    try:
        result = apply(USER, LEO, [Operation("remove", text, None)])
    except ScimError as refusal:
        assert refusal.scim_type in ("invalidPath", "invalidFilter")  # noqa: PT017 -- the kind is part of the law
        return
    known = known_paths(USER).get(text.strip().lower())
    if known is None:
        assert result.ignored
    elif known.read_only:
        assert result.read_only
    else:
        assert (result.ignored, result.read_only) == ((), ())


@given(
    st.lists(ELEMENTS, max_size=4),
    st.sampled_from(["type", "value", "display"]),
    st.sampled_from(["work", "HOME", "a", "ß", "SS"]),
)
def test_the_usual_filter_finds_what_any_filter_finds(emails: list[Any], name: str, value: str) -> None:
    resource = canonical(USER, {"emails": emails}).resource
    short = Operation("remove", f'emails[{name} eq "{value}"]', None)
    long = Operation("remove", f'emails[not (not ({name} eq "{value}"))]', None)
    assert apply(USER, resource, [short]) == apply(USER, resource, [long])
