"""What an answer shows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.scim.protocol.errors import InvalidValue
from rollbook.scim.protocol.messages import CORE_USER, ENTERPRISE_USER
from rollbook.scim.protocol.path import known_paths
from rollbook.scim.protocol.projection import Projection

from .people import LEO
from .resources import GROUP, ROLLBOOK_USER, USER

FULL: dict[str, Any] = LEO | {
    "id": "1",
    "meta": {"resourceType": "User"},
    ROLLBOOK_USER: {"level": 3, "secretNote": "n"},
    "emails": [{"value": "a", "type": "work", "primary": True}, {"value": "b"}],
}
ALWAYS = {"schemas": FULL["schemas"], "id": "1"}


def show(attributes: str | None = None, excluded: str | None = None, resource: dict[str, Any] = FULL) -> dict[str, Any]:
    return Projection.parse(attributes, excluded, USER).apply(resource)


@pytest.mark.parametrize(
    ("attributes", "shown"),
    [
        ("userName", {"userName": "leo@acme.example"}),
        ("USERNAME, title", {"userName": "leo@acme.example", "title": "Account executive"}),
        ("name.givenName", {"name": {"givenName": "Leo"}}),
        ("name,name.givenName", {"name": {"givenName": "Leo", "familyName": "Learner"}}),
        ("name.middleName", {}),
        ("emails.type", {"emails": [{"type": "work"}]}),
        ("emails.value", {"emails": [{"value": "a"}, {"value": "b"}]}),
        (f"{CORE_USER}:title", {"title": "Account executive"}),
        (f"{ENTERPRISE_USER}:division", {ENTERPRISE_USER: {"division": "Sales"}}),
        (f"{ENTERPRISE_USER.upper()}:Manager.value", {ENTERPRISE_USER: {"manager": {"value": "mona@acme.example"}}}),
        (ENTERPRISE_USER, {ENTERPRISE_USER: LEO[ENTERPRISE_USER]}),
        (ROLLBOOK_USER, {ROLLBOOK_USER: {"level": 3}}),
        (f"{ROLLBOOK_USER}:secretNote", {ROLLBOOK_USER: {"secretNote": "n"}}),
        ("password", {}),
        ("nonsense", {}),
        ("meta", {"meta": {"resourceType": "User"}}),
        ("id", {}),
    ],
)
def test_only_what_is_asked_for_is_shown(attributes: str, shown: dict[str, Any]) -> None:
    assert show(attributes, resource=FULL | {"password": "x"}) == ALWAYS | shown


@pytest.mark.parametrize(
    ("excluded", "hidden"),
    [
        ("userName,id,schemas", {"userName": ...}),
        ("NAME.givenname", {"name": {"familyName": "Learner"}}),
        ("name.givenName,name.familyName", {"name": ...}),
        ("emails.type, emails.primary", {"emails": [{"value": "a"}, {"value": "b"}]}),
        (ENTERPRISE_USER, {ENTERPRISE_USER: ...}),
        (
            f"{ENTERPRISE_USER}:division",
            {ENTERPRISE_USER: {"costCenter": "4130", "manager": {"value": "mona@acme.example"}}},
        ),
        ("nonsense", {}),
    ],
)
def test_what_is_excluded_is_hidden(excluded: str, hidden: dict[str, Any]) -> None:
    expected = FULL | {ROLLBOOK_USER: {"level": 3}} | hidden
    assert show(None, excluded) == {name: value for name, value in expected.items() if value is not ...}


def test_returned_never_is_never_shown() -> None:
    secret = LEO | {"password": "1mz050nq"}
    assert show(resource=secret) == LEO
    assert "password" not in show("password,userName", resource=secret)
    assert "password" not in show(None, "userName", resource=secret)


def test_returned_on_request_is_shown_when_named_only() -> None:
    assert show()[ROLLBOOK_USER] == {"level": 3}
    assert show(resource={ROLLBOOK_USER: {"secretNote": "n"}}) == {}
    assert show(f"{ROLLBOOK_USER}:secretNote,userName")[ROLLBOOK_USER] == {"secretNote": "n"}


def test_a_trivial_projection_gives_back_the_same_object() -> None:
    assert show(resource=LEO) is LEO
    assert show("", " ", resource=LEO) is LEO
    group = {"members": [{"value": "1"}]}
    everything = Projection.parse(None, None, GROUP)
    assert everything.trivial
    assert everything.apply(group) is group
    assert not Projection.parse(None, None, USER).trivial  # a password would be hidden


def test_both_parameters_exclude_each_other() -> None:
    with pytest.raises(InvalidValue, match="exclude each other"):
        Projection.parse("userName", "title", USER)


def test_a_door_can_ask_what_is_shown() -> None:
    assert not Projection.parse(None, "members", GROUP).shows("members")
    assert Projection.parse(None, "members", GROUP).shows("displayName")
    assert Projection.parse(None, "members.display", GROUP).shows("members")
    assert Projection.parse("displayName", None, GROUP).shows("id")
    assert not Projection.parse("displayName", None, GROUP).shows("members")
    assert not Projection.parse(None, None, USER).shows("password")


NAMES = st.lists(st.sampled_from([*known_paths(USER), "nonsense", "NAME", "Emails.Value"]), max_size=4).map(",".join)


@given(NAMES)
def test_projections_keep_their_laws(names: str) -> None:
    before = repr(FULL)
    for attributes, excluded in ((names, None), (None, names)):
        projection = Projection.parse(attributes, excluded, USER)
        shown = projection.apply(FULL)
        assert projection.apply(shown) == shown
        assert shown.items() >= ALWAYS.items()
        assert _within(shown, FULL)
    assert repr(FULL) == before


def _within(part: Any, whole: Any) -> bool:
    """Whether everything in `part` is in `whole` at the same place; lists may lose elements."""
    if isinstance(part, dict):
        return all(name in whole and _within(item, whole[name]) for name, item in part.items())
    if isinstance(part, list):
        return all(any(_within(item, other) for other in whole) for item in part)
    return bool(part == whole)
