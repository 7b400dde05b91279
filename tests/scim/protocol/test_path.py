"""PATCH paths, resolved against a resource type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.scim.protocol.errors import InvalidFilter, InvalidPath
from rollbook.scim.protocol.filter import And, AttributePath, Compare
from rollbook.scim.protocol.messages import CORE_USER, ENTERPRISE_USER
from rollbook.scim.protocol.path import Path, parse_path

from .resources import GROUP, USER

WORK = Compare(AttributePath(None, "type"), "eq", "work")


def parts(path: Path) -> tuple[object, ...]:
    return (path.schema_urn, path.attribute, path.value_filter, path.sub_attribute, path.known)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("active", (None, "active", None, None, True)),
        (" ACTIVE ", (None, "active", None, None, True)),
        ("name.givenName", (None, "name", None, "givenName", True)),
        ("NAME.GIVENNAME", (None, "name", None, "givenName", True)),
        (f"{CORE_USER}:userName", (None, "userName", None, None, True)),
        (f"{CORE_USER}:name.familyName", (None, "name", None, "familyName", True)),
        (CORE_USER, (None, None, None, None, True)),
        (ENTERPRISE_USER, (ENTERPRISE_USER, None, None, None, True)),
        (f"{ENTERPRISE_USER}:manager", (ENTERPRISE_USER, "manager", None, None, True)),
        (f"{ENTERPRISE_USER.upper()}:MANAGER.displayname", (ENTERPRISE_USER, "manager", None, "displayName", True)),
        ("urn:scim:schemas:extension:enterprise:1.0:department", (ENTERPRISE_USER, "department", None, None, True)),
        ('emails[type eq "work"]', (None, "emails", WORK, None, True)),
        ('Emails[type eq "work"].VALUE', (None, "emails", WORK, "value", True)),
        ('addresses[type eq "work"].streetAddress', (None, "addresses", WORK, "streetAddress", True)),
        (f'{CORE_USER}:emails[type eq "work"].value', (None, "emails", WORK, "value", True)),
        (
            'emails[type eq "work" and primary eq true].value',
            (None, "emails", And((WORK, Compare(AttributePath(None, "primary"), "eq", True))), "value", True),
        ),
        (
            'emails[value eq "a]b"].type',
            (None, "emails", Compare(AttributePath(None, "value"), "eq", "a]b"), "type", True),
        ),
        ("id", (None, "id", None, None, True)),
        ("meta.version", (None, "meta", None, "version", True)),
        ("tags", (None, "tags", None, None, False)),
        ("name.nick", (None, "name", None, "nick", False)),
        ("userName.nick", (None, "userName", None, "nick", False)),
        ("tags.nick", (None, "tags", None, "nick", False)),
        ("urn:x:y:tags", ("urn:x:y", "tags", None, None, False)),
        (f"{ENTERPRISE_USER}:tags", (ENTERPRISE_USER, "tags", None, None, False)),
        (f"{ENTERPRISE_USER}:manager.age", (ENTERPRISE_USER, "manager", None, "age", False)),
        ('tags[type eq "work"].value', (None, "tags", WORK, "value", False)),
        ('emails[type eq "work"].nick', (None, "emails", WORK, "nick", False)),
    ],
)
def test_a_path_is_resolved(text: str, expected: tuple[object, ...]) -> None:
    path = parse_path(text, USER)
    assert parts(path) == expected
    if path.attribute is not None:
        assert parse_path(str(path), USER) == path


NONSENSE = [
    *(
        "",
        " ",
        ".",
        "a.b.c",
        "a..b",
        "/active",
        "na me",
        "emails[",
        "emails]",
        "emails]a[",
        "[type pr]",
        "1a",
        "é",
        "\x00",
    ),
    'emails[type eq "work"]value',
    'emails[type eq "work"].value.x',
    'emails.value[type eq "work"]',
    f'{ENTERPRISE_USER}[type eq "work"]',
    'emails[type eq "work"',
    *("a" * 5000, "a" + ".a" * 8000, "[" * 8000, "a[" * 2000),
]


@pytest.mark.parametrize("text", NONSENSE)
def test_nonsense_is_no_path(text: str) -> None:
    with pytest.raises(InvalidPath) as refusal:
        parse_path(text, USER)
    assert refusal.value.scim_type == "invalidPath"


@pytest.mark.parametrize(
    "text", ["emails[]", "emails[type]", 'emails[type eq "work].value', "emails[type eq work].value"]
)
def test_what_stands_wrongly_in_brackets_is_an_invalid_filter(text: str) -> None:
    with pytest.raises((InvalidFilter, InvalidPath)):
        parse_path(text, USER)


def test_what_a_client_may_not_write_is_known() -> None:
    for text in ("id", "meta", "meta.created", "groups", 'groups[value eq "1"]', "name.formatted"):
        assert parse_path(text, USER).read_only
    for text in ("name", "userName", f"{ENTERPRISE_USER}:manager", "tags", ENTERPRISE_USER):
        assert not parse_path(text, USER).read_only


def test_each_resource_type_has_paths_of_its_own() -> None:
    assert parse_path('members[value eq "1"]', GROUP).known
    assert not parse_path('members[value eq "1"]', USER).known
    assert not parse_path("userName", GROUP).known


@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from(["emails", "[", "]", ".", 'type eq "w"', "value", ":", "urn:a", " "])).map("".join)
)
def test_every_text_is_a_path_or_a_refusal(text: str) -> None:
    path: Path | None
    try:
        path = parse_path(text, USER)
    except (InvalidPath, InvalidFilter):
        path = None
    if path is not None and str(path):
        assert parse_path(str(path), USER) == path
