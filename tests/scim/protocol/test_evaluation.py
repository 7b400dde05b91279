"""What filters say about values at hand."""

from __future__ import annotations

from typing import Any

import pytest

from rollbook.scim.protocol.evaluation import evaluate
from rollbook.scim.protocol.filter import parse_filter
from rollbook.scim.protocol.messages import CORE_USER, ENTERPRISE_USER

from .people import LEO
from .resources import GROUP, ROLLBOOK_USER, USER

RESOURCE: dict[str, Any] = LEO | {
    "emails": [
        {"value": "leo@acme.example", "type": "work", "primary": True},
        {"value": "Leo@Home.example", "type": "home"},
    ],
    "meta": {"created": "2026-01-02T03:04:05Z"},
    ROLLBOOK_USER: {"level": 3, "badges": ["Gold", "tin"], "score": 1.5},
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('userName eq "LEO@acme.EXAMPLE"', True),
        ('USERNAME ne "leo@acme.example"', False),
        ('userName sw "LEO" and userName ew "example" and userName co "@"', True),
        ('externalId eq "00UJL29U0LE5T6AJ10H7"', False),
        ('externalId eq "00ujl29u0le5T6Aj10h7"', True),
        ('name.familyName gt "a" and name.familyName lt "z"', True),
        ("active eq true", True),
        ('active eq "True"', True),
        ('active eq "nonsense"', False),
        ("active ne false", True),
        ("nickName pr", False),
        ("title pr and not (nickName pr)", True),
        ("nickName eq null", True),
        ('nickName ne "x"', True),
        ('nickName gt "a"', False),
        ("title eq null", False),
        ('emails eq "leo@home.example"', True),
        ('emails.value eq "leo@home.example"', True),
        ('emails.type eq "other"', False),
        ('emails[type eq "home" and value co "acme"]', False),
        ('emails[type eq "home"].value eq "leo@home.example"', True),
        ('emails[type eq "HOME"]', True),
        ('ims[type eq "x"]', False),
        (f'{ENTERPRISE_USER}:division eq "sales"', True),
        (f'{ENTERPRISE_USER}:manager eq "mona@acme.example"', True),
        (f'{ENTERPRISE_USER}:manager.value sw "mona"', True),
        (f'{CORE_USER}:title co "exec"', True),
        ('urn:x:title co "exec"', False),
        ("tags pr", False),
        (f"{ROLLBOOK_USER}:level ge 3 and {ROLLBOOK_USER}:level lt 4", True),
        (f'{ROLLBOOK_USER}:level eq "3"', True),
        (f"{ROLLBOOK_USER}:score gt 1", True),
        (f'{ROLLBOOK_USER}:badges eq "Gold"', True),
        (f'{ROLLBOOK_USER}:badges eq "gold"', False),
        (f'{ROLLBOOK_USER}:badges[value eq "tin"]', True),
        ('meta.created lt "2026-01-02T04:04:05+00:00"', True),
        ('meta.created eq "2026-01-02T04:04:05+01:00"', True),
        ('meta.created ge "2026-01-02T03:04:06"', False),
        ('meta.created sw "2026-01"', True),
        ('meta.created gt "yesterday"', False),
        ('title eq "x" or title eq "account EXECUTIVE"', True),
    ],
)
def test_a_filter_holds_for_a_resource(text: str, holds: bool) -> None:
    assert evaluate(parse_filter(text), RESOURCE, USER) is holds


@pytest.mark.parametrize(
    ("text", "element", "holds"),
    [
        ("primary eq true", {"value": "a"}, False),
        ("primary eq false", {"value": "a"}, True),
        ("primary ne true", {"value": "a"}, True),
        ("primary eq true", {"value": "a", "primary": True}, True),
        ('primary eq "True"', {"value": "a", "primary": True}, True),
        ("primary eq true", {"value": "a", "primary": "true"}, True),
        ('type eq "WORK"', {"type": "work"}, True),
        ('type ne "work"', {"value": "a"}, True),
        ('value co "A"', {"value": "bab"}, True),
        ("nick pr", {"value": "a"}, False),
        ('value eq "a"', "A", True),
        ('type eq "a"', "a", False),
    ],
)
def test_a_filter_holds_for_an_element(text: str, element: Any, holds: bool) -> None:
    emails = USER.find(None, "emails")
    assert evaluate(parse_filter(text), element, emails) is holds
    assert evaluate(parse_filter(text), element) is holds


def test_members_compare_exactly() -> None:
    members = GROUP.find(None, "members")
    assert evaluate(parse_filter('value eq "aB"'), {"value": "aB"}, members)
    assert not evaluate(parse_filter('value eq "ab"'), {"value": "aB"}, members)
